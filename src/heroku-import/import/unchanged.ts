import { access } from 'node:fs/promises';
import { parseReference } from '../../oci/reference.ts';
import type { AppResult } from '../folder/app-result.ts';
import { migrationPaths } from '../folder/migration-folder.ts';
import type { ImportRun } from './import-run.ts';

/** Is everything of an earlier import where it left it: its documents, and its images in every region? */
export async function isStillThere(before: AppResult, run: ImportRun): Promise<boolean> {
  if (before.status !== 'imported' && before.status !== 'unchanged') return false;
  const paths = migrationPaths(run.folder);
  const files = [paths.rollout(before.app), paths.project(before.app)];
  if (run.recipients !== null && Object.keys(before.secrets).length > 0)
    files.push(paths.secrets(before.app));
  for (const file of files) {
    if (
      !(await access(file).then(
        () => true,
        () => false,
      ))
    )
      return false;
  }
  for (const { digest, mediaType, size, references } of before.images) {
    for (const { tag, reference } of references) {
      const { session } = run.importer;
      const repository = session.repository(parseReference(reference));
      const named = tag === null ? undefined : parseReference(tag).tag;
      // A tag may have been moved since; the digest is then there still, and the tag is set right by an import.
      const found = await repository.resolve(named ?? digest, run.signal).catch(() => undefined);
      if (found?.digest !== digest || found.mediaType !== mediaType || found.size !== size) return false;
    }
  }
  return true;
}
