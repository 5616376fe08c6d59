import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { COMPRESSOR_ID, compress } from '../../oci/compression/compress.ts';
import { madeOf } from '../../oci/content.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { createDigester, type Digest } from '../../oci/digest.ts';
import { ociLayerType } from '../../oci/media-types.ts';
import { TAR_READER_VERSION } from '../../oci/tar/reader.ts';
import { canonicalJson } from '../../plan/build-plan.ts';
import type { CompressionChoice, LayerMode } from '../../plan/request.ts';
import type { ArchiveSource } from '../../source/source.ts';
import type { Owner } from '../app-image/user.ts';
import type { BuildContext, Facts } from '../builder.ts';
import { SLUG_RULES_VERSION } from './inspector.ts';
import { type KeepPass, keepPass, type SlugReading } from './passes.ts';
import { TRANSCODER_VERSION, type Transcoding, transcode } from './transcoder.ts';
import { readTranscodedLayer, readVerdict, type SlugVerdict } from './verdict.ts';

const VERDICT = 'slug';
const SIZES = 'slug-size';
const TRANSCODED = 'slug-layer';
const READ_BYTES = 1024 * 1024;

export interface SlugLayerOptions {
  readonly mode: LayerMode;
  readonly compression: CompressionChoice;
  readonly reading: SlugReading;
  /** Owner of every member when the slug is transcoded. */
  readonly canonicalOwner: Owner;
  readonly rebuild: boolean;
}

/** The slug as a layer that the sink holds. */
export interface SlugLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly owner: Owner;
  readonly kept: boolean;
  /** Why it was not kept; null when it was. */
  readonly change: string | null;
  readonly procfile: string | null;
}

function verdictKey(digest: Digest, reading: SlugReading): string {
  const versions = `reader ${TAR_READER_VERSION} rules ${SLUG_RULES_VERSION}`;
  return `${digest} ${versions} ${canonicalJson(reading.limits)}`;
}

/**
 * What an earlier run found out about this very slug: by the digest that is promised, or else by the file, which is
 * hashed only when some known slug has its size.
 */
export async function knownVerdict(
  source: ArchiveSource,
  reading: SlugReading,
  facts: Facts,
  signal: AbortSignal,
): Promise<SlugVerdict | undefined> {
  if (source.digest !== undefined) {
    return readVerdict(await facts.verdicts.get(VERDICT, verdictKey(source.digest, reading)));
  }
  if (source.stamp === undefined) return undefined;
  let digest = await facts.fileDigests.get(source.stamp.path);
  if (digest === undefined && (await facts.verdicts.get(SIZES, String(source.stamp.size))) !== undefined) {
    digest = await hashFile(source.stamp.path, signal);
    await facts.fileDigests.put(source.stamp, digest);
  }
  return digest && readVerdict(await facts.verdicts.get(VERDICT, verdictKey(digest, reading)));
}

async function hashFile(path: string, signal: AbortSignal): Promise<Digest> {
  const digester = createDigester();
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES, signal }))
    digester.update(chunk as Buffer);
  return digester.digest();
}

async function remember(
  verdict: SlugVerdict,
  source: ArchiveSource,
  reading: SlugReading,
  facts: Facts,
): Promise<void> {
  await facts.verdicts.put(VERDICT, verdictKey(verdict.digest, reading), verdict);
  await facts.verdicts.put(SIZES, String(verdict.size), true);
  if (source.stamp !== undefined) await facts.fileDigests.put(source.stamp, verdict.digest);
}

/**
 * Puts the slug into the sink as a layer: its own bytes where nothing about them has to change, else a canonical tar.
 * The verdict is remembered, so that the same slug is neither inflated nor sent again.
 */
export async function putSlugLayer(
  source: ArchiveSource,
  options: SlugLayerOptions,
  context: BuildContext,
): Promise<SlugLayer> {
  const known = options.rebuild
    ? undefined
    : await knownVerdict(source, options.reading, context.facts, context.signal);
  if (options.mode === 'canonical') return putTranscoded(source, known, 'asked for', options, context);
  const kept = known
    ? await putKnown(source, known, options, context)
    : await putWhileInspecting(source, options, context);
  if ('descriptor' in kept) return kept;
  if (options.mode === 'keep') {
    throw new DogwoodError(
      'SLUG_NOT_KEEPABLE',
      `${source.name} cannot be kept byte for byte: ${kept.change}`,
    );
  }
  return putTranscoded(source, known, kept.change, options, context);
}

interface NotKept {
  readonly change: string;
}

function keptLayer(verdict: SlugVerdict, diffId: Digest, owner: Owner): SlugLayer {
  return {
    descriptor: { mediaType: ociLayerType('gzip'), digest: verdict.digest, size: verdict.size },
    diffId,
    owner,
    kept: true,
    change: null,
    procfile: verdict.procfile,
  };
}

/** A slug we have read before: its bytes go out without being inflated, if they have to go at all. */
async function putKnown(
  source: ArchiveSource,
  verdict: SlugVerdict,
  options: SlugLayerOptions,
  context: BuildContext,
): Promise<SlugLayer | NotKept> {
  if (!verdict.keep) return { change: verdict.change ?? 'an earlier run said so' };
  if (verdict.diffId === null) return await putWhileInspecting(source, options, context);
  const layer = keptLayer(verdict, verdict.diffId, verdict.keep);
  await context.sink.put(source.content, layer.descriptor, transfer(context, verdict.size));
  return layer;
}

/** A slug nobody has read: it goes out while the strict reader reads it, and only counts when that agrees. */
async function putWhileInspecting(
  source: ArchiveSource,
  options: SlugLayerOptions,
  context: BuildContext,
): Promise<SlugLayer | NotKept> {
  let pass: KeepPass | undefined;
  const open = async (): Promise<Readable> => {
    pass = keepPass(await source.content.open(), options.reading);
    return pass.stream;
  };
  const expected = { mediaType: ociLayerType('gzip'), size: source.size };
  if (await isThere(source, context)) return await inspectOnly(source, options, context);
  // No digest is expected of the sink, not even one that is promised: a registry that has such a blob would not open
  // the slug, and its word is no verdict.
  const put = await context.sink
    .put({ open, reopenable: source.content.reopenable }, expected, transfer(context, source.size ?? null))
    .catch((error: unknown) => {
      const change = pass?.change();
      if (change === undefined) throw error;
      return { change };
    });
  if ('change' in put) return put;
  if (!pass) throw new Error('a sink took a slug without reading it');
  const { digest, size } = put.descriptor;
  checkPromise(source, digest);
  const found = await pass.verdict();
  const verdict: SlugVerdict = { ...found, digest, size };
  if (!verdict.keep) return { change: verdict.change ?? 'unknown' };
  await remember(verdict, source, options.reading, context.facts);
  return keptLayer(verdict, found.diffId, verdict.keep);
}

async function isThere({ digest, size }: ArchiveSource, { sink, signal }: BuildContext): Promise<boolean> {
  if (digest === undefined || size === undefined) return false;
  return await sink.has({ mediaType: ociLayerType('gzip'), digest, size }, signal);
}

/** A slug that the sink says it has and nobody has read: it is read all the same, and only not sent. */
async function inspectOnly(
  source: ArchiveSource,
  options: SlugLayerOptions,
  context: BuildContext,
): Promise<SlugLayer | NotKept> {
  const pass = keepPass(await source.content.open(), options.reading);
  const digester = createDigester();
  try {
    for await (const chunk of pass.stream as AsyncIterable<Buffer>) digester.update(chunk);
  } catch (error) {
    const change = pass.change();
    if (change === undefined) throw error;
    return { change };
  }
  const digest = digester.digest();
  checkPromise(source, digest);
  const found = await pass.verdict();
  const verdict: SlugVerdict = { ...found, digest, size: digester.size };
  await remember(verdict, source, options.reading, context.facts);
  return await putKnown(source, verdict, options, context);
}

async function putTranscoded(
  source: ArchiveSource,
  known: SlugVerdict | undefined,
  change: string,
  options: SlugLayerOptions,
  context: BuildContext,
): Promise<SlugLayer> {
  const compression = options.compression === 'keep' ? 'gzip' : options.compression;
  const { uid, gid } = options.canonicalOwner;
  const factKey = (slug: Digest): string =>
    `${verdictKey(slug, options.reading)} transcoder ${TRANSCODER_VERSION} owner ${uid}:${gid} ${compression} ${COMPRESSOR_ID}`;
  const mediaType = ociLayerType(compression);
  const done =
    known && readTranscodedLayer(await context.facts.verdicts.get(TRANSCODED, factKey(known.digest)));
  const finish = (layer: Descriptor, diffId: Digest, procfile: string | null): SlugLayer => ({
    descriptor: layer,
    diffId,
    owner: options.canonicalOwner,
    kept: false,
    change,
    procfile,
  });
  if (known && done) {
    const descriptor = { mediaType, digest: done.digest, size: done.size };
    if (await context.sink.has(descriptor, context.signal))
      return finish(descriptor, done.diffId, known.procfile);
  }

  let transcoding: Transcoding | undefined;
  const open = async (): Promise<Readable> => {
    const slug = await source.content.open();
    // Compressors copy what they take.
    const lent = compression !== 'none';
    transcoding = transcode(slug, options.reading, options.canonicalOwner, { lent });
    return madeOf(slug, compress(transcoding.output, { compression }), READ_BYTES);
  };
  const { descriptor } = await context.sink.put(
    { open, reopenable: true },
    { mediaType },
    transfer(context, null),
  );
  if (!transcoding) throw new Error('a sink took a layer without reading it');
  const found = transcoding.pass.verdict();
  checkPromise(source, found.digest);
  const verdict: SlugVerdict = { ...found, diffId: known?.digest === found.digest ? known.diffId : null };
  const diffId = transcoding.diff.digest();
  await remember(verdict, source, options.reading, context.facts);
  const { digest, size } = descriptor;
  await context.facts.verdicts.put(TRANSCODED, factKey(verdict.digest), { digest, diffId, size });
  return finish(descriptor, diffId, verdict.procfile);
}

/** Nothing names the blob yet that a sink holds when this throws SLUG_CHECKSUM. */
function checkPromise(source: ArchiveSource, digest: Digest): void {
  if (source.digest === undefined || source.digest === digest) return;
  throw new DogwoodError('SLUG_CHECKSUM', `${source.name}: its bytes are ${digest}, not ${source.digest}`);
}

/** Tells of the bytes as they pass. */
function transfer(context: BuildContext, total: number | null) {
  let bytes = 0;
  return {
    signal: context.signal,
    onBytes(count: number): void {
      bytes += count;
      context.emit({
        type: 'progress',
        step: 'build',
        transfer: 'slug',
        bytes,
        total,
        done: bytes === total,
      });
    },
  };
}
