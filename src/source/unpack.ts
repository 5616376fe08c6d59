import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { DogwoodError } from '../errors.ts';
import { decompress } from '../oci/compression/decompress.ts';
import { gunzipStrict } from '../oci/compression/gzip-framing.ts';
import { type SniffedCompression, sniffCompression } from '../oci/compression/sniff.ts';
import type { TarLimits } from '../oci/tar/entry.ts';
import { createTarReader } from '../oci/tar/reader.ts';
import type { ArchiveSource } from './source.ts';
import { createTreeWriter } from './tree-writer.ts';

/** Bounds on what is read from an archive of sources. */
export interface UnpackLimits extends TarLimits {
  /** Bytes that may come out of one compressed byte, once 64 MiB came out. */
  readonly maxRatio: number;
}

export interface UnpackOptions {
  readonly limits: UnpackLimits;
  readonly signal: AbortSignal;
}

/** Output below this many bytes is no bomb, whatever its ratio. */
const RATIO_FROM_BYTES = 64 * 1024 * 1024;

/**
 * Unpacks a source archive (tar; gzip, zstd or plain) below a private, empty folder and gives the root of the sources:
 * where everything lies in one folder, as in what Git hosts make, that one. It is always called `source`, since what
 * is built may depend on the name. Every member goes through the strict reader; no link is followed while writing.
 *
 * Throws SOURCE_UNSUPPORTED for other compressions, TAR_*, GZIP_*, ZSTD_INVALID, LIMIT_EXCEEDED, DISK_FULL.
 */
export async function unpackArchive(
  archive: ArchiveSource,
  folder: string,
  options: UnpackOptions,
): Promise<string> {
  const compression = sniffCompression(await archive.head(64));
  const stream = await archive.content.open();
  const unpacked = join(folder, 'unpacked');
  try {
    await unpackTar(uncompressed(stream, compression, archive.name, options), unpacked, options);
  } finally {
    stream.destroy();
  }
  const entries = await readdir(unpacked, { withFileTypes: true });
  const only = entries.length === 1 && entries[0]?.isDirectory() ? entries[0].name : undefined;
  const root = join(folder, 'source');
  await rename(only === undefined ? unpacked : join(unpacked, only), root);
  return root;
}

/** Writes the members of a tar archive below a folder that is made for them. Throws TAR_*, LIMIT_EXCEEDED, DISK_FULL. */
export async function unpackTar(
  chunks: AsyncIterable<Uint8Array>,
  folder: string,
  { limits, signal }: { readonly limits: TarLimits; readonly signal: AbortSignal },
): Promise<void> {
  const writer = createTreeWriter(folder);
  try {
    const reader = createTarReader(writer, { limits });
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      reader.write(chunk);
    }
    reader.end();
    writer.finish();
  } finally {
    writer.close();
  }
}

function uncompressed(
  stream: Readable,
  compression: SniffedCompression,
  name: string,
  { limits, signal }: UnpackOptions,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return stream;
    case 'gzip':
      return gunzipStrict(stream, { maxRatio: limits.maxRatio, signal }).output;
    case 'zstd':
      return unzstd(stream, limits.maxRatio);
    default:
      throw new DogwoodError('SOURCE_UNSUPPORTED', `${name} is compressed with ${compression}`, {
        hint: 'Pack it with gzip or zstd, or not at all.',
      });
  }
}

async function* unzstd(stream: Readable, maxRatio: number): AsyncGenerator<Uint8Array> {
  let [taken, given] = [0, 0];
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      taken += chunk.length;
      yield chunk;
    }
  };
  for await (const chunk of decompress(counted(), 'zstd')) {
    given += chunk.length;
    if (given > RATIO_FROM_BYTES && given > taken * maxRatio) {
      throw new DogwoodError('LIMIT_EXCEEDED', `more than ${maxRatio} bytes come out of one (maxRatio)`);
    }
    yield chunk;
  }
}
