import type { Readable } from 'node:stream';
import type { RequestBody } from '../../net/http.ts';
import { type Content, type Expectation, skipBytes } from '../../oci/content.ts';
import { createDigester, type Digest, type Digester, digestAlgorithm } from '../../oci/digest.ts';
import { chunkFreer } from '../../oci/own-chunks.ts';
import { mismatch, sizeMismatch } from '../../oci/verify.ts';

/** Content on its way into one request or several: hashed and counted as it passes, and stopped before it lies. */
export interface CheckedBody {
  /**
   * The bytes from an offset on, `length` of them or all. What follows where the one before ended goes on reading;
   * anything else opens the content again, at the last place before the offset whose hash is known.
   */
  part(offset: number, length?: number): RequestBody;
  /** True once the content was opened: what cannot be opened again cannot be sent again. */
  readonly opened: boolean;
  /** What the content's own source threw, or how it differs from what was expected; undefined when all went well. */
  readonly sourceError: Error | undefined;
  /** Has the last byte been handed out, since the content was last opened? */
  readonly passed: boolean;
  /** Of what passed, when it has all passed. */
  readonly digest: Digest;
  readonly size: number;
  /** Lets go of the content. */
  close(): void;
}

interface Seen {
  readonly digest: Digest;
  readonly size: number;
}

/** A place in the content from which it can be read on: all before it went into the hash. */
interface Mark {
  readonly offset: number;
  readonly digester: Digester;
}

/** The hash is kept this often (bytes), so that a part that is sent again reads no more than this twice. */
const MARK_BYTES = 8 * 1024 * 1024;
const MAX_MARKS = 256;

/** Hashes content as it is sent. `what` names the receiver in messages. */
export function checkedBody(
  content: Content,
  expected: Expectation,
  what: string,
  onBytes?: (count: number) => void,
): CheckedBody {
  const every = Math.max(MARK_BYTES, (expected.size ?? 0) / MAX_MARKS);
  const start = createDigester(expected.digest && digestAlgorithm(expected.digest));
  const marks: Mark[] = [{ offset: 0, digester: start }];
  let opened = false;
  let sourceError: Error | undefined;
  let seen: Seen | undefined;
  let reader: Reader | undefined;

  const onRead = (digester: Digester): void => {
    const last = marks.at(-1)?.offset ?? 0;
    if (content.reopenable && digester.size >= last + every) {
      marks.push({ offset: digester.size, digester: digester.copy() });
    }
  };
  const readerAt = async (offset: number): Promise<Reader> => {
    if (reader?.position === offset) return reader;
    reader?.close();
    opened = true;
    seen = undefined;
    const mark = marks.findLast((one) => one.offset <= offset) ?? { offset: 0, digester: start };
    const source = await openAt(content, mark.offset);
    const checked = check(source, mark.digester.copy(), expected, what, onRead, (all) => {
      seen = all;
    });
    reader = createReader(source, checked, mark.offset);
    await reader.skip(offset - mark.offset);
    return reader;
  };

  async function* send(offset: number, length: number, stopped: AbortSignal): AsyncGenerator<Uint8Array> {
    let left = length;
    let from: Reader | undefined;
    const letGo = () => {
      // A part that has gone whole leaves its source open for the next one.
      if (left > 0) (from ?? reader)?.close();
    };
    stopped.addEventListener('abort', letGo, { once: true });
    try {
      from = await readerAt(offset);
      if (stopped.aborted) from.close();
      while (left > 0) {
        const chunk = await from.take(left);
        if (chunk === undefined) return;
        // Its memory may be gone when this goes on.
        const { length: count } = chunk;
        left -= count;
        yield chunk;
        onBytes?.(count);
      }
    } catch (error) {
      // A source that was let go because nobody wants its bytes any more did nothing wrong.
      if (!stopped.aborted) sourceError = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  return {
    part(offset, length) {
      const known = expected.size === undefined ? undefined : expected.size - offset;
      return {
        size: length ?? known,
        open: async (stopped) => send(offset, length ?? known ?? Number.POSITIVE_INFINITY, stopped),
        onWritten: (chunk) => reader?.free(chunk),
      };
    },
    get opened() {
      return opened;
    },
    get sourceError() {
      return sourceError;
    },
    get passed() {
      return seen !== undefined && reader !== undefined && reader.position >= seen.size;
    },
    get digest() {
      return complete(seen).digest;
    },
    get size() {
      return complete(seen).size;
    },
    close: () => reader?.close(),
  };
}

async function openAt(content: Content, offset: number): Promise<Readable> {
  if (offset === 0) return await content.open();
  return (await content.openAt?.(offset)) ?? skipBytes(await content.open(), offset);
}

interface Reader {
  /** Bytes from the beginning of the content to what is taken next. */
  readonly position: number;
  /** At most so many bytes; undefined at the end. */
  take(limit: number): Promise<Uint8Array | undefined>;
  skip(count: number): Promise<void>;
  free(chunk: Uint8Array): void;
  close(): void;
}

function createReader(source: Readable, chunks: AsyncIterator<Uint8Array>, offset: number): Reader {
  let position = offset;
  let rest: Uint8Array | undefined;
  const free = chunkFreer(source);
  const take = async (limit: number): Promise<Uint8Array | undefined> => {
    const next = rest === undefined ? await chunks.next() : undefined;
    if (next?.done) return undefined;
    const chunk = rest ?? (next?.value as Uint8Array);
    const part = chunk.length > limit ? chunk.subarray(0, limit) : chunk;
    rest = part.length < chunk.length ? chunk.subarray(part.length) : undefined;
    position += part.length;
    return part;
  };
  return {
    get position() {
      return position;
    },
    take,
    async skip(count) {
      for (let left = count; left > 0; ) {
        const chunk = await take(left);
        if (chunk === undefined) return;
        left -= chunk.length;
      }
    },
    free,
    close() {
      // Nobody continues where a closed one stood.
      position = Number.NaN;
      source.destroy();
    },
  };
}

/**
 * The bytes, as long as they are what was expected. The last chunk is held back until size and digest are known:
 * content that does not match never becomes a whole request, so that a registry has nothing to keep.
 */
async function* check(
  source: AsyncIterable<Uint8Array>,
  digester: Digester,
  expected: Expectation,
  what: string,
  onRead: (digester: Digester) => void,
  onSeen: (seen: Seen) => void,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    digester.update(chunk);
    if (expected.size !== undefined && digester.size > expected.size) {
      throw sizeMismatch({ digest: expected.digest, size: expected.size }, digester.size, what);
    }
    onRead(digester);
    if (held !== undefined) yield held;
    held = chunk;
  }
  const { size } = digester;
  const digest = digester.digest();
  const wrong = mismatch(expected, size, () => digest, what);
  if (wrong !== null) throw wrong;
  onSeen({ digest, size });
  if (held !== undefined) yield held;
}

function complete<T>(seen: T | undefined): T {
  if (seen === undefined) throw new Error('the content has not passed yet');
  return seen;
}
