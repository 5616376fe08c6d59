/** What of Nix's protection against a stranger's project somebody gave up (`--allow`). */
export interface NixPermissions {
  /** Builders, stream scripts and shells run without a sandbox. */
  readonly unsandboxed: boolean;
  /** Evaluation may build what it then reads. */
  readonly importFromDerivation: boolean;
}

export interface NixLimits {
  /** Seconds that one derivation may take. */
  readonly timeout: number;
  /** Seconds that a builder may say nothing. */
  readonly maxSilentTime: number;
  /** Bytes of log of one derivation. */
  readonly maxBuildLogSize: number;
}

export const DEFAULT_NIX_LIMITS: NixLimits = {
  timeout: 3600,
  maxSilentTime: 1200,
  maxBuildLogSize: 64 * 1024 * 1024,
};

/** Hosts that projects commonly pin their inputs at. The machine's own nix.conf may name more (`allowed-uris`). */
const INPUT_HOSTS = [
  'github.com',
  'codeload.github.com',
  'api.github.com',
  'gitlab.com',
  'git.sr.ht',
  'codeberg.org',
  'releases.nixos.org',
  'channels.nixos.org',
  'flakehub.com',
  'api.flakehub.com',
] as const;

/** Beginnings of the addresses that an evaluation may fetch, as `allowed-uris` takes them. */
export const ALLOWED_URIS: readonly string[] = [
  'github:',
  'gitlab:',
  'sourcehut:',
  ...INPUT_HOSTS.flatMap((host) => [`https://${host}/`, `git+https://${host}/`, `tarball+https://${host}/`]),
];

const FEATURES = 'nix-command flakes';

/**
 * Arguments that keep a stranger's project within bounds, whatever the machine's nix.conf says: builders in a sandbox
 * and never silently without one, an evaluation that reads the project and nothing else, builds nothing and takes no
 * configuration from it, no registries, no endless builds.
 *
 * `fetch` says whether the evaluation may fetch from the allowed places; without it no address is.
 */
export function untrustedSettings(
  permissions: NixPermissions,
  fetch: boolean,
  limits: NixLimits = DEFAULT_NIX_LIMITS,
): readonly string[] {
  const options: readonly (readonly [string, string])[] = [
    ['sandbox', permissions.unsandboxed ? 'false' : 'true'],
    ['sandbox-fallback', 'false'],
    ['restrict-eval', 'true'],
    ['allow-import-from-derivation', String(permissions.importFromDerivation)],
    ['allow-unsafe-native-code-during-evaluation', 'false'],
    ['accept-flake-config', 'false'],
    ['use-registries', 'false'],
    // A failure that was remembered has lost its file and line.
    ['eval-cache', 'false'],
    ['keep-failed', 'false'],
    ['timeout', String(limits.timeout)],
    ['max-silent-time', String(limits.maxSilentTime)],
    ['max-build-log-size', String(limits.maxBuildLogSize)],
    fetch ? ['extra-allowed-uris', ALLOWED_URIS.join(' ')] : ['allowed-uris', ''],
  ];
  return [
    '--extra-experimental-features',
    FEATURES,
    ...options.flatMap(([name, value]) => ['--option', name, value]),
  ];
}
