import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { copyImage } from '../../../src/pipeline/copy.ts';
import { randomBlob } from '../../contract/target.ts';
import { pipelineEnvironment } from '../../helpers/pipeline.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage, tarOf } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

it('a receiver that lost patience with a slow source gets the bytes from a file', async () => {
  // Each time it is asked, the source stands still for longer than the receiver waits.
  const source = await quirkRegistry({ quirks: { slowBlob: { at: 1_500_000, milliseconds: 300 } } });
  const receiver = await quirkRegistry({ quirks: { p17: { idle: 100 } } });
  const layer = await tarOf({ noise: randomBlob(3_000_000).bytes });
  const from = source.target('team/app');
  const { descriptor } = await putSmallImage(from, { layers: [layer], compression: 'tar' });
  await from.tag(descriptor, 'v1');
  const home = await temporaryFolder();
  const names = [source, receiver].map(({ host }) => `docker://${host}/team/app:v1`);
  await copyImage(names[0] ?? '', names[1] ?? '', pipelineEnvironment(home), { compression: 'keep' });
  expect(await receiver.target('team/app').resolve('v1')).toEqual(descriptor);
  // One that was given up, and one that was fetched whole.
  const fetched = source.requests.filter(({ place, sentBytes }) => place === 'blob' && sentBytes > 1_500_000);
  expect(fetched).toHaveLength(2);
  expect(await readdir(join(home, 'tmp'))).toEqual([]);
});
