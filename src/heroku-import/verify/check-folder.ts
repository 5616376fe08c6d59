import { readFile } from 'node:fs/promises';
import { digestOf } from '../../oci/digest.ts';
import type { Rollout } from '../../rollout/document.ts';
import { readRollout } from '../../rollout/read.ts';
import type { AppResult } from '../folder/app-result.ts';
import { migrationPaths } from '../folder/migration-folder.ts';
import type { VerifyCheck } from './verify-document.ts';

/**
 * Do the documents of an app fit together, and its image?
 *
 * @param processes what the image itself says; undefined where it says nothing
 */
export async function checkFolder(
  result: AppResult,
  folder: string,
  processes: Readonly<Record<string, string>> | undefined,
): Promise<readonly VerifyCheck[]> {
  const paths = migrationPaths(folder);
  const rollout = await readRollout(paths.rollout(result.app));
  if (rollout === undefined) {
    return [{ name: 'rollout.json', ok: false, detail: 'it is missing, or no rollout document' }];
  }
  return [
    checkImages(rollout, result),
    ...(processes === undefined ? [] : [checkProcesses(rollout, processes)]),
    ...(await checkSealed(rollout, paths.secrets(result.app))),
  ];
}

function checkImages(rollout: Rollout, { images, release }: AppResult): VerifyCheck {
  const named = [rollout.image, ...Object.values(rollout.processes).flatMap(({ image }) => image ?? [])];
  const stranger = named.find(({ digest }) => !images.some((image) => image.digest === digest));
  const fits = stranger === undefined && rollout.identity.release === release;
  const detail = fits
    ? `release ${release}, ${images.length === 1 ? 'its image' : `its ${images.length} images`}`
    : `it is of release ${rollout.identity.release} and names ${(stranger ?? rollout.image).digest}`;
  return { name: 'rollout.json', ok: fits, detail };
}

function checkProcesses(rollout: Rollout, processes: Readonly<Record<string, string>>): VerifyCheck {
  const started = [...Object.keys(rollout.processes), ...Object.keys(rollout.oneOff ?? {})];
  const missing = started.filter((name) => !(name in processes));
  const detail =
    missing.length === 0
      ? `the image has all ${started.length} of rollout.json`
      : `the image does not have ${missing.join(', ')} of rollout.json`;
  return { name: 'processes of the image', ok: missing.length === 0, detail };
}

async function checkSealed(rollout: Rollout, path: string): Promise<readonly VerifyCheck[]> {
  const { ciphertext } = rollout.config;
  if (ciphertext === null) return [];
  const sealed = await readFile(path).catch(() => undefined);
  const found = sealed === undefined ? undefined : digestOf(sealed);
  const ok = found === ciphertext.digest;
  const detail = ok
    ? 'it is the one that rollout.json names'
    : `rollout.json names ${ciphertext.digest}, there is ${found ?? 'none'}`;
  return [{ name: 'secrets.age', ok, detail }];
}
