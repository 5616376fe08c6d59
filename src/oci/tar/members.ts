import { DogwoodError } from '../../errors.ts';
import type { TarEntry } from './entry.ts';
import { showName } from './names.ts';
import { createTarReader, type TarReader, type TarReaderOptions } from './reader.ts';

export interface TarMember {
  readonly entry: TarEntry;
  /** To be read, once, before the next member is asked for; what is left is skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

const END_OF_ENTRY = Symbol('end of entry');
type Event = { readonly entry: TarEntry } | Uint8Array | typeof END_OF_ENTRY;

/** The events of the push reader, pulled: holds those of one chunk at a time. */
class EventSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #reader: TarReader;
  #events: Event[] = [];
  #next = 0;

  constructor(source: AsyncIterable<Uint8Array>, options: TarReaderOptions) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#reader = createTarReader(
      {
        entry: (entry) => this.#events.push({ entry }),
        data: (bytes) => this.#events.push(bytes),
        endEntry: () => this.#events.push(END_OF_ENTRY),
      },
      options,
    );
  }

  /** The next event; undefined at the end of a whole archive. */
  async next(): Promise<Event | undefined> {
    while (this.#next === this.#events.length) {
      this.#events = [];
      this.#next = 0;
      const chunk = await this.#chunks.next();
      if (chunk.done === true) {
        this.#reader.end();
        return undefined;
      }
      this.#reader.write(chunk.value);
    }
    return this.#events[this.#next++];
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/**
 * The members of an archive one after the other, for callers that want a few of them (an archive's manifest, a
 * layer's /etc/passwd) rather than speed. Leaving the loop early ends the source.
 *
 * Throws what the reader throws (TAR_*, LIMIT_EXCEEDED) and what the source throws.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  options: TarReaderOptions = {},
): AsyncGenerator<TarMember, void, undefined> {
  const events = new EventSource(source, options);
  try {
    for (;;) {
      const event = await events.next();
      if (event === undefined) return;
      if (!(typeof event === 'object' && 'entry' in event)) continue;
      const content = new MemberContent(events, event.entry);
      yield { entry: event.entry, content };
      await content.skip();
    }
  } finally {
    await events.close();
  }
}

class MemberContent implements AsyncIterable<Uint8Array> {
  readonly #events: EventSource;
  readonly #entry: TarEntry;
  #opened = false;
  #ended = false;

  constructor(events: EventSource, entry: TarEntry) {
    this.#events = events;
    this.#entry = entry;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#opened || this.#ended) {
      throw new DogwoodError(
        'INTERNAL',
        `the content of ${showName(this.#entry.rawPath)} was read twice or too late`,
      );
    }
    this.#opened = true;
    for (let bytes = await this.#next(); bytes !== undefined; bytes = await this.#next()) yield bytes;
  }

  async skip(): Promise<void> {
    while ((await this.#next()) !== undefined);
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined;
    const event = await this.#events.next();
    if (event instanceof Uint8Array) return event;
    this.#ended = true;
    return undefined;
  }
}
