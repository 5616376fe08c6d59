{
  description = "Images of every kind that a flake can have";

  outputs = { self }:
    let
      system = "x86_64-linux";
      tools = ./tools;
      dockerTools = import ./stand-in/docker-tools.nix { inherit system tools; };
      site = dockerTools.run "site" { } ''
        mkdir -p "$out/srv"
        echo 'hello from nix' > "$out/srv/index.html"
      '';
      contents = [ dockerTools.binaries site ];
      config = {
        Cmd = [ "/bin/httpd" "-f" "-p" "8080" "-h" "/srv" ];
        ExposedPorts = { "8080/tcp" = { }; };
        Healthcheck = { Test = [ "CMD" "/bin/true" ]; };
      };
    in
    {
      packages.${system} = {
        layered = dockerTools.buildLayeredImage { name = "layered"; inherit contents config; };
        stream = dockerTools.streamLayeredImage { name = "stream"; inherit contents config; };
        # unused = dockerTools.buildImage { name = "unused"; };
        inherit site;
        fails = dockerTools.run "docker-image-fails.tar.gz" { imageName = "fails"; } ''
          echo 'first line'
          echo 'no compiler here' >&2
          exit 3
        '';
        sleeps = dockerTools.run "docker-image-sleeps.tar.gz" { imageName = "sleeps"; } ''
          echo 'going to sleep'
          sleep 987654
        '';
        broken = dockerTools.buildImage { name = "broken"; copyToRoot = site.nowhere; };
        described = dockerTools.run "image-described.json" { } ''echo '{"version":1,"image-config":{},"layers":[]}' > "$out"'';
        badStream = dockerTools.run "stream-bad" { imageName = "bad"; } ''
          printf '#!${tools}/bin/bash\necho half an archive\necho "the disk is gone" >&2\nexit 5\n' > "$out"
          chmod +x "$out"
        '';
        sleepyStream = dockerTools.run "stream-sleepy" { imageName = "sleepy"; } ''
          printf '#!${tools}/bin/bash\nexport PATH=${tools}/bin\necho "streaming slowly" >&2\nsleep 987655\n' > "$out"
          chmod +x "$out"
        '';
        endless = dockerTools.run "stream-endless" { imageName = "endless"; } ''
          printf '#!${tools}/bin/bash\nwhile :; do echo this is no tar at all; done\n' > "$out"
          chmod +x "$out"
        '';
        text = dockerTools.run "text" { } ''echo 'just words' > "$out"'';
        escape = dockerTools.run "docker-image-escape.tar.gz" { imageName = "escape"; } ''ln -s /etc/passwd "$out"'';
        arm = derivation { name = "docker-image-arm.tar.gz"; system = "aarch64-linux"; builder = "${tools}/bin/bash"; };
        curious = dockerTools.run "stream-curious" { imageName = "curious"; } ''
          {
            echo '#!${tools}/bin/bash'
            echo 'export PATH=${tools}/bin'
            echo 'echo "root: $(for f in /*; do printf "%s " "''${f#/}"; done)" >&2'
            echo '[ -e /etc/passwd ] && echo "sees the machine" >&2'
            echo 'echo "devices: $(sed -n "s/^ *\([a-z0-9]*\):.*/\1/p" /proc/net/dev)" >&2'
            echo 'echo "home: $HOME" >&2'
            echo 'echo x > ${tools}/written || echo "store is read-only" >&2'
            echo 'exit 9'
          } > "$out"
          chmod +x "$out"
        '';
      };
    };
}
