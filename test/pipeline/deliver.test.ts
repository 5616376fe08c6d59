import { expect, it } from 'vitest';
import { DogwoodError } from '../../src/errors.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import { distribute } from '../../src/pipeline/deliver.ts';
import type { RegistryPlace } from '../../src/pipeline/place.ts';
import { withSession } from '../../src/pipeline/session.ts';
import { pipelineEnvironment } from '../helpers/pipeline.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

function place(region: string, target = createMemoryTarget(region)): RegistryPlace {
  const reference = { registry: `${region}.example`, repository: 'app', tag: 'v1' };
  return { kind: 'registry', region, reference, target, tag: 'v1' };
}

it('a region that fails does not fail the others', async () => {
  const from = createMemoryTarget();
  const { descriptor } = await putSmallImage(from);
  const broken = {
    ...createMemoryTarget(),
    put: () => Promise.reject(new DogwoodError('DISK_FULL', 'full')),
  };
  const environment = pipelineEnvironment(await temporaryFolder());
  const references = await withSession(environment, (session) =>
    distribute(from, descriptor, [place('fra'), place('iad', broken)], session),
  );
  expect(references).toMatchObject([
    { region: 'fra', state: 'available', error: null },
    { region: 'iad', state: 'failed', error: { code: 'DISK_FULL', step: 'push' } },
  ]);
});

it('an interrupt while one region is still being sent to is an interrupt, not a failure of that region', async () => {
  const from = createMemoryTarget();
  const { descriptor } = await putSmallImage(from);
  const interrupt = new AbortController();
  const slow = {
    ...createMemoryTarget(),
    tag: async () => {
      interrupt.abort(new DogwoodError('CANCELLED', 'cancelled by SIGINT'));
      interrupt.signal.throwIfAborted();
    },
  };
  const environment = pipelineEnvironment(await temporaryFolder(), { signal: interrupt.signal });
  await expect(
    withSession(environment, (session) =>
      distribute(from, descriptor, [place('fra'), place('iad', slow)], session),
    ),
  ).rejects.toMatchObject({ code: 'CANCELLED' });
});
