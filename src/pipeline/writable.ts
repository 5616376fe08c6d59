import { PassThrough, type Readable } from 'node:stream';
import { connectDocker } from '../engines/docker.ts';
import { writeDockerArchive } from '../oci/archives/docker-archive.ts';
import { writeOciArchive } from '../oci/archives/oci-archive.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { openLayout } from '../oci/stores/layout.ts';
import type { Target } from '../oci/target.ts';
import type { ImageName } from './image-name.ts';
import type { Place } from './place.ts';
import { type Session, temporaryFiles } from './session.ts';

/** A place of this machine that an image can be written to. */
export async function openWritable(
  name: Exclude<ImageName, { transport: 'registry' }>,
  session: Session,
): Promise<Place> {
  const { dockerHost, signal } = session.environment;
  const temp = temporaryFiles(session);
  if (name.transport === 'local') return { kind: 'store', target: session.store, tag: name.name };
  if (name.transport === 'oci') {
    return {
      kind: 'store',
      target: await openLayout(name.path, { create: true, signal }),
      tag: name.name ?? 'latest',
    };
  }
  if (name.transport === 'docker-daemon') {
    const docker = await connectDocker(dockerHost, signal);
    return {
      kind: 'whole',
      label: `docker-daemon:${name.name}`,
      write: async (from, descriptor) => {
        await docker.loadImage(
          dockerArchiveStream(from, descriptor, [dockerName(name.name)], session),
          signal,
        );
      },
    };
  }
  return {
    kind: 'whole',
    label: `${name.transport}:${name.path}`,
    write: async (from, descriptor) => {
      if (name.transport === 'oci-archive') {
        await writeOciArchive(from, descriptor, name.path, { tag: name.name, signal });
      } else {
        const repoTags = name.name === undefined ? [] : [dockerName(name.name)];
        await writeDockerArchive(from, descriptor, name.path, { repoTags, temp, signal });
      }
    },
  };
}

/** An image as the stream of a docker-archive that an engine loads. */
export function dockerArchiveStream(
  from: Target,
  descriptor: Descriptor,
  repoTags: readonly string[],
  session: Session,
): Readable {
  const stream = new PassThrough();
  const { signal } = session.environment;
  writeDockerArchive(from, descriptor, stream, { repoTags, temp: temporaryFiles(session), signal }).catch(
    (error: unknown) => stream.destroy(error as Error),
  );
  return stream;
}

/** Docker's names always have a tag. */
function dockerName(name: string): string {
  return /:[^/]*$/.test(name) ? name : `${name}:latest`;
}
