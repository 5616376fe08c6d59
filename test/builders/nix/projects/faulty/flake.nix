{
  description = "Attributes that a stranger's project may not have evaluated, and one that is fine";

  outputs = { self }:
    let
      system = "x86_64-linux";
      tools = ./tools;
      dockerTools = import ./stand-in/docker-tools.nix { inherit system tools; };
    in
    {
      packages.${system} = {
        reads = dockerTools.run "reads" { text = builtins.readFile /etc/passwd; } "";
        fetches = dockerTools.run "fetches" { src = builtins.fetchTarball { url = "http://169.254.169.254/latest"; sha256 = "0000000000000000000000000000000000000000000000000000"; }; } "";
        imports = import (dockerTools.run "expression.nix" { } ''echo '{ run }: run "imported" { } "mkdir $out"' > "$out"'') { inherit (dockerTools) run; };
        fine = dockerTools.run "docker-image-fine.tar.gz" { imageName = "fine"; } "";
      };
    };
}
