/**
 * Run as a process of its own: puts small images into a store without end (or as many as said), each under a tag of its
 * own, and prints each tag when it is there.
 *
 * write-images.ts layout|local FOLDER PREFIX [COUNT]
 */
import { openLayout } from '../../../src/oci/stores/layout.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { putSmallImage, tarOf } from '../../helpers/small-image.ts';

const [kind, folder = '', prefix = '', count = 'Infinity'] = process.argv.slice(2);
const target = kind === 'layout' ? await openLayout(folder, { create: true }) : await openLocalStore(folder);
for (let i = 0; i < Number(count); i++) {
  const name = `${prefix}-${i}`;
  const image = await putSmallImage(target, {
    layers: [await tarOf({ [name]: Buffer.alloc(200_000, name) })],
  });
  await target.tag(image.descriptor, name);
  process.stdout.write(`${name} ${image.descriptor.digest}\n`);
}
