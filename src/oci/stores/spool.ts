import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Content } from '../content.ts';
import type { Digest } from '../digest.ts';
import type { PutOptions } from '../target.ts';
import { writeVerified } from './blob-files.ts';
import type { TempFiles } from './temp-files.ts';

/** Bytes kept aside in a file, because their source cannot be read twice. */
export interface Spool extends Content {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
  open(): Promise<Readable>;
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Keeps a stream aside until `dispose`; if the process dies first, the next one that uses the folder removes it.
 *
 * @throws DISK_FULL
 */
export async function spool(stream: Readable, temp: TempFiles, options: PutOptions = {}): Promise<Spool> {
  const file = await temp.reserve();
  try {
    const content: Content = { open: async () => stream, reopenable: false };
    const written = await writeVerified(file.path, content, {}, 'the temporary folder', options);
    return {
      ...written,
      path: file.path,
      reopenable: true,
      open: async () => (await open(file.path, 'r')).createReadStream({ highWaterMark: 1024 * 1024 }),
      dispose: file.dispose,
      [Symbol.asyncDispose]: file.dispose,
    };
  } catch (error) {
    stream.destroy();
    await file.dispose();
    throw error;
  }
}
