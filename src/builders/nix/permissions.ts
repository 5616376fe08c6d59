import type { NixPermissions } from '../../engines/nix/settings.ts';
import type { Permission } from '../../plan/request.ts';

/** Nothing is loosened: how a project is looked at. */
export const STRICT: NixPermissions = { unsandboxed: false, importFromDerivation: false };

/** The permissions that concern Nix, by name, sorted: what a plan shows. */
export function nixAllowed(allow: readonly Permission[]): readonly Permission[] {
  return allow.filter((name) => name.startsWith('nix-')).sort();
}

/** What a plan's permissions mean for Nix. */
export function nixPermissions(allowed: readonly string[]): NixPermissions {
  return {
    unsandboxed: allowed.includes('nix-unsandboxed'),
    importFromDerivation: allowed.includes('nix-import-from-derivation'),
  };
}
