import { readFile } from 'node:fs/promises';
import { DogwoodError } from '../errors.ts';
import type { ServeOptions } from '../pipeline/serve-images.ts';
import { parseTokenFile } from '../registry/server/token-file.ts';

interface ServeFlags {
  readonly tokenFile?: readonly string[] | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/** Reads the files that `build images serve` is given. Throws CONFIG_INVALID, naming the file. */
export async function readServeFiles(flags: ServeFlags): Promise<Pick<ServeOptions, 'tokens' | 'tls'>> {
  const tokens = [];
  for (const path of flags.tokenFile ?? []) {
    tokens.push(...parseTokenFile((await read(path)).toString('utf8'), path));
  }
  if (flags.tlsCert === undefined || flags.tlsKey === undefined) return { tokens };
  const tls = { cert: await read(flags.tlsCert), key: await read(flags.tlsKey) };
  checkPair(tls, `${flags.tlsCert} and ${flags.tlsKey}`);
  return { tokens, tls };
}

/** OpenSSL's own message would name neither file. */
function checkPair(pair: { readonly cert: Buffer; readonly key: Buffer }, files: string): void {
  try {
    process.getBuiltinModule('node:tls').createSecureContext(pair);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new DogwoodError(
      'CONFIG_INVALID',
      `certificate and key do not go together or are no PEM: ${files} (${code})`,
      {
        hint: 'They must be PEM files, and the key without a passphrase must be the one of the certificate.',
        cause,
      },
    );
  }
}

async function read(path: string): Promise<Buffer> {
  return await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new DogwoodError('CONFIG_INVALID', `${path} cannot be read (${cause.code ?? 'unknown'})`, {
      hint: 'Check the path and the permissions of the file.',
      cause,
    });
  });
}
