import { asDogwoodError, DogwoodError } from '../../errors.ts';
import type { Emit } from '../../plan/events.ts';
import { mayPass, retryDelay } from '../../registry/http/retry.ts';
import type { AppState } from '../account/app-state.ts';
import { type AppConfig, configOf } from '../config/app-config.ts';
import { fingerprint } from '../config/fingerprints.ts';
import { cutOver } from '../cut-over/cut-over.ts';
import { type AppResult, readAppResult } from '../folder/app-result.ts';
import { migrationPaths } from '../folder/migration-folder.ts';
import { importContainer, importFir } from '../images/import-copied.ts';
import { type ImportedImages, importSlug } from '../images/import-slug.ts';
import { driftOf } from '../plan/drift.ts';
import { CLOSED } from '../plan/plan.ts';
import type { AppPlan } from '../plan/plan-document.ts';
import type { ImportRun } from './import-run.ts';
import { stateFingerprint } from './state-fingerprint.ts';
import { isStillThere } from './unchanged.ts';
import { writeApp } from './write-app.ts';

/** Times that an app is tried whose trouble may pass, each with its own retries of every request. */
const ATTEMPTS = 3;

/**
 * Imports one app as it is at this moment. What goes wrong is this app's result, and nobody else's; only being
 * cancelled, and a token that is no good any more, end the run.
 *
 * @throws CANCELLED, TIMEOUT, HEROKU_UNAUTHORIZED, HEROKU_TWO_FACTOR
 */
export async function importApp(planned: AppPlan, run: ImportRun, emit: Emit): Promise<AppResult> {
  const start = run.now().getTime();
  const finish = (result: Omit<AppResult, 'schemaVersion' | 'finishedAt' | 'milliseconds'>): AppResult => {
    const end = run.now();
    return {
      schemaVersion: 1,
      ...result,
      finishedAt: end.toISOString(),
      milliseconds: Math.max(0, end.getTime() - start),
    };
  };
  const nothing = nothingOf(planned);
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return finish(await attemptApp(planned, run, emit));
      } catch (error) {
        run.signal.throwIfAborted();
        if (attempt === ATTEMPTS || !mayPass(error)) throw error;
        await run.retry.sleep(retryDelay(run.retry, attempt + 1, error.retryAfter), run.signal);
      }
    }
  } catch (thrown) {
    run.signal.throwIfAborted();
    const error = asDogwoodError(thrown);
    if (ENDS_THE_RUN.has(error.code)) throw error;
    if (planned.fate === 'closed' && CLOSED.has(error.code)) {
      return finish({ ...nothing, status: 'skipped', reason: planned.reason });
    }
    const reason = `${error.message}. ${error.hint}`;
    return finish({ ...nothing, status: 'failed', reason, code: error.code });
  }
}

/** Bytes. */
const USUAL_BYTES = 200 * 1024 ** 2;

/** Every other app would fail of the same. */
export const ENDS_THE_RUN: ReadonlySet<string> = new Set(['HEROKU_UNAUTHORIZED', 'HEROKU_TWO_FACTOR']);

type Outcome = Omit<AppResult, 'schemaVersion' | 'finishedAt' | 'milliseconds'>;

function nothingOf({ app, id, notCarried, warnings }: AppPlan): Outcome {
  return {
    app,
    id,
    status: 'skipped',
    reason: '',
    code: null,
    release: null,
    images: [],
    slugBytesRead: 0,
    fingerprint: null,
    withoutSecrets: false,
    secrets: {},
    drift: [],
    notCarried,
    warnings,
    cutOver: [],
  };
}

async function attemptApp(planned: AppPlan, run: ImportRun, emit: Emit): Promise<Outcome> {
  const { state, now } = await run.account.read(planned.id);
  const outcome = {
    ...nothingOf(now),
    app: planned.app,
    release: now.release,
    drift: driftOf(planned, now),
    cutOver: cutOver(state, now, run.account.lists),
  };
  if (!isMoved(now, run)) return { ...outcome, status: 'skipped', reason: now.reason };
  const config = configOf(state, now, run.recipients === null ? 'no-secrets' : 'encrypt');
  const values = fingerprintsOf(state, run);
  const print = stateFingerprint(state, values, {
    destinations: run.importer.destinations,
    recipients: run.recipients,
    stackImages: run.importer.stackImages,
  });
  const secrets = Object.fromEntries(
    Object.entries(values).filter(([name]) => Object.hasOwn(config.secrets, name)),
  );
  const notCarried = [...outcome.notCarried, ...config.notCarried];
  const withoutSecrets = run.recipients === null;
  const known = { ...outcome, fingerprint: print, withoutSecrets, secrets, notCarried };
  const before = await readAppResult(migrationPaths(run.folder).result(planned.app));
  if (before?.fingerprint === print && (await isStillThere(before, run))) {
    // What is left to do depends on the account, too, and is said anew.
    const { images, warnings } = before;
    const reason = `v${now.release} is as the last import left it`;
    return { ...known, status: 'unchanged', reason, images, warnings };
  }
  if (run.isDryRun) return { ...known, status: 'skipped', reason: `an import would move it: ${now.reason}` };
  return await moveApp({ state, now, config, known }, run, emit);
}

interface Move {
  readonly state: AppState;
  readonly now: AppPlan;
  readonly config: AppConfig;
  readonly known: Outcome;
}

/** Its images first, then its documents: what is written names nothing that is not there. */
async function moveApp({ state, now, config, known }: Move, run: ImportRun, emit: Emit): Promise<Outcome> {
  const { images, bytesRead, warnings } = await moveImages(state, now, run, emit);
  await writeApp({ state, now, config, images, fingerprints: known.secrets }, run);
  const moved: Outcome = {
    ...known,
    images,
    slugBytesRead: bytesRead,
    status: 'imported',
    reason: now.reason,
    warnings: [...known.warnings, ...config.warnings, ...warnings],
  };
  const failed = images.flatMap(({ references }) => references).find(({ state }) => state === 'failed');
  if (failed === undefined) return moved;
  const reason = `${failed.region ?? failed.reference}: ${failed.error?.message ?? 'it has no copy'}`;
  return { ...moved, status: 'failed', reason, code: failed.error?.code ?? null };
}

/** Is there anything to import? The images of a Fir app, only where a registry is named that has them. */
function isMoved({ fate }: AppPlan, { importer }: ImportRun): boolean {
  return fate === 'slug' || fate === 'container' || (fate === 'fir' && importer.firRegistry !== undefined);
}

async function moveImages(
  state: AppState,
  { fate }: AppPlan,
  run: ImportRun,
  emit: Emit,
): Promise<ImportedImages> {
  const { release, slug } = state;
  const told = { emit, signal: run.signal };
  // How large its images are is not known beforehand: as much as a slug of the usual size.
  if (fate === 'container')
    return await run.whenLight(USUAL_BYTES, () => importContainer(state, run.importer, told));
  if (fate === 'fir') return await run.whenLight(USUAL_BYTES, () => importFir(state, run.importer, told));
  if (release === undefined || slug === undefined)
    throw new DogwoodError('INTERNAL', 'an app without a slug');
  return await run.whenLight(slug.size ?? 0, () =>
    importSlug({ ...state, release, slug }, run.importer, told),
  );
}

/** Of every variable, by name. */
function fingerprintsOf({ app, config }: AppState, { key }: ImportRun): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, fingerprint(key, app.id, name, value ?? '')]),
  );
}
