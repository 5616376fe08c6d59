import { stat } from 'node:fs/promises';
import { DogwoodError } from '../../errors.ts';
import type { BlobOrigin } from '../content.ts';
import type { Descriptor } from '../descriptor.ts';
import { type Digest, parseDigest } from '../digest.ts';
import type { Database } from './database.ts';

/** Append only: a store that ran the first n of them is at version n. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE names (
     name TEXT PRIMARY KEY, media_type TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
     updated_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE roots (
     digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, size INTEGER NOT NULL, created_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE locations (
     digest TEXT NOT NULL, registry TEXT NOT NULL, repository TEXT NOT NULL, last_seen INTEGER NOT NULL,
     PRIMARY KEY (digest, registry, repository)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE verdicts (
     kind TEXT NOT NULL, key TEXT NOT NULL, document TEXT NOT NULL, created_at INTEGER NOT NULL,
     PRIMARY KEY (kind, key)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE file_digests (
     path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns TEXT NOT NULL, ctime_ns TEXT NOT NULL,
     inode TEXT NOT NULL, device TEXT NOT NULL, digest TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
];

/** What our own reader found out about content; a JSON document that its owner understands. */
export interface Verdicts {
  /** @param kind whose verdict, for example `slug`; @param key what it is about, with the version of the reader in it */
  get(kind: string, key: string): Promise<unknown>;
  put(kind: string, key: string, document: unknown): Promise<void>;
}

/** Recognises a file that was hashed before, without reading it. */
export interface FileDigests {
  get(path: string): Promise<Digest | undefined>;
  /** @param before the file's `stampFile` from before it was read; a file that changed since is not remembered */
  put(before: FileStamp, digest: Digest): Promise<void>;
}

/** Registries and repositories in which a blob was seen. A hint for mounting, no proof. */
export interface Locations {
  /** Latest first. */
  of(digest: Digest, registry: string): Promise<readonly BlobOrigin[]>;
  seen(digest: Digest, origin: BlobOrigin): Promise<void>;
  forget(digest: Digest, origin: BlobOrigin): Promise<void>;
}

/** Local names of images, as `local:NAME[:TAG]` writes them. */
export interface Names {
  get(name: string): Promise<Descriptor | undefined>;
  put(name: string, descriptor: Descriptor): Promise<void>;
  /** False when there was none. */
  remove(name: string): Promise<boolean>;
  /** @param prefix what they begin with; all of them by default */
  list(prefix?: string): Promise<readonly { name: string; descriptor: Descriptor; updatedAt: Date }[]>;
}

/** Images that are kept although they have no name. */
export interface Roots {
  get(digest: Digest): Promise<Descriptor | undefined>;
  add(descriptor: Descriptor): Promise<void>;
  remove(digest: Digest): Promise<boolean>;
  list(): Promise<readonly Descriptor[]>;
}

/** What tells whether a file is still the one it was. */
export interface FileStamp {
  readonly path: string;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
  readonly device: bigint;
}

/** The stamp of a file, or undefined when it is not there or no plain file. */
export async function stampFile(path: string): Promise<FileStamp | undefined> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (!stats?.isFile()) return undefined;
  const { mtimeNs, ctimeNs, ino: inode, dev: device } = stats;
  return { path, size: Number(stats.size), mtimeNs, ctimeNs, inode, device };
}

export function verdictsIn(database: Database, now: () => number): Verdicts {
  return {
    async get(kind, key) {
      const row = await database.get('SELECT document FROM verdicts WHERE kind = ? AND key = ?', kind, key);
      return row === undefined ? undefined : JSON.parse(String(row.document));
    },
    async put(kind, key, document) {
      await database.run(
        'INSERT OR REPLACE INTO verdicts (kind, key, document, created_at) VALUES (?, ?, ?, ?)',
        [kind, key, JSON.stringify(document), now()],
      );
    },
  };
}

/**
 * File clocks tick in milliseconds, some in seconds. A file that changed this shortly ago could change again without
 * its stamp changing, so it is not remembered (git's racy entries are the same matter).
 */
const SETTLED_NS = 1_000_000_000n;

export function fileDigestsIn(database: Database, now: () => number): FileDigests {
  return {
    async get(path) {
      const stamp = await stampFile(path);
      if (stamp === undefined) return undefined;
      const row = await database.get(
        `SELECT digest FROM file_digests WHERE path = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?
           AND inode = ? AND device = ?`,
        ...stampValues(stamp),
      );
      return row === undefined ? undefined : parseDigest(String(row.digest));
    },
    async put(before, digest) {
      const after = await stampFile(before.path);
      if (after === undefined || `${stampValues(after)}` !== `${stampValues(before)}`) return;
      const changed = before.mtimeNs > before.ctimeNs ? before.mtimeNs : before.ctimeNs;
      if (BigInt(now()) * 1_000_000n - changed < SETTLED_NS) return;
      await database.run(
        `INSERT OR REPLACE INTO file_digests (path, size, mtime_ns, ctime_ns, inode, device, digest)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        [...stampValues(before), digest],
      );
    },
  };
}

function stampValues(stamp: FileStamp): (string | number)[] {
  return [
    stamp.path,
    stamp.size,
    `${stamp.mtimeNs}`,
    `${stamp.ctimeNs}`,
    `${stamp.inode}`,
    `${stamp.device}`,
  ];
}

export function locationsIn(database: Database, now: () => number): Locations {
  return {
    async of(digest, registry) {
      const rows = await database.all(
        'SELECT repository FROM locations WHERE digest = ? AND registry = ? ORDER BY last_seen DESC LIMIT 10',
        digest,
        registry,
      );
      return rows.map((row) => ({ registry, repository: String(row.repository) }));
    },
    async seen(digest, { registry, repository }) {
      await database.run(
        'INSERT OR REPLACE INTO locations (digest, registry, repository, last_seen) VALUES (?, ?, ?, ?)',
        [digest, registry, repository, now()],
      );
    },
    async forget(digest, { registry, repository }) {
      await database.run('DELETE FROM locations WHERE digest = ? AND registry = ? AND repository = ?', [
        digest,
        registry,
        repository,
      ]);
    },
  };
}

export function namesIn(database: Database, now: () => number): Names {
  return {
    async get(name) {
      const row = await database.get('SELECT media_type, digest, size FROM names WHERE name = ?', name);
      return row === undefined ? undefined : descriptorOf(row);
    },
    async put(name, { mediaType, digest, size }) {
      if (name === '') throw new DogwoodError('REFERENCE_INVALID', 'a local name is empty');
      await database.run(
        'INSERT OR REPLACE INTO names (name, media_type, digest, size, updated_at) VALUES (?, ?, ?, ?, ?)',
        [name, mediaType, digest, size, now()],
        { durable: true },
      );
    },
    async remove(name) {
      return (await database.run('DELETE FROM names WHERE name = ?', [name], { durable: true })) > 0;
    },
    async list(prefix = '') {
      const rows = await database.all(
        'SELECT * FROM names WHERE name >= ? AND name < ? ORDER BY name',
        prefix,
        `${prefix}\u{10ffff}`,
      );
      return rows.map((row) => ({
        name: String(row.name),
        descriptor: descriptorOf(row),
        updatedAt: new Date(Number(row.updated_at)),
      }));
    },
  };
}

export function rootsIn(database: Database, now: () => number): Roots {
  return {
    async get(digest) {
      const row = await database.get('SELECT media_type, digest, size FROM roots WHERE digest = ?', digest);
      return row === undefined ? undefined : descriptorOf(row);
    },
    async add({ mediaType, digest, size }) {
      await database.run(
        'INSERT OR IGNORE INTO roots (digest, media_type, size, created_at) VALUES (?, ?, ?, ?)',
        [digest, mediaType, size, now()],
        { durable: true },
      );
    },
    async remove(digest) {
      return (await database.run('DELETE FROM roots WHERE digest = ?', [digest], { durable: true })) > 0;
    },
    async list() {
      const rows = await database.all(
        'SELECT media_type, digest, size FROM roots ORDER BY created_at, digest',
      );
      return rows.map(descriptorOf);
    },
  };
}

/**
 * Another text after every change of the file: what other connections committed counts in `data_version`, what this
 * one did in `total_changes()`.
 */
export async function revisionOf(database: Database): Promise<string> {
  const others = await database.get('PRAGMA data_version');
  const own = await database.get('SELECT total_changes() AS changes');
  return `${others?.data_version}.${own?.changes}`;
}

function descriptorOf(row: Record<string, unknown>): Descriptor {
  return {
    mediaType: String(row.media_type),
    digest: parseDigest(String(row.digest)),
    size: Number(row.size),
  };
}
