import type { Built } from '../../builders/builder.ts';
import { copy } from '../../oci/copy.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Target } from '../../oci/target.ts';
import type { ResultReference } from '../../plan/result.ts';
import {
  directPlace,
  type Place,
  type RegistryPlace,
  type StorePlace,
  type WholePlace,
} from '../places/place.ts';
import type { Session } from '../session/session.ts';
import { copyEvents } from './copy-events.ts';
import { distribute } from './distribute.ts';
import { reportRegion } from './region-report.ts';
import type { TrackedSink } from './tracked-sink.ts';

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
  const { descriptor } = built;
  const direct = directPlace(places);
  if (direct?.kind === 'store') {
    await copyTo(built.from, sink.target, descriptor, session, { tag: direct.tag });
    return [];
  }
  if (direct !== undefined) return [await finishDirect(built, sink, direct, session)];
  // One file or engine reads the image where it is; several places share a copy that is fetched once.
  const from = places.length > 1 ? session.store : built.from;
  if (places.length > 1) await copyTo(built.from, sink.target, descriptor, session, {});
  const registries = places.filter((place) => place.kind === 'registry');
  // Those of this machine first: they are quick, and what is wrong with them is known before anything is sent.
  for (const place of places) if (place.kind !== 'registry') await writeTo(place, from, descriptor, session);
  if (registries.length === 0) return [];
  try {
    return await distribute(from, descriptor, registries, session, {
      isElsewhere: registries.length < places.length,
    });
  } catch (error) {
    if (places.length > 1) tellWhereItIs(descriptor, session);
    throw error;
  }
}

/** No result tells of an image that reached no registry, or of a build that was cancelled: the work need not be lost. */
function tellWhereItIs({ digest }: Descriptor, session: Session): void {
  const message = `the image is in the local store; \`build push local:${digest} REF...\` sends it`;
  session.environment.emit({ type: 'note', step: 'push', message });
}

async function finishDirect(
  built: Built,
  sink: TrackedSink,
  place: RegistryPlace,
  session: Session,
): Promise<ResultReference> {
  const report = reportRegion(
    place,
    built.descriptor,
    { of: 1, transfer: sink.target.name },
    session.environment,
  );
  // An engine sent it, and does not say how much of it was there.
  const counts = () =>
    built.published === true ? { uploadedBytes: null, skippedBytes: null } : sink.counts();
  try {
    await copyTo(built.from, sink.target, built.descriptor, session, { tag: place.tag });
  } catch (error) {
    session.environment.signal.throwIfAborted();
    report.failed(error, counts());
    throw error;
  }
  return report.available(counts());
}

async function writeTo(
  place: StorePlace | WholePlace,
  from: Target,
  descriptor: Descriptor,
  session: Session,
): Promise<void> {
  if (place.kind === 'store') {
    await copyTo(from, place.target, descriptor, session, { tag: place.tag });
    return;
  }
  // Nobody knows beforehand how much an archive takes: layers may have to be decompressed.
  let bytes = 0;
  await place.write(from, descriptor, (count) => {
    bytes += count;
    const { label: transfer } = place;
    session.environment.emit({ type: 'progress', step: 'push', transfer, bytes, total: null, done: false });
  });
}

async function copyTo(
  from: Target,
  to: Target,
  descriptor: Descriptor,
  session: Session,
  { tag }: { readonly tag?: string },
): Promise<void> {
  const { emit, signal } = session.environment;
  await copy(from, to, descriptor, { tag, signal, onEvent: copyEvents(to.name, emit) });
}
