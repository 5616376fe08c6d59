import { DogwoodError, ERRORS, type ErrorCode } from '../../../src/errors.ts';
import { createHttpClient } from '../../../src/net/http.ts';
import { copy } from '../../../src/oci/copy.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import { createRegistryClient } from '../../../src/registry/http.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { drawFault, type Fault } from '../../helpers/fault-proxy/faults.ts';
import { type FaultProxy, startFaultProxy, type Upstream } from '../../helpers/fault-proxy/proxy.ts';
import { type Seeded, seeded } from '../../helpers/seeded.ts';
import { drawImage, type FaultImage } from './image.ts';
import { lookAt } from './look.ts';

/** A registry for runs: what a proxy needs, and how it is asked without one. */
export interface Backend {
  readonly name: string;
  readonly upstream: (repository: string) => Upstream;
}

/** How the run with faults ended. */
export type Outcome = 'complete' | ErrorCode;

/** Milliseconds within which a run has to come to its end; with the time limits below, far more than it needs. */
const BOUND = 20_000;
const TAG = 'v1';
const IMPATIENT = { connectTimeout: 300, headersTimeout: 300, idleTimeout: 150 };

interface Run {
  readonly chance: Seeded;
  readonly image: FaultImage;
  readonly repository: string;
  readonly backend: Backend;
  /** Blobs on their way at once. */
  readonly concurrency: number;
}

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
  const run: Run = { chance, image, repository, backend, concurrency: chance.pick([1, 4]) };
  return chance.chance(0.25) ? await pullRun(seed, run) : await pushRun(seed, run);
}

async function pushRun(seed: number, run: Run): Promise<Outcome> {
  const { image, repository, backend } = run;
  const sent = sizeOf(image);
  // HEAD, POST and PUT of each blob; HEAD and PUT of each document; the ping, and some room for repetitions.
  const answers = image.blobs.length * 3 + image.documents.length * 2 + 4;
  const faults = drawFaults(run.chance, { up: sent, down: answers * 250, answers });
  const upstream = backend.upstream(repository);
  return await withProxy(seed, run, upstream, faults, async (proxy) => {
    const at = (host: string) => ({
      from: image.source,
      to: (client: Client) => client.target(host, repository),
    });
    const outcome = await attempt(run, IMPATIENT, at(proxy.host), proxy);
    await proxy.heal();
    const url = `http://127.0.0.1:${upstream.port}/v2/${repository}`;
    const held = await lookAt(url, image, TAG);
    if (outcome === 'complete') mustBeWhole(image, held);
    const again = await attempt(run, {}, at(proxy.host), proxy);
    if (again !== 'complete') throw new Error(`without faults it ended with ${again}`);
    if (proxy.uploadBytes() > held.missingBytes) {
      throw new Error(`${held.missingBytes} bytes were missing, ${proxy.uploadBytes()} were sent again`);
    }
    mustBeWhole(image, await lookAt(url, image, TAG));
    return outcome;
  });
}

async function pullRun(seed: number, run: Run): Promise<Outcome> {
  const { image, repository, backend } = run;
  const upstream = backend.upstream(repository);
  await upstream.start();
  const filled = await attempt(
    run,
    {},
    {
      from: image.source,
      to: (client) => client.target(`127.0.0.1:${upstream.port}`, repository),
    },
  );
  if (filled !== 'complete') throw new Error(`the image could not be put there: ${filled}`);
  const down = sizeOf(image);
  const answers = image.blobs.length + image.documents.length + 4;
  const faults = drawFaults(run.chance, { up: answers * 250, down, answers });
  return await withProxy(seed, run, upstream, faults, async (proxy) => {
    const to = createMemoryTarget('the puller');
    const from = (client: Client) => client.target(proxy.host, repository);
    const outcome = await attempt(run, IMPATIENT, { from, to }, proxy);
    await proxy.heal();
    const { missing } = await whatIsIn(to, image);
    if (outcome === 'complete' && missing > 0) throw new Error(`complete, but ${missing} bytes are missing`);
    const again = await attempt(run, {}, { from, to }, proxy);
    if (again !== 'complete') throw new Error(`without faults it ended with ${again}`);
    const documents = image.documents.reduce((sum, { size }) => sum + size, 0);
    if (proxy.counts['answer-body'] > missing + documents + PING) {
      throw new Error(`${missing} bytes were missing, ${proxy.counts['answer-body']} came`);
    }
    if ((await whatIsIn(to, image)).missing > 0) throw new Error('complete, but something is missing');
    return outcome;
  });
}

/** Room for the body of a ping. */
const PING = 100;

/** Bytes that a target has not; what it has is read and hashed on the way. */
async function whatIsIn(target: Target, image: FaultImage): Promise<{ missing: number }> {
  let missing = 0;
  for (const descriptor of image.blobs) {
    if (await target.has(descriptor)) await (await target.open(descriptor)).resume().toArray();
    else missing += descriptor.size;
  }
  return { missing };
}

interface Client {
  target(host: string, repository: string): Target;
}

interface Ends {
  readonly from: Target | ((client: Client) => Target);
  readonly to: Target | ((client: Client) => Target);
}

/** Copies the image by a client of its own. */
async function attempt(
  run: Run,
  limits: typeof IMPATIENT | Record<string, never>,
  ends: Ends,
  proxy?: FaultProxy,
): Promise<Outcome> {
  const http = createHttpClient(limits);
  const retry = { attempts: 3, baseDelay: 1, maxDelay: 50 };
  const client = createRegistryClient({ http, retry });
  const own: Client = {
    target: (registry, repository) => createRegistryTarget({ client, reference: { registry, repository } }),
  };
  const end = (one: Ends['from']): Target => (typeof one === 'function' ? one(own) : one);
  const bound = AbortSignal.timeout(BOUND);
  try {
    await copy(end(ends.from), end(ends.to), run.image.root, {
      tag: TAG,
      concurrency: run.concurrency,
      signal: bound,
    });
    return 'complete';
  } catch (error) {
    if (bound.aborted) throw new Error(`it hung for ${BOUND} ms`, { cause: error });
    return clear(error, proxy);
  } finally {
    http.close();
  }
}

/** The code of an error that a user can do something about: try again. */
function clear(error: unknown, proxy: FaultProxy | undefined): ErrorCode {
  if (!(error instanceof DogwoodError)) throw new Error('an error that is not ours', { cause: error });
  const { retryable, fault } = ERRORS[error.code];
  if (!retryable || fault === 'bug') {
    throw new Error(`ended with ${error.code}: ${error.message}`, { cause: error });
  }
  void proxy;
  return error.code;
}

function mustBeWhole(image: FaultImage, held: Awaited<ReturnType<typeof lookAt>>): void {
  const wanted = image.blobs.length + image.documents.length;
  if (held.there.length !== wanted)
    throw new Error(`complete, but ${held.there.length} of ${wanted} are there`);
  if (held.tagged !== image.root.digest) throw new Error(`complete, but the tag names ${held.tagged}`);
}

function drawFaults(
  chance: Seeded,
  traffic: { up: number; down: number; answers: number },
): readonly Fault[] {
  const count = chance.pick([1, 1, 2, 3]);
  return Array.from({ length: count }, () => drawFault(chance, traffic));
}

async function withProxy(
  seed: number,
  run: Run,
  upstream: Upstream,
  faults: readonly Fault[],
  work: (proxy: FaultProxy) => Promise<Outcome>,
): Promise<Outcome> {
  await upstream.start();
  const proxy = await startFaultProxy(upstream, faults);
  try {
    return await work(proxy);
  } catch (error) {
    const { name } = run.backend;
    const said = error instanceof Error ? error.message : String(error);
    const story = { seed, registry: name, concurrency: run.concurrency, faults, happened: proxy.happened };
    throw new Error(`${said}\n${JSON.stringify(story)}\nagain: DOGWOOD_FAULT_SEED=${seed}`, { cause: error });
  } finally {
    await proxy.stop();
  }
}

function sizeOf(image: FaultImage): number {
  return [...image.blobs, ...image.documents].reduce((sum, { size }) => sum + size, 0);
}
