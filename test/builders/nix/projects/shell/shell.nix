# What mkShell of nixpkgs gives, for a machine without nixpkgs: a derivation whose builder is a bash, with a `setup`.
{ system ? builtins.currentSystem }:
let
  tools = ./tools;
  dockerTools = import ./stand-in/docker-tools.nix { inherit system tools; };
  stdenv = dockerTools.run "stdenv" { } ''
    mkdir "$out"
    {
      echo 'export PATH=${tools}/bin'
      echo 'runHook() { eval "''${!1-}"; }'
    } > "$out/setup"
  '';
in
derivation {
  name = "app-shell";
  inherit system stdenv tools;
  builder = "${tools}/bin/bash";
  args = [ "-c" "echo a shell is not built >&2; exit 1" ];
  GREETING = "hello from a nix-shell";
  shellHook = "export HOOK=ran";
  archiver = ./stand-in;
  python = "${tools}/lib/loader --library-path ${tools}/lib ${tools}/bin/python3 -S -B";
}
