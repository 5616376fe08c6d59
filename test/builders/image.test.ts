import { describe, expect, test } from 'vitest';
import type { PlanContext } from '../../src/builders/builder.ts';
import { imageBuilder } from '../../src/builders/image/index.ts';
import type { BuildRequest } from '../../src/plan/request.ts';
import { buildRequest } from '../helpers/pipeline.ts';

const source = { kind: 'image', name: 'oci:x', reference: 'oci:x' } as const;
const context = {
  openImage: () => Promise.reject(new Error('it must be refused before anything is opened')),
} as unknown as PlanContext;

describe('an image is taken as it is', () => {
  test.each<[string, Partial<BuildRequest>]>([
    ['--base', { base: 'scratch' }],
    ['--stack', { stack: 'heroku-24' }],
    ['--process', { processes: { web: 'x' } }],
    ['--env', { env: { A: 'b' } }],
    ['--label', { labels: { a: 'b' } }],
    ['--layer', { layer: 'keep' }],
  ])('so %s is refused, not ignored', async (flag, changes) => {
    await expect(imageBuilder.plan(source, buildRequest('oci:x', changes), context)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(flag),
    });
  });
});
