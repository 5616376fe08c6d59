{ system ? builtins.currentSystem }:
let
  dockerTools = import ./stand-in/docker-tools.nix { inherit system; tools = ./tools; };
in
dockerTools.buildImage {
  name = "plain";
  copyToRoot = ./root;
  config = { Cmd = [ "${./tools}/bin/busybox" "httpd" "-f" "-p" "8080" "-h" "/srv" ]; };
}
