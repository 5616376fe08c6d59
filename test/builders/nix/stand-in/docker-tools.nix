# Functions of the shapes of nixpkgs' dockerTools, for a machine without nixpkgs: the same derivation names, the same
# attributes on them, the same formats in their outputs. `tools` has bash, busybox and a python3 that run without /nix.
{ system, tools }:
let
  python = script: "PYTHONHOME=${tools} ${tools}/lib/loader --library-path ${tools}/lib ${tools}/bin/python3 -S -B ${script}";
  run = name: attributes: script: derivation ({
    inherit name system;
    builder = "${tools}/bin/bash";
    args = [ "-e" "-c" script ];
    PATH = "${tools}/bin";
  } // attributes);
  architecture = if system == "aarch64-linux" then "arm64" else "amd64";
  imageConfig = config: builtins.toFile "config.json" (builtins.unsafeDiscardStringContext (builtins.toJSON {
    created = "1970-01-01T00:00:01Z"; os = "linux"; inherit architecture config;
  }));
  # symlinkJoin and the tar of its result
  customisation = name: contents: run "${name}-customisation-layer" { } ''
    mkdir -p root "$out"
    for path in ${toString contents}; do
      (cd "$path" && find . -type d) | while read -r folder; do mkdir -p "root/$folder"; done
      (cd "$path" && find . ! -type d) | while read -r file; do ln -s "$path/$file" "root/$file"; done
    done
    ${python ./layer.py} root "$out/layer.tar"
    sha256sum "$out/layer.tar" | cut -c 1-64 > "$out/checksum"
  '';
  conf = { name, tag, contents, config }: run "${name}-conf.json" {
    text = builtins.toJSON {
      inherit architecture config;
      os = "linux";
      store_dir = builtins.storeDir;
      from_image = null;
      store_layers = [ [ "${tools}" ] (map (path: "${path}") contents) ];
      customisation_layer = "${customisation name contents}";
      repo_tag = "${name}:${tag}";
      created = "1970-01-01T00:00:01+00:00";
      mtime = "1970-01-01T00:00:01+00:00";
      uid = "0"; gid = "0"; uname = "root"; gname = "root";
    };
  } ''printf %s "$text" > "$out"'';
in rec {
  inherit run;

  # A folder with a shell and the usual programs, all links to one busybox.
  binaries = run "binaries" { } ''
    mkdir -p "$out/bin"
    for name in sh cat echo httpd id ls sleep; do ln -s ${tools}/bin/busybox "$out/bin/$name"; done
  '';

  buildImage = { name, tag ? "latest", copyToRoot, config ? { }, compressor ? "gz" }:
    run "docker-image-${name}.tar${if compressor == "none" then "" else ".gz"}" { imageName = name; imageTag = tag; } ''
      mkdir root
      cp -r ${copyToRoot}/. root
      chmod -R u+w root
      mkdir -p root${builtins.storeDir}
      cp -r ${tools} root${tools}
      ${python ./layer.py} root layer.tar
      ${python ./archive.py} layer.tar ${imageConfig config} ${name}:${tag} ${if compressor == "none" then "" else "gzip"} > "$out"
    '' // { isExe = false; };

  streamLayeredImage = { name, tag ? "latest", contents ? [ ], config ? { } }:
    run "stream-${name}" { imageName = name; } ''
      {
        echo '#!${tools}/bin/bash -e'
        echo 'export PYTHONHOME=${tools}'
        echo 'exec ${tools}/lib/loader --library-path ${tools}/lib ${tools}/bin/python3 -S -B ${./stream.py} ${conf { inherit name tag contents config; }} "$@"'
      } > "$out"
      chmod +x "$out"
    '' // { isExe = true; imageTag = tag; };

  buildLayeredImage = { name, tag ? "latest", contents ? [ ], config ? { } }:
    run "${name}.tar.gz" { imageName = name; } ''
      ${streamLayeredImage { inherit name tag contents config; }} | gzip -n > "$out"
    '' // { isExe = false; imageTag = tag; };
}
