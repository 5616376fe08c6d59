import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DogwoodError } from '../../../errors.ts';
import { compress } from '../../../oci/compression/compress.ts';
import type { Descriptor } from '../../../oci/descriptor.ts';
import { createDigester, type Digest } from '../../../oci/digest.ts';
import { ociLayerType } from '../../../oci/media-types.ts';
import { type TarWriterEntry, tarStream } from '../../../oci/tar/writer.ts';
import type { CompressionChoice } from '../../../plan/request.ts';
import type { BuildContext } from '../../builder.ts';
import { layerProgress } from '../../ingest.ts';

const READ_BYTES = 1024 * 1024;

export interface FolderLayerOptions {
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Seconds since 1970: every member's time. */
  readonly epoch: number;
  /** `keep` has nothing to keep: gzip. */
  readonly compression: CompressionChoice;
  /** `/nix/store`, or where else this machine's store says it lies. */
  readonly store: string;
}

export interface FolderLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** A path of the Nix store that the files speak of, which is not in the layer. */
  readonly reference: string | undefined;
}

/**
 * Puts a folder into the sink as the layer /app. The same files give the same bytes: names sorted by code unit, one
 * owner, one time, modes 0755 and 0644. Throws NIX_SHELL_INVALID for what is no file, folder or link.
 */
export async function putFolderLayer(
  folder: string,
  options: FolderLayerOptions,
  context: BuildContext,
): Promise<FolderLayer> {
  const compression = options.compression === 'keep' ? 'gzip' : options.compression;
  let digester = createDigester();
  const search = referenceSearch(options.store);
  async function* tar(): AsyncGenerator<Uint8Array> {
    for await (const chunk of tarStream(entriesOf(folder, options))) {
      digester.update(chunk);
      search.look(chunk);
      yield chunk;
    }
  }
  const open = async (): Promise<Readable> => {
    digester = createDigester();
    return Readable.from(compress(tar(), { compression, signal: context.signal }), {
      objectMode: false,
      highWaterMark: READ_BYTES,
    });
  };
  const { descriptor } = await context.sink.put(
    { open, reopenable: true },
    { mediaType: ociLayerType(compression) },
    { signal: context.signal, onBytes: layerProgress(context) },
  );
  return { descriptor, diffId: digester.digest(), reference: search.found() };
}

/** Looks for the first path of the store in bytes that pass by. */
function referenceSearch(store: string) {
  // The 32 characters of a hash in Nix's base 32, which has no e, o, t and u.
  const path = new RegExp(`${store}/[0-9abcdfghijklmnpqrsvwxyz]{32}-[-+._?=0-9A-Za-z]+`);
  const beginning = `${store}/`;
  let found: string | undefined;
  let rest: Buffer = Buffer.alloc(0);
  return {
    look(chunk: Uint8Array): void {
      if (found !== undefined) return;
      const bytes = Buffer.concat([rest, chunk]);
      for (let at = bytes.indexOf(beginning); at !== -1; at = bytes.indexOf(beginning, at + 1)) {
        found ??= path.exec(bytes.toString('latin1', at, at + 256))?.[0];
      }
      rest = bytes.subarray(-256);
    },
    found: () => found,
  };
}

async function* entriesOf(folder: string, options: FolderLayerOptions): AsyncGenerator<TarWriterEntry> {
  const { owner, epoch: mtime } = options;
  const common = { ...owner, mtime };
  yield { ...common, path: 'app', type: 'directory', mode: 0o755 };
  async function* walk(path: string, name: string): AsyncGenerator<TarWriterEntry> {
    for (const entry of (await readdir(path)).sort()) {
      const [file, member] = [join(path, entry), `${name}/${entry}`];
      const info = await lstat(file);
      if (info.isDirectory()) {
        yield { ...common, path: member, type: 'directory', mode: 0o755 };
        yield* walk(file, member);
      } else if (info.isSymbolicLink()) {
        yield { ...common, path: member, type: 'symlink', mode: 0o777, linkTarget: await readlink(file) };
      } else if (info.isFile()) {
        const mode = (info.mode & 0o111) === 0 ? 0o644 : 0o755;
        const content = createReadStream(file, { highWaterMark: READ_BYTES });
        yield { ...common, path: member, type: 'file', mode, size: info.size, content };
      } else {
        throw new DogwoodError(
          'NIX_SHELL_INVALID',
          `the build command left what belongs in no image: ${member.slice(4)}`,
          {
            hint: 'Sockets, FIFOs and devices are not put into layers; remove it at the end of the command.',
          },
        );
      }
    }
  }
  yield* walk(folder, 'app');
}
