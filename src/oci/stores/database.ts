import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { DogwoodError } from '../../errors.ts';
import { jitter } from './file-lock.ts';

type Row = Record<string, unknown>;

/** A SQLite file that several processes use at once. Every call waits its turn without blocking the event loop. */
export interface Database {
  all(sql: string, ...values: SQLInputValue[]): Promise<Row[]>;
  get(sql: string, ...values: SQLInputValue[]): Promise<Row | undefined>;
  /** Returns the number of rows that changed. With `durable` the change also survives a power cut. */
  run(sql: string, values: readonly SQLInputValue[], options?: { durable?: boolean }): Promise<number>;
  close(): void;
}

/** Milliseconds that SQLite itself waits: long enough for the usual writer, too short to be felt. */
const BUSY_TIMEOUT = 50;
/** Milliseconds after which waiting for others is given up. */
const BUSY_LIMIT = 30_000;

const BUSY = new Set([5, 6]);
/** Read-only, I/O error, cannot open. */
const UNWRITABLE = new Set([8, 10, 14]);
const BROKEN = new Set([11, 26]);
const FULL = 13;

/**
 * Opens the file in WAL mode and brings its schema up to date.
 *
 * @param migrations statements of each version of the schema; `PRAGMA user_version` counts how many were run
 * @throws STORE_CORRUPT, STORE_TOO_NEW, STORE_UNWRITABLE, STORE_BUSY, DISK_FULL
 */
export async function openDatabase(path: string, migrations: readonly string[]): Promise<Database> {
  const database = await retried(path, () => {
    const opened = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
    try {
      // With WAL a commit survives kill -9 of anybody; NORMAL may lose the last ones, not more, in a power cut.
      opened.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
      migrate(opened, migrations, path);
      return opened;
    } catch (error) {
      opened.close();
      throw error;
    }
  });
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  return {
    all: (sql, ...values) => retried(path, () => prepare(sql).all(...values)),
    get: (sql, ...values) => retried(path, () => prepare(sql).get(...values)),
    run: (sql, values, { durable = false } = {}) =>
      retried(path, () => {
        if (durable) database.exec('PRAGMA synchronous = FULL');
        try {
          return Number(prepare(sql).run(...values).changes);
        } finally {
          if (durable) database.exec('PRAGMA synchronous = NORMAL');
        }
      }),
    close: () => database.close(),
  };
}

/** A database that is opened with its first use: many a run (from a layout to a registry) never asks for anything. */
export function databaseOnDemand(open: () => Promise<Database>): Database {
  let opening: Promise<Database> | undefined;
  let opened: Database | undefined;
  let closed = false;
  const use = (): Promise<Database> => {
    opening ??= open().then((database) => {
      opened = database;
      if (closed) database.close();
      return database;
    });
    return opening;
  };
  return {
    all: async (sql, ...values) => (await use()).all(sql, ...values),
    get: async (sql, ...values) => (await use()).get(sql, ...values),
    run: async (sql, values, options) => (await use()).run(sql, values, options),
    close() {
      closed = true;
      opened?.close();
    },
  };
}

function migrate(database: DatabaseSync, migrations: readonly string[], path: string): void {
  if (versionOf(database, migrations, path) === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    // Another process may have been first.
    const version = versionOf(database, migrations, path);
    for (const statements of migrations.slice(version)) database.exec(statements);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync, migrations: readonly string[], path: string): number {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  if (version <= migrations.length) return version;
  throw new DogwoodError(
    'STORE_TOO_NEW',
    `${path} was written by a newer version of this program (schema ${version}, known up to ${migrations.length})`,
  );
}

async function retried<T>(path: string, work: () => T): Promise<T> {
  const end = performance.now() + BUSY_LIMIT;
  for (let attempt = 0; ; attempt++) {
    try {
      return work();
    } catch (error) {
      const code = sqliteCode(error);
      if (code === undefined || !BUSY.has(code) || performance.now() > end) throw databaseError(error, path);
    }
    await jitter(attempt);
  }
}

function databaseError(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === undefined || !(error instanceof Error)) return error;
  const cause = { cause: error };
  if (BUSY.has(code)) {
    return new DogwoodError(
      'STORE_BUSY',
      `another process has held ${path} for ${BUSY_LIMIT / 1000} s`,
      cause,
    );
  }
  if (BROKEN.has(code)) {
    return new DogwoodError('STORE_CORRUPT', `${path} is damaged: ${error.message}`, cause);
  }
  if (UNWRITABLE.has(code)) {
    return new DogwoodError('STORE_UNWRITABLE', `${path}: ${error.message}`, cause);
  }
  return code === FULL ? new DogwoodError('DISK_FULL', `${path}: ${error.message}`, cause) : error;
}

/** The primary result code (sqlite.org/rescode.html). */
function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
}
