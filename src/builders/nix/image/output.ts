import { constants, type FileHandle, lstat, open, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type NixStore, nixStore, physicalPath } from '../../../engines/nix/nix.ts';
import { DogwoodError } from '../../../errors.ts';
import { sniffCompression } from '../../../oci/compression/sniff.ts';
import { copy } from '../../../oci/copy.ts';
import { openLayout } from '../../../oci/stores/layout.ts';
import type { BuildContext, Built } from '../../builder.ts';
import { ingest } from '../../ingest.ts';
import { finishImage, type OutputOptions } from '../finish-image.ts';
import { takeStream } from './stream-script.ts';

const HEAD_BYTES = 512;
const JSON_BYTES = 64 * 1024;
const MAX_LINKS = 8;

/**
 * Takes in what a Nix build left in the store, whatever it is: an archive (plain, gzip, zstd), a script that streams
 * one, an OCI layout. Throws NIX_OUTPUT_UNUSABLE for anything else, saying what to do.
 */
export async function takeOutput(
  path: string,
  options: OutputOptions,
  context: BuildContext,
): Promise<Built> {
  const store = nixStore(context.engines.variables);
  const found = await followInStore(path, store, options.what);
  const info = await lstat(physicalPath(found, store));
  if (info.isDirectory()) return await takeFolder(physicalPath(found, store), store, options, context);
  const file = await open(physicalPath(found, store), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const head = await readHead(file);
    if (isProgram(head) && (info.mode & 0o111) !== 0) {
      return await takeStream(found, store, options, context);
    }
    const stream = file.createReadStream({ autoClose: false, start: 0, highWaterMark: 1024 * 1024 });
    if (sniffCompression(head) !== 'none' || isTar(head)) {
      return await finishImage(await ingest(stream, options.compression, context), options, context);
    }
    stream.destroy();
    throw unusable(options.what, await readText(file));
  } finally {
    await file.close();
  }
}

/** An output may be a link to another store path; one that leads out of the store is not followed. */
async function followInStore(path: string, store: NixStore, what: string): Promise<string> {
  let current = path;
  for (let hops = 0; hops < MAX_LINKS; hops += 1) {
    const info = await lstat(physicalPath(current, store)).catch((cause: NodeJS.ErrnoException) => {
      throw new DogwoodError('ENGINE_FAILED', `Nix built ${what}, but its output is not on this machine`, {
        cause,
      });
    });
    if (!info.isSymbolicLink()) return current;
    const target = await readlink(physicalPath(current, store));
    current = target.startsWith('/') ? target : join(dirname(current), target);
    if (!current.startsWith(`${store.logical}/`) || current.split('/').includes('..')) break;
  }
  throw new DogwoodError('NIX_OUTPUT_UNUSABLE', `${what} is a link that leads out of the Nix store`);
}

async function readHead(file: FileHandle): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}

async function readText(file: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(JSON_BYTES), 0, JSON_BYTES, 0);
  return buffer.toString('utf8', 0, bytesRead);
}

const isProgram = (head: Buffer): boolean =>
  head.toString('latin1', 0, 2) === '#!' || head.toString('latin1', 0, 4) === '\x7fELF';
// POSIX tar: the magic at 257.
const isTar = (head: Buffer): boolean => head.toString('latin1', 257, 262) === 'ustar';

function unusable(what: string, text: string): DogwoodError {
  if (text.startsWith('{') && /"image-config"\s*:/.test(text)) return nix2containerError(what);
  return new DogwoodError(
    'NIX_OUTPUT_UNUSABLE',
    `${what} is a file, but neither an image archive nor a program that writes one`,
  );
}

/** nix2container writes a description of an image; only its own copy programs make one of it. */
export function nix2containerError(what: string): DogwoodError {
  const name = /([^.\s]+)(?:\s|$)/.exec(what)?.[1] ?? what;
  return new DogwoodError(
    'NIX_OUTPUT_UNUSABLE',
    `${what} is an image of nix2container: a description without layers`,
    {
      hint: `Build it with dockerTools.streamLayeredImage instead, or write it out with \`nix run .#${name}.copyTo -- oci:DIR:latest\` and run \`build oci:DIR:latest\`.`,
    },
  );
}

async function takeFolder(
  folder: string,
  store: NixStore,
  options: OutputOptions,
  context: BuildContext,
): Promise<Built> {
  const names = await readdir(folder);
  if (!names.includes('oci-layout')) {
    throw new DogwoodError(
      'NIX_OUTPUT_UNUSABLE',
      `${options.what} is a folder, an ordinary package and no image`,
      {
        hint: 'Put it into an image with dockerTools.streamLayeredImage { contents = [ ... ]; }, and name that attribute.',
      },
    );
  }
  await checkLinks(folder, store, options.what);
  const layout = await openLayout(folder, { signal: context.signal });
  const [listed, ...others] = await layout.list();
  if (listed === undefined || others.length > 0) {
    throw new DogwoodError(
      'IMAGE_AMBIGUOUS',
      `${options.what} is an OCI layout of ${others.length + 1} images`,
    );
  }
  const { signal } = context;
  const { descriptor } = await copy(layout, context.sink, listed.descriptor, { signal });
  return await finishImage({ descriptor, from: context.sink }, options, context);
}

/** A link out of the store would put a file of this machine into the image. */
async function checkLinks(folder: string, store: NixStore, what: string): Promise<void> {
  const inside = await realpath(store.physical);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const real = await realpath(join(entry.parentPath, entry.name)).catch(() => undefined);
    if (real?.startsWith(`${inside}/`)) continue;
    throw new DogwoodError(
      'NIX_OUTPUT_UNUSABLE',
      `${what} is an OCI layout with a link out of the Nix store: ${entry.name}`,
    );
  }
}
