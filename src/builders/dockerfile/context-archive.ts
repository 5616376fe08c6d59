import { createReadStream, type Stats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Header, type Pack, pack } from 'tar-stream';
import type { Tree } from '../../source/tree.ts';
import { type IgnoreMatcher, readIgnoreFile } from './ignore.ts';

export interface ArchivedContext {
  /** Path below the root. */
  readonly ignoreFile: string | null;
  /** The Dockerfile's path, and the text that it has for the engine. */
  readonly dockerfile: string;
  readonly text: string;
}

/**
 * The build context as a tar for engines that take no folder: everything but what the ignore file leaves out, and the
 * Dockerfile in any case. Links stay links: the engine follows them inside of the context only.
 */
export function contextArchive(tree: Tree, context: ArchivedContext): Readable {
  const tar = pack();
  const fail = (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error)));
  writeContext(tar, tree, context).catch(fail);
  const stream = Readable.from(tar as AsyncIterable<Uint8Array>, { objectMode: false });
  stream.once('close', () => tar.destroy());
  return stream;
}

async function writeContext(tar: Pack, tree: Tree, { ignoreFile, dockerfile, text }: ArchivedContext) {
  const ignore = readIgnoreFile(ignoreFile === null ? '' : ((await tree.readText(ignoreFile)) ?? ''));
  tar.entry({ name: dockerfile, mode: 0o644, mtime: new Date(0) }, text);
  for await (const path of walk(tree.root, '', ignore)) {
    if (path !== dockerfile) await writeEntry(tar, join(tree.root, path), path);
  }
  tar.finalize();
}

async function* walk(root: string, folder: string, ignore: IgnoreMatcher): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    const ignored = ignore.ignores(path);
    if (!ignored) yield path;
    if (entry.isDirectory() && (!ignored || ignore.hasExceptions)) yield* walk(root, path, ignore);
  }
}

async function writeEntry(tar: Pack, path: string, name: string): Promise<void> {
  const found = await lstat(path);
  const header = { name, mode: found.mode & 0o7777, mtime: found.mtime };
  if (found.isDirectory()) tar.entry({ ...header, type: 'directory' });
  else if (found.isSymbolicLink()) tar.entry({ ...header, type: 'symlink', linkname: await readlink(path) });
  else if (found.isFile()) await writeFile(tar, path, header, found);
}

/** A file that grows meanwhile is taken as long as it was; one that shrinks fails the archive. */
async function writeFile(
  tar: Pack,
  path: string,
  header: Pick<Header, 'name' | 'mode' | 'mtime'>,
  { size }: Stats,
): Promise<void> {
  const entry = tar.entry({ ...header, size });
  if (size === 0) {
    entry.end(Buffer.alloc(0));
    return;
  }
  await pipeline(createReadStream(path, { end: size - 1, highWaterMark: 1024 * 1024 }), entry);
}
