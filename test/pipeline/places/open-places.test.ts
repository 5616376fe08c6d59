import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatReference } from '../../../src/oci/reference.ts';
import { buildDestinations, ownRegions } from '../../../src/pipeline/places/destinations.ts';
import { openPlaces } from '../../../src/pipeline/places/open-places.ts';
import { withSession } from '../../../src/pipeline/session/session.ts';
import { EMPTY_PROJECT, type ProjectRegion } from '../../../src/plan/project.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import { openTree } from '../../../src/source/tree.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

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
    ['https://git.example/team/shop.git#main', 'shop:latest'],
    ['/srv/my__shop..2', 'my__shop-2:latest'],
    ['test/..', `${basename(process.cwd()).toLowerCase()}:latest`],
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

describe('where regions are configured', () => {
  const user = [
    { name: 'iad', registry: 'iad.example/team' },
    { name: 'fra', registry: 'fra.example:5000' },
  ];
  const own = (...regions: ProjectRegion[]) => regions.map((value) => ({ value, from: 'dogwood.toml' }));
  const goesTo = (changes: Partial<BuildRequest>, ...regions: ProjectRegion[]) => {
    const { registries, placements } = buildDestinations(
      buildRequest('/srv/shop', { regions: user, ...changes }),
      own(...regions),
    );
    return [
      ...registries.map(({ region, reference, from }) => `${region} ${formatReference(reference)} (${from})`),
      ...placements.map(({ value }) => `${value} nowhere`),
    ];
  };

  it('the config file alone sends nothing anywhere', () => expect(goesTo({})).toEqual([]));

  it('a project picks regions by name; the config file knows the registry and what is near', () => {
    expect(goesTo({}, { name: 'fra' }, { name: 'syd' }, { name: 'iad' })).toEqual([
      'iad iad.example/team/shop:latest (dogwood.toml, config.toml)',
      'fra fra.example:5000/shop:latest (dogwood.toml, config.toml)',
      'syd nowhere',
    ]);
  });

  it('a project says itself where the image goes', () => {
    const regions = [
      { name: 'syd', repository: 'syd.example/a' },
      { name: 'fra', repository: 'b.example/b' },
    ];
    expect(goesTo({}, ...regions)).toEqual([
      'fra b.example/b:latest (dogwood.toml)',
      'syd syd.example/a:latest (dogwood.toml)',
    ]);
  });

  it('-t and -o win over all of that', () => {
    const destinations = [{ reference: 'r.example/x:v1' }];
    expect(goesTo({ destinations }, { name: 'fra' })).toEqual(['null r.example/x:v1 (--tag)']);
    expect(goesTo({ output: 'oci:out' }, { name: 'fra' })).toEqual([]);
  });

  it('-t with a tag alone takes the rest from there', () => {
    const all = { destinations: [{ tag: 'v2' }] };
    expect(goesTo(all, { name: 'fra' })).toEqual(['fra fra.example:5000/shop:v2 (--tag, config.toml)']);
    expect(goesTo(all)).toEqual([
      'iad iad.example/team/shop:v2 (--tag, config.toml)',
      'fra fra.example:5000/shop:v2 (--tag, config.toml)',
    ]);
    const one = { destinations: [{ region: 'syd', tag: 'v2' }] };
    expect(goesTo(one, { name: 'syd', repository: 'syd.example/a' })).toEqual([
      'syd syd.example/a:v2 (--tag, dogwood.toml)',
    ]);
    expect(() => goesTo(one)).toThrow('--tag "syd=:v2": no registry is configured for this region');
    expect(() => goesTo({ ...all, regions: [] }, { name: 'fra' })).toThrow('--tag ":v2": no region has');
    expect(() => goesTo({ destinations: [{ tag: 'a b' }] })).toThrow('not an image reference');
  });

  it('the same place twice is one, unless two regions have it', () => {
    const twice = (a?: string, b?: string) => [
      { region: a, reference: 'r.example/x' },
      { region: b, reference: 'docker://r.example/x:latest' },
    ];
    expect(goesTo({ destinations: twice() })).toEqual(['null r.example/x:latest (--tag)']);
    expect(() => goesTo({ destinations: twice('fra', 'iad') })).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: 'two regions have the same place, r.example/x:latest',
      }),
    );
  });

  it('more than there are cannot be asked for', async () => {
    const request = buildRequest('/srv/shop', { destinations: [{ reference: 'a.example/b' }], quorum: 2 });
    const opened = withSession(pipelineEnvironment(await temporaryFolder()), (session) =>
      openPlaces(request, session),
    );
    await expect(opened).rejects.toMatchObject({
      code: 'USAGE',
      message: '--quorum 2: the image goes to one registry',
    });
  });

  it('only the dogwood.toml of a folder of this machine has a say', async () => {
    const folder = await temporaryFolder();
    const tree = {
      kind: 'tree',
      name: 'shop',
      tree: await openTree(folder),
      dispose: async () => {},
    } as const;
    const project = {
      ...EMPTY_PROJECT,
      regions: [...own({ name: 'fra' }), { value: { name: 'iad' }, from: 'fly.toml' }],
    };
    expect(ownRegions(tree, project)).toEqual(own({ name: 'fra' }));
    const origin = { kind: 'git', repository: 'r', commit: 'c', ref: null, folder: null } as const;
    expect(ownRegions({ ...tree, origin }, project)).toEqual([]);
    expect(ownRegions({ kind: 'image', name: 'i', reference: 'local:i' }, project)).toEqual([]);
  });
});
