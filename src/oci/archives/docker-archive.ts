import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DogwoodError } from '../../errors.ts';
import type { Descriptor, Platform } from '../descriptor.ts';
import { isDigest } from '../digest.ts';
import type { ListedImage } from '../listing.ts';
import { loadImage } from '../load.ts';
import { createTempFiles, type TempFiles } from '../stores/temp-files.ts';
import type { Target } from '../target.ts';
import { type ArchiveFile, type OpenArchiveOptions, openArchiveFile } from './archive-file.ts';
import { type ArchivedImage, readImage } from './archived-image.ts';
import { type DockerArchiveEntry, parseDockerManifest, sameName } from './docker-manifest.ts';
import { repoTag, writeMembers } from './docker-members.ts';
import { type ArchiveTarget, readOnlyTarget } from './read-only.ts';
import { writeTarFile } from './write-tar.ts';

/**
 * What `docker save`, Nix and skopeo write, as a target that is read where the members lie. Configs are kept byte for
 * byte, so the image id stays. Such an archive has no OCI manifest, so one is made: layers as they are in the archive,
 * an uncompressed one under its diffID. Docker 25 and later save their own manifest beside; where it is about the same
 * config and layers and all of them are there, it is used.
 *
 * @param source a path, or a stream that is kept aside
 * @throws ARCHIVE_INVALID, TAR_*, and what `openArchiveFile` throws
 */
export async function openDockerArchive(
  source: string | Readable,
  options: OpenArchiveOptions,
): Promise<ArchiveTarget> {
  const archive = await openArchiveFile(source, 'docker-archive', options);
  try {
    if (archive.find('manifest.json') === undefined) throw noManifest(archive);
    const entries = parseDockerManifest(await archive.read('manifest.json'), archive.name);
    return dockerView(archive, entries, options.signal);
  } catch (error) {
    await archive.dispose();
    throw error;
  }
}

function noManifest(archive: ArchiveFile): DogwoodError {
  const hint = archive.find('oci-layout')
    ? { hint: 'It is a tar of an OCI layout: write oci-archive: instead of docker-archive:.' }
    : archive.find('repositories')
      ? { hint: 'It was written by a Docker older than 1.10; load and save it again.' }
      : {};
  return new DogwoodError('ARCHIVE_INVALID', `${archive.name} has no manifest.json`, hint);
}

function dockerView(
  archive: ArchiveFile,
  entries: readonly DockerArchiveEntry[],
  signal: AbortSignal | undefined,
): ArchiveTarget {
  // Reading one image of many must not cost looking at the layers of all.
  const images = new Map<DockerArchiveEntry, Promise<ArchivedImage>>();
  const imageOf = (entry: DockerArchiveEntry): Promise<ArchivedImage> => {
    const known = images.get(entry) ?? readImage(archive, entry, signal);
    images.set(entry, known);
    return known;
  };
  const all = (): Promise<ArchivedImage[]> => Promise.all(entries.map(imageOf));

  return readOnlyTarget({
    name: archive.name,
    dispose: archive.dispose,
    async locate(descriptor) {
      const isKnown = (image: ArchivedImage): boolean => image.blobs.has(descriptor.digest);
      const known = (await Promise.all(images.values())).find(isKnown) ?? (await all()).find(isKnown);
      return known?.blobs.get(descriptor.digest);
    },
    async list() {
      return (await all()).flatMap(({ descriptor, repoTags }): ListedImage[] =>
        repoTags.length === 0 ? [{ descriptor }] : repoTags.map((name) => ({ descriptor, name })),
      );
    },
    async resolve(reference) {
      if (isDigest(reference)) {
        return (await all()).find((image) => image.descriptor.digest === reference)?.descriptor;
      }
      const found = entries.filter((entry) => entry.repoTags.some((name) => sameName(name, reference)));
      const [first, ...others] = await Promise.all(found.map(imageOf));
      if (others.some((other) => other.descriptor.digest !== first?.descriptor.digest)) {
        throw new DogwoodError('IMAGE_AMBIGUOUS', `${archive.name} has several images named ${reference}`);
      }
      return first?.descriptor;
    },
  });
}

export interface WriteDockerArchiveOptions {
  /** Names the image has after `docker load`, for example `app:v1`. */
  readonly repoTags: readonly string[];
  /** Which image of an index; as `loadImage` chooses. */
  readonly platform?: Platform | undefined;
  /** Where the archive is made when it goes to a stream; the system's folder for such files unless told. */
  readonly temp?: TempFiles | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes of layers pass, uncompressed. */
  readonly onBytes?: ((count: number) => void) | undefined;
}

/**
 * Writes an image for `docker load`: layers uncompressed and checked against their diffIDs, the config byte for byte
 * (so Docker's image id is its digest), and the OCI layout that Docker 25 and later write beside it. The same image
 * gives the same bytes. A file appears under its name only when it is whole; a stream is ended.
 *
 * @throws IMAGE_INVALID for a layer of unknown type, DIGEST_MISMATCH, REFERENCE_INVALID, DISK_FULL, STORE_UNWRITABLE
 */
export async function writeDockerArchive(
  target: Target,
  descriptor: Descriptor,
  out: string | Writable,
  options: WriteDockerArchiveOptions,
): Promise<void> {
  const { signal, platform, temp = createTempFiles(tmpdir()) } = options;
  const names = options.repoTags.map(repoTag);
  const image = await loadImage(target, descriptor, { platform, signal });
  const write = (path: string): Promise<void> =>
    writeTarFile(path, signal, (tar) => writeMembers(tar, image, names, options));
  if (typeof out === 'string') return await write(out);
  // A tar header says how long the layer behind it is, which is known only when it is decompressed: a file can be
  // written to at its beginning again, a stream cannot.
  await temp.use(async (path) => {
    await write(path);
    // Opened before it streams: a stream that opens by itself, called off and its file removed, fails where nobody
    // listens any more.
    const file = await open(path, 'r');
    await pipeline(file.createReadStream({ highWaterMark: 1024 * 1024 }), out, { signal });
  });
}
