import { asDogwoodError } from '../../errors.ts';
import { loadImage } from '../../oci/load.ts';
import { parseReference } from '../../oci/reference.ts';
import type { Session } from '../../pipeline/session/session.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { ResultReference } from '../../plan/result.ts';
import type { AppImage } from '../folder/app-result.ts';
import type { VerifyCheck } from './verify-document.ts';

export interface CheckedImage {
  readonly checks: readonly VerifyCheck[];
  /** What the image itself says of its processes; undefined where it could not be read, or says nothing. */
  readonly processes: Readonly<Record<string, string>> | undefined;
}

/** Reads an image back from every region: its documents are hashed anew, its layers have to be there. */
export async function checkImage(
  image: AppImage,
  session: Session,
  signal: AbortSignal,
): Promise<CheckedImage> {
  const checks: VerifyCheck[] = [];
  let processes: CheckedImage['processes'];
  for (const reference of image.references) {
    const name = `image ${reference.region ?? reference.reference}`;
    const found = await readBack(image, reference, session, signal).catch((thrown: unknown) => {
      signal.throwIfAborted();
      const error = asDogwoodError(thrown);
      return { ok: false, detail: `${error.message} (${error.code})`, processes: undefined };
    });
    processes ??= found.processes;
    checks.push({ name, ok: found.ok, detail: found.detail });
  }
  return { checks, processes };
}

interface Found extends Omit<VerifyCheck, 'name'> {
  readonly processes: CheckedImage['processes'];
}

async function readBack(
  { digest, mediaType, size }: AppImage,
  { reference, tag }: ResultReference,
  session: Session,
  signal: AbortSignal,
): Promise<Found> {
  const wrong = (detail: string): Found => ({ ok: false, detail, processes: undefined });
  const repository = session.repository(parseReference(reference));
  const tagged = tag === null ? undefined : await repository.resolve(parseReference(tag).tag ?? '', signal);
  if (tag !== null && tagged?.digest !== digest) {
    return wrong(`${tag} names ${tagged?.digest ?? 'nothing'}, not ${digest}`);
  }
  const image = await loadImage(repository, { digest, mediaType, size }, { signal });
  for (const { descriptor } of image.layers) {
    if (!(await repository.has(descriptor, signal))) return wrong(`its layer ${descriptor.digest} is gone`);
  }
  const { contract, commands } = readImageProcesses(image.config);
  return {
    ok: true,
    detail: `${tag ?? reference}: manifest, config and ${image.layers.length} layers`,
    processes: contract === 'none' ? undefined : commands,
  };
}
