import { describe, expect, it } from 'vitest';
import { openPlaces } from '../../src/pipeline/places.ts';
import { withSession } from '../../src/pipeline/session.ts';
import { buildRequest, pipelineEnvironment } from '../helpers/pipeline.ts';
import { temporaryFolder } from '../helpers/temp.ts';

describe('without -t and -o an image is named after the app', () => {
  it.each([
    ['shop.tgz', 'shop:latest'],
    ['/srv/Shop_1.tar.gz', 'shop_1:latest'],
    ['-', 'app:latest'],
    ['https://files.example:8443/slugs/shop.tgz?signature=secret', 'shop:latest'],
    ['https://files.example:8443', 'app:latest'],
    ['oci:dir/shop', 'shop:latest'],
    ['oci:dir/shop:v1', 'shop:latest'],
    ['docker-archive:shop.tar:team/other:v1', 'shop:latest'],
    ['local:team/shop:v1', 'shop:latest'],
    ['docker-daemon:r.example:5000/shop:v1', 'shop:latest'],
    ['docker://r.example:5000/team/shop:v1', 'shop:latest'],
    [`docker://r.example/shop@sha256:${'0'.repeat(64)}`, 'shop:latest'],
  ])('%s', async (source, name) => {
    const environment = pipelineEnvironment(await temporaryFolder());
    const [place] = await withSession(environment, (session) => openPlaces(buildRequest(source), session));
    expect(place).toMatchObject({ kind: 'store', tag: name });
  });
});

describe('what is pushed to', () => {
  const placeOf = async (reference: string) => {
    const request = buildRequest('shop.tgz', { destinations: [{ reference }] });
    return await withSession(pipelineEnvironment(await temporaryFolder()), (session) =>
      openPlaces(request, session),
    );
  };

  it.each(['oci:shop', 'local:shop', 'docker-archive:shop.tar', 'docker-daemon:shop'])(
    'is a registry: %s is not taken for a name of Docker Hub',
    async (reference) => {
      await expect(placeOf(reference)).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
    },
  );

  it.each(['docker://r.example/shop', 'local:5000/shop', 'oci'])('may be %s', async (reference) => {
    expect(await placeOf(reference)).toMatchObject([{ kind: 'registry' }]);
  });
});
