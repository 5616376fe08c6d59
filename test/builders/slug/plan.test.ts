import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLayout } from '../../../src/oci/stores/layout.ts';
import { planBuild } from '../../../src/pipeline/plan.ts';
import type { SlugPlan } from '../../../src/plan/build-plan.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { keepable } from './slug-bytes.ts';

async function plan(changes: Partial<BuildRequest>): Promise<SlugPlan> {
  const folder = await temporaryFolder();
  const path = join(folder, 'app.tgz');
  await writeFile(path, keepable());
  const request = buildRequest(path, { base: 'scratch', ...changes });
  const { plan: made } = await planBuild(request, pipelineEnvironment(join(folder, 'home')));
  return made.details as SlugPlan;
}

const NO_BASE = { base: undefined };

test('a folder is no slug, and the plan says that before it asks for a stack', async () => {
  const folder = await temporaryFolder();
  const request = buildRequest(folder, { strategy: 'slug', ...NO_BASE });
  await expect(planBuild(request, pipelineEnvironment(join(folder, 'home')))).rejects.toMatchObject({
    code: 'SLUG_UNRECOGNISED',
  });
});

describe('the base of a slug', () => {
  test('comes from its stack, or a mirror of it, pinned where it can be', async () => {
    const layout = join(await temporaryFolder(), 'base');
    const target = await openLayout(layout, { create: true });
    const { descriptor } = await putSmallImage(target);
    await target.tag(descriptor, 'latest');
    const mirrored = { 'heroku-24': `oci:${layout}` };
    expect(await plan({ ...NO_BASE, stack: 'heroku-24', stackImages: mirrored })).toMatchObject({
      stack: { value: 'heroku-24', from: '--stack' },
      base: {
        reference: `oci:${layout}`,
        digest: descriptor.digest,
        from: expect.stringContaining('heroku-24'),
      },
    });
    // A stack that nobody else has an image of may have one in the mirror.
    const own = await plan({ ...NO_BASE, stack: 'cedar-14', stackImages: { 'cedar-14': `oci:${layout}` } });
    expect(own.base.digest).toBe(descriptor.digest);
  });

  test('is the slug’s own stack where no flag says otherwise', async () => {
    const slug = { stack: 'heroku-22', processTypes: {} };
    expect((await plan({ slug })).stack).toEqual({ value: 'heroku-22', from: 'slug metadata' });
    expect((await plan({ slug, stack: 'heroku-24' })).stack?.value).toBe('heroku-24');
    expect((await plan({ slug })).base).toEqual({ reference: 'scratch', digest: null, from: '--base' });
  });

  test.each([
    ['nothing says', {}, 'nothing says which stack'],
    ['a stack without an image', { stack: 'container' }, 'container'],
    ['a misspelt stack', { stack: 'heroku24' }, 'heroku24'],
  ])('must be known: %s', async (_what, changes, message) => {
    await expect(plan({ ...NO_BASE, ...changes })).rejects.toMatchObject({
      code: 'STACK_UNKNOWN',
      message: expect.stringContaining(message),
      hint: expect.stringMatching(/heroku-24.*--base/),
    });
  });
});

describe('processes and labels', () => {
  test('flags come before metadata, name by name', async () => {
    const slug = { processTypes: { web: 'theirs', rake: 'bundle exec rake' } };
    expect((await plan({ slug, processes: { web: 'ours' } })).processes).toEqual({
      web: { value: 'ours', from: '--process' },
      rake: { value: 'bundle exec rake', from: 'slug metadata' },
    });
  });

  test.each([
    ['a name', { '../x': 'run' }],
    ['an empty name', { '': 'run' }],
    ['a command', { web: '  ' }],
    ['a NUL', { web: 'a\0b' }],
  ])('%s that cannot be is refused', async (_what, processes) => {
    await expect(plan({ processes })).rejects.toMatchObject({ code: 'PROCESS_INVALID' });
  });

  test.each([
    'io.kubernetes.x',
    'io.containerd.y',
    'cdi.k8s.io/gpu',
    'org.criu.checkpoint',
    'dogwood.processes',
  ])('the label %s is refused', async (label) => {
    const failure = { code: 'LABEL_RESERVED', message: expect.stringContaining(label) };
    await expect(plan({ labels: { fine: '1', [label]: '1' } })).rejects.toMatchObject(failure);
  });

  test('a limit that is none is named, with those there are', async () => {
    const failure = { code: 'USAGE', hint: expect.stringContaining('maxMembers') };
    await expect(plan({ limits: { maxFiles: 1 } })).rejects.toMatchObject(failure);
    await expect(plan({ limits: { toString: 1 } })).rejects.toMatchObject(failure);
    await expect(plan({ limits: { maxMembers: 0 } })).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('how the layer is made', () => {
  test.each([
    [{}, 'auto', /strict checks/],
    [{ layer: 'keep' }, 'keep', /--layer/],
    [{ layer: 'canonical' }, 'canonical', /--layer/],
    [{ hasMounts: true }, 'canonical', /mounts/],
    [{ compression: 'zstd' }, 'canonical', /--compression zstd/],
    [{ compression: 'none' }, 'canonical', /--compression none/],
    [{ compression: 'gzip' }, 'auto', /strict checks/],
  ] as const)('%o: %s', async (changes, layer, reason) => {
    const made = await plan(changes);
    expect(made.layer).toBe(layer);
    expect(made.layerReason).toMatch(reason);
  });

  test.each(['zstd', 'none'] as const)(
    'kept bytes cannot have another compression (%s)',
    async (compression) => {
      await expect(plan({ layer: 'keep', compression })).rejects.toMatchObject({ code: 'USAGE' });
    },
  );
});

test('a plan names the variables and tells no value', async () => {
  const made = await plan({ env: { TOKEN: 'hush-hush', A: 'b' } });
  expect(made.env).toEqual(['A', 'TOKEN']);
  expect(JSON.stringify(made)).not.toContain('hush');
});
