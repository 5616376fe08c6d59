import { expect, test } from 'vitest';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { testApp } from '../../helpers/buildpacks-builder.ts';
import { type BuildpacksRun, LIMIT_MS, lines } from '../../helpers/buildpacks-run.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

/** What is kept from one build to the next. */
export function cacheTests(run: BuildpacksRun): void {
  const { succeed } = run;

  test('caches are of one app and one tenant', { timeout: 2 * LIMIT_MS }, async () => {
    const app = await testApp();
    const fromCache = async (changes: Partial<BuildRequest>, source = app) => {
      const { events } = await succeed(source, changes);
      return lines(events, 'build').includes('deps come from the cache');
    };
    expect(await fromCache({})).toBe(false);
    expect(await fromCache({})).toBe(true);
    expect(await fromCache({ tenant: 'another' })).toBe(false);
    expect(await fromCache({}, await testApp())).toBe(false);
    expect(await fromCache({ rebuild: true })).toBe(false);
  });

  test('two builds of one app at once run one after the other, and say so', {
    timeout: 2 * LIMIT_MS,
  }, async () => {
    const [app, home] = [await testApp(), await temporaryFolder()];
    const both = await Promise.all([succeed(app, {}, home), succeed(app, {}, home)]);
    const ofSecond = both.filter(({ events }) =>
      events.some((event) => event.type === 'note' && event.message.includes('this one waits')),
    );
    expect(ofSecond.map(({ events }) => lines(events, 'build').includes('deps come from the cache'))).toEqual(
      [true],
    );
  });
}
