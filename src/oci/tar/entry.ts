/**
 * What a tar member is. `other` (devices, FIFOs, vendor types) is only ever seen under the `image-layer` rules;
 * the strict ones refuse it.
 */
export type TarEntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';

/** One member of an archive, after every extended header was applied and every rule checked. */
export interface TarEntry {
  /** Normalised: no leading `./` or `/`, no `.` segments, no trailing `/`; empty for the root itself. */
  readonly path: string;
  /** As the archive spells it. */
  readonly rawPath: string;
  readonly type: TarEntryType;
  /** Bytes of content; 0 for everything but files. */
  readonly size: number;
  /** Permission bits, at most 0o7777: setuid and the like are kept here for the caller to judge. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Informational, empty in most archives; bytes that are no UTF-8 are replaced. */
  readonly uname: string;
  readonly gname: string;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** Symlinks: the target as it stands (inert data, it may point anywhere). Hard links: the normalised path. */
  readonly linkTarget?: string | undefined;
  /** Extended attributes (`SCHILY.xattr.*`), which container engines set when they unpack a layer. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Keywords of the other vendor records (ACLs, `LIBARCHIVE.*`, ...): some readers act on them, most do not. */
  readonly vendorKeywords?: readonly string[] | undefined;
}

/** How the folders above a member came, which says what a runtime would have to make up for it. */
export interface TarPlacement {
  /** The folder it lies in came before it as a member of its own. */
  readonly parentIsMember: boolean;
  /** The innermost of its folders that nothing before it named or lay in, a count. */
  readonly newParents: number;
  /** Something that lies in it came before it; folders only. */
  readonly followsContent: boolean;
}

/** Bounds on what is read, all in bytes unless named otherwise. Each can be raised by the user. */
export interface TarLimits {
  /** The whole archive, headers and padding included. */
  readonly maxTotalBytes: number;
  /** Members, a count. */
  readonly maxMembers: number;
  /** Content of one member. */
  readonly maxMemberBytes: number;
  /** Extended headers (PAX records, GNU long names) in front of one member. */
  readonly maxHeaderBytes: number;
  /** One path or link target. */
  readonly maxPathBytes: number;
  /** One segment of a path; 65535 at most. */
  readonly maxSegmentBytes: number;
  /** Memory for the names seen so far, which the rules on duplicates and links need. */
  readonly maxNameTableBytes: number;
}

const GIB = 1024 ** 3;

/** Room for a slug several times larger than any seen, and a bound on what a bomb can cost. */
export const DEFAULT_TAR_LIMITS: TarLimits = {
  maxTotalBytes: 16 * GIB,
  maxMembers: 1_000_000,
  maxMemberBytes: 8 * GIB,
  maxHeaderBytes: 1024 * 1024,
  maxPathBytes: 4096,
  maxSegmentBytes: 255,
  maxNameTableBytes: 128 * 1024 * 1024,
};

/**
 * `strict`: archives nobody vouches for. Whatever two readers could understand differently is refused.
 *
 * `image-layer`: layers of images that others made and the user trusts. They hold whiteouts, devices, absolute
 * names, repeated members, records of other tools; those are passed through (types beyond the four as `other`,
 * without content), repeated PAX records follow Go's reader (the last wins, sizes of links and directories are
 * ignored) and the end-of-archive blocks may be missing. Checksums, sizes, `..` and sparse files are still refused.
 */
export type TarRules = 'strict' | 'image-layer';
