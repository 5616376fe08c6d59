import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Header, pack } from 'tar-stream';
import { onTestFinished } from 'vitest';
import { openDockerArchive } from '../../../src/oci/archives/docker-archive.ts';
import type { openOciArchive } from '../../../src/oci/archives/oci-archive.ts';
import type { ArchiveTarget } from '../../../src/oci/archives/read-only.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';
import { sha256 } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

/** A member by its header, and its content when it is a file. */
export type Member = readonly [
  header: Partial<Header> & { name: string },
  content?: string | Uint8Array | undefined,
];

export async function tarOfMembers(members: readonly Member[]): Promise<Buffer> {
  const tar = pack();
  for (const [header, content] of members) {
    if (content === undefined) tar.entry({ mtime: new Date(0), ...header });
    else tar.entry({ mtime: new Date(0), ...header }, Buffer.from(content as string));
  }
  tar.finalize();
  return await buffer(tar);
}

/** Writes it to a file and opens that. */
export async function opened(
  bytes: Uint8Array,
  open: typeof openDockerArchive | typeof openOciArchive = openDockerArchive,
): Promise<ArchiveTarget & { folder: string }> {
  const folder = await temporaryFolder();
  const path = join(folder, 'image.tar');
  await writeFile(path, bytes);
  const target = await open(path, { temp: createTempFiles(folder) });
  onTestFinished(() => target.dispose());
  return { ...target, folder };
}

/** The config of an image with these layers, as some tool spells it. */
export function configText(tars: readonly Uint8Array[]): string {
  const rootfs = { type: 'layers', diff_ids: tars.map(sha256) };
  return JSON.stringify(
    { architecture: 'amd64', os: 'linux', config: {}, rootfs, container: 'x' },
    undefined,
    4,
  );
}

export function manifestText(...entries: readonly Readonly<Record<string, unknown>>[]): string {
  return JSON.stringify(entries.map((entry) => ({ Config: 'config.json', RepoTags: ['app:v1'], ...entry })));
}
