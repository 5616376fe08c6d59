import { runProcess } from '../process.ts';

/** How git may reach a repository: the one protocol of its address, and what http redirects to. */
export type GitProtocol = 'https' | 'http' | 'ssh' | 'file';

/** Of an address; they go to git in a file or its environment, never as an argument. */
export interface GitCredentials {
  readonly username: string;
  readonly password: string | undefined;
}

/** Nobody is there to answer, nothing is forwarded, no connection outlives the fetch. */
const SSH_COMMAND =
  'ssh -o BatchMode=yes -o ConnectTimeout=20 -o ForwardAgent=no -o ClearAllForwardings=yes -o PermitLocalCommand=no -o ControlMaster=no';

/** Bytes a second below which a transfer counts as stalled, and for how many seconds. */
const STALLED = { limit: '100', time: '60' } as const;

/** Settings that hold whatever the user's own are: no hooks, no helpers of a repository, no work in the background. */
const SETTINGS: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['fetch.writeCommitGraph', 'false'],
  ['http.lowSpeedLimit', STALLED.limit],
  ['http.lowSpeedTime', STALLED.time],
  ['advice.detachedHead', 'false'],
];

export interface GitEnvironmentOptions {
  /** What engines may see of our environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly protocol: GitProtocol;
  /** More settings, such as where credentials come from. */
  readonly settings?: readonly (readonly [string, string])[] | undefined;
}

/**
 * The whole environment of a git process. Config of the system and the user is not read (an `insteadOf`, a filter or a
 * hook of theirs would change what is built); settings come in through the environment, which other users cannot see.
 */
export function gitEnvironment(options: GitEnvironmentOptions): Readonly<Record<string, string>> {
  const { variables, protocol, settings = [] } = options;
  const certificates = variables.SSL_CERT_FILE;
  return {
    ...variables,
    ...(certificates === undefined ? {} : { GIT_SSL_CAINFO: certificates }),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: protocol === 'http' ? 'http:https' : protocol,
    GIT_SSH_COMMAND: SSH_COMMAND,
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    ...configVariables([...SETTINGS, ...settings]),
  };
}

function configVariables(settings: readonly (readonly [string, string])[]): Record<string, string> {
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  for (const [index, [key, value]] of settings.entries()) {
    variables[`GIT_CONFIG_KEY_${index}`] = key;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return variables;
}

/**
 * The credential settings of the user's own config (`credential.*`, such as the helper that asks the keychain), so that
 * what `git clone` may read can be built. Nothing else of that config is taken.
 *
 * @param folder a private folder, outside of which no repository is looked for
 */
export async function userCredentialSettings(
  variables: Readonly<Record<string, string>>,
  folder: string,
  signal: AbortSignal,
): Promise<readonly (readonly [string, string])[]> {
  const { exitCode, stdout } = await runProcess('git', ['config', '-z', '--get-regexp', '^credential\\.'], {
    cwd: folder,
    env: { ...variables, LC_ALL: 'C', GIT_CEILING_DIRECTORIES: folder },
    timeoutMs: 10_000,
    signal,
  });
  // 1: there is none.
  if (exitCode !== 0) return [];
  return stdout
    .split('\0')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const newline = entry.indexOf('\n');
      return newline === -1 ? [entry, 'true'] : [entry.slice(0, newline), entry.slice(newline + 1)];
    });
}
