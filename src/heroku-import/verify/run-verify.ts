import { existsSync } from 'node:fs';
import pLimit from 'p-limit';
import { asDogwoodError } from '../../errors.ts';
import type { PipelineEnvironment } from '../../pipeline/session/environment.ts';
import { type Session, withSession } from '../../pipeline/session/session.ts';
import type { HerokuApi } from '../api/client.ts';
import { openHeroku } from '../api/open.ts';
import { borrowFingerprintKey, type FingerprintKey } from '../config/fingerprints.ts';
import type { AppResult } from '../folder/app-result.ts';
import { migrationPaths } from '../folder/migration-folder.ts';
import { readMigration } from '../folder/read-migration.ts';
import { ENDS_THE_RUN } from '../import/import-app.ts';
import { type AccountNow, openAccountNow } from '../plan/account-now.ts';
import { checkFolder } from './check-folder.ts';
import { checkHeroku } from './check-heroku.ts';
import { checkImage } from './check-image.ts';
import {
  type VerifiedApp,
  type VerifyCheck,
  type VerifyDocument,
  verifyDocument,
} from './verify-document.ts';

export interface RunVerifyOptions {
  readonly folder: string;
  readonly address: string | undefined;
  readonly token: string;
}

const APPS_AT_ONCE = 4;

interface Verification {
  readonly folder: string;
  readonly session: Session;
  readonly account: AccountNow;
  /** Undefined where it is gone: nothing can be said of secrets then. */
  readonly key: FingerprintKey | undefined;
  readonly signal: AbortSignal;
}

/**
 * `build heroku verify`: reads every imported app back from its registries, and compares it with its documents and with
 * Heroku. Writes nothing.
 *
 * @throws MIGRATION_*, HEROKU_* that no app can do without, CANCELLED, TIMEOUT
 */
export async function runVerify(
  options: RunVerifyOptions,
  environment: PipelineEnvironment,
): Promise<VerifyDocument> {
  const { apps } = await readMigration(options.folder);
  const results = apps.flatMap(({ result }) =>
    result?.status === 'imported' || result?.status === 'unchanged' ? result : [],
  );
  const heroku = openHeroku(options, environment);
  try {
    return await withSession(environment, async (session) => {
      const verification = await openVerification(options.folder, heroku.api, session);
      const limit = pLimit(APPS_AT_ONCE);
      return verifyDocument(
        await Promise.all(results.map((result) => limit(() => verifyApp(result, verification)))),
      );
    });
  } finally {
    heroku.close();
  }
}

async function openVerification(folder: string, api: HerokuApi, session: Session): Promise<Verification> {
  const path = migrationPaths(folder).key;
  const [account, key] = await Promise.all([
    openAccountNow(api),
    existsSync(path) ? borrowFingerprintKey(path) : undefined,
  ]);
  return { folder, session, account, key, signal: session.environment.signal };
}

async function verifyApp(result: AppResult, verification: Verification): Promise<VerifiedApp> {
  const { folder, session, signal } = verification;
  signal.throwIfAborted();
  const images = await Promise.all(result.images.map((image) => checkImage(image, session, signal)));
  const processes = images.length === 1 ? images[0]?.processes : undefined;
  const own = [...images.flatMap(({ checks }) => checks), ...(await checkFolder(result, folder, processes))];
  const there = await checkThere(result, verification);
  const status = own.some(({ ok }) => !ok) ? 'failed' : there.some(({ ok }) => !ok) ? 'drifted' : 'verified';
  return { app: result.app, status, checks: [...own, ...there] };
}

/** An app that Heroku does not show any more has drifted as far as one can. */
async function checkThere(
  result: AppResult,
  { account, key, signal }: Verification,
): Promise<readonly VerifyCheck[]> {
  try {
    return checkHeroku(result, { ...(await account.read(result.id)), key });
  } catch (thrown) {
    signal.throwIfAborted();
    const error = asDogwoodError(thrown);
    if (ENDS_THE_RUN.has(error.code)) throw error;
    return [{ name: 'Heroku', ok: false, detail: `${error.message} (${error.code})` }];
  }
}
