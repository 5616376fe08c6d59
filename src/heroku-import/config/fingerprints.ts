import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { constants, link, open, rm } from 'node:fs/promises';
import { DogwoodError } from '../../errors.ts';

declare const brand: unique symbol;

/** 32 bytes that only this migration has. */
export type FingerprintKey = Uint8Array & { readonly [brand]: 'FingerprintKey' };

const KEY_BYTES = 32;

/**
 * The key of a migration's fingerprints, made on first use: 32 random bytes, for their owner's eyes only (0600). Two
 * runs that start at once get the same one.
 *
 * @param path `migrationPaths().key`
 * @throws FINGERPRINT_KEY_EXPOSED, FINGERPRINT_KEY_DAMAGED
 */
export async function openFingerprintKey(
  path: string,
  random: (size: number) => Uint8Array | Promise<Uint8Array> = randomBytes,
): Promise<FingerprintKey> {
  return (await readKey(path)) ?? (await makeKey(path, await random(KEY_BYTES)));
}

/** The key there is, or one that nothing will be recognised by: for who only looks. Throws FINGERPRINT_KEY_*. */
export async function borrowFingerprintKey(path: string): Promise<FingerprintKey> {
  return (await readKey(path)) ?? (randomBytes(KEY_BYTES) as Uint8Array as FingerprintKey);
}

/**
 * Says of a value whether it is the same as before, and nothing else: keyed, since many a secret can be guessed.
 * HMAC-SHA256 in hex over app, name and value, so that equal secrets of two apps do not look equal.
 *
 * @param app Heroku's id
 */
export function fingerprint(key: FingerprintKey, app: string, name: string, value: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify(['dogwood heroku secret', app, name, value]))
    .digest('hex');
}

/** What the rollout document says of a secret: another value has another version. */
export const versionOf = (fingerprint: string): string => fingerprint.slice(0, 16);

/** Undefined where there is none yet. */
async function readKey(path: string): Promise<FingerprintKey | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      if (code === 'ELOOP') throw new DogwoodError('FINGERPRINT_KEY_DAMAGED', `${path} is a link`);
      throw error;
    },
  );
  if (file === undefined) return undefined;
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new DogwoodError('FINGERPRINT_KEY_DAMAGED', `${path} is no file`);
    const { mode } = status;
    if ((mode & 0o077) !== 0) {
      throw new DogwoodError(
        'FINGERPRINT_KEY_EXPOSED',
        `${path} has mode ${(mode & 0o777).toString(8).padStart(4, '0')}`,
      );
    }
    const bytes = Buffer.alloc(KEY_BYTES + 1);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    const key = bytes.subarray(0, bytesRead);
    // What a file system leaves of a file that was never written out.
    const isEmpty = key.every((byte) => byte === 0);
    if (bytesRead !== KEY_BYTES || isEmpty) {
      throw new DogwoodError('FINGERPRINT_KEY_DAMAGED', `${path} does not hold a key of ${KEY_BYTES} bytes`);
    }
    return key as unknown as FingerprintKey;
  } finally {
    await file.close();
  }
}

async function makeKey(path: string, bytes: Uint8Array): Promise<FingerprintKey> {
  // Not by the process: two runs within one are as good as two.
  const beside = `${path}.${randomUUID()}.new`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    // Unlike a rename it never replaces the key that another run made meanwhile, and used.
    await link(beside, path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(beside, { force: true });
  }
  const key = await readKey(path);
  if (key === undefined) throw new DogwoodError('FINGERPRINT_KEY_DAMAGED', `${path} is gone again`);
  return key;
}
