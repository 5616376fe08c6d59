import { rmdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Digest } from '../digest.ts';
import type { OpenOptions, PutResult, Target } from '../target.ts';
import { createBlobFiles, makeFolder, openBlob, putResult, syncFolder, writeVerified } from './blob-files.ts';
import { isLayout, mustBeThere, openLayout, refuseForeignFolder, resolveBlob } from './layout.ts';
import { createTempFiles } from './temp-files.ts';

/** An OCI layout in which nothing shows before it is named. */
export interface StagedLayout extends Target {
  /** Removes what was put and never named, and the folders that were made for it. */
  discard(): Promise<void>;
}

interface StagedBlob {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  dispose(): Promise<void>;
}

/**
 * An OCI layout to write an image to, made when it is missing. Blobs wait in temporary files of the folder until
 * `tag` or `addRoot` says what they are for: a build that fails leaves no blob that no image names, and no layout
 * where there was none. Removing what was put would not do; another process may have found it there meanwhile.
 *
 * @throws LAYOUT_INVALID when the folder holds other things or is a layout of another version; STORE_UNWRITABLE
 */
export async function openStagedLayout(directory: string, signal?: AbortSignal): Promise<StagedLayout> {
  const name = `oci:${directory}`;
  let made: readonly string[] = [];
  if (await isLayout(directory)) {
    await openLayout(directory);
  } else {
    made = await missingFolders(directory);
    await makeFolder(directory);
    await refuseForeignFolder(directory);
  }
  const temp = createTempFiles(directory);
  const blobs = createBlobFiles(directory, temp, name);
  const staged = new Map<Digest, StagedBlob>();

  const sizeOf = async (digest: Digest): Promise<number | undefined> =>
    staged.get(digest)?.size ?? (await blobs.size(digest));

  const settle = async () => {
    const layout = await openLayout(directory, { create: true, signal });
    const folders = new Set<string>();
    for (const [digest, blob] of staged) {
      folders.add(await blobs.adopt(blob.path, digest));
      await blob.dispose();
      staged.delete(digest);
    }
    // Before index.json names any of them.
    for (const folder of folders) await syncFolder(folder);
    made = [];
    return layout;
  };

  const target: StagedLayout = {
    name,
    has: async ({ digest, size }) => (await sizeOf(digest)) === size,
    async open(descriptor, options: OpenOptions = {}) {
      const blob = staged.get(descriptor.digest);
      return blob === undefined
        ? await blobs.open(descriptor, options)
        : await openBlob(blob.path, descriptor, name, options);
    },
    async put(content, expected, options = {}): Promise<PutResult> {
      const there = expected.digest === undefined ? undefined : await sizeOf(expected.digest);
      if (expected.digest !== undefined && there !== undefined && there === (expected.size ?? there)) {
        return putResult(expected, expected.digest, there, 'existing');
      }
      const file = await temp.reserve();
      try {
        const { digest, size } = await writeVerified(file.path, content, expected, name, options);
        const before = staged.get(digest);
        staged.set(digest, { ...file, size });
        await before?.dispose();
        return putResult(expected, digest, size, 'sent');
      } catch (error) {
        await file.dispose();
        throw error;
      }
    },
    async resolve(reference, abort) {
      const layout = (await isLayout(directory)) ? await openLayout(directory) : undefined;
      const listed = await layout?.resolve(reference, abort);
      return listed ?? (await resolveBlob(target, { size: sizeOf }, reference, abort));
    },
    async tag(descriptor, tag, abort) {
      await mustBeThere(target, descriptor);
      await (await settle()).tag(descriptor, tag, abort);
    },
    async addRoot(descriptor, abort) {
      await mustBeThere(target, descriptor);
      await (await settle()).addRoot?.(descriptor, abort);
    },
    async discard() {
      for (const blob of staged.values()) await blob.dispose();
      staged.clear();
      // One that somebody else has put something into meanwhile stays.
      for (const folder of made) await rmdir(folder).catch(() => {});
      made = [];
    },
  };
  return target;
}

/** The folder and those above it that have to be made, innermost first. */
async function missingFolders(directory: string): Promise<readonly string[]> {
  const missing: string[] = [];
  let folder = resolve(directory);
  while (!(await stat(folder).catch(() => undefined))) {
    missing.push(folder);
    folder = dirname(folder);
  }
  return missing;
}
