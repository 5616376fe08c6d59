import { PassThrough } from 'node:stream';
import { connectDocker, type DockerEngine } from '../../engines/docker/engine.ts';
import { DogwoodError } from '../../errors.ts';
import { writeDockerArchive } from '../../oci/archives/docker-archive.ts';
import { writeOciArchive } from '../../oci/archives/oci-archive.ts';
import { checkArchivePath } from '../../oci/archives/write-tar.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { openStagedLayout } from '../../oci/stores/staged-layout.ts';
import type { Target } from '../../oci/target.ts';
import type { Session } from '../session/session.ts';
import type { ImageName } from './image-name.ts';
import type { Place } from './place.ts';
import { singleImage } from './single-image.ts';

/** A place of this machine that an image can be written to. */
export async function openWritable(
  name: Exclude<ImageName, { transport: 'registry' }>,
  session: Session,
): Promise<Place> {
  const { dockerHost, signal } = session.environment;
  const { temp } = session;
  if (name.transport === 'oci' || name.transport === 'oci-archive') checkTag(name.name);
  if (name.transport === 'local') {
    return { kind: 'store', target: await session.openStore(), tag: name.name };
  }
  if (name.transport === 'oci') {
    const target = await openStagedLayout(name.path, signal);
    session.defer(() => target.discard());
    return { kind: 'store', target, tag: name.name ?? 'latest' };
  }
  if (name.transport === 'docker-daemon') {
    const docker = await connectDocker(dockerHost, signal);
    const label = `docker-daemon:${name.name}`;
    return {
      kind: 'whole',
      label,
      async write(from, descriptor, onBytes) {
        const image = await singleImage(from, descriptor, label, session.environment);
        await loadIntoEngine(docker, from, image, [dockerName(name.name)], session, onBytes);
        return image;
      },
    };
  }
  await checkArchivePath(name.path);
  const label = `${name.transport}:${name.path}`;
  return {
    kind: 'whole',
    label,
    async write(from, descriptor, onBytes) {
      if (name.transport === 'oci-archive') {
        await writeOciArchive(from, descriptor, name.path, { tag: name.name, signal, onBytes });
        return descriptor;
      }
      const image = await singleImage(from, descriptor, label, session.environment);
      const repoTags = name.name === undefined ? [] : [dockerName(name.name)];
      await writeDockerArchive(from, image, name.path, { repoTags, temp, signal, onBytes });
      return image;
    },
  };
}

/** Has an engine load an image. Nothing of it runs on or lies about afterwards, whichever side broke. */
export async function loadIntoEngine(
  docker: Pick<DockerEngine, 'loadImage'>,
  from: Target,
  descriptor: Descriptor,
  repoTags: readonly string[],
  session: Session,
  onBytes?: (count: number) => void,
): Promise<void> {
  const stream = new PassThrough();
  // What breaks it comes out of the engine, which reads it, or of nobody when the engine never began.
  stream.on('error', () => {});
  const { signal } = session.environment;
  const options = { repoTags, temp: session.temp, signal, onBytes };
  const writing = writeDockerArchive(from, descriptor, stream, options).catch((error: unknown) => {
    stream.destroy(error as Error);
  });
  try {
    await docker.loadImage(stream, signal);
  } finally {
    stream.destroy();
    await writing;
  }
}

// image-spec annotations.md, org.opencontainers.image.ref.name; the length is ours.
const REF_NAME = /^[A-Za-z0-9]+(?:(?:[-._:@+/]|--)[A-Za-z0-9]+)*$/;
const MAX_REF_NAME = 255;

/** Read is what others wrote; written is what others can read. */
function checkTag(tag: string | undefined): void {
  if (tag === undefined || (tag.length <= MAX_REF_NAME && REF_NAME.test(tag))) return;
  throw new DogwoodError('REFERENCE_INVALID', `${JSON.stringify(tag.slice(0, 160))} is no tag`, {
    hint: 'A tag is letters and digits, with single - . _ : @ + or / between them.',
  });
}

/** Docker's names always have a tag. */
function dockerName(name: string): string {
  return /:[^/]*$/.test(name) ? name : `${name}:latest`;
}
