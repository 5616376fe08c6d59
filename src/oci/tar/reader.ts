import { DogwoodError } from '../../errors.ts';
import {
  DEFAULT_TAR_LIMITS,
  type TarEntry,
  type TarLimits,
  type TarPlacement,
  type TarRules,
} from './entry.ts';
import { ExtensionReader } from './extensions.ts';
import { BLOCK_BYTES, decodeHeader, isZeroBlock } from './header.ts';
import { resolveMember } from './member.ts';
import { type PathRules, showName } from './names.ts';
import { createMemberRules, type MemberRules } from './rules.ts';

export type { TarEntry, TarPlacement } from './entry.ts';

/** Part of every verdict kept on disk: raised when what is accepted, or what an entry says, changes. */
export const TAR_READER_VERSION = 1;

/** Receives the archive, in order, while `write` runs. What it throws comes out of `write`. */
export interface TarHandler {
  /** `placement` is known under the strict rules, which remember what came before. */
  entry(entry: TarEntry, placement: TarPlacement | undefined): void;
  /** Content of the entry last given: a view into what was written, valid until the writer reuses its chunk. */
  data(bytes: Uint8Array): void;
  /** After the content of every entry, also of those that have none. */
  endEntry?(): void;
}

export interface TarReaderOptions {
  /** What is not given is as in DEFAULT_TAR_LIMITS. */
  readonly limits?: Partial<TarLimits> | undefined;
  /** Default `strict`; `image-layer` for layers that the user trusts. */
  readonly rules?: TarRules | undefined;
}

export interface TarReader {
  /** Takes the next bytes, cut anywhere. After a failure it throws the same again. */
  write(chunk: Uint8Array): void;
  /** To be called once at the end of the bytes. Throws TAR_TRUNCATED when the archive is not whole. */
  end(): void;
}

/**
 * A push parser for ustar, V7, PAX and GNU long names that copies no content and awaits nothing, so it can sit in
 * an inflate pass. What it accepts, GNU tar, bsdtar, Go and Python read alike (`docs/decisions/0002-own-tar-codec.md`);
 * all else is refused with a TAR_* code or LIMIT_EXCEEDED and a message that names the member.
 *
 * Formats: POSIX pax (ustar and extended headers), GNU tar manual "Basic Tar Format".
 */
export function createTarReader(handler: TarHandler, options: TarReaderOptions = {}): TarReader {
  const limits: TarLimits = { ...DEFAULT_TAR_LIMITS, ...options.limits };
  return new PushParser(handler, { limits, strict: (options.rules ?? 'strict') === 'strict' });
}

/** What the next bytes are. */
type State = 'header' | 'extension' | 'content' | 'padding' | 'end';

class PushParser implements TarReader {
  readonly #handler: TarHandler;
  readonly #rules: PathRules;
  readonly #members: MemberRules | undefined;
  readonly #extensions: ExtensionReader;

  #state: State = 'header';
  /** Bytes of the archive before the chunk at hand. */
  #base = 0;
  /** Bytes left of what the state says. */
  #remaining = 0;
  /** Bytes of padding behind it, and whether they must be zeros. */
  #padding = 0;
  #paddingIsRead = false;
  #zeroBlocks = 0;
  #memberCount = 0;
  #entry: TarEntry | undefined;
  /** A header or extension that came in pieces, and how much of it is there. */
  #pieces: Buffer | undefined;
  #filled = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(handler: TarHandler, rules: PathRules) {
    this.#handler = handler;
    this.#rules = rules;
    this.#members = rules.strict ? createMemberRules(rules.limits) : undefined;
    this.#extensions = new ExtensionReader(rules.limits, rules.strict);
  }

  write(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#guard(() => {
      for (let position = 0; position < chunk.length; ) position += this.#step(chunk, position);
      this.#base += chunk.length;
      const { maxTotalBytes } = this.#rules.limits;
      if (this.#base > maxTotalBytes) {
        throw new DogwoodError(
          'LIMIT_EXCEEDED',
          `the archive has more than ${maxTotalBytes} bytes (maxTotalBytes)`,
        );
      }
    });
  }

  end(): void {
    this.#guard(() => {
      this.#extensions.checkNothingPending();
      const problem = this.#truncation();
      if (problem !== undefined) {
        throw new DogwoodError('TAR_TRUNCATED', `the archive ends after ${this.#base} bytes: ${problem}`);
      }
    });
  }

  #guard(run: () => void): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      run();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** Handles what stands at `position`; returns how many bytes that was. */
  #step(chunk: Buffer, position: number): number {
    switch (this.#state) {
      case 'header':
        return this.#gather(chunk, position, BLOCK_BYTES);
      case 'extension':
        return this.#gather(chunk, position, this.#remaining);
      case 'content':
      case 'padding':
        return this.#pass(chunk, position);
      case 'end':
        // Entries behind the end are seen by some readers (GNU tar -i, Python's ignore_zeros) and not by others.
        if (isZeroBlock(chunk, position, chunk.length)) return chunk.length - position;
        throw new DogwoodError('TAR_TRAILING_DATA', 'there is data behind the end of the archive');
    }
  }

  #pass(chunk: Buffer, position: number): number {
    const count = Math.min(this.#remaining, chunk.length - position);
    this.#remaining -= count;
    if (this.#state === 'padding') {
      if (this.#paddingIsRead) this.#checkPadding(chunk, position, position + count);
      if (this.#remaining === 0) this.#state = 'header';
      return count;
    }
    if (this.#entry?.type === 'file') this.#handler.data(chunk.subarray(position, position + count));
    if (this.#remaining === 0) this.#finishEntry();
    return count;
  }

  /** Python takes what is behind the records of a PAX header for more of them, GNU tar that of a name for its end. */
  #checkPadding(chunk: Buffer, start: number, end: number): void {
    if (isZeroBlock(chunk, start, end)) return;
    const at = this.#base + start;
    throw new DogwoodError('TAR_HEADER_INVALID', `there is data behind an extended header, at byte ${at}`);
  }

  #gather(chunk: Buffer, position: number, length: number): number {
    const at = this.#base + position - this.#filled;
    if (this.#pieces === undefined && chunk.length - position >= length) {
      this.#takeBlock(chunk.subarray(position, position + length), at);
      return length;
    }
    this.#pieces ??= Buffer.allocUnsafe(length);
    const count = chunk.copy(this.#pieces, this.#filled, position);
    this.#filled += count;
    if (this.#filled === length) {
      const whole = this.#pieces;
      this.#pieces = undefined;
      this.#filled = 0;
      this.#takeBlock(whole, at);
    }
    return count;
  }

  #takeBlock(block: Buffer, at: number): void {
    if (this.#state === 'extension') this.#finishExtension(block);
    else if (block[0] === 0 && isZeroBlock(block, 0, BLOCK_BYTES)) this.#takeZeroBlock();
    else this.#takeHeader(block, at);
  }

  #takeZeroBlock(): void {
    this.#extensions.checkNothingPending();
    this.#zeroBlocks++;
    if (this.#zeroBlocks === 2) this.#state = 'end';
  }

  #takeHeader(block: Buffer, at: number): void {
    if (this.#zeroBlocks === 1) {
      // GNU tar stops at a lone zero block, other readers go on.
      throw new DogwoodError('TAR_TRAILING_DATA', `data follows a single zero block, at byte ${at}`);
    }
    const header = decodeHeader(block, at, this.#rules.strict);
    if (ExtensionReader.handles(header.typeflag)) {
      this.#extensions.start(header, at);
      this.#startBody('extension', header.size);
      if (header.size === 0) this.#finishExtension(Buffer.alloc(0));
      return;
    }
    const { maxMembers } = this.#rules.limits;
    if (++this.#memberCount > maxMembers) {
      throw new DogwoodError(
        'LIMIT_EXCEEDED',
        `the archive has more than ${maxMembers} members (maxMembers)`,
      );
    }
    const member = resolveMember(header, this.#extensions.take(), this.#rules, this.#members);
    this.#entry = member.entry;
    this.#startBody('content', member.bodyBytes);
    this.#handler.entry(member.entry, member.placement);
    if (member.bodyBytes === 0) this.#finishEntry();
  }

  #startBody(state: 'extension' | 'content', size: number): void {
    this.#state = state;
    this.#remaining = size;
    this.#paddingIsRead = state === 'extension' && this.#rules.strict;
    this.#padding = (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
  }

  #startPadding(): void {
    this.#remaining = this.#padding;
    this.#state = this.#padding === 0 ? 'header' : 'padding';
  }

  #finishExtension(bytes: Buffer): void {
    this.#extensions.finish(bytes);
    this.#startPadding();
  }

  #finishEntry(): void {
    this.#handler.endEntry?.();
    this.#startPadding();
  }

  /** What is missing at the end of the bytes, if anything. */
  #truncation(): string | undefined {
    const { strict } = this.#rules;
    if (this.#state === 'end') {
      return strict && this.#base % BLOCK_BYTES !== 0 ? 'its last block is not whole' : undefined;
    }
    if (this.#state === 'header' && this.#filled === 0) {
      return strict ? 'the two zero blocks at its end are missing' : undefined;
    }
    if (this.#entry === undefined) return 'within its first header';
    const where = this.#state === 'content' || this.#state === 'padding' ? 'within' : 'in a header behind';
    return `${where} member ${showName(this.#entry.rawPath)}`;
  }
}
