import { describe, expect, test } from 'vitest';
import { readBaseFacts } from '../../../src/builders/app-image/base.ts';
import { loadImage } from '../../../src/oci/load.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { putSmallImage } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { archive, directory, file, symlink } from '../../oci/tar/raw-tar.ts';

const signal = new AbortController().signal;

async function factsOf(...layers: readonly Buffer[]) {
  const from = createMemoryTarget();
  const { descriptor } = await putSmallImage(from, { layers });
  using store = await openLocalStore(await temporaryFolder());
  const image = await loadImage(from, descriptor, { signal });
  const found = await readBaseFacts({ image, from, name: undefined }, store, signal);
  // The second time nothing of the base is opened.
  const closed = { ...image, layers: [] };
  expect(await readBaseFacts({ image: closed, from, name: undefined }, store, signal)).toEqual(found);
  return found;
}

const BASE = archive(
  directory('./etc'),
  file('./etc/passwd', 'root:x:0:0\n'),
  file('./etc/group', 'root:x:0:\n'),
  file('./usr/bin/bash', 'ELF'),
);

describe('what matters of a base', () => {
  test('is read out of its layers', async () => {
    expect(await factsOf(BASE)).toEqual({
      passwd: 'root:x:0:0\n',
      group: 'root:x:0:\n',
      app: 'absent',
      bash: true,
    });
  });

  test('is what the topmost layer says', async () => {
    const above = archive(file('etc/passwd', 'heroku:x:1:1\n'), directory('app/'), file('etc/.wh.group'));
    expect(await factsOf(BASE, above)).toMatchObject({
      passwd: 'heroku:x:1:1\n',
      group: '',
      app: 'directory',
    });
  });

  test('is not taken from what another version found out', async () => {
    const from = createMemoryTarget();
    const { descriptor } = await putSmallImage(from, { layers: [BASE] });
    using store = await openLocalStore(await temporaryFolder());
    const image = await loadImage(from, descriptor, { signal });
    await store.verdicts.put('base-files', descriptor.digest, {
      passwd: '',
      group: '',
      app: 'absent',
      bash: false,
    });
    const found = await readBaseFacts({ image, from, name: undefined }, store, signal);
    expect(found).toMatchObject({ bash: true });
  });

  test.each([
    ['a removed bash', archive(file('usr/bin/.wh.bash')), { bash: false }],
    ['a removed /usr', archive(file('.wh.usr')), { bash: false }],
    [
      'an emptied /etc',
      archive(file('etc/.wh..wh..opq'), file('etc/passwd', 'new')),
      { passwd: 'new', group: '' },
    ],
    ['accounts that are links', archive(symlink('etc/passwd', '/nix/store/x')), { passwd: null }],
    ['an /app that is a link (heroku:22-cnb)', archive(symlink('app', '/workspace')), { app: 'other' }],
    ['an /app that is a file', archive(file('app')), { app: 'other' }],
  ])('knows %s', async (_what, above, facts) => {
    expect(await factsOf(BASE, above)).toMatchObject(facts);
  });
});
