import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { DogwoodError } from '../errors.ts';
import { bytesContent, type Content } from './content.ts';
import type { Descriptor, Platform } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { childrenOf, isForeignLayer } from './graph.ts';
import { resolvePlatform } from './load.ts';
import { isManifestOrIndexType } from './media-types.ts';
import { missingContent } from './missing-content.ts';
import { subjectOf } from './referrer.ts';
import type { PutResult, Target } from './target.ts';
import { readDocument, tellingDamage } from './verify.ts';

/** `foreign`: a layer that may not be passed on and was left out, as other tools do. */
export type CopyOutcome = PutResult['outcome'] | 'foreign';

export type CopyEvent =
  | { readonly type: 'found'; readonly descriptor: Descriptor }
  | { readonly type: 'bytes'; readonly descriptor: Descriptor; readonly count: number }
  | { readonly type: 'done'; readonly descriptor: Descriptor; readonly outcome: CopyOutcome }
  | { readonly type: 'tagged'; readonly descriptor: Descriptor; readonly tag: string };

export interface CopyOptions {
  /** Blobs on their way at once; 4 unless told. */
  readonly concurrency?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Named last, when everything is there. Without one the image is made findable where that needs doing. */
  readonly tag?: string | undefined;
  /** Copies the one image of an index for this platform; otherwise an index travels whole, attestations included. */
  readonly platform?: Platform | undefined;
  /** `found` once per blob and document, `bytes` as they pass (again in a retry), `done` once. */
  readonly onEvent?: ((event: CopyEvent) => void) | undefined;
  /** Waits before content that the target lost is put again; by default for real. */
  readonly sleep?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
}

export interface CopiedBlob {
  readonly descriptor: Descriptor;
  readonly outcome: CopyOutcome;
}

export interface CopyResult {
  /** What was copied: the descriptor asked for, or the image of it for the platform asked for. */
  readonly descriptor: Descriptor;
  /** Every blob and document once. */
  readonly blobs: readonly CopiedBlob[];
  /** Bytes of what was sent. */
  readonly sentBytes: number;
  /** Bytes of what was there already or mounted. */
  readonly skippedBytes: number;
}

/** Deeper nesting of indexes than anybody has a use for. */
const MAX_DEPTH = 8;
/** Times that content which a target lost is put again for one document, and milliseconds before the second time. */
const MAX_AGAIN = 4;
const AGAIN_PAUSE = 500;

/**
 * Copies an image or index, the only way that whole images travel: what a document names before the document, each
 * blob once, the tag last. The source's bytes are checked by the target that takes them in, so each is hashed once.
 *
 * When one blob fails the others are stopped, and nothing runs any more when this rejects.
 *
 * A target that misses what it had a moment ago, when it is given the document that names it, gets that once more
 * (a collector may run between the question and the document, korifi#2381).
 *
 * @throws what the targets throw; MANIFEST_INVALID, PLATFORM_NOT_FOUND, CONTENT_LOST, CANCELLED
 */
export async function copy(
  from: Target,
  to: Target,
  descriptor: Descriptor,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const failure = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failure.signal]) : failure.signal;
  const root =
    options.platform === undefined
      ? descriptor
      : await resolvePlatform(from, descriptor, options.platform, signal);
  const run = createRun(from, to, { ...options, root }, signal, failure);
  try {
    await run.copyNode(root, 0);
  } catch (error) {
    // Streams that were stopped only say so; the signals know what came first.
    options.signal?.throwIfAborted();
    throw failure.signal.aborted ? failure.signal.reason : error;
  }
  if (options.tag !== undefined) {
    await to.tag(root, options.tag, signal);
    options.onEvent?.({ type: 'tagged', descriptor: root, tag: options.tag });
  } else {
    await to.addRoot?.(root, signal);
  }
  const bytes = (outcomes: readonly CopyOutcome[]): number =>
    run.blobs
      .filter((blob) => outcomes.includes(blob.outcome))
      .reduce((sum, blob) => sum + blob.descriptor.size, 0);
  return {
    descriptor: root,
    blobs: run.blobs,
    sentBytes: bytes(['sent']),
    skippedBytes: bytes(['existing', 'mounted']),
  };
}

interface Run {
  readonly blobs: readonly CopiedBlob[];
  copyNode(descriptor: Descriptor, depth: number): Promise<void>;
}

type Put = (descriptor: Descriptor, content: Content, again?: boolean) => Promise<void>;

function createRun(
  from: Target,
  to: Target,
  options: CopyOptions & { readonly root: Descriptor },
  signal: AbortSignal,
  failure: AbortController,
): Run {
  const { concurrency = 4, onEvent, tag: rootTag, root, sleep = wait } = options;
  const limit = pLimit(concurrency);
  const started = new Map<Digest, Promise<void>>();
  const blobs: CopiedBlob[] = [];

  const done = (descriptor: Descriptor, outcome: CopyOutcome): void => {
    blobs.push({ descriptor, outcome });
    onEvent?.({ type: 'done', descriptor, outcome });
  };

  const put: Put = (descriptor, content, again) =>
    limit(async () => {
      signal.throwIfAborted();
      const onBytes = onEvent && ((count: number) => onEvent({ type: 'bytes', descriptor, count }));
      const tag = descriptor === root ? rootTag : undefined;
      const put = () => to.put(content, descriptor, { signal, onBytes, tag, again });
      const { outcome } = await tellingDamage(from, descriptor, put);
      const before = blobs.findIndex((blob) => blob.descriptor.digest === descriptor.digest);
      // It was told to be done before it got lost, and counts once.
      if (before >= 0) blobs[before] = { descriptor, outcome };
      else done(descriptor, outcome);
    });
  const putDocument = createDocumentPut(from, put, (round) => sleep(AGAIN_PAUSE * 2 ** (round - 2), signal));

  const copyDocument = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) {
      throw new DogwoodError('MANIFEST_INVALID', `${from.name}: indexes nested deeper than ${MAX_DEPTH}`);
    }
    const bytes = await limit(() => readDocument(from, descriptor, signal));
    // The largest first: it takes longest, and the small ones fit in beside it.
    const children = childrenOf(descriptor, bytes).toSorted((a, b) => b.size - a.size);
    await allSettled(children.map((child) => copyNode(child, depth + 1)));
    await putDocument(descriptor, bytes, signal);
    // Also of one that was there: a run that put it may have ended before this.
    if (to.addReferrer !== undefined && subjectOf(descriptor, bytes) !== undefined) {
      await limit(async () => to.addReferrer?.(descriptor, bytes, signal));
    }
  };

  const copyOnce = async (descriptor: Descriptor, depth: number): Promise<void> => {
    try {
      onEvent?.({ type: 'found', descriptor });
      if (isForeignLayer(descriptor)) done(descriptor, 'foreign');
      else if (isManifestOrIndexType(descriptor.mediaType)) await copyDocument(descriptor, depth);
      else await put(descriptor, blobContent(from, descriptor, signal));
    } catch (error) {
      failure.abort(error);
      throw error;
    }
  };

  const copyNode = (descriptor: Descriptor, depth: number): Promise<void> => {
    let node = started.get(descriptor.digest);
    if (node === undefined) {
      node = copyOnce(descriptor, depth);
      started.set(descriptor.digest, node);
    }
    return node;
  };

  return { blobs, copyNode };
}

/**
 * Puts a document whose content was put before it. What the target then misses it gets again, from below upwards and
 * with more patience each time: all of the document's, where it does not say what it misses.
 */
function createDocumentPut(from: Target, put: Put, pause: (round: number) => Promise<void>) {
  const putDocument = async (
    descriptor: Descriptor,
    bytes: Uint8Array,
    signal: AbortSignal,
    again = false,
  ): Promise<void> => {
    for (let round = 1; ; round += 1) {
      try {
        return await put(descriptor, { ...bytesContent(bytes), ...originsOf(from, descriptor) }, again);
      } catch (error) {
        const missing = missingContent(error)?.digests;
        if (missing === undefined) throw error;
        if (round > MAX_AGAIN) throw contentLost(error);
        if (round > 1) await pause(round);
        const children = childrenOf(descriptor, bytes).filter((child) => !isForeignLayer(child));
        const named = children.filter((child) => missing.includes(child.digest));
        await allSettled((named.length > 0 ? named : children).map((child) => putAgain(child, signal)));
      }
    }
  };
  const putAgain = async (descriptor: Descriptor, signal: AbortSignal): Promise<void> => {
    try {
      if (!isManifestOrIndexType(descriptor.mediaType)) {
        return await put(descriptor, blobContent(from, descriptor, signal), true);
      }
      await putDocument(descriptor, await readDocument(from, descriptor, signal), signal, true);
    } catch (error) {
      // Bytes that were sent as they were made are nowhere else.
      if (error instanceof DogwoodError && error.code === 'BLOB_NOT_FOUND') throw contentLost(error);
      throw error;
    }
  };
  return putDocument;
}

function contentLost(error: unknown): DogwoodError {
  const said = error instanceof Error ? error.message : String(error);
  return new DogwoodError('CONTENT_LOST', `what was put is gone again: ${said}`, { cause: error });
}

const wait = (milliseconds: number, signal: AbortSignal) => delay(milliseconds, undefined, { signal });

/** The target checks what it takes in, so the source need not. */
function blobContent(from: Target, descriptor: Descriptor, signal: AbortSignal): Content {
  const openAt = (offset: number) => from.open(descriptor, { verify: false, offset, signal });
  return {
    open: () => openAt(0),
    openAt,
    reopenable: true,
    ...originsOf(from, descriptor),
  };
}

function originsOf(from: Target, descriptor: Descriptor): Pick<Content, 'origins'> {
  const origin = from.origin?.(descriptor);
  return origin === undefined ? {} : { origins: [origin] };
}

/** Waits for all, so that nothing runs on, and only then fails. */
async function allSettled(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}
