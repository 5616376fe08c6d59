import { Readable } from 'node:stream';

/** Any stream of bytes: a Readable, a generator, or the chunks themselves. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const EMPTY = new Uint8Array(0);

/** A stream of bytes from which headers can be cut and to which what was read too far can be given back. */
export class ByteReader {
  readonly #source: ByteSource;
  #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array> | undefined;
  #rest: Uint8Array = EMPTY;
  #ended = false;
  #consumed = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes taken and not given back. */
  get consumed(): number {
    return this.#consumed;
  }

  /** The next bytes, as many as come in one piece and never none; undefined at the end. */
  async pull(): Promise<Uint8Array | undefined> {
    const rest = await this.#peek();
    if (rest === undefined) return undefined;
    this.#rest = EMPTY;
    this.#consumed += rest.length;
    return rest;
  }

  /** Exactly `count` bytes, or fewer at the end. */
  async take(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let missing = count; missing > 0; ) {
      const rest = await this.#peek();
      if (rest === undefined) break;
      const piece = rest.subarray(0, missing);
      this.#rest = rest.subarray(piece.length);
      this.#consumed += piece.length;
      missing -= piece.length;
      pieces.push(piece);
    }
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  }

  /** Gives back the last bytes taken. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#consumed -= bytes.length;
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([bytes, this.#rest]);
  }

  /** True when nothing follows. */
  async atEnd(): Promise<boolean> {
    return (await this.#peek()) === undefined;
  }

  /** Ends the source, so that what is behind it (a file, a socket) is let go. */
  async close(): Promise<void> {
    this.#rest = EMPTY;
    if (this.#ended) return;
    this.#ended = true;
    // A generator's return() waits for a read that is under way; a stream can be told at once.
    if (this.#source instanceof Readable) this.#source.destroy();
    else await this.#iterator?.return?.();
  }

  async #peek(): Promise<Uint8Array | undefined> {
    this.#iterator ??= iterate(this.#source);
    while (this.#rest.length === 0 && !this.#ended) {
      const next = await this.#iterator.next();
      if (next.done === true) this.#ended = true;
      else this.#rest = next.value;
    }
    return this.#rest.length === 0 ? undefined : this.#rest;
  }
}

function iterate(source: ByteSource): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}
