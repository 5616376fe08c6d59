import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { compress } from '../../oci/compression/compress.ts';
import { bytesContent } from '../../oci/content.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/media-types.ts';
import { type TarWriterEntry, tarStream } from '../../oci/tar/writer.ts';
import type { Target } from '../../oci/target.ts';
import type { Accounts } from './user.ts';

/** Where the launcher lies in the image: the image's entrypoint. */
export const LAUNCHER_PATH = '/dogwood/launch';

export interface SmallLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

type Member = Pick<TarWriterEntry, 'path' | 'type' | 'mode'> & { readonly text?: string };

async function putLayer(members: readonly Member[], into: Target, signal: AbortSignal): Promise<SmallLayer> {
  const entries = members.map(({ text, ...member }): TarWriterEntry => {
    const bytes = Buffer.from(text ?? '');
    return {
      ...member,
      mtime: 0,
      uid: 0,
      gid: 0,
      ...(text === undefined ? {} : { size: bytes.length, content: [bytes] }),
    };
  });
  const tar = await buffer(tarStream(entries));
  const compressed = await buffer(compress([tar], { compression: 'gzip' }));
  const { descriptor } = await into.put(
    bytesContent(compressed),
    { mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf(compressed), size: compressed.length },
    { signal },
  );
  return { descriptor, diffId: digestOf(tar) };
}

/** The launcher and a file for each process type. The same for every app with the same processes. */
export async function putLauncherLayer(
  processes: Readonly<Record<string, string>>,
  into: Target,
  signal: AbortSignal,
): Promise<SmallLayer> {
  const script = await readFile(new URL('./launch.sh', import.meta.url), 'utf8');
  const names = Object.keys(processes).sort();
  return putLayer(
    [
      { path: 'dogwood', type: 'directory', mode: 0o755 },
      { path: 'dogwood/launch', type: 'file', mode: 0o755, text: script },
      { path: 'dogwood/process', type: 'directory', mode: 0o755 },
      ...names.map(
        (name): Member => ({
          path: `dogwood/process/${name}`,
          type: 'file',
          mode: 0o644,
          text: processes[name] ?? '',
        }),
      ),
    ],
    into,
    signal,
  );
}

/** The base's account files with one more line each. */
export async function putUserLayer(
  accounts: Accounts,
  into: Target,
  signal: AbortSignal,
): Promise<SmallLayer> {
  return putLayer(
    [
      // Named, since a runtime that has to make it gives it a mode of its own choice.
      { path: 'etc', type: 'directory', mode: 0o755 },
      { path: 'etc/group', type: 'file', mode: 0o644, text: accounts.group },
      { path: 'etc/passwd', type: 'file', mode: 0o644, text: accounts.passwd },
    ],
    into,
    signal,
  );
}
