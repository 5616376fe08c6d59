import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DogwoodError } from '../../errors.ts';

/** Writes a JSON document; see `writeWhole`. */
export async function writeDocument(path: string, document: unknown): Promise<void> {
  await writeWhole(path, `${JSON.stringify(document, undefined, 2)}\n`);
}

/** Writes a file that is whole at every moment: beside its place first, on the disk, then under its name. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** Where everything lies in a migration's folder (cli.md). */
export function migrationPaths(folder: string) {
  const ofApp = (app: string) => join(folder, 'apps', app);
  return {
    plan: join(folder, 'plan.json'),
    journal: join(folder, 'journal.ndjson'),
    lock: join(folder, 'import.lock'),
    /** Key of the secrets' fingerprints, mode 0600. */
    key: join(folder, 'fingerprint.key'),
    app: ofApp,
    rollout: (app: string) => join(ofApp(app), 'rollout.json'),
    secrets: (app: string) => join(ofApp(app), SECRETS_FILE),
    result: (app: string) => join(ofApp(app), 'result.json'),
    project: (app: string) => join(ofApp(app), 'dogwood.toml'),
  };
}

/** The name that documents refer to the age file by. */
export const SECRETS_FILE = 'secrets.age';

/** Makes the folder, with everything above it. Throws MIGRATION_FOLDER_UNUSABLE. */
export async function openFolder(folder: string): Promise<void> {
  try {
    // What comes here later (secrets' ciphertext, their fingerprints' key) is nobody else's business.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await readdir(folder);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new DogwoodError('MIGRATION_FOLDER_UNUSABLE', `${folder} cannot be used (${code})`, { cause });
  }
}

/** Removes what a process that was killed had begun to write. Only for who holds the folder's lock. */
export async function sweepFolder(folder: string): Promise<void> {
  const entries = await readdir(join(folder, 'apps'), { recursive: true }).catch(() => []);
  for (const name of entries)
    if (name.endsWith('.new')) await rm(join(folder, 'apps', name), { force: true });
}
