import { expect, it } from 'vitest';
import { copy } from '../../../src/oci/copy.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { RegistryWarning } from '../../../src/registry/http/warnings.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { realClient, targetAt } from './client.ts';

it('a limit that comes near is told once, before anything is refused', async () => {
  const registry = await quirkRegistry({ quirks: { p14: { limit: 100 } } });
  const { descriptor } = await putSmallImage(registry.target('team/app'));
  const warnings: RegistryWarning[] = [];
  const onWarning = (warning: RegistryWarning) => void warnings.push(warning);
  const target = targetAt(registry, 'team/app', realClient({ onWarning, retry: { attempts: 1 } }));
  for (let i = 0; i < 100; i += 1) expect(await target.has(descriptor)).toBe(true);
  expect(warnings).toMatchObject([
    { code: 'REGISTRY_LIMIT_NEAR', message: expect.stringContaining('only 10 of 100') },
  ]);
  await expect(target.has(descriptor)).rejects.toMatchObject({ code: 'REGISTRY_RATE_LIMITED' });
});

it('what is there already costs one HEAD a manifest, one for the tag, and no GET', async () => {
  const registry = await quirkRegistry({ quirks: { p14: { limit: 100 } } });
  const memory = createMemoryTarget();
  const { descriptor } = await putSmallImage(memory);
  await copy(memory, targetAt(registry), descriptor, { tag: 'v1' });
  registry.forget();
  await copy(memory, targetAt(registry), descriptor, { tag: 'v1' });
  const asked = registry.requests.filter(({ place }) => place === 'manifest');
  expect(asked.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
});
