import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import pLimit from 'p-limit';
import { DogwoodError } from '../../errors.ts';
import { digestOf } from '../../oci/digest.ts';
import { type FileLock, lockFile } from '../../oci/stores/file-lock.ts';
import { imageResolver } from '../../pipeline/resolve.ts';
import type { PipelineEnvironment } from '../../pipeline/session/environment.ts';
import { withSession } from '../../pipeline/session/session.ts';
import { canonicalJson } from '../../plan/build-plan.ts';
import { DEFAULT_RETRY } from '../../registry/http/retry.ts';
import { parseRecipients } from '../../rollout/recipient.ts';
import { HEROKU_API } from '../api/address.ts';
import { type OpenedHeroku, openHeroku } from '../api/open.ts';
import { borrowFingerprintKey, openFingerprintKey } from '../config/fingerprints.ts';
import { requireSecretsChoice } from '../config/secrets-choice.ts';
import { type AppResult, readAppResult } from '../folder/app-result.ts';
import {
  interruptedRun,
  type Journal,
  type JournalEntry,
  openJournal,
  readJournal,
} from '../folder/journal.ts';
import { migrationPaths, sweepFolder, writeDocument } from '../folder/migration-folder.ts';
import { type StatusDocument, statusDocument, statusEntry } from '../folder/status-document.ts';
import {
  HEROKU_REGISTRY,
  type OpenContainerRepository,
  openContainerRegistry,
} from '../images/container-registry.ts';
import { type ImportDestination, requireDifferent } from '../images/destinations.ts';
import { openAccountNow } from '../plan/account-now.ts';
import type { AppPlan } from '../plan/plan-document.ts';
import { readPlan } from '../plan/read-plan.ts';
import { importApp } from './import-app.ts';
import type { ImportRun } from './import-run.ts';
import { oneByOne, weightLimit } from './limits.ts';
import { createImportProgress } from './progress.ts';

export interface RunImportOptions {
  /** The migration's folder, with its plan.json. */
  readonly folder: string;
  readonly destinations: readonly ImportDestination[];
  /** Age recipients; null for --no-secrets; none given where no secret is expected. */
  readonly recipients: readonly string[] | null;
  readonly stackImages: Readonly<Record<string, string>>;
  /** Apps on their way at once. */
  readonly concurrency: number;
  readonly isDryRun: boolean;
  readonly address: string | undefined;
  /** `--heroku-registry`: where container-stack images are when the API is not Heroku's own; it gets the token. */
  readonly registry?: string | undefined;
  /** `--fir-registry` */
  readonly firRegistry?: string | undefined;
  readonly token: string;
  readonly now: () => Date;
}

/** Bytes of slugs that are on their way at once: what several regions share lies on the disk meanwhile. */
const BYTES_AT_ONCE = 2 * 1024 ** 3;

/** Milliseconds that a folder may be locked before somebody is at work there. */
const LOCK_MS = 500;

/**
 * `build heroku import`: every app of the plan, as it is at this moment. An import that was interrupted goes on where it
 * was when it is asked for again; one that came to its end looks at every app anew.
 *
 * @throws MIGRATION_*, USAGE, HEROKU_* that no app can do without, CANCELLED, TIMEOUT
 */
export async function runImport(
  options: RunImportOptions,
  environment: PipelineEnvironment,
): Promise<StatusDocument> {
  requireDifferent(options.destinations);
  const plan = await readPlan(options.folder);
  const recipients = options.recipients === null ? null : await parseRecipients(options.recipients);
  requireSecretsChoice(plan.apps, { recipients: recipients ?? [], noSecrets: recipients === null });
  const paths = migrationPaths(options.folder);
  const lock = options.isDryRun ? undefined : await takeFolder(options.folder, environment.signal);
  try {
    const progress = createImportProgress(plan.apps, environment);
    const heroku = openHeroku({ ...options, onWait: progress.waited }, environment);
    try {
      return await withSession(environment, async (session) => {
        const run = await openRun({ ...options, recipients }, heroku, environment, {
          api: heroku.api,
          http: heroku.http,
          session,
          resolveImage: imageResolver(session),
          destinations: options.destinations,
          stackImages: options.stackImages,
          openContainerRepository: containerRegistry(options, heroku),
          firRegistry: options.firRegistry,
          oneByOne: oneByOne(),
        });
        const results = await importAll(plan.apps, run, { ...options, paths, progress });
        return statusDocument(results.map(statusEntry));
      });
    } finally {
      heroku.close();
    }
  } finally {
    lock?.release();
  }
}

/** Heroku's registry goes with Heroku's API: another host has to be named, before it is given the token. */
function containerRegistry(
  { registry, token }: RunImportOptions,
  { http, host: api }: OpenedHeroku,
): OpenContainerRepository | undefined {
  const host = registry ?? (api === HEROKU_API ? HEROKU_REGISTRY : undefined);
  return host === undefined ? undefined : openContainerRegistry({ host, token, http });
}

/** For one import at a time; what one that was killed had begun to write is removed. Throws MIGRATION_BUSY. */
async function takeFolder(folder: string, signal: AbortSignal): Promise<FileLock> {
  try {
    // Not at the first try only: `status` holds it for a moment, to see whether somebody does.
    const lock = await lockFile(migrationPaths(folder).lock, signal, LOCK_MS);
    await sweepFolder(folder);
    return lock;
  } catch (cause) {
    if (!(cause instanceof DogwoodError) || cause.code !== 'STORE_BUSY') throw cause;
    throw new DogwoodError('MIGRATION_BUSY', `another import is at work in ${folder}`, { cause });
  }
}

async function openRun(
  options: RunImportOptions & Pick<ImportRun, 'recipients'>,
  { api }: OpenedHeroku,
  { signal }: PipelineEnvironment,
  importer: ImportRun['importer'],
): Promise<ImportRun> {
  const [account, key] = await Promise.all([
    openAccountNow(api),
    (options.isDryRun ? borrowFingerprintKey : openFingerprintKey)(migrationPaths(options.folder).key),
  ]);
  return {
    importer,
    account,
    folder: options.folder,
    recipients: options.recipients,
    key,
    whenLight: weightLimit(BYTES_AT_ONCE),
    isDryRun: options.isDryRun,
    retry: DEFAULT_RETRY,
    now: options.now,
    signal,
  };
}

interface All {
  readonly concurrency: number;
  readonly paths: ReturnType<typeof migrationPaths>;
  readonly progress: ReturnType<typeof createImportProgress>;
}

async function importAll(
  apps: readonly AppPlan[],
  run: ImportRun,
  { concurrency, paths, progress }: All,
): Promise<readonly AppResult[]> {
  const { destinations, stackImages } = run.importer;
  const asked = digestOf(
    canonicalJson({ destinations, stackImages, recipients: run.recipients, apps: apps.map(({ id }) => id) }),
  );
  const before = run.isDryRun ? undefined : interruptedRun(await readJournal(paths.journal), asked);
  if (before !== undefined) progress.resumed(before);
  const journal = run.isDryRun ? NO_JOURNAL : await openJournal(paths.journal);
  const id = before?.run ?? randomUUID();
  const write = (entry: Omit<JournalEntry, 'at' | 'run'>): Promise<void> =>
    journal.write({ at: run.now().toISOString(), run: id, ...entry });
  const one = async (app: AppPlan): Promise<AppResult> => {
    run.signal.throwIfAborted();
    const done = before?.finished.has(app.app) ? await readAppResult(paths.result(app.app)) : undefined;
    if (done !== undefined) {
      progress.finished(done);
      return done;
    }
    await write({ event: 'app-started', app: app.app });
    progress.started(app);
    const result = await importApp(app, run, progress.emitOf(app));
    if (!run.isDryRun) await writeResult(paths, result);
    await run.importer.session.saveLocations();
    await write({ event: 'app-finished', app: app.app, status: result.status });
    progress.finished(result);
    return result;
  };
  try {
    await write({ event: 'run-started', asked });
    const limit = pLimit(concurrency);
    let failure: { readonly reason: unknown } | undefined;
    const unlessFailed = async (app: AppPlan): Promise<AppResult> => {
      if (failure !== undefined) throw failure.reason;
      try {
        return await one(app);
      } catch (reason) {
        failure ??= { reason };
        throw reason;
      }
    };
    // All come to their end before a failure of the whole is told: nothing runs on.
    const settled = await Promise.allSettled(apps.map((app) => limit(unlessFailed, app)));
    if (failure !== undefined) {
      progress.interrupted();
      throw failure.reason;
    }
    await write({ event: 'run-finished' });
    return settled.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  } finally {
    await journal.close();
  }
}

/** Last of an app's documents: what it says is there, is there. */
async function writeResult(paths: All['paths'], result: AppResult): Promise<void> {
  await mkdir(paths.app(result.app), { recursive: true, mode: 0o700 });
  await writeDocument(paths.result(result.app), result);
}

const NO_JOURNAL: Journal = { write: async () => {}, close: async () => {} };
