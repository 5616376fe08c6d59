import { DogwoodError } from '../../errors.ts';
import type { TarLimits } from './entry.ts';
import { isZeroBlock, type TarHeader, TYPEFLAG } from './header.ts';
import { checkGlobalPax, type PaxRecords, parsePax } from './pax.ts';

/** What the extended headers in front of a member said. */
export interface Extension {
  readonly pax?: PaxRecords | undefined;
  readonly longName?: Buffer | undefined;
  readonly longLink?: Buffer | undefined;
}

const NOTHING: Extension = {};

const DESCRIPTION: ReadonlyMap<number, string> = new Map([
  [TYPEFLAG.pax, 'a PAX header'],
  [TYPEFLAG.paxGlobal, 'a global PAX header'],
  [TYPEFLAG.gnuLongName, 'a GNU long name'],
  [TYPEFLAG.gnuLongLink, 'a GNU long link'],
]);

/**
 * Gathers the extended headers in front of a member: PAX (`x`, `g`) and GNU long names (`L`, `K`). They apply to the
 * next member only and never to each other, whose confusion let one archive show two trees (CVE-2025-62518,
 * CVE-2026-33055, CVE-2026-53655): under the strict rules PAX and GNU names do not mix and none appears twice.
 */
export class ExtensionReader {
  readonly #limits: TarLimits;
  readonly #strict: boolean;
  #extension: Extension = NOTHING;
  /** Bytes of extended headers in front of the member to come. */
  #bytes = 0;
  #typeflag = 0;
  #at = 0;

  constructor(limits: TarLimits, strict: boolean) {
    this.#limits = limits;
    this.#strict = strict;
  }

  static handles(typeflag: number): boolean {
    return DESCRIPTION.has(typeflag);
  }

  /** Before the bytes of an extended header are gathered. Throws TAR_PAX_INVALID, LIMIT_EXCEEDED. */
  start(header: TarHeader, at: number): void {
    this.#typeflag = header.typeflag;
    this.#at = at;
    this.#bytes += header.size;
    if (this.#bytes > this.#limits.maxHeaderBytes) {
      throw new DogwoodError(
        'LIMIT_EXCEEDED',
        `the extended header at byte ${at} is larger than ${this.#limits.maxHeaderBytes} bytes (maxHeaderBytes)`,
      );
    }
    if (this.#strict) this.#checkOrder();
  }

  /** With the bytes gathered. Throws TAR_PAX_INVALID, TAR_HEADER_INVALID, TAR_SPARSE. */
  finish(bytes: Buffer): void {
    switch (this.#typeflag) {
      case TYPEFLAG.paxGlobal:
        // What others' layers say globally is ignored, as Go's reader ignores it.
        if (this.#strict) checkGlobalPax(bytes, this.#at);
        return;
      case TYPEFLAG.pax:
        this.#extension = { ...this.#extension, pax: parsePax(bytes, this.#at, this.#strict) };
        return;
      case TYPEFLAG.gnuLongName:
        this.#extension = { ...this.#extension, longName: this.#longText(bytes) };
        return;
      default:
        this.#extension = { ...this.#extension, longLink: this.#longText(bytes) };
    }
  }

  /** What applies to the member whose header was just read; forgotten afterwards. */
  take(): Extension {
    const taken = this.#extension;
    this.#extension = NOTHING;
    this.#bytes = 0;
    return taken;
  }

  /** At the end of the archive. Throws TAR_HEADER_INVALID. */
  checkNothingPending(): void {
    if (this.#extension === NOTHING) return;
    throw new DogwoodError('TAR_HEADER_INVALID', `no member follows the extended header at byte ${this.#at}`);
  }

  #checkOrder(): void {
    const { pax, longName, longLink } = this.#extension;
    const isName = this.#typeflag === TYPEFLAG.gnuLongName;
    const isLink = this.#typeflag === TYPEFLAG.gnuLongLink;
    const mayFollowNames = (isName && longName === undefined) || (isLink && longLink === undefined);
    if (pax === undefined && (mayFollowNames || this.#extension === NOTHING)) return;
    const problem = `${DESCRIPTION.get(this.#typeflag)} at byte ${this.#at} follows another extended header`;
    throw new DogwoodError('TAR_PAX_INVALID', problem);
  }

  /**
   * GNU tar ends the name with a NUL, which it counts. Without one, GNU tar and Python go on into the padding; with
   * more behind it, the rest is hidden.
   */
  #longText(bytes: Buffer): Buffer {
    const found = bytes.indexOf(0);
    const end = found === -1 ? bytes.length : found;
    const unclear = found === -1 || !isZeroBlock(bytes, end, bytes.length);
    if (end === 0 || (this.#strict && unclear)) {
      const problem = end === 0 ? 'is empty' : 'does not end in its one NUL';
      throw new DogwoodError(
        'TAR_HEADER_INVALID',
        `${DESCRIPTION.get(this.#typeflag)} at byte ${this.#at} ${problem}`,
      );
    }
    return Buffer.from(bytes.subarray(0, end));
  }
}
