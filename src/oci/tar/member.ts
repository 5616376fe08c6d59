import { DogwoodError } from '../../errors.ts';
import type { TarEntry, TarEntryType, TarPlacement } from './entry.ts';
import type { Extension } from './extensions.ts';
import { MAX_OCTAL_11, type TarHeader, TYPEFLAG } from './header.ts';
import { exactText, looseText, type ParsedPath, type PathRules, parsePath, showName } from './names.ts';
import type { MemberRules } from './rules.ts';

/** A member with its extended headers applied and every rule checked. */
export interface Member {
  readonly entry: TarEntry;
  /** Undefined under the `image-layer` rules. */
  readonly placement: TarPlacement | undefined;
  /** Bytes that follow the header in the archive: content, or what is skipped of types we do not know. */
  readonly bodyBytes: number;
}

const MAX_ID = 0xffffffff;

/**
 * Joins a header and the extended headers in front of it.
 *
 * @param members undefined under the `image-layer` rules, which look at no member but the one at hand
 * Throws the TAR_* codes and LIMIT_EXCEEDED.
 */
export function resolveMember(
  header: TarHeader,
  extension: Extension,
  rules: PathRules,
  members: MemberRules | undefined,
): Member {
  const { pax } = extension;
  const path = parsePath(pax?.path ?? extension.longName ?? header.name, 'member', rules);
  const type = memberType(header.typeflag, path, rules.strict);
  const size = memberSize(header, extension, path);
  const bodyBytes = hasBody(header.typeflag, type) ? size : 0;
  if (rules.strict && bodyBytes !== size) {
    // GNU tar and Python skip no bytes behind a link or directory, bsdtar may.
    throw new DogwoodError('TAR_HEADER_INVALID', `member ${showName(path.raw)} is no file but has a size`);
  }
  if (bodyBytes > rules.limits.maxMemberBytes) {
    throw new DogwoodError(
      'LIMIT_EXCEEDED',
      `member ${showName(path.raw)} has ${bodyBytes} bytes, at most ${rules.limits.maxMemberBytes} (maxMemberBytes) are read`,
    );
  }
  const linkBytes = pax?.linkPath ?? extension.longLink ?? header.linkName;
  const linkTarget = resolveLink(type, path, linkBytes, rules, members);
  const placement = members?.admit(path, type);
  const entry: TarEntry = {
    path: path.text,
    rawPath: path.raw,
    type,
    size: type === 'file' ? bodyBytes : 0,
    mode: header.mode,
    uid: checkId(pax?.uid ?? header.uid, 'uid', path),
    gid: checkId(pax?.gid ?? header.gid, 'gid', path),
    uname: pax?.uname ?? header.uname,
    gname: pax?.gname ?? header.gname,
    mtime: pax?.mtime ?? header.mtime,
    linkTarget,
    xattrs: pax?.xattrs,
    vendorKeywords: pax?.vendorKeywords,
  };
  return { entry, placement, bodyBytes };
}

function memberType(typeflag: number, path: ParsedPath, strict: boolean): TarEntryType {
  switch (typeflag) {
    case TYPEFLAG.oldFile:
      // V7 had no type for directories and called them NAME/.
      if (path.raw.endsWith('/')) return 'directory';
      break;
    case TYPEFLAG.directory:
      return 'directory';
    case TYPEFLAG.file:
    case TYPEFLAG.hardlink:
    case TYPEFLAG.symlink:
      break;
    case TYPEFLAG.gnuSparse:
      throw new DogwoodError('TAR_SPARSE', `member ${showName(path.raw)} is a sparse file`);
    default:
      if (!strict) return typeflag === TYPEFLAG.contiguous ? 'file' : 'other';
      throw unknownType(typeflag, path);
  }
  if (path.directoryOnly && strict) {
    // GNU tar and bsdtar make a directory of a file called NAME/, Go and Python a file.
    throw new DogwoodError(
      'TAR_PATH_UNSAFE',
      `member ${showName(path.raw)} is no directory but is called like one`,
    );
  }
  if (typeflag === TYPEFLAG.hardlink) return 'hardlink';
  if (typeflag === TYPEFLAG.symlink) return 'symlink';
  return path.directoryOnly ? 'directory' : 'file';
}

const DEVICES: ReadonlySet<number> = new Set([TYPEFLAG.characterDevice, TYPEFLAG.blockDevice, TYPEFLAG.fifo]);

function unknownType(typeflag: number, path: ParsedPath): DogwoodError {
  if (DEVICES.has(typeflag)) {
    return new DogwoodError('TAR_DEVICE', `member ${showName(path.raw)} is a device or FIFO`);
  }
  const shown = showName(String.fromCharCode(typeflag));
  return new DogwoodError('TAR_HEADER_INVALID', `member ${showName(path.raw)} is of type ${shown}`);
}

/** Whether content follows the header, as Go's reader sees it: links, directories and devices have none. */
function hasBody(typeflag: number, type: TarEntryType): boolean {
  return type === 'file' || (type === 'other' && !DEVICES.has(typeflag));
}

/**
 * The PAX size wins, but only where the header could not say it: a reader that misses it would take content for
 * headers (TARmageddon, CVE-2025-62518).
 */
function memberSize(header: TarHeader, { pax }: Extension, path: ParsedPath): number {
  const size = pax?.size;
  if (size === undefined || size === header.size) return header.size;
  const headerSaysNothing = header.size === 0 || header.size === MAX_OCTAL_11;
  if (size > MAX_OCTAL_11 && headerSaysNothing) return size;
  throw new DogwoodError(
    'TAR_PAX_INVALID',
    `member ${showName(path.raw)} has ${header.size} bytes by its header and ${size} by its PAX header`,
  );
}

function checkId(id: number, what: string, path: ParsedPath): number {
  if (id <= MAX_ID) return id;
  throw new DogwoodError(
    'TAR_HEADER_INVALID',
    `member ${showName(path.raw)}: the ${what} ${id} is too large`,
  );
}

function resolveLink(
  type: TarEntryType,
  path: ParsedPath,
  target: Buffer,
  rules: PathRules,
  members: MemberRules | undefined,
): string | undefined {
  if (type === 'hardlink') {
    const parsed = parsePath(target, 'hard link target', rules);
    members?.checkHardlink(path, parsed);
    return parsed.text;
  }
  if (type !== 'symlink') return undefined;
  if (target.length === 0 || target.includes(0)) {
    throw new DogwoodError(
      'TAR_LINK_UNSAFE',
      `symlink ${showName(path.raw)} has an empty target or one with a NUL`,
    );
  }
  if (target.length > rules.limits.maxPathBytes) {
    throw new DogwoodError(
      'LIMIT_EXCEEDED',
      `symlink ${showName(path.raw)}: its target has ${target.length} bytes, at most ${rules.limits.maxPathBytes} (maxPathBytes) are read`,
    );
  }
  return rules.strict ? exactText(target, `symlink ${showName(path.raw)}: target`) : looseText(target);
}
