import { createReadStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchCommit } from '../engines/git/git.ts';
import { DogwoodError } from '../errors.ts';
import { DEFAULT_TAR_LIMITS } from '../oci/tar/entry.ts';
import type { GitAddress } from './git-address.ts';
import type { TreeSource } from './source.ts';
import { openTree } from './tree.ts';
import { unpackTar } from './unpack.ts';

export interface GitSourceOptions {
  /** Private and empty; removed by whoever made it. */
  readonly folder: string;
  /** What engines may see of our environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Is told what of the repository is not there. */
  readonly note: (message: string) => void;
}

/**
 * One commit of a Git repository, or one folder of it, as a tree. Its files come out of `git archive` through the same
 * strict reader as every archive, with the commit's time, so that a commit gives the same tree on every machine.
 *
 * Throws what `fetchCommit` throws, and SOURCE_NOT_FOUND when the commit has no such folder.
 */
export async function openGitSource(address: GitAddress, options: GitSourceOptions): Promise<TreeSource> {
  const { remote, ref, folder } = address;
  const fetched = await fetchCommit(remote, ref, options);
  const { commit } = fetched;
  if (folder !== undefined && !(await fetched.has(folder, 'tree'))) {
    throw new DogwoodError('SOURCE_NOT_FOUND', `commit ${commit} of ${remote.url} has no folder ${folder}`, {
      hint: 'The folder stands behind the colon, as in #main:services/web; a link to a folder is none.',
    });
  }
  if (await fetched.has('.gitmodules', 'blob')) {
    options.note('the repository has submodules, which are not fetched: their folders are empty');
  }
  if (/\bfilter=lfs\b/.test((await fetched.readText('.gitattributes')) ?? '')) {
    options.note(
      'the repository keeps files in Git LFS, which are not fetched: there are pointers in their place',
    );
  }
  const archive = join(options.folder, 'archive.tar');
  await fetched.writeArchive(archive, folder);
  const unpacked = join(options.folder, 'unpacked');
  await unpackTar(createReadStream(archive), unpacked, {
    limits: DEFAULT_TAR_LIMITS,
    signal: options.signal,
  });
  const root = join(options.folder, 'source');
  await rename(folder === undefined ? unpacked : join(unpacked, folder), root);
  // All that is needed is in the tree now.
  await rm(archive);
  await rm(join(options.folder, 'repository'), { recursive: true });
  const name = folder?.split('/').at(-1) ?? address.name;
  return {
    kind: 'tree',
    name,
    tree: await openTree(root, name),
    origin: { kind: 'git', repository: remote.url, commit, ref: ref ?? null, folder: folder ?? null },
    dispose: async () => {},
  };
}
