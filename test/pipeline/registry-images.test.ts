import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLayout } from '../../src/oci/stores/layout.ts';
import { copyImage } from '../../src/pipeline/copy.ts';
import { listTags, removeImages } from '../../src/pipeline/images.ts';
import { inspectImage } from '../../src/pipeline/inspect.ts';
import { pipelineEnvironment } from '../helpers/pipeline.ts';
import { quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import { temporaryFolder } from '../helpers/temp.ts';
import { makeReferrer, putSubject } from '../registry/referrer-images.ts';

async function registryWithImage() {
  const registry = await quirkRegistry();
  const there = registry.target('team/app');
  const image = await putSubject(there);
  for (const tag of ['v2', 'v10', 'latest']) await there.tag(image, tag);
  const sbom = await makeReferrer(image, 'text/sbom');
  await sbom.send(there);
  const environment = pipelineEnvironment(await temporaryFolder());
  return { registry, there, image, sbom, environment, repository: `${registry.host}/team/app` };
}

describe('images of a registry', () => {
  it('are listed by their tags', async () => {
    const { environment, repository } = await registryWithImage();
    const tags = ['latest', 'v1', 'v10', 'v2'];
    expect(await listTags(`docker://${repository}`, environment)).toEqual({
      schemaVersion: 1,
      repository,
      tags,
    });
    for (const other of ['app', 'oci:folder', `docker://${repository}:v1`]) {
      await expect(listTags(other, environment)).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
    }
    await expect(listTags(`docker://${repository}/none`, environment)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
  });

  it('lose a tag, or all at once by their digest; never one that was not written', async () => {
    const { environment, repository, there, image } = await registryWithImage();
    await expect(removeImages([`docker://${repository}`], environment)).rejects.toMatchObject({
      code: 'REFERENCE_INVALID',
    });
    const tag = `docker://${repository}:v1`;
    expect((await removeImages([tag], environment)).removed).toEqual([tag]);
    expect([await there.resolve('v1'), await there.resolve('v2')]).toEqual([undefined, image]);
    await removeImages([`docker://${repository}@${image.digest}`], environment);
    expect(await there.resolve('v2')).toBeUndefined();
  });

  it('are inspected with what refers to them, where that is asked for', async () => {
    const { environment, repository, sbom, registry } = await registryWithImage();
    const image = `docker://${repository}:v1`;
    expect((await inspectImage(image, environment)).referrers).toBeNull();
    expect(registry.requests.filter(({ place }) => place === 'referrers')).toEqual([]);
    expect((await inspectImage(image, environment, { referrers: true })).referrers).toEqual([sbom.entry]);
  });

  it('are found by what is copied there and refers to them, where the registry itself keeps no list', async () => {
    const { environment, repository, image, registry } = await registryWithImage();
    registry.become({ p11: 'no-api' });
    const signature = await makeReferrer(image, 'text/signature');
    const layout = await openLayout(join(environment.home, 'layout'), { create: true });
    await signature.send(layout);
    await layout.tag(signature.descriptor, 'signature');
    const from = `oci:${layout.directory}:signature`;
    await copyImage(from, `docker://${repository}:signature`, environment, { compression: 'keep' });
    const inspected = await inspectImage(`docker://${repository}:v1`, environment, { referrers: true });
    expect(inspected.referrers).toEqual([signature.entry]);
  });

  it('that are not there are told with the tags most like them', async () => {
    const { environment, repository } = await registryWithImage();
    await expect(inspectImage(`docker://${repository}:v11`, environment)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: `there is no image ${repository}:v11; the repository has v1, v10, v2, latest`,
    });
    await expect(inspectImage(`docker://${repository}/none:v1`, environment)).rejects.toMatchObject({
      message: `there is no image ${repository}/none:v1`,
    });
  });
});
