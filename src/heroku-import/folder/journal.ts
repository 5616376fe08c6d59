import { open, readFile } from 'node:fs/promises';
import { z } from 'zod';

const entry = z.object({
  /** RFC 3339. */
  at: z.string(),
  /** Which import; a folder may see several. */
  run: z.string(),
  event: z.enum(['run-started', 'app-started', 'app-finished', 'run-finished']),
  /** Of `run-started`: what was asked for, as a digest. */
  asked: z.string().optional(),
  app: z.string().optional(),
  /** Of `app-finished`. */
  status: z.string().optional(),
});

/** One line of `DIR/journal.ndjson`. Names and states; nothing of what an app holds. */
export type JournalEntry = z.infer<typeof entry>;

export interface Journal {
  /** On the disk when this resolves. */
  write(entry: JournalEntry): Promise<void>;
  close(): Promise<void>;
}

/**
 * What imports into a folder did, oldest first; nothing where none ever began. A line that is torn, since its process
 * was killed while writing it, is passed over: what it would have said did not happen.
 */
export async function readJournal(path: string): Promise<readonly JournalEntry[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').flatMap((line) => {
    try {
      return entry.safeParse(JSON.parse(line)).data ?? [];
    } catch {
      return [];
    }
  });
}

/** Opens a journal to be written on. One process at a time: the migration's lock sees to that. */
export async function openJournal(path: string): Promise<Journal> {
  const file = await open(path, 'a+', 0o600);
  const { size } = await file.stat();
  const last = Buffer.alloc(1);
  if (size > 0) await file.read(last, 0, 1, size - 1);
  // The next line must not be written behind half of one.
  if (size > 0 && last.toString() !== '\n') await file.appendFile('\n');
  let writing: Promise<void> = Promise.resolve();
  return {
    write(line) {
      writing = writing.then(async () => {
        await file.appendFile(`${JSON.stringify(line)}\n`);
        await file.datasync();
      });
      return writing;
    },
    async close() {
      await writing.catch(() => {});
      await file.close();
    },
  };
}

/** The last import that a journal tells of. */
export interface LastImport {
  readonly run: string;
  /** RFC 3339. */
  readonly since: string;
  /** What was asked for, as a digest. */
  readonly asked: string | undefined;
  /** Its lines, oldest first. An import that was resumed has the id of the one that it goes on with. */
  readonly entries: readonly JournalEntry[];
  readonly isFinished: boolean;
}

/** Undefined where none ever began. */
export function lastImport(entries: readonly JournalEntry[]): LastImport | undefined {
  const start = entries.findLast(({ event }) => event === 'run-started');
  if (start === undefined) return undefined;
  const { run, asked } = start;
  const own = entries.filter((entry) => entry.run === run);
  const isFinished = own.some(({ event }) => event === 'run-finished');
  return { run, since: own[0]?.at ?? start.at, asked, entries: own, isFinished };
}

/** An import that never came to its end. */
export interface Interrupted {
  readonly run: string;
  /** RFC 3339. */
  readonly since: string;
  /** Apps it was done with. What failed is not among them, and is tried again. */
  readonly finished: ReadonlySet<string>;
}

/** The last import, if it was asked for the same and never came to its end: it goes on where it was. */
export function interruptedRun(entries: readonly JournalEntry[], asked: string): Interrupted | undefined {
  const last = lastImport(entries);
  if (last === undefined || last.asked !== asked || last.isFinished) return undefined;
  const finished = new Set<string>();
  for (const { event, app, status } of last.entries) {
    if (event !== 'app-finished' || app === undefined) continue;
    if (status === 'failed') finished.delete(app);
    else finished.add(app);
  }
  return { run: last.run, since: last.since, finished };
}
