import type { NixPosition } from './log.ts';
import type { NixResult } from './nix.ts';

/** Why Nix gave up, as far as its messages tell. */
export type NixFailure =
  /** A builder failed: its derivation. */
  | { readonly kind: 'build'; readonly message: string; readonly derivation: string | undefined }
  | { readonly kind: 'evaluation'; readonly message: string; readonly position: NixPosition | undefined }
  | {
      readonly kind: 'attribute' | 'lock' | 'network' | 'disk' | 'platform' | 'function';
      readonly message: string;
    }
  | { readonly kind: 'import-from-derivation' | 'restricted'; readonly message: string }
  | { readonly kind: 'sandbox' | 'store'; readonly message: string };

type Plain = Exclude<NixFailure['kind'], 'build' | 'evaluation'>;

// Nix has no codes: these are its own words, of versions 2.4 to 2.3x.
const WORDS: readonly (readonly [Plain, RegExp])[] = [
  ['disk', /No space left on device|disk quota exceeded/i],
  [
    'sandbox',
    /unable to start build process|kernel namespaces that are required for sandboxing|setting up (?:a private|the) (?:mount|sandbox)|cannot (?:set up|create) (?:the )?(?:sandbox|namespace)|--no-sandbox|\bunshare\b|sandbox.*(?:not supported|unavailable)/,
  ],
  ['platform', /is required to build .* but I am a|Required system:|platform mismatch/],
  ['import-from-derivation', /during evaluation because the option 'allow-import-from-derivation'/],
  ['restricted', /forbidden (?:in|.*in) (?:restricted|pure eval(?:uation)?) mode/],
  [
    'lock',
    /lock file changes|not allowed due to '--no-update-lock-file'|cannot write (?:modified )?lock file|unlocked input/,
  ],
  [
    'store',
    /the group '.*' specified in 'build-users-group'|cannot connect to (?:socket|daemon)|creating directory '\/nix|opening lock file|you don't have (?:sufficient )?rights|unable to open database|could not set permissions on '\/nix/,
  ],
  ['network', /unable to download|Couldn't resolve host|cannot fetch|failed to fetch|Failed to connect/i],
  ['attribute', /does not provide attribute|in selection path|attribute '.*' (?:not found|missing) in/],
  ['function', /cannot evaluate a function that has an argument without a value/],
];

const BUILDER =
  /(?:builder for|[Cc]annot build|build of) '([^']+\.drv)'|hash mismatch in fixed-output derivation '([^']+\.drv)'/;

/** What a failed run of Nix failed at. */
export function classifyNixFailure(result: NixResult): NixFailure {
  const texts = result.errors.map(({ text }) => text);
  const all = texts.join('\n');
  const last = texts.at(-1) ?? `nix ended with exit code ${result.exitCode}`;
  for (const [kind, words] of WORDS) {
    const message = texts.find((text) => words.test(text));
    if (message !== undefined) return { kind, message };
  }
  const derivation = BUILDER.exec(all);
  if (derivation !== null) {
    const message = texts.find((text) => BUILDER.test(text)) ?? last;
    return { kind: 'build', message, derivation: derivation[1] ?? derivation[2] };
  }
  const positioned = result.errors.find(({ position }) => position !== undefined);
  return { kind: 'evaluation', message: positioned?.text ?? last, position: positioned?.position };
}
