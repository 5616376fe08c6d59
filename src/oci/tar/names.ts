import { isUtf8 } from 'node:buffer';
import { DogwoodError } from '../../errors.ts';
import type { TarLimits } from './entry.ts';

// Names come from strangers: what could move a terminal's cursor or reverse its text is shown escaped.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHOWN_CHARACTERS = 200;

/** A name as it is put into a message: quoted, cut to 200 characters, control characters escaped. */
export function showName(name: string): string {
  const shown = name.length > SHOWN_CHARACTERS ? `${name.slice(0, SHOWN_CHARACTERS)}...` : name;
  const escaped = shown.replace(/["\\]/g, '\\$&').replace(UNPRINTABLE, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

/** Bytes as text for messages and informational fields; what is no UTF-8 becomes U+FFFD. */
export function looseText(bytes: Buffer): string {
  return bytes.toString('utf8');
}

/** Bytes as text, exactly; throws TAR_PATH_UNSAFE when they are no UTF-8. */
export function exactText(bytes: Buffer, what: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new DogwoodError('TAR_PATH_UNSAFE', `${what} ${showName(looseText(bytes))} is not UTF-8`);
}

/** A path split where it was found: `bounds` holds start and end of each real segment in `bytes`. */
export interface ParsedPath {
  readonly bytes: Buffer;
  readonly bounds: readonly number[];
  /** Normalised. */
  readonly text: string;
  readonly raw: string;
  /** Ends in `/`, `/.` or is the root: only a directory can be called so. */
  readonly directoryOnly: boolean;
}

export interface PathRules {
  readonly strict: boolean;
  readonly limits: TarLimits;
}

const SLASH = 0x2f;
const DOT = 0x2e;

/**
 * Checks and normalises the name of a member or the target of a hard link: `./app/./x`, `app//x` and `app/x` are
 * all `app/x`. A backslash is an ordinary character of a Linux name and allowed.
 *
 * @param what how messages call it, for example `member`
 * Throws TAR_PATH_UNSAFE (empty, absolute, `..`, NUL, no UTF-8), TAR_WHITEOUT, LIMIT_EXCEEDED.
 */
export function parsePath(bytes: Buffer, what: string, rules: PathRules): ParsedPath {
  const raw = rules.strict ? exactText(bytes, what) : looseText(bytes);
  checkWhole(bytes, raw, what, rules);
  const bounds: number[] = [];
  let canonical = true;
  for (let start = 0; start <= bytes.length; ) {
    const slash = bytes.indexOf(SLASH, start);
    const end = slash === -1 ? bytes.length : slash;
    if (isRealSegment(bytes, start, end, raw, what, rules)) bounds.push(start, end);
    else canonical = false;
    start = end + 1;
  }
  const last = bytes[bytes.length - 1];
  const directoryOnly =
    bounds.length === 0 || last === SLASH || (last === DOT && bounds.at(-1) !== bytes.length);
  return { bytes, bounds, text: canonical ? raw : joinSegments(bytes, bounds), raw, directoryOnly };
}

function checkWhole(bytes: Buffer, raw: string, what: string, { strict, limits }: PathRules): void {
  if (bytes.length === 0) throw new DogwoodError('TAR_PATH_UNSAFE', `a ${what} has an empty name`);
  if (bytes.length > limits.maxPathBytes) {
    throw new DogwoodError(
      'LIMIT_EXCEEDED',
      `${what} ${showName(raw)}: the name has ${bytes.length} bytes, at most ${limits.maxPathBytes} (maxPathBytes) are read`,
    );
  }
  if (bytes.includes(0)) throw new DogwoodError('TAR_PATH_UNSAFE', `${what} ${showName(raw)} holds a NUL`);
  if (strict && bytes[0] === SLASH) {
    throw new DogwoodError('TAR_PATH_UNSAFE', `${what} ${showName(raw)} is an absolute path`);
  }
}

/** False for the segments that mean nothing (`.` and nothing at all). */
function isRealSegment(
  bytes: Buffer,
  start: number,
  end: number,
  raw: string,
  what: string,
  { strict, limits }: PathRules,
): boolean {
  const length = end - start;
  if (length === 0) return false;
  if (bytes[start] === DOT) {
    if (length === 1) return false;
    if (length === 2 && bytes[start + 1] === DOT) {
      throw new DogwoodError('TAR_PATH_UNSAFE', `${what} ${showName(raw)} climbs with ".."`);
    }
    // image-spec layer.md, whiteouts: such a name deletes files of the layers below, and so would a folder's.
    if (strict && length >= 4 && bytes.toString('latin1', start, start + 4) === '.wh.') {
      throw new DogwoodError('TAR_WHITEOUT', `${what} ${showName(raw)} is a whiteout`);
    }
  }
  if (length > limits.maxSegmentBytes) {
    throw new DogwoodError(
      'LIMIT_EXCEEDED',
      `${what} ${showName(raw)}: a part of the name has ${length} bytes, at most ${limits.maxSegmentBytes} (maxSegmentBytes) are read`,
    );
  }
  return true;
}

function joinSegments(bytes: Buffer, bounds: readonly number[]): string {
  const segments: string[] = [];
  for (let index = 0; index < bounds.length; index += 2) {
    segments.push(bytes.toString('utf8', bounds[index], bounds[index + 1]));
  }
  return segments.join('/');
}
