import { DogwoodError } from '../errors.ts';
import { runProcess } from './process.ts';

/** What a credential helper answered. Its output may hold a secret: never into a message as it is. */
export interface HelperAnswer {
  readonly exitCode: number;
  readonly stdout: string;
}

/**
 * Asks the helper of that name (`pass` stands for the program `docker-credential-pass`) for one registry.
 * Throws CREDENTIALS_UNREADABLE when it is missing, stuck or says too much.
 */
export type RunHelper = (helper: string, serverUrl: string, signal?: AbortSignal) => Promise<HelperAnswer>;

export interface CredentialHelperOptions {
  /** Milliseconds; a helper may ask a person or a cloud. Default 30 s. */
  readonly timeout?: number | undefined;
  /** The whole environment of the helper; undefined hands ours on. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** A name, not a path: the config file must not choose an arbitrary program. */
const HELPER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** Runs Docker's credential helpers: `docker-credential-NAME get`, the server's address on standard input. */
export function createCredentialHelper(options: CredentialHelperOptions = {}): RunHelper {
  return async (helper, serverUrl, signal) => {
    const program = `docker-credential-${helper}`;
    if (!HELPER_NAME.test(helper)) {
      throw new DogwoodError('CREDENTIALS_UNREADABLE', `${JSON.stringify(helper)} is no name of a helper`);
    }
    try {
      const result = await runProcess(program, ['get'], {
        input: serverUrl,
        timeoutMs: options.timeout ?? 30_000,
        maxOutputBytes: MAX_OUTPUT_BYTES,
        signal,
        env: options.env,
      });
      if (!result.truncated) return { exitCode: result.exitCode, stdout: result.stdout };
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof DogwoodError)) throw error;
      throw new DogwoodError('CREDENTIALS_UNREADABLE', `credential helper: ${error.message}`, {
        cause: error,
      });
    }
    throw new DogwoodError(
      'CREDENTIALS_UNREADABLE',
      `${program} answered more than ${MAX_OUTPUT_BYTES} bytes`,
    );
  };
}
