import type { RequestBody } from '../net/http.ts';
import type { Content, Expectation } from '../oci/content.ts';
import { createDigester, type Digest, digestAlgorithm } from '../oci/digest.ts';
import { chunkFreer } from '../oci/own-chunks.ts';
import { mismatch, sizeMismatch } from '../oci/verify.ts';

/** Content on its way into a request: hashed and counted as it passes, and stopped before it lies. */
export interface CheckedBody {
  readonly request: RequestBody;
  /** True once the content was opened: what cannot be opened again cannot be sent again. */
  readonly opened: boolean;
  /** What the content's own source threw, or how it differs from what was expected; undefined when all went well. */
  readonly sourceError: Error | undefined;
  /** Of what passed, when it has all passed. */
  readonly digest: Digest;
  readonly size: number;
}

interface Seen {
  readonly digest: Digest;
  readonly size: number;
}

/** Hashes content as it is sent. `what` names the receiver in messages. */
export function checkedBody(
  content: Content,
  expected: Expectation,
  what: string,
  onBytes?: (count: number) => void,
): CheckedBody {
  let opened = false;
  let sourceError: Error | undefined;
  let seen: Seen | undefined;
  let free: (chunk: Uint8Array) => void = () => {};
  const open = async (stopped: AbortSignal) => {
    opened = true;
    seen = undefined;
    const source = await content.open();
    free = chunkFreer(source);
    const letGo = () => source.destroy();
    if (stopped.aborted) letGo();
    else stopped.addEventListener('abort', letGo, { once: true });
    return source;
  };
  async function* send(stopped: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      const checked = check(await open(stopped), expected, what);
      for (let next = await checked.next(); ; next = await checked.next()) {
        if (next.done) {
          seen = next.value;
          return;
        }
        // Its memory may be gone when this goes on.
        const { length } = next.value;
        yield next.value;
        onBytes?.(length);
      }
    } catch (error) {
      // A source that was let go because nobody wants its bytes any more did nothing wrong.
      if (!stopped.aborted) sourceError = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }
  return {
    request: {
      size: expected.size,
      open: async (stopped) => send(stopped),
      onWritten: (chunk) => free(chunk),
    },
    get opened() {
      return opened;
    },
    get sourceError() {
      return sourceError;
    },
    get digest() {
      return complete(seen).digest;
    },
    get size() {
      return complete(seen).size;
    },
  };
}

/**
 * The bytes, as long as they are what was expected. The last chunk is held back until size and digest are known:
 * content that does not match never becomes a whole request, so that a registry has nothing to keep.
 */
async function* check(
  source: AsyncIterable<Uint8Array>,
  expected: Expectation,
  what: string,
): AsyncGenerator<Uint8Array, Seen> {
  const digester = createDigester(expected.digest && digestAlgorithm(expected.digest));
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    digester.update(chunk);
    if (expected.size !== undefined && digester.size > expected.size) {
      throw sizeMismatch({ digest: expected.digest, size: expected.size }, digester.size, what);
    }
    if (held !== undefined) yield held;
    held = chunk;
  }
  const { size } = digester;
  const digest = digester.digest();
  const wrong = mismatch(expected, size, () => digest, what);
  if (wrong !== null) throw wrong;
  if (held !== undefined) yield held;
  return { digest, size };
}

function complete<T>(seen: T | undefined): T {
  if (seen === undefined) throw new Error('the content has not passed yet');
  return seen;
}
