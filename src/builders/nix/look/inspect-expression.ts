/** A function of a file is called as nix-build does: with the system, and its defaults for the rest. */
const called = (system: string): string =>
  `let given = builtins.intersectAttrs (builtins.functionArgs f) { system = "${system}"; };
   in if builtins.isFunction f then f given else f`;

/** Names of the attributes of a set; none of anything else. */
export const NAMES = (system: string): string =>
  `f: let x = ${called(system)}; in if builtins.isAttrs x then builtins.attrNames x else [ ]`;

/**
 * Tells of a value, or of every attribute of a set, whether it is a derivation and what it says of itself. toJSON forces
 * the values, so that one that throws spoils none of the others.
 */
export const INSPECT = (system: string): string => `f:
  let
    x = ${called(system)};
    text = v: if builtins.isString v then builtins.unsafeDiscardStringContext v else null;
    isDerivation = d: builtins.isAttrs d && (d.type or null) == "derivation";
    describe = d: builtins.toJSON {
      name = text (d.name or null);
      imageName = text (d.imageName or null);
      isExe = (d.isExe or false) == true;
      copyTo = d ? copyToRegistry || d ? copyToDockerDaemon;
    };
    look = v: if isDerivation v then describe v else null;
    attempt = v: let r = builtins.tryEval v; in if r.success then r.value else null;
    groups = [ "dockerImages" "dockerImage" "images" "containers" "docker" "ociImages" ];
    nested = n: v:
      if builtins.elem n groups && attempt (builtins.isAttrs v && !isDerivation v) == true
      then builtins.mapAttrs (_: c: attempt (look c)) v
      else { };
  in
    if isDerivation x then { self = describe x; attributes = { }; nested = { }; }
    else if builtins.isAttrs x then {
      self = null;
      attributes = builtins.mapAttrs (_: v: attempt (look v)) x;
      nested = builtins.mapAttrs nested x;
    }
    else { self = null; attributes = { }; nested = { }; }`;
