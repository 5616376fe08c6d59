import { Readable } from 'node:stream';

/** Any stream of bytes: a Readable, a generator, or the chunks themselves. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const EMPTY = new Uint8Array(0);

/** A stream of bytes from which headers can be cut and to which what was read too far can be given back. */
export class ByteReader {
  readonly #source: ByteSource;
  #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array> | undefined;
  /** What was read and not taken, or given back; the last comes first. */
  readonly #pending: Uint8Array[] = [];
  #ended = false;
  #consumed = 0;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Bytes taken and not given back. */
  get consumed(): number {
    return this.#consumed;
  }

  /**
   * The next bytes in one piece, never none: at least `minimum` unless the end comes first, and more where they came
   * together. Undefined at the end.
   */
  async pull(minimum = 1): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = [];
    for (let length = 0; length < minimum; ) {
      const piece = await this.#next();
      if (piece === undefined) break;
      length += piece.length;
      pieces.push(piece);
    }
    return pieces.length < 2 ? pieces[0] : Buffer.concat(pieces);
  }

  /** Exactly `count` bytes, or fewer at the end. */
  async take(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let missing = count; missing > 0; ) {
      const next = await this.#next();
      if (next === undefined) break;
      this.unread(next.subarray(missing));
      const piece = next.subarray(0, missing);
      missing -= piece.length;
      pieces.push(piece);
    }
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  }

  /** Gives back the last bytes taken. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#consumed -= bytes.length;
    this.#pending.push(bytes);
  }

  /** True when nothing follows. */
  async atEnd(): Promise<boolean> {
    const next = await this.#next();
    this.unread(next ?? EMPTY);
    return next === undefined;
  }

  /** Ends the source, so that what is behind it (a file, a socket) is let go. */
  async close(): Promise<void> {
    this.#pending.length = 0;
    if (this.#ended) return;
    this.#ended = true;
    // A generator's return() waits for a read that is under way; a stream can be told at once.
    if (this.#source instanceof Readable) this.#source.destroy();
    else await this.#iterator?.return?.();
  }

  async #next(): Promise<Uint8Array | undefined> {
    const bytes = this.#pending.pop() ?? (await this.#read());
    this.#consumed += bytes?.length ?? 0;
    return bytes;
  }

  async #read(): Promise<Uint8Array | undefined> {
    this.#iterator ??= iterate(this.#source);
    while (!this.#ended) {
      const next = await this.#iterator.next();
      if (next.done === true) this.#ended = true;
      else if (next.value.length > 0) return next.value;
    }
    return undefined;
  }
}

function iterate(source: ByteSource): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}
