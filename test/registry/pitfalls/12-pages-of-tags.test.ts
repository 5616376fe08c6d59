import { expect, it } from 'vitest';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { targetAt } from './client.ts';

const NAMES = Array.from({ length: 2345 }, (_, i) => `v${i}`).toSorted();

it.each([undefined, 'n-limit', 'opaque-cursor', 'ignores-last'] as const)(
  'all tags come, page by page, as the registry leads on (%s)',
  async (p12) => {
    const registry = await quirkRegistry({ quirks: p12 === undefined ? {} : { p12 } });
    const there = registry.target('team/app');
    const { descriptor } = await putSmallImage(there);
    for (const name of NAMES) await there.tag(descriptor, name);
    const target = targetAt(registry);
    expect(await target.tags()).toEqual(NAMES);
    const pages = registry.requests.filter(({ place }) => place === 'tags');
    expect(pages.map(({ status }) => status)).toEqual([200, 200, 200]);
    registry.forget();
    expect(await target.tags({ enough: 5 })).toHaveLength(1000);
    expect(registry.lines()).toHaveLength(1);
  },
);
