import type { CompressionChoice } from './request.ts';
import type { Sourced } from './sourced.ts';

/** How an image comes out of Nix. `unknown` is decided by looking at what was built. */
export type NixOutput = 'archive' | 'stream' | 'unknown';

/** An attribute that evaluates to a dockerTools image. */
export interface NixImagePlan {
  readonly kind: 'image';
  /** Path below the root: `flake.nix`, `default.nix`, ... */
  readonly file: string;
  readonly flake: boolean;
  /** As `nix build` or `nix-build -A` takes it; null is the file's own value. */
  readonly attribute: Sourced<string> | null;
  readonly output: NixOutput;
  /** By evaluating the expression, or by reading its text (a guess). */
  readonly found: 'evaluation' | 'text' | 'flag';
}

/** A command that runs in the project's nix-shell and leaves an output. */
export interface NixShellPlan {
  readonly kind: 'shell';
  /** Path of the shell's expression below the root. */
  readonly file: Sourced<string>;
  readonly flake: boolean;
  readonly command: Sourced<string>;
  /** Path of what the command leaves, below the root: a folder or an image archive. */
  readonly output: Sourced<string>;
}

export interface NixPlan {
  readonly strategy: 'nix';
  readonly build: NixImagePlan | NixShellPlan;
  readonly compression: CompressionChoice;
  /** What of the settings for untrusted code was loosened by a flag. */
  readonly allowed: readonly string[];
}
