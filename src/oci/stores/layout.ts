import { constants, open, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DogwoodError } from '../../errors.ts';
import type { Descriptor } from '../descriptor.ts';
import { isDigest } from '../digest.ts';
import { documentMediaType, type ImageIndexDocument, MAX_DOCUMENT_BYTES, parseIndex } from '../documents.ts';
import { type ListingTarget, listIndex, resolveInIndex } from '../listing.ts';
import { isManifestOrIndexType } from '../media-types.ts';
import type { Target } from '../target.ts';
import { readDocument } from '../verify.ts';
import { type BlobFiles, createBlobFiles, makeFolder, syncFolder } from './blob-files.ts';
import { errnoOf, fileError } from './file-errors.ts';
import { lockFile } from './file-lock.ts';
import { EMPTY_INDEX, withEntry, withTag } from './layout-index.ts';
import { createTempFiles, type TempFiles } from './temp-files.ts';

/** Lives in the layout itself, the one place that all its writers see, whatever their environment. */
const LOCK = '.dogwood-index.lock';
export const LAYOUT_MARKER = 'oci-layout';
const INDEX = 'index.json';
const VERSION = '1.0.0';

export interface LayoutTarget extends ListingTarget {
  readonly directory: string;
}

export interface OpenLayoutOptions {
  /** Makes the layout when the folder is missing or empty. */
  readonly create?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * An OCI image layout (image-spec image-layout.md) as a target.
 *
 * @throws LAYOUT_INVALID when it is none, or of another version, or (with `create`) when the folder holds other things
 */
export async function openLayout(directory: string, options: OpenLayoutOptions = {}): Promise<LayoutTarget> {
  const name = `oci:${directory}`;
  const temp = createTempFiles(directory);
  if (options.create && !(await isLayout(directory))) await createLayout(directory, temp, options.signal);
  await checkMarker(directory);
  await readIndex(directory);
  const blobs = createBlobFiles(directory, temp, name);

  const edit = (change: (index: ImageIndexDocument) => ImageIndexDocument, signal?: AbortSignal) =>
    editIndex(directory, temp, change, signal);

  const target: LayoutTarget = {
    name,
    directory,
    has: blobs.has,
    open: blobs.open,
    put: blobs.put,
    list: async () => listIndex(await readIndex(directory)),
    async resolve(reference, signal) {
      const listed = resolveInIndex(await readIndex(directory), reference, name);
      return (
        listed ?? (isDigest(reference) ? await resolveBlob(target, blobs, reference, signal) : undefined)
      );
    },
    async tag(descriptor, tag, signal) {
      await mustBeThere(target, descriptor);
      await edit((index) => withTag(index, descriptor, tag), signal);
    },
    async addRoot(descriptor, signal) {
      await mustBeThere(target, descriptor);
      await edit((index) => withEntry(index, descriptor), signal);
    },
  };
  return target;
}

/** Whether the folder says of itself that it is an OCI layout. */
export async function isLayout(directory: string): Promise<boolean> {
  const marker = await stat(join(directory, LAYOUT_MARKER)).catch(() => undefined);
  const index = await stat(join(directory, INDEX)).catch(() => undefined);
  return marker?.isFile() === true && index?.isFile() === true;
}

/** A manifest or index that index.json does not list, such as one inside an index, by its digest. */
export async function resolveBlob(
  target: Target,
  blobs: Pick<BlobFiles, 'size'>,
  reference: string,
  signal?: AbortSignal,
): Promise<Descriptor | undefined> {
  const size = isDigest(reference) ? await blobs.size(reference) : undefined;
  if (!isDigest(reference) || size === undefined || size > MAX_DOCUMENT_BYTES) return undefined;
  const unknown: Descriptor = { mediaType: 'application/octet-stream', digest: reference, size };
  const mediaType = typeOf(await readDocument(target, unknown, signal));
  return mediaType === undefined ? undefined : { mediaType, digest: reference, size };
}

function typeOf(bytes: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const isDocument = typeof value === 'object' && value !== null && 'schemaVersion' in value;
    const mediaType = isDocument ? documentMediaType(bytes) : '';
    return isManifestOrIndexType(mediaType) ? mediaType : undefined;
  } catch {
    // A layer or config: no reference means it.
    return undefined;
  }
}

export async function mustBeThere(target: Target, descriptor: Descriptor): Promise<void> {
  if (await target.has(descriptor)) return;
  throw new DogwoodError(
    'BLOB_NOT_FOUND',
    `${descriptor.digest} is not in ${target.name}; put it before naming it`,
  );
}

async function createLayout(directory: string, temp: TempFiles, signal?: AbortSignal): Promise<void> {
  await makeFolder(directory);
  await refuseForeignFolder(directory);
  const lock = await lockFile(join(directory, LOCK), signal);
  try {
    // Another process may have been first.
    if (await isLayout(directory)) return;
    await makeFolder(join(directory, 'blobs', 'sha256'));
    await replaceFile(directory, temp, INDEX, JSON.stringify(EMPTY_INDEX));
    await replaceFile(directory, temp, LAYOUT_MARKER, JSON.stringify({ imageLayoutVersion: VERSION }));
  } finally {
    lock.release();
  }
}

/** Throws LAYOUT_INVALID when the folder holds anything that a layout in the making does not. */
export async function refuseForeignFolder(directory: string): Promise<void> {
  const foreign = (await readdir(directory)).find(
    (entry) => ![LAYOUT_MARKER, INDEX, 'blobs'].includes(entry) && !entry.startsWith('.dogwood-'),
  );
  if (foreign !== undefined) {
    throw new DogwoodError('LAYOUT_INVALID', `${directory} is not empty (${foreign}) and no OCI layout`, {
      hint: 'Name a new or an empty folder.',
    });
  }
}

async function checkMarker(directory: string): Promise<void> {
  checkLayoutVersion((await readOwnFile(directory, LAYOUT_MARKER)).toString('utf8'), directory);
}

/**
 * image-spec image-layout.md, oci-layout file.
 *
 * @throws LAYOUT_INVALID
 */
export function checkLayoutVersion(text: string, where: string): void {
  let version: unknown;
  try {
    version = (JSON.parse(text) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion;
  } catch (cause) {
    throw new DogwoodError('LAYOUT_INVALID', `${LAYOUT_MARKER} in ${where} is not JSON`, { cause });
  }
  if (version !== VERSION) {
    throw new DogwoodError(
      'LAYOUT_INVALID',
      `${LAYOUT_MARKER} in ${where} states version ${JSON.stringify(version)?.slice(0, 40)}, only ${VERSION} is known`,
    );
  }
}

async function readIndex(directory: string): Promise<ImageIndexDocument> {
  const bytes = await readOwnFile(directory, INDEX);
  try {
    return parseIndex(bytes, join(directory, INDEX));
  } catch (cause) {
    throw new DogwoodError('LAYOUT_INVALID', (cause as Error).message, { cause });
  }
}

/** One of the layout's own two files. In a stranger's layout it may be a FIFO, or as large as the disk. */
async function readOwnFile(directory: string, name: string): Promise<Buffer> {
  const path = join(directory, name);
  const missing = new DogwoodError('LAYOUT_INVALID', `${directory} has no file ${name}`);
  // Non-blocking: a FIFO would wait for a writer for ever, and not even an interrupt would end that.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR'
      ? missing
      : fileError(error, `cannot read ${path}`);
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw missing;
    if (stats.size > MAX_DOCUMENT_BYTES) {
      throw new DogwoodError(
        'LAYOUT_INVALID',
        `${path} is ${stats.size} bytes; at most ${MAX_DOCUMENT_BYTES} are read`,
      );
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

async function editIndex(
  directory: string,
  temp: TempFiles,
  change: (index: ImageIndexDocument) => ImageIndexDocument,
  signal?: AbortSignal,
): Promise<void> {
  const lock = await lockFile(join(directory, LOCK), signal);
  try {
    const before = await readIndex(directory);
    const after = change(before);
    if (after !== before) await replaceFile(directory, temp, INDEX, JSON.stringify(after));
  } finally {
    lock.release();
  }
}

/** Readers see the old file or the new one, also after a power cut. */
async function replaceFile(directory: string, temp: TempFiles, name: string, text: string): Promise<void> {
  await temp.use(async (path) => {
    try {
      const file = await open(path, 'wx', 0o644);
      try {
        await file.writeFile(text);
        await file.chmod(0o644);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(path, join(directory, name));
      await syncFolder(directory);
    } catch (error) {
      throw fileError(error, `cannot write ${join(directory, name)}`);
    }
  });
}
