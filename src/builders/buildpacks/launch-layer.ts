import { buffer } from 'node:stream/consumers';
import { parse, stringify, type TomlTable } from 'smol-toml';
import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import { decompress } from '../../oci/compression/decompress.ts';
import type { Image, Layer } from '../../oci/image.ts';
import { layerCompression } from '../../oci/media-types.ts';
import { readTar } from '../../oci/tar/members.ts';
import type { TarWriterEntry } from '../../oci/tar/writer.ts';

/** A process as the lifecycle writes it into metadata.toml and its label (launch.Process). */
export interface LaunchProcess {
  readonly type: string;
  readonly command: string | readonly string[];
  readonly args: readonly string[];
  readonly direct: true;
  readonly 'buildpack-id': string;
}

/** Our own, so that nobody looks for the buildpack that it came from. */
const ORIGIN = 'dogwood.toml';

/**
 * A command line as heroku/procfile has it run: by bash, with what the buildpacks set. Platform API 0.10 made `command`
 * a list; launchers before it read a word only.
 */
function launchProcess(type: string, line: string, isList: boolean): LaunchProcess {
  return {
    type,
    command: isList ? ['bash', '-c'] : 'bash',
    args: isList ? [line] : ['-c', line],
    direct: true,
    'buildpack-id': ORIGIN,
  };
}

export interface LaunchFiles {
  readonly entries: readonly TarWriterEntry[];
  readonly processes: readonly LaunchProcess[];
}

/**
 * The files by which the lifecycle's launcher knows processes, with these instead of the buildpacks': metadata.toml, and
 * a link for each (platform specification, "Launch").
 *
 * @param before process types that the image has
 * @throws ENGINE_FAILED where the image has no metadata.toml
 */
export async function launchFiles(
  image: Image,
  processes: Readonly<Record<string, string>>,
  before: readonly string[],
  signal: AbortSignal,
): Promise<LaunchFiles> {
  const layersFolder = folderOf(image, 'CNB_LAYERS_DIR', 'layers');
  const { folders, metadata } = await readMetadata(image, layersFolder, signal);
  const isList = !processesOf(metadata).some(({ command }) => typeof command === 'string');
  const ours = Object.entries(processes).map(([type, line]) => launchProcess(type, line, isList));
  const text = Buffer.from(stringify({ ...metadata, processes: ours }));
  const gone = before.filter((type) => !(type in processes));
  const file = { mode: 0o644, mtime: MTIME, uid: 0, gid: 0 };
  return {
    processes: ours,
    entries: [
      ...['cnb', 'cnb/process'].map(
        (path): TarWriterEntry => ({ ...file, path, type: 'directory', mode: 0o755 }),
      ),
      ...gone.map(
        (type): TarWriterEntry => ({ ...file, path: `cnb/process/.wh.${type}`, type: 'file', size: 0 }),
      ),
      ...ours.map(
        ({ type }): TarWriterEntry => ({
          ...file,
          path: `cnb/process/${type}`,
          type: 'symlink',
          mode: 0o777,
          linkTarget: '/cnb/lifecycle/launcher',
        }),
      ),
      // As they are: a folder that a layer does not name is made anew by some runtimes, with a mode of their choice.
      ...folders,
      {
        ...file,
        path: `${layersFolder}/config/metadata.toml`,
        type: 'file',
        size: text.length,
        content: [text],
      },
    ],
  };
}

/** As of every file of the lifecycle's: 1980-01-01T00:00:01Z. */
const MTIME = 315_532_801;

/** A folder that the lifecycle names in the image's environment, without the `/` that it begins with. */
export function folderOf({ config }: Image, variable: string, usual: string): string {
  const line = config.config?.Env?.find((each) => each.startsWith(`${variable}=`));
  return line?.slice(variable.length + 1).replace(/^\/+|\/+$/g, '') || usual;
}

interface Metadata {
  readonly folders: readonly TarWriterEntry[];
  readonly metadata: TomlTable;
}

async function readMetadata(image: Image, folder: string, signal: AbortSignal): Promise<Metadata> {
  // It is near the top; the base and the buildpacks' layers are large.
  for (const layer of image.layers.toReversed()) {
    const found = await lookInto(layer, folder, signal);
    if (found !== undefined) return found;
  }
  throw new DogwoodError('ENGINE_FAILED', `the image that pack built has no /${folder}/config/metadata.toml`);
}

async function lookInto(layer: Layer, folder: string, signal: AbortSignal): Promise<Metadata | undefined> {
  const compression = layerCompression(layer.descriptor.mediaType);
  if (compression === undefined) return undefined;
  const folders: TarWriterEntry[] = [];
  const stream = await layer.open(signal);
  for await (const { entry, content } of readTar(decompress(stream, compression), { rules: 'image-layer' })) {
    const { path, type, mode, mtime, uid, gid } = entry;
    if (type === 'directory' && (path === folder || path === `${folder}/config`))
      folders.push({ path, type, mode, mtime, uid, gid });
    if (path !== `${folder}/config/metadata.toml` || type !== 'file') continue;
    return { folders, metadata: parse((await buffer(content)).toString('utf8')) };
  }
  return undefined;
}

const launchTable = z.object({ processes: z.array(z.object({ command: z.unknown() })).default([]) });

const processesOf = (metadata: TomlTable): readonly { readonly command?: unknown }[] =>
  launchTable.safeParse(metadata).data?.processes ?? [];
