import type { Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { decompress } from '../compression/decompress.ts';
import { SNIFF_BYTES, type SniffedCompression, sniffCompression } from '../compression/sniff.ts';
import type { Descriptor } from '../descriptor.ts';
import { createDigester, type Digest, type Digester, digestAlgorithm } from '../digest.ts';
import { isForeignLayer } from '../graph.ts';
import { layerCompression } from '../media-types.ts';
import { showName } from '../tar/names.ts';
import { createTarReader, type TarEntry } from '../tar/reader.ts';
import type { Target } from '../target.ts';
import { checkOpaque, dataViolations, identityViolations, missing, openUnchecked } from './blob.ts';
import { createSeenPaths } from './seen-paths.ts';
import type { Violation } from './violation.ts';

/** Violations of one kind that are named one by one; the rest are counted. */
const NAMED = 10;
/** Memory for the names of one layer; the five million members that are read at most need less. */
const MAX_NAME_BYTES = 512 * 1024 * 1024;

export interface LayerToCheck {
  readonly descriptor: Descriptor;
  readonly diffId: Digest | undefined;
  readonly where: string;
}

/** Everything about a layer, in one pass over its bytes: identity, compression, diffID, and whether its tar is one. */
export async function checkLayer(
  target: Target,
  { descriptor, diffId, where }: LayerToCheck,
  signal?: AbortSignal,
): Promise<Violation[]> {
  const stated = layerCompression(descriptor.mediaType);
  if (stated === undefined) {
    const message = `${descriptor.mediaType} is no type of a layer`;
    return [
      { code: 'MEDIA_TYPE_UNKNOWN', where, message },
      ...(await checkOpaque(target, descriptor, where, signal)),
    ];
  }
  const stream = await openUnchecked(target, descriptor, signal);
  if (stream === undefined)
    return [isForeignLayer(descriptor) ? notIncluded(where) : missing(target, descriptor, where)];

  const violations: Violation[] = [...dataViolations(descriptor, where)];
  const outer = createDigester(digestAlgorithm(descriptor.digest));
  const { found, bytes } = await sniffed(stream, outer);
  if (found !== stated) {
    violations.push({
      code: 'COMPRESSION_WRONG',
      where,
      message: `its type says ${stated}, its bytes are ${found}`,
    });
  }
  // A generator that was never begun lets go of nothing: the stream is ended here.
  const content = await readContent(bytes, found, diffId, where).finally(() => stream.destroy());
  violations.push(...content.violations);
  if (content.whole) return [...violations, ...identityViolations(descriptor, outer, where)];
  // What broke ended the pass before the end of the bytes: their identity takes another.
  return [...violations, ...(await checkOpaque(target, { ...descriptor, data: undefined }, where, signal))];
}

function notIncluded(where: string): Violation {
  return {
    code: 'LAYER_NOT_INCLUDED',
    where,
    message: 'a layer that may not be passed on is left out of the image',
  };
}

/** The compression that the first bytes show, and all bytes, counted into the digester as they are read. */
async function sniffed(
  stream: Readable,
  outer: Digester,
): Promise<{ found: SniffedCompression; bytes: AsyncGenerator<Uint8Array> }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let head = Buffer.alloc(0);
  let next = await chunks.next();
  while (!next.done) {
    head = head.length === 0 ? Buffer.from(next.value) : Buffer.concat([head, next.value]);
    if (head.length >= SNIFF_BYTES) break;
    next = await chunks.next();
  }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    outer.update(head);
    yield head;
    for (let more = await chunks.next(); !more.done; more = await chunks.next()) {
      outer.update(more.value);
      yield more.value;
    }
  }
  return { found: sniffCompression(head), bytes: bytes() };
}

interface ReadContent {
  readonly violations: readonly Violation[];
  /** Whether all bytes were read. */
  readonly whole: boolean;
}

async function readContent(
  bytes: AsyncGenerator<Uint8Array>,
  compression: SniffedCompression,
  diffId: Digest | undefined,
  where: string,
): Promise<ReadContent> {
  if (compression !== 'none' && compression !== 'gzip' && compression !== 'zstd') {
    return { violations: [], whole: false };
  }
  const inner = createDigester(diffId === undefined ? 'sha256' : digestAlgorithm(diffId));
  const tar = tarCheck(where);
  try {
    for await (const chunk of decompress(bytes, compression)) {
      inner.update(chunk);
      tar.write(chunk);
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { violations: [...tar.violations(), unreadable(error, where)], whole: false };
  }
  const violations = [...tar.end()];
  const digest = inner.digest();
  if (diffId !== undefined && digest !== diffId) {
    const message = `the config says ${diffId}, its uncompressed bytes are ${digest}`;
    violations.push({ code: 'DIFF_ID_WRONG', where, message });
  }
  return { violations, whole: true };
}

interface TarCheck {
  write(chunk: Uint8Array): void;
  end(): readonly Violation[];
  /** Found so far. */
  violations(): readonly Violation[];
}

/** Stops reading at the first thing that is no tar, since nothing behind it can be trusted to mean anything. */
function tarCheck(where: string): TarCheck {
  const seen = createSeenPaths(MAX_NAME_BYTES);
  const duplicates = createFindings('LAYER_DUPLICATE', 'is there several times', where);
  const whiteouts = createFindings('LAYER_WHITEOUT', 'is a whiteout of nothing', where);
  const entry = ({ path }: TarEntry): void => {
    if (!seen.add(path)) duplicates.add(path);
    // image-spec layer.md, whiteouts: the prefix alone deletes nothing that could have a name.
    if (path.endsWith('.wh.') && /(?:^|\/)\.wh\.$/.test(path)) whiteouts.add(path);
  };
  const unlimited = {
    maxTotalBytes: Number.MAX_SAFE_INTEGER,
    maxMemberBytes: Number.MAX_SAFE_INTEGER,
    maxMembers: 5_000_000,
  };
  const reader = createTarReader({ entry, data: () => {} }, { rules: 'image-layer', limits: unlimited });
  let broken: Violation | undefined;
  const guard = (read: () => void): void => {
    if (broken !== undefined) return;
    try {
      read();
    } catch (error) {
      if (!isDamage(error)) throw error;
      broken = unreadable(error, where);
    }
  };
  const violations = (): Violation[] => [
    ...duplicates.violations(),
    ...whiteouts.violations(),
    ...(broken === undefined ? [] : [broken]),
  ];
  return {
    write: (chunk) => guard(() => reader.write(chunk)),
    end() {
      guard(() => reader.end());
      return violations();
    },
    violations,
  };
}

/** Paths of one kind that are wrong: the first are kept, the rest only counted, for there may be millions. */
function createFindings(code: 'LAYER_DUPLICATE' | 'LAYER_WHITEOUT', problem: string, where: string) {
  const named: Violation[] = [];
  let more = 0;
  return {
    add(path: string): void {
      if (named.length < NAMED) named.push({ code, where, message: `${showName(path)} ${problem}` });
      else more += 1;
    },
    violations: (): readonly Violation[] =>
      more === 0 ? named : [...named, { code, where, message: `and ${more} more` }],
  };
}

function unreadable(error: DogwoodError, where: string): Violation {
  return { code: 'LAYER_UNREADABLE', where, message: `${error.code}: ${error.message}` };
}

/** The content's fault, not that of the way to it. */
function isDamage(error: unknown): error is DogwoodError {
  return error instanceof DogwoodError && /^(?:TAR_|GZIP_|ZSTD_|LIMIT_EXCEEDED$)/.test(error.code);
}
