import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DogwoodError, type ErrorCode } from '../../../src/errors.ts';
import type { Descriptor } from '../../../src/oci/descriptor.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import { type DistributeOptions, distribute } from '../../../src/pipeline/delivery/distribute.ts';
import type { RegistryPlace } from '../../../src/pipeline/places/place.ts';
import { withSession } from '../../../src/pipeline/session/session.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

interface Made {
  readonly registry?: string;
  readonly repository?: string;
  readonly tag?: string;
  readonly region?: string | null;
}

function place(name: string, target: Target = createMemoryTarget(name), made: Made = {}): RegistryPlace {
  const { registry = `${name}.example`, repository = 'app', tag = 'v1', region = name } = made;
  return { kind: 'registry', region, reference: { registry, repository, tag }, target, tag };
}

/** A target that calls `before` before each blob and document it takes. */
function watched(before: (what: Descriptor['digest'] | undefined, index: number) => unknown): Target {
  const target = createMemoryTarget();
  let index = 0;
  return {
    ...target,
    async put(content, expected, options) {
      await before(expected.digest, index++);
      return target.put(content, expected, options);
    },
  };
}

const broken = (code: ErrorCode, message = 'no'): Target =>
  watched(() => Promise.reject(new DogwoodError(code, message)));

async function run(
  places: readonly RegistryPlace[],
  options: DistributeOptions & { readonly signal?: AbortSignal } = {},
) {
  const from = createMemoryTarget();
  const { descriptor, layers } = await putSmallImage(from);
  const { signal = new AbortController().signal, ...rest } = options;
  const environment = pipelineEnvironment(await temporaryFolder(), { signal });
  const references = withSession(environment, (session) =>
    distribute(from, descriptor, places, session, rest),
  );
  return { references, descriptor, layers, from, events: environment.events };
}

const regionEvents = (events: readonly BuildEvent[]) =>
  events.flatMap((event) => (event.type === 'region' ? [`${event.region} ${event.state}`] : []));

describe('a region that fails', () => {
  it('does not fail the others, and tells what arrived before', async () => {
    const full = watched((_digest, index) => {
      if (index === 2) throw new DogwoodError('DISK_FULL', 'full');
    });
    const { references, events, descriptor } = await run([place('iad', full), place('fra')]);
    const [iad, fra] = await references;
    expect(fra).toMatchObject({ region: 'fra', state: 'available', skippedBytes: 0, error: null });
    expect(iad).toMatchObject({ region: 'iad', state: 'failed', error: { code: 'DISK_FULL', step: 'push' } });
    // Two of its four blobs and documents.
    expect(iad?.uploadedBytes).toBeGreaterThan(0);
    expect(iad?.uploadedBytes).toBeLessThan(fra?.uploadedBytes ?? 0);
    expect(fra?.reference).toBe(`fra.example/app@${descriptor.digest}`);
    const told = events.filter((event) => event.type === 'region');
    expect(told.map(({ region, state }) => [region, state])).toEqual([
      ['iad', 'started'],
      ['iad', 'failed'],
      ['fra', 'started'],
      ['fra', 'available'],
    ]);
    expect(told[1]).toEqual({ type: 'region', of: 2, transfer: 'iad', ...iad });
    expect(told[3]).toEqual({ type: 'region', of: 2, transfer: 'fra', ...fra });
  });

  it('fails all when it is the only one', async () => {
    const { references } = await run([place('fra', broken('REGISTRY_DENIED'))]);
    await expect(references).rejects.toMatchObject({ code: 'REGISTRY_DENIED', message: 'no' });
  });

  it('does not when the image is elsewhere too', async () => {
    const { references } = await run([place('fra', broken('REGISTRY_DENIED'))], { isElsewhere: true });
    expect(await references).toMatchObject([{ state: 'failed', uploadedBytes: 0, skippedBytes: 0 }]);
  });

  it.each([
    [['REGISTRY_DENIED', 'REGISTRY_UNREACHABLE'], 'REGISTRY_UNREACHABLE'],
    [['REGISTRY_REFUSED', 'REGISTRY_DENIED'], 'REGISTRY_DENIED'],
    [['REGISTRY_DENIED', 'REGISTRY_DENIED'], 'REGISTRY_DENIED'],
    [['REGISTRY_UNREACHABLE', 'INTERNAL'], 'INTERNAL'],
  ] as const)('all of them: %j is %s, and each is named', async (codes, code) => {
    const places = codes.map((one, index) => place(`r${index}`, broken(one, `reason ${index}`)));
    await expect((await run(places)).references).rejects.toMatchObject({
      code,
      message: `no registry has the image: r0: reason 0 (${codes[0]}); r1: reason 1 (${codes[1]})`,
    });
  });
});

it('a source that is broken is no matter of the regions', async () => {
  const same = (name: string) => place(name, broken('BLOB_NOT_FOUND', 'the source lacks a layer'));
  await expect((await run([same('fra'), same('iad')])).references).rejects.toMatchObject({
    code: 'BLOB_NOT_FOUND',
    message: 'the source lacks a layer',
  });
});

describe('the order', () => {
  it('the nearest has the line for itself; then come the others, all at once', async () => {
    const order: string[] = [];
    const both = Promise.withResolvers<void>();
    const other = (name: string) =>
      place(
        name,
        watched(async (_digest, index) => {
          if (index > 0) return;
          order.push(name);
          // Each waits for the other: one after the other they would wait for ever.
          if (order.length === 3) both.resolve();
          await both.promise;
        }),
      );
    const nearest = watched((_digest, index) => {
      if (index === 3) order.push('nearest');
    });
    const { references } = await run([place('fra', nearest), other('iad'), other('syd')]);
    expect((await references).map(({ state }) => state)).toEqual(['available', 'available', 'available']);
    expect(order).toEqual(['nearest', 'iad', 'syd']);
  });

  it('a nearest that is slow keeps the line as long as it moves', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    // Three at once and then the manifest: never 20 ms without anything, and 24 in all.
    const slow = watched(() => vi.advanceTimersByTimeAsync(6));
    const { references, events } = await run([place('fra', slow), place('iad')], { stall: 20 });
    expect(await references).toMatchObject([{ state: 'available' }, { state: 'available' }]);
    expect(regionEvents(events)).toEqual(['fra started', 'fra available', 'iad started', 'iad available']);
  });

  it('a nearest that hangs does not hold up the others', async () => {
    const others = Promise.withResolvers<void>();
    const hangs = watched(() => others.promise);
    const far = {
      ...createMemoryTarget(),
      tag: async () => others.resolve(),
    };
    const { references, events } = await run([place('fra', hangs), place('iad', far)], { stall: 20 });
    expect(await references).toMatchObject([{ state: 'available' }, { state: 'available' }]);
    expect(regionEvents(events)).toEqual(['fra started', 'iad started', 'iad available', 'fra available']);
  });
});

describe('one registry', () => {
  it('several tags of one repository are one push', async () => {
    const target = createMemoryTarget();
    let puts = 0;
    const counting = watched(() => puts++);
    const v1 = place('fra', counting);
    const { references, descriptor } = await run([v1, place('fra', target, { tag: 'latest' })]);
    const [first, second] = await references;
    expect(puts).toBe(4);
    expect(second).toMatchObject({ state: 'available', uploadedBytes: 0, tag: 'fra.example/app:latest' });
    expect(second?.skippedBytes).toBe(first?.uploadedBytes);
    expect(await counting.resolve('latest')).toMatchObject({ digest: descriptor.digest });
  });

  it('the second repository is told to mount from the first', async () => {
    const origins: unknown[] = [];
    const second = {
      ...createMemoryTarget(),
      put: (async (content, expected, options) => {
        origins.push(content.origins);
        return createMemoryTarget().put(content, expected, options);
      }) satisfies Target['put'],
      tag: async () => {},
    };
    const registry = 'r.example';
    const { references, events } = await run([
      place('a', undefined, { registry, repository: 'one', region: null }),
      place('b', second, { registry, repository: 'two', region: null }),
    ]);
    expect(await references).toMatchObject([{ state: 'available' }, { state: 'available' }]);
    expect(origins).toHaveLength(4);
    expect(new Set(origins.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify([{ registry, repository: 'one' }])]),
    );
    const transfers = new Set(events.flatMap((event) => ('transfer' in event ? [event.transfer] : [])));
    expect([...transfers]).toEqual(['r.example one', 'r.example two']);
  });
});

it('an interrupt while one region is still being sent to is an interrupt, not a failure of that region', async () => {
  const interrupt = new AbortController();
  const stopped = {
    ...createMemoryTarget(),
    tag: async () => {
      interrupt.abort(new DogwoodError('CANCELLED', 'cancelled by SIGINT'));
      interrupt.signal.throwIfAborted();
    },
  };
  const { signal } = interrupt;
  const far = await run([place('fra'), place('iad', stopped)], { signal });
  await expect(far.references).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(regionEvents(far.events)).toEqual(['fra started', 'fra available', 'iad started']);
});

it('an interrupt during the head start begins no other region and waits for nothing', async () => {
  const interrupt = new AbortController();
  const stopped = watched(() => {
    interrupt.abort(new DogwoodError('CANCELLED', 'cancelled by SIGINT'));
    interrupt.signal.throwIfAborted();
  });
  const places = [place('fra', stopped), place('iad')];
  const { references, events } = await run(places, { signal: interrupt.signal, stall: 3_600_000 });
  await expect(references).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(regionEvents(events)).toEqual(['fra started']);
});
