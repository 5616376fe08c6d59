{
  outputs = { self }: {
    devShells.x86_64-linux.default = import ./shell.nix { system = "x86_64-linux"; };
  };
}
