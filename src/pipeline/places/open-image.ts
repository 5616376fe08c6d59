import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { connectDocker } from '../../engines/docker/engine.ts';
import { DogwoodError } from '../../errors.ts';
import { openDockerArchive } from '../../oci/archives/docker-archive.ts';
import { openOciArchive } from '../../oci/archives/oci-archive.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { findImage } from '../../oci/listing.ts';
import { formatReference, type Reference, referenceTarget, withDefaultTag } from '../../oci/reference.ts';
import { openLayout } from '../../oci/stores/layout.ts';
import type { Target } from '../../oci/target.ts';
import type { RegistryTarget } from '../../registry/registry-target.ts';
import type { Session } from '../session/session.ts';
import { type BareMeans, type ImageName, parseImageName } from './image-name.ts';

/** An image that was found, and where its blobs can be read. */
export interface OpenedImage {
  readonly descriptor: Descriptor;
  readonly from: Target;
  /** Set when it came from a registry. */
  readonly reference: Reference | undefined;
}

/** Finds an image by its name as it was written; `bare` says what a word without a transport means. */
export function openImage(text: string, bare: BareMeans, session: Session): Promise<OpenedImage> {
  return openNamedImage(parseImageName(text, bare), session);
}

/** Finds an image by its name. Throws IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS and what its transport throws. */
async function openNamedImage(name: ImageName, session: Session): Promise<OpenedImage> {
  const { signal } = session.environment;
  if (name.transport === 'registry') {
    const reference = withDefaultTag(name.reference);
    const from = session.registry(reference, 'pull');
    const descriptor = await from.resolve(referenceTarget(reference), signal);
    if (descriptor) return { descriptor, from, reference };
    const others =
      reference.digest === undefined
        ? await otherTags(session.repository(reference), reference.tag ?? '', signal)
        : '';
    throw new DogwoodError('IMAGE_NOT_FOUND', `there is no image ${formatReference(reference)}${others}`);
  }
  if (name.transport === 'local') {
    return {
      descriptor: await findImage(session.store, name.name, signal),
      from: session.store,
      reference: undefined,
    };
  }
  if (name.transport === 'docker-daemon') return openDaemonImage(name.name, session);
  await mustExist(name.path);
  const from = await openFileTransport(name.transport, name.path, session);
  return { descriptor: await findImage(from, name.name, signal), from, reference: undefined };
}

const SHOWN_TAGS = 8;

/** What a mistyped tag may have been meant to be. Fails for nothing: that there is no such image is what counts. */
async function otherTags(repository: RegistryTarget, wanted: string, signal: AbortSignal): Promise<string> {
  const tags = await repository.tags({ enough: 1, signal }).catch(() => []);
  const alike = (tag: string) => [...tag].findIndex((letter, i) => letter !== wanted[i]) >>> 0;
  const shown = tags.toSorted((a, b) => alike(b) - alike(a)).slice(0, SHOWN_TAGS);
  const more = tags.length > shown.length ? ', ...' : '';
  return shown.length === 0 ? '' : `; the repository has ${shown.join(', ')}${more}`;
}

async function mustExist(path: string): Promise<void> {
  await stat(path).catch((cause: unknown) => {
    throw new DogwoodError('SOURCE_NOT_FOUND', `there is no file or folder ${path}`, { cause });
  });
}

async function openFileTransport(
  transport: 'oci' | 'oci-archive' | 'docker-archive',
  path: string,
  session: Session,
) {
  if (transport === 'oci') return openLayout(path);
  return openArchive(transport, path, session);
}

/** An image archive that lies in a file, or comes as a stream. */
export async function openArchive(
  transport: 'oci-archive' | 'docker-archive',
  source: string | Readable,
  session: Session,
) {
  const open = transport === 'oci-archive' ? openOciArchive : openDockerArchive;
  const archive = await open(source, { temp: session.temp, signal: session.environment.signal });
  session.defer(() => archive.dispose());
  return archive;
}

async function openDaemonImage(name: string, session: Session): Promise<OpenedImage> {
  const { dockerHost, signal } = session.environment;
  const docker = await connectDocker(dockerHost, signal);
  const from = await openArchive('docker-archive', await docker.exportImage(name, signal), session);
  return { descriptor: await findImage(from, undefined, signal), from, reference: undefined };
}
