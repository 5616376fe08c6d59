import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { bytesContent } from '../../src/oci/content.ts';
import { parseReference, type Reference } from '../../src/oci/reference.ts';
import { createMemoryTarget } from '../../src/oci/stores/memory.ts';
import type { Target } from '../../src/oci/target.ts';
import { withSession } from '../../src/pipeline/session/session.ts';
import { createMirroredTarget } from '../../src/registry/mirrors.ts';
import { randomBlob } from '../contract/target.ts';
import { pipelineEnvironment } from '../helpers/pipeline.ts';
import { type QuirkRegistry, quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import type { Quirks } from '../helpers/quirk-registry/quirks.ts';
import { freePort } from '../helpers/registry.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const big = randomBlob(300_000);

/** A registry with an image and a blob, and a mirror of it under `copies/`, which may do something wrong. */
async function registryAndMirror(quirks: Quirks = {}) {
  const [registry, mirror] = await Promise.all([quirkRegistry(), quirkRegistry({ quirks })]);
  for (const target of [registry.target('team/app'), mirror.target('copies/team/app')]) {
    const image = await putSmallImage(target);
    await target.tag(image.descriptor, 'v1');
    await target.put(bytesContent(big.bytes), big.descriptor);
  }
  return { registry, mirror };
}

/** Works with `team/app` of the registry as a session opens it. */
async function run(
  registry: QuirkRegistry,
  mirrors: readonly string[],
  work: (target: Target, reference: Reference) => Promise<unknown>,
  access: 'pull' | 'push' = 'pull',
): Promise<readonly string[]> {
  const reference = parseReference(`${registry.host}/team/app:v1`);
  const environment = pipelineEnvironment(await temporaryFolder(), {
    mirrors: { [reference.registry]: mirrors },
  });
  await withSession(environment, async (session) => work(session.registry(reference, access), reference));
  return environment.events.flatMap((event) =>
    event.type === 'warning' ? [`${event.code}: ${event.message}`] : [],
  );
}

/** Reads all there is by the tag, and the blob. */
async function readAll(target: Target): Promise<void> {
  const found = await target.resolve('v1');
  if (found === undefined) throw new Error('no v1');
  expect(await target.has(big.descriptor)).toBe(true);
  await buffer(await target.open(found));
  expect(Buffer.compare(await buffer(await target.open(big.descriptor)), big.bytes)).toBe(0);
}

const bytesFrom = ({ requests }: QuirkRegistry) => requests.filter(({ path }) => path !== '/v2/').length;

describe('mirrors', () => {
  it('are pulled from instead of the registry', async () => {
    const { registry, mirror } = await registryAndMirror();
    expect(await run(registry, [`${mirror.host}/copies`], readAll)).toEqual([]);
    expect(registry.requests).toEqual([]);
    expect(bytesFrom(mirror)).toBeGreaterThan(0);
  });

  it('have a stream let go of that nobody reads', async () => {
    const source = new Readable({ read: () => {} });
    const memory = createMemoryTarget();
    const mirrored = createMirroredTarget({
      registry: memory,
      mirrors: [{ ...memory, open: async () => source }],
      onFailure: () => {},
    });
    (await mirrored.open(big.descriptor)).on('error', () => {}).destroy();
    await finished(source).catch(() => {});
    expect(source.destroyed).toBe(true);
  });

  it('are asked in order, and what none has comes from the registry, without a warning', async () => {
    const { registry, mirror } = await registryAndMirror();
    const empty = await quirkRegistry();
    expect(await run(registry, [empty.host, `${mirror.host}/copies`], readAll)).toEqual([]);
    expect(bytesFrom(empty)).toBeGreaterThan(0);
    expect(registry.requests).toEqual([]);
    expect(await run(registry, [empty.host], readAll)).toEqual([]);
    expect(bytesFrom(registry)).toBeGreaterThan(0);
  });

  it('that fail are left alone after one try, and said once', async () => {
    const { registry } = await registryAndMirror();
    const gone = `127.0.0.1:${await freePort()}`;
    const broken = await quirkRegistry({ quirks: { webPage: true } });
    const warnings = await run(registry, [gone, broken.host], readAll);
    expect(warnings).toEqual([
      expect.stringMatching(`MIRROR_FAILED: the mirror docker://${gone}/team/app is passed over: .*refused`),
      expect.stringContaining(`the mirror docker://${broken.host}/team/app is passed over`),
    ]);
    // A ping, HEAD, and GET for what HEAD did not tell: then no more of it.
    expect(broken.requests.length).toBeLessThanOrEqual(3);
  });

  it('that break off in the middle of a blob are gone on from by the registry', async () => {
    const { registry, mirror } = await registryAndMirror({ cut: { at: 100_000, how: 'rst', times: 9 } });
    const warnings = await run(registry, [`${mirror.host}/copies`], readAll);
    expect(warnings).toHaveLength(1);
    expect(registry.requests.map(({ method }) => method)).toContain('GET');
  });

  it('with other bytes are never believed', async () => {
    const { registry, mirror } = await registryAndMirror({ corrupt: true });
    const warnings = await run(registry, [`${mirror.host}/copies`], async (target) => {
      // Whatever whoever reads leaves to others.
      const reading = async () => await buffer(await target.open(big.descriptor, { verify: false }));
      await expect(reading()).rejects.toMatchObject({
        code: 'DIGEST_MISMATCH',
        message: expect.stringContaining(mirror.host),
      });
      expect(Buffer.compare(await reading(), big.bytes)).toBe(0);
    });
    expect(warnings).toEqual([expect.stringContaining('is damaged there')]);
  });

  it('are never pushed to, nor asked before a push', async () => {
    const { registry, mirror } = await registryAndMirror();
    const fresh = randomBlob();
    await run(
      registry,
      [`${mirror.host}/copies`],
      async (target) => {
        await target.put(bytesContent(fresh.bytes), fresh.descriptor);
        expect(await target.has(fresh.descriptor)).toBe(true);
      },
      'push',
    );
    expect(mirror.requests).toEqual([]);
  });
});
