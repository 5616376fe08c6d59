import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import type { ByteReader } from '../compression/byte-reader.ts';
import { compress } from '../compression/compress.ts';
import { decompress } from '../compression/decompress.ts';
import { SNIFF_BYTES, sniffCompression } from '../compression/sniff.ts';
import type { Descriptor } from '../descriptor.ts';
import { createDigester, type Digest, type Digester, isDigest } from '../digest.ts';
import { type Compression, MEDIA_TYPES, ociLayerType } from '../media-types.ts';
import type { TarEntry } from '../tar/entry.ts';
import type { Target } from '../target.ts';

/** Layers that were compressed before, by what they hold. A hint: where it is wrong the layer is compressed again. */
export interface RememberedLayers {
  get(diffId: Digest, compression: Compression): Promise<Descriptor | undefined>;
  put(diffId: Digest, compression: Compression, layer: Descriptor): Promise<void>;
}

export interface IngestOptions {
  /** `keep` takes layers as they are, anything else compresses those that are compressed otherwise. */
  readonly compression: Compression | 'keep';
  readonly compressed?: RememberedLayers | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes go into the sink, with how many. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

/** A layer of an archive that lies in the sink. */
export interface TakenLayer {
  readonly descriptor: Descriptor;
  /** Digest of what it holds; undefined for a compressed blob that was taken by its digest, unopened. */
  readonly diffId: Digest | undefined;
}

const CHUNK_BYTES = 1024 * 1024;

/** Takes one layer of an archive into the sink in one pass, under the compression that was asked for. */
export async function takeLayer(
  content: ByteReader,
  entry: TarEntry,
  sink: Target,
  options: IngestOptions,
): Promise<TakenLayer> {
  const head = await content.take(SNIFF_BYTES);
  content.unread(head);
  const present = sniffCompression(head);
  if (present !== 'none' && present !== 'gzip' && present !== 'zstd') {
    throw new DogwoodError('ARCHIVE_INVALID', `layer ${entry.path} is compressed with ${present}`);
  }
  const wanted = options.compression === 'keep' ? present : options.compression;
  const blob = blobDigest(entry.path);
  if (blob !== undefined && wanted === present)
    return await takeBlob(content, entry, blob, wanted, sink, options);
  const known = present === 'none' ? await knownLayer(entry, wanted, sink, options) : undefined;
  if (known !== undefined) return await skipLayer(content, entry, known);
  return await putLayer(content, present, wanted, sink, options);
}

/** A blob of a layout says what it is: one that is there already is not even read. */
async function takeBlob(
  content: ByteReader,
  entry: TarEntry,
  digest: Digest,
  compression: Compression,
  sink: Target,
  options: IngestOptions,
): Promise<TakenLayer> {
  const expected = { mediaType: ociLayerType(compression), digest, size: entry.size };
  const open = async (): Promise<Readable> => toStream(remaining(content));
  const { descriptor } = await sink.put({ open, reopenable: false }, expected, options);
  return { descriptor, diffId: compression === 'none' ? digest : undefined };
}

/**
 * A layer that need not be compressed again. Archives name a layer's folder or file by its diffID, or by some other
 * hash: taken for a hint, checked by `skipLayer`.
 */
async function knownLayer(
  entry: TarEntry,
  wanted: Compression,
  sink: Target,
  { compressed, signal }: IngestOptions,
): Promise<TakenLayer | undefined> {
  const hex = /(?:^|[/:])([a-f0-9]{64})(?:\/layer)?(?:\.tar)?$/.exec(entry.path)?.[1];
  const diffId = `sha256:${hex}`;
  if (!isDigest(diffId)) return undefined;
  const descriptor =
    wanted === 'none'
      ? { mediaType: MEDIA_TYPES.ociLayer, digest: diffId, size: entry.size }
      : await compressed?.get(diffId, wanted);
  if (descriptor === undefined || !(await sink.has(descriptor, signal))) return undefined;
  return { descriptor, diffId };
}

/** Reads a layer only to see that it is the one that is known. */
async function skipLayer(content: ByteReader, entry: TarEntry, known: TakenLayer): Promise<TakenLayer> {
  const digester = createDigester();
  for await (const chunk of remaining(content)) digester.update(chunk);
  const found = digester.digest();
  if (found === known.diffId) return known;
  throw new DogwoodError('DIGEST_MISMATCH', `layer ${entry.path} holds ${found}, another than its name says`);
}

async function putLayer(
  content: ByteReader,
  present: Compression,
  wanted: Compression,
  sink: Target,
  options: IngestOptions,
): Promise<TakenLayer> {
  const inner = createDigester();
  const bytes = (): AsyncIterable<Uint8Array> => {
    if (present !== wanted) return changed(content, present, wanted, inner);
    return present === 'none' ? remaining(content) : observed(content, present, inner);
  };
  const open = async (): Promise<Readable> => toStream(bytes());
  const { descriptor } = await sink.put(
    { open, reopenable: false },
    { mediaType: ociLayerType(wanted) },
    options,
  );
  // What is not compressed is its own diffID, which the sink has just found out.
  const diffId = present === 'none' && wanted === 'none' ? descriptor.digest : inner.digest();
  if (present === 'none' && wanted !== 'none') await options.compressed?.put(diffId, wanted, descriptor);
  return { descriptor, diffId };
}

async function* changed(
  content: ByteReader,
  present: Compression,
  wanted: Compression,
  inner: Digester,
): AsyncGenerator<Uint8Array> {
  async function* tar(): AsyncGenerator<Uint8Array> {
    for await (const chunk of decompress(remaining(content), present)) {
      inner.update(chunk);
      yield chunk;
    }
  }
  yield* compress(tar(), { compression: wanted });
}

/** Bytes that pass as they are, while what they hold is looked at on the side. */
async function* observed(
  content: ByteReader,
  compression: Compression,
  inner: Digester,
): AsyncGenerator<Uint8Array> {
  const side = new PassThrough({ highWaterMark: CHUNK_BYTES });
  const looking = look(side, compression, inner);
  // Awaited at the end, or while the side stands still; an early failure must not go unheard in between.
  looking.catch(() => {});
  try {
    for await (const chunk of remaining(content)) {
      if (!side.write(chunk)) await Promise.race([once(side, 'drain'), looking]);
      yield chunk;
    }
    side.end();
    await looking;
  } finally {
    side.destroy();
  }
}

async function look(side: Readable, compression: Compression, inner: Digester): Promise<void> {
  for await (const chunk of decompress(side as AsyncIterable<Uint8Array>, compression)) inner.update(chunk);
}

/** The digest by which a layout names a blob; undefined for other paths. */
function blobDigest(path: string): Digest | undefined {
  const [, algorithm, hex] = /^blobs\/([^/]+)\/([a-f0-9]+)$/.exec(path) ?? [];
  const digest = `${algorithm}:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

/** What is left in a reader. */
export async function* remaining(reader: ByteReader): AsyncGenerator<Uint8Array> {
  for (let chunk = await reader.pull(); chunk !== undefined; chunk = await reader.pull()) yield chunk;
}

function toStream(chunks: AsyncIterable<Uint8Array>): Readable {
  return Readable.from(chunks, { objectMode: false, highWaterMark: CHUNK_BYTES });
}
