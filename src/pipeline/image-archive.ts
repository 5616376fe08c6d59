import { DogwoodError } from '../errors.ts';
import { findImage } from '../oci/listing.ts';
import { spool } from '../oci/stores/spool.ts';
import { createTarReader } from '../oci/tar/reader.ts';
import { HEAD_BYTES, headOutput } from '../source/is-tar.ts';
import type { ArchiveSource, Source } from '../source/source.ts';
import { type OpenedImage, openArchive, openImage } from './places/open-image.ts';
import type { Session } from './session/session.ts';

/** How members of a docker-archive or oci-archive are called; every writer begins with one of these. */
const IMAGE_MEMBER =
  /^(?:blobs(?:\/sha256(?:\/[a-f0-9]{64})?)?|oci-layout|index\.json|manifest\.json|repositories|(?:sha256:)?[a-f0-9]{64}(?:\.json|\.tar(?:\.gz)?|\/(?:layer\.tar|json|VERSION))?)$/;

/** The first members of an archive when they are those of an image; none otherwise. Reads the head only. */
export async function imageArchiveMembers(source: ArchiveSource): Promise<readonly string[]> {
  const names = firstMembers(await source.head(HEAD_BYTES));
  return names.length > 0 && names.every((name) => IMAGE_MEMBER.test(name)) ? names : [];
}

function firstMembers(head: Uint8Array): readonly string[] {
  const names: string[] = [];
  const reader = createTarReader(
    { entry: ({ path }) => void (path !== '' && names.length < 3 && names.push(path)), data: () => {} },
    { rules: 'image-layer' },
  );
  try {
    reader.write(headOutput(head));
  } catch {
    // No tar, or cut short by us: what was seen until then is what there is to go by.
  }
  return names;
}

/** The image that a source is or holds. */
export async function openImageSource(source: Source, session: Session): Promise<OpenedImage> {
  if (source.kind === 'image') return openImage(source.reference, 'local', session);
  if (source.kind === 'tree') {
    throw new DogwoodError('ARCHIVE_INVALID', `${source.name} is a folder`, {
      hint: 'An OCI layout is written oci:DIR.',
    });
  }
  const { signal } = session.environment;
  const path = source.stamp?.path ?? (await keepAside(source, session));
  const from = await openArchive('docker-archive', path, session).catch((error: unknown) => {
    if (error instanceof DogwoodError && error.code === 'ARCHIVE_INVALID')
      return openArchive('oci-archive', path, session);
    throw error;
  });
  return { descriptor: await findImage(from, undefined, signal), from, reference: undefined };
}

/** An image archive is read by offset, so one that comes as a stream has to lie in a file first. */
async function keepAside(source: ArchiveSource, session: Session): Promise<string> {
  const kept = await spool(await source.content.open(), session.temp);
  session.defer(() => kept.dispose());
  await kept.whole();
  return kept.path;
}
