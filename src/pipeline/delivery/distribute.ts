import { asDogwoodError, DogwoodError, ERRORS } from '../../errors.ts';
import type { BlobOrigin } from '../../oci/content.ts';
import { copy } from '../../oci/copy.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { canonicalRegistry, formatReference, registryHost } from '../../oci/reference.ts';
import type { Target } from '../../oci/target.ts';
import type { ResultReference } from '../../plan/result.ts';
import type { RegistryPlace } from '../places/place.ts';
import type { Session } from '../session/session.ts';
import { copyEvents } from './copy-events.ts';
import { giveHeadStart } from './head-start.ts';
import { reportRegion } from './region-report.ts';
import { trackedSink } from './tracked-sink.ts';

export interface DistributeOptions {
  /** The image is somewhere else too: then not even all registries failing fails the whole. */
  readonly isElsewhere?: boolean | undefined;
  /** Milliseconds without a byte after which the others no longer wait for the nearest. */
  readonly stall?: number | undefined;
}

const STALL_MS = 2_000;
/** Blobs on their way at once, over all registries: each has its buffers. */
const BLOBS_AT_ONCE = 16;
const BLOBS_PER_REGISTRY = 4;

/**
 * Copies an image that lies somewhere to registries: to the first, which is the nearest, and then to the others all at
 * once. One that fails does not fail the others: its reference says why. The repositories of one registry come one
 * after the other, so that a blob is sent there once and mounted in the others.
 *
 * @throws when every one failed: the only failure as it is, of several one that names them all; CANCELLED, TIMEOUT
 */
export async function distribute(
  from: Target,
  descriptor: Descriptor,
  places: readonly RegistryPlace[],
  session: Session,
  { isElsewhere = false, stall = STALL_MS }: DistributeOptions = {},
): Promise<readonly ResultReference[]> {
  const registries = groups(groups(places, repositoryOf), ([first]) => registryOf(first));
  const concurrency = Math.floor(BLOBS_AT_ONCE / registries.length);
  const outcomes = new Map<RegistryPlace, Outcome>();
  const headStart = giveHeadStart(stall);
  const pushAll = async (repositories: Group<Group<RegistryPlace>>, isNearest: boolean): Promise<void> => {
    if (!isNearest) await headStart.over;
    let origin: BlobOrigin | undefined;
    for (const [index, repository] of repositories.entries()) {
      session.environment.signal.throwIfAborted();
      const pushed = await pushRepository({
        from: mountableFrom(from, origin),
        descriptor,
        places: repository,
        label: labelOf(repository[0], places),
        of: places.length,
        concurrency: Math.max(1, Math.min(BLOBS_PER_REGISTRY, concurrency)),
        moved: isNearest && index === 0 ? headStart.moved : () => {},
        session,
      }).finally(headStart.end);
      for (const outcome of pushed) outcomes.set(outcome.place, outcome);
      if (pushed.some(({ error }) => error === undefined)) origin ??= originOf(repository[0]);
    }
  };
  // Nobody runs on when this ends, whatever ended it.
  const settled = await Promise.allSettled(registries.map((group, index) => pushAll(group, index === 0)));
  headStart.end();
  // Cancelled or out of time: a failure of the whole, not of the regions that had not come to their end.
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
  const ordered = places.flatMap((place) => outcomes.get(place) ?? []);
  if (!isElsewhere && ordered.every(({ error }) => error !== undefined)) throw allFailed(ordered);
  return ordered.map(({ reference }) => reference);
}

interface Outcome {
  readonly place: RegistryPlace;
  readonly reference: ResultReference;
  /** Undefined when the image is there. */
  readonly error: unknown;
}

interface Delivery {
  readonly from: Target;
  readonly descriptor: Descriptor;
  /** Tags of one repository. */
  readonly places: Group<RegistryPlace>;
  /** What its transfer is called. */
  readonly label: string;
  readonly of: number;
  readonly concurrency: number;
  readonly moved: () => void;
  readonly session: Session;
}

/** One repository: the image once, with the first tag, and then the other tags. */
async function pushRepository(delivery: Delivery): Promise<readonly Outcome[]> {
  const { from, descriptor, places, label, of, concurrency, moved, session } = delivery;
  const { emit, signal } = session.environment;
  const [first, ...others] = places;
  const sink = trackedSink(first.target);
  const report = reportRegion(first, descriptor, { of, transfer: label }, session.environment);
  const onEvent = copyEvents(label, emit);
  let outcome: Outcome;
  try {
    await copy(from, sink.target, descriptor, {
      tag: first.tag,
      signal,
      concurrency,
      onEvent: (event) => {
        moved();
        onEvent(event);
      },
    });
    outcome = { place: first, reference: report.available(sink.counts()), error: undefined };
  } catch (error) {
    signal.throwIfAborted();
    outcome = { place: first, reference: report.failed(error, sink.counts()), error };
  }
  const rest: Outcome[] = [];
  for (const place of others) rest.push(await tagAlso(place, sink.target, outcome, delivery));
  return [outcome, ...rest];
}

/** One more tag of what was pushed: nothing of it is sent again. */
async function tagAlso(
  place: RegistryPlace,
  target: Target,
  pushed: Outcome,
  { descriptor, of, label, session }: Delivery,
): Promise<Outcome> {
  const { signal } = session.environment;
  const report = reportRegion(place, descriptor, { of, transfer: label }, session.environment);
  const { uploadedBytes, skippedBytes } = pushed.reference;
  const nothing = { uploadedBytes: 0, skippedBytes: (uploadedBytes ?? 0) + (skippedBytes ?? 0) };
  try {
    if (pushed.error !== undefined) throw pushed.error;
    await target.tag(descriptor, place.tag, signal);
    return { place, reference: report.available(nothing), error: undefined };
  } catch (error) {
    signal.throwIfAborted();
    return { place, reference: report.failed(error, nothing), error };
  }
}

/** The source, whose blobs lie in a repository of the same registry by now. */
function mountableFrom(from: Target, origin: BlobOrigin | undefined): Target {
  if (origin === undefined) return from;
  const likeliest = (blob: Descriptor): BlobOrigin => {
    const own = from.origin?.(blob);
    return own?.registry === origin.registry ? own : origin;
  };
  return { ...from, origin: likeliest };
}

function originOf({ reference: { registry, repository } }: RegistryPlace): BlobOrigin {
  return { registry: registryHost(registry), repository };
}

const registryOf = ({ reference }: RegistryPlace): string => canonicalRegistry(reference.registry);
const repositoryOf = (place: RegistryPlace): string => `${registryOf(place)}/${place.reference.repository}`;

/** Short, and unlike that of any other repository. */
function labelOf(place: RegistryPlace, places: readonly RegistryPlace[]): string {
  const short = ({ region, reference }: RegistryPlace): string => region ?? reference.registry;
  const alike = places.filter(
    (other) => short(other) === short(place) && repositoryOf(other) !== repositoryOf(place),
  );
  return alike.length === 0 ? short(place) : `${short(place)} ${place.reference.repository}`;
}

type Group<T> = readonly [T, ...T[]];

/** Those with the same key together, in the order of their first ones. */
function groups<T>(items: readonly T[], keyOf: (item: T) => string): readonly Group<T>[] {
  const found = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const group = found.get(keyOf(item));
    if (group === undefined) found.set(keyOf(item), [item]);
    else group.push(item);
  }
  return [...found.values()];
}

/** The error of a push that came to nothing anywhere. Where trying again helps some of them, it is worth it. */
function allFailed(failures: readonly Outcome[]): unknown {
  const [first, ...others] = failures;
  if (others.length === 0) return first?.error;
  const errors = failures.map(({ error }) => asDogwoodError(error));
  // What they share is no matter of the regions: an image that is incomplete, for one.
  if (new Set(errors.map(({ code, message }) => `${code} ${message}`)).size === 1) return first?.error;
  const chosen =
    errors.find(({ code }) => ERRORS[code].fault === 'bug') ??
    errors.find(({ code }) => ERRORS[code].exitCode === 3) ??
    errors.find(({ code }) => ERRORS[code].fault === 'auth') ??
    errors[0];
  if (chosen === undefined) return first?.error;
  const each = failures.map(({ place }, index) => {
    const name = place.region ?? formatReference(place.reference);
    return `${name}: ${errors[index]?.message} (${errors[index]?.code})`;
  });
  const { retryAfter } = chosen;
  return new DogwoodError(chosen.code, `no registry has the image: ${each.join('; ')}`, {
    hint: chosen.hint,
    cause: chosen,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}
