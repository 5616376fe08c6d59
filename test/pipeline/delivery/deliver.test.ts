import { expect, it } from 'vitest';
import type { Built } from '../../../src/builders/builder.ts';
import { DogwoodError } from '../../../src/errors.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import { deliver } from '../../../src/pipeline/delivery/deliver.ts';
import { trackedSink } from '../../../src/pipeline/delivery/tracked-sink.ts';
import type { Place, RegistryPlace } from '../../../src/pipeline/places/place.ts';
import { withSession } from '../../../src/pipeline/session/session.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const registry = (target: Target): RegistryPlace => {
  const reference = { registry: 'r.example', repository: 'app', tag: 'v1' };
  return { kind: 'registry', region: null, reference, target, tag: 'v1' };
};

const broken: Target = {
  ...createMemoryTarget('broken'),
  put: () => Promise.reject(new DogwoodError('REGISTRY_UNREACHABLE', 'no answer')),
};

async function delivered(places: readonly Place[], changes: Partial<Built> = {}, sinkTarget?: Target) {
  const from = createMemoryTarget();
  const { descriptor } = await putSmallImage(from);
  const environment = pipelineEnvironment(await temporaryFolder());
  const references = withSession(environment, (session) => {
    const sink = trackedSink(sinkTarget ?? session.store);
    return deliver(
      { from, descriptor, origins: new Map(), processes: {}, ...changes },
      sink,
      places,
      session,
    );
  });
  return { references, descriptor, events: environment.events };
}

it('places of this machine come first: when one fails nothing was sent', async () => {
  const target = createMemoryTarget();
  const full: Place = {
    kind: 'whole',
    label: 'docker-archive:x.tar',
    write: () => Promise.reject(new DogwoodError('DISK_FULL', 'full')),
  };
  const { references, descriptor, events } = await delivered([registry(target), full]);
  await expect(references).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await target.has(descriptor)).toBe(false);
  expect(events.filter(({ type }) => type === 'region')).toEqual([]);
});

it('an image that is on this machine was built, whatever the registries say', async () => {
  const store = createMemoryTarget();
  const places: Place[] = [registry(broken), { kind: 'store', target: store, tag: 'latest' }];
  const { references, descriptor } = await delivered(places);
  expect(await references).toMatchObject([{ state: 'failed', error: { code: 'REGISTRY_UNREACHABLE' } }]);
  expect(await store.resolve('latest')).toMatchObject({ digest: descriptor.digest });
});

it('where an image is that reached no registry is told', async () => {
  const { references, descriptor, events } = await delivered([registry(broken), registry(broken)]);
  await expect(references).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  const notes = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
  expect(notes).toEqual([
    `the image is in the local store; \`build push local:${descriptor.digest} REF...\` sends it`,
  ]);
});

it('a single registry tells of itself as several do', async () => {
  const target = createMemoryTarget();
  const { references, events } = await delivered([registry(target)], {}, target);
  const [reference] = await references;
  expect(reference).toMatchObject({ state: 'available', tag: 'r.example/app:v1', skippedBytes: 0 });
  const told = events.filter((event) => event.type === 'region');
  expect(told).toMatchObject([
    { state: 'started', of: 1 },
    { of: 1, ...reference },
  ]);
  const failing = await delivered([registry(broken)], {}, broken);
  await expect(failing.references).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  expect(failing.events.filter((event) => event.type === 'region')).toMatchObject([
    { state: 'started' },
    { state: 'failed', error: { code: 'REGISTRY_UNREACHABLE', step: 'push' } },
  ]);
});

it('of what an engine pushed by itself nobody knows the bytes', async () => {
  const target = createMemoryTarget();
  const { references } = await delivered([registry(target)], { published: true }, target);
  expect(await references).toMatchObject([{ state: 'available', uploadedBytes: null, skippedBytes: null }]);
});
