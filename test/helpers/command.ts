import { join } from 'node:path';
import { execa } from 'execa';
import { REPOSITORY } from './engines.ts';

/** The program as sources; what is compiled from it is the same code. */
export const MAIN = join(REPOSITORY, 'src/main.ts');

export interface CommandOptions {
  /** `$DOGWOOD_HOME` and `$HOME`: an existing or new folder of the test's own. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** Standard input; nothing by default. */
  readonly input?: string | Uint8Array | undefined;
  /** Standard input is written by the test. */
  readonly stdin?: 'pipe' | undefined;
}

/** Starts `build ARGUMENTS...`; a child process that is a promise of its result, whatever the exit code. */
export function startCommand(words: readonly string[], options: CommandOptions) {
  const { home, env = {}, cwd, input, stdin } = options;
  return execa(process.execPath, [MAIN, ...words], {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      DOGWOOD_HOME: home,
      DOCKER_CONFIG: join(home, 'no-docker-config'),
      ...env,
    },
    extendEnv: false,
    reject: false,
    ...(cwd === undefined ? {} : { cwd }),
    ...(input === undefined ? { stdin: stdin ?? ('ignore' as const) } : { input }),
  });
}

/** Of `build --json`, as far as tests look at it. */
export interface BuildDocument {
  readonly status: string;
  readonly image: { readonly digest: string };
  readonly config: { readonly digest: string };
  readonly layers: readonly {
    readonly digest: string;
    readonly diffId: string;
    readonly mediaType: string;
    readonly size: number;
    readonly origin: string;
  }[];
  readonly processes: Readonly<Record<string, string>>;
  readonly references: readonly {
    readonly reference: string;
    readonly state: string;
    readonly uploadedBytes: number;
  }[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

/** Runs `build ARGUMENTS... --json` to a good end and gives its document; throws with what it said otherwise. */
export async function buildOrThrow(
  words: readonly string[],
  options: CommandOptions,
): Promise<BuildDocument> {
  const { stdout, stderr, exitCode } = await startCommand([...words, '--json'], options);
  if (exitCode !== 0)
    throw new Error(`build ${words.join(' ')} ended with ${exitCode}\n${stderr}\n${stdout}`);
  return JSON.parse(stdout) as BuildDocument;
}
