import type { Built } from '../builders/builder.ts';
import { asDogwoodError } from '../errors.ts';
import { copy } from '../oci/copy.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { formatReference } from '../oci/reference.ts';
import type { Target } from '../oci/target.ts';
import type { ResultReference } from '../plan/result.ts';
import { copyEvents } from './copy-events.ts';
import { directPlace, type Place, type RegistryPlace } from './place.ts';
import { resultError } from './result-error.ts';
import type { Session } from './session.ts';
import { type TrackedSink, trackedSink } from './tracked-sink.ts';

/**
 * Brings what was built to every place. With one place that takes blobs it is there already, but for documents, base
 * and tag. With several it is first made whole in the local store, and each place gets its copy from there, so that
 * one that fails does not fail the others: what failed is in its reference.
 */
export async function deliver(
  built: Built,
  sink: TrackedSink,
  places: readonly Place[],
  session: Session,
): Promise<readonly ResultReference[]> {
  const direct = directPlace(places);
  if (direct) {
    await copyTo(built.from, sink.target, built.descriptor, session, {
      tag: direct.tag,
      label: sink.target.name,
    });
    if (direct.kind !== 'registry') return [];
    const counts = built.published === true ? UNCOUNTED : sink.counts();
    return [available(direct, built.descriptor, counts)];
  }
  // One file or engine reads the image where it is; several places share a copy that is fetched once.
  const from = places.length > 1 ? session.store : built.from;
  if (places.length > 1) {
    await copyTo(built.from, sink.target, built.descriptor, session, { label: sink.target.name });
  }
  return distribute(from, built.descriptor, places, session);
}

/** Copies an image that lies somewhere to each place, all at once. Throws the first failure when every one failed. */
export async function distribute(
  from: Target,
  descriptor: Descriptor,
  places: readonly Place[],
  session: Session,
): Promise<readonly ResultReference[]> {
  const registries = places.filter((place) => place.kind === 'registry');
  const settled = await Promise.allSettled(registries.map((place) => push(from, descriptor, place, session)));
  // Cancelled or out of time: a failure of the whole, not of the regions that had not come to their end.
  session.environment.signal.throwIfAborted();
  const failures = settled.filter((outcome) => outcome.status === 'rejected');
  const [first] = failures;
  if (first && failures.length === places.length) throw first.reason;
  for (const place of places) {
    if (place.kind === 'whole') await place.write(from, descriptor, wholeProgress(place.label, session));
    if (place.kind === 'store')
      await copyTo(from, place.target, descriptor, session, { tag: place.tag, label: place.target.name });
  }
  return settled.map((outcome, index) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    return failed(registries[index] as RegistryPlace, descriptor, outcome.reason);
  });
}

/** Nobody knows beforehand how much an archive takes: layers may have to be decompressed. */
function wholeProgress(transfer: string, session: Session): (count: number) => void {
  let bytes = 0;
  return (count) => {
    bytes += count;
    session.environment.emit({ type: 'progress', step: 'push', transfer, bytes, total: null, done: false });
  };
}

async function push(
  from: Target,
  descriptor: Descriptor,
  place: RegistryPlace,
  session: Session,
): Promise<ResultReference> {
  const sink = trackedSink(place.target);
  const label = place.region ?? place.reference.registry;
  await copyTo(from, sink.target, descriptor, session, { tag: place.tag, label });
  return available(place, descriptor, sink.counts());
}

async function copyTo(
  from: Target,
  to: Target,
  descriptor: Descriptor,
  session: Session,
  options: { readonly tag?: string; readonly label: string },
): Promise<void> {
  const { emit, signal } = session.environment;
  await copy(from, to, descriptor, { tag: options.tag, signal, onEvent: copyEvents(options.label, emit) });
}

function names(
  place: RegistryPlace,
  descriptor: Descriptor,
): Pick<ResultReference, 'region' | 'reference' | 'tag'> {
  const { registry, repository } = place.reference;
  return {
    region: place.region,
    reference: formatReference({ registry, repository, digest: descriptor.digest }),
    tag: formatReference({ registry, repository, tag: place.tag }),
  };
}

type Counts = Pick<ResultReference, 'uploadedBytes' | 'skippedBytes'>;

/** An engine sent it, and does not say how much of it was there. */
const UNCOUNTED: Counts = { uploadedBytes: null, skippedBytes: null };

function available(place: RegistryPlace, descriptor: Descriptor, counts: Counts): ResultReference {
  return { ...names(place, descriptor), state: 'available', ...counts, error: null };
}

function failed(place: RegistryPlace, descriptor: Descriptor, reason: unknown): ResultReference {
  return {
    ...names(place, descriptor),
    state: 'failed',
    uploadedBytes: 0,
    skippedBytes: 0,
    error: resultError(asDogwoodError(reason), 'push'),
  };
}
