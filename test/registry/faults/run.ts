import { DogwoodError, ERRORS, type ErrorCode } from '../../../src/errors.ts';
import { createHttpClient, type HttpClientOptions } from '../../../src/net/http.ts';
import { copy } from '../../../src/oci/copy.ts';
import type { Target } from '../../../src/oci/target.ts';
import { createRegistryClient } from '../../../src/registry/client.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { drawFault } from '../../helpers/fault-proxy/faults.ts';
import { startFaultProxy, type Upstream } from '../../helpers/fault-proxy/proxy.ts';
import { seeded } from '../../helpers/seeded.ts';
import { drawImage } from './image.ts';
import { pullTrip, pushTrip, type Trip } from './trips.ts';

/** A registry for runs. */
export interface Backend {
  readonly name: string;
  /** What stands behind the proxy of a run that uses this repository. */
  readonly upstream: (repository: string) => Upstream;
}

/**
 * How the attempt with faults ended. `believed`: an answer was damaged into another that makes sense (a 404 into a
 * 403), which no client can know; that is no error that passes, and rare.
 */
export type Outcome = 'complete' | 'believed' | ErrorCode;

/** Milliseconds within which an attempt comes to its end: far more than its time limits need. */
const BOUND = 40_000;
const IMPATIENT = { connectTimeout: 300, headersTimeout: 300, idleTimeout: 150 };
const TAG = 'v1';

/**
 * One run: an image is pushed or pulled through a proxy that does what the seed says; it comes through, or is a clear
 * error that may pass. Then, without faults, the same again: it comes through, and only what was missing is sent.
 *
 * @throws where anything is otherwise, with the seed and what happened
 */
export async function faultRun(seed: number, backend: Backend): Promise<Outcome> {
  const chance = seeded(seed);
  const image = await drawImage(chance);
  const repository = `faults/run-${seed}`;
  const concurrency = chance.pick([1, 4]);
  const upstream = backend.upstream(repository);
  await upstream.start();
  const registry = `127.0.0.1:${upstream.port}`;
  const send = (trip: Trip, host: string, limits: HttpClientOptions, streams: Streams = 'nothing') =>
    attempt(trip, { host, repository, concurrency, limits, streams });
  const push = pushTrip(image, `http://${registry}/v2/${repository}`, TAG);
  const isPull = chance.chance(0.25);
  if (isPull) await send(push, registry, {});
  const trip = isPull ? pullTrip(image) : push;
  const streams = isPull ? 'nothing' : chance.pick<Streams>(['nothing', 'nothing', 'again', 'once']);
  const faults = Array.from({ length: chance.pick([1, 1, 2, 3]) }, () => drawFault(chance, trip.traffic));

  const proxy = await startFaultProxy(upstream, faults);
  try {
    const answersAreDamaged = () => proxy.happened.some((event) => event.startsWith('corrupt at answer-'));
    const outcome = await send(trip, proxy.host, IMPATIENT, streams)
      .catch((error: unknown) => {
        if (!(error instanceof NoRetry) || !error.isAnswer || !answersAreDamaged()) throw error;
        process.stderr.write(`seed ${seed} believed a damaged answer: ${error.message}\n`);
        return 'believed' as const;
      })
      .finally(proxy.stop);
    const held = await trip.look();
    if (outcome === 'complete' && !held.whole) throw new Error('complete, but it is not');
    // Another proxy, for what is still on its way in the first must not count.
    const calm = await startFaultProxy(upstream, []);
    const again = await send(trip, calm.host, {}).finally(calm.stop);
    if (again !== 'complete') throw new Error(`without faults it ended with ${again}`);
    const moved = trip.moved(calm);
    if (moved < held.missing || moved > held.missing + trip.slack) {
      throw new Error(`${held.missing} bytes were missing, ${moved} came`);
    }
    if (!(await trip.look()).whole) throw new Error('without faults it is complete, but it is not');
    return outcome;
  } catch (error) {
    const story = { registry: backend.name, isPull, streams, concurrency, faults, happened: proxy.happened };
    throw new Error(`seed ${seed}: ${error}\n${JSON.stringify(story)}`, { cause: error });
  }
}

/** A first layer whose digest is not known before it is sent, from what can be opened again, or once only. */
type Streams = 'nothing' | 'again' | 'once';

interface Attempt {
  readonly host: string;
  readonly repository: string;
  /** Blobs on their way at once. */
  readonly concurrency: number;
  readonly limits: HttpClientOptions;
  readonly streams: Streams;
}

/** Copies the image by a client of its own. */
async function attempt(trip: Trip, options: Attempt): Promise<Outcome> {
  const { host, repository, concurrency, limits, streams } = options;
  const http = createHttpClient(limits);
  const client = createRegistryClient({ http, retry: { attempts: 3, baseDelay: 1, maxDelay: 50 } });
  const registry: Target = createRegistryTarget({ client, reference: { registry: host, repository } });
  const signal = AbortSignal.timeout(BOUND);
  try {
    const { from = registry, to = registry, image } = trip;
    const [layer] = image.blobs;
    if (streams !== 'nothing' && layer !== undefined) {
      const content = { open: () => from.open(layer), reopenable: streams === 'again' };
      const { descriptor } = await to.put(content, { mediaType: layer.mediaType }, { signal });
      if (descriptor.digest !== layer.digest) throw new Error(`sent ${layer.digest} as ${descriptor.digest}`);
    }
    await copy(from, to, image.root, { tag: TAG, concurrency, signal });
    return 'complete';
  } catch (error) {
    if (signal.aborted) throw new Error(`it hung for ${BOUND} ms`, { cause: error });
    return clear(error);
  } finally {
    http.close();
  }
}

/** The code of an error that says: try again. */
function clear(error: unknown): ErrorCode {
  if (!(error instanceof DogwoodError)) throw new Error(`no error of ours: ${error}`, { cause: error });
  const { retryable, fault } = ERRORS[error.code];
  if (fault === 'bug') throw new Error(`a bug of ours: ${error.message}`, { cause: error });
  if (!retryable) {
    throw new NoRetry(error);
  }
  return error.code;
}

/** An attempt ended with an error that says that it will be the same next time. */
class NoRetry extends Error {
  /** It is what an answer said, or how it said it; what is wrong with bytes we found ourselves. */
  readonly isAnswer: boolean;

  constructor(cause: DogwoodError) {
    super(`it ended with ${cause.code}: ${cause.message}`, { cause });
    this.isAnswer = cause.code !== 'DIGEST_MISMATCH' && cause.code !== 'SIZE_MISMATCH';
  }
}
