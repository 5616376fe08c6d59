import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { bytesContent } from '../../../src/oci/content.ts';
import { copy } from '../../../src/oci/copy.ts';
import { MEDIA_TYPES } from '../../../src/oci/media-types.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import type { Target } from '../../../src/oci/target.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { blobOf, randomBlob } from '../../contract/target.ts';
import { describeWith } from '../../helpers/engines.ts';
import type { Fault } from '../../helpers/fault-proxy/faults.ts';
import { startFaultProxy } from '../../helpers/fault-proxy/proxy.ts';
import { type RegistryKind, type RunningRegistry, startRegistry } from '../../helpers/registry.ts';
import { putJson, putSmallImage, putSmallIndex, TYPES } from '../../helpers/small-image.ts';
import { realClient } from '../pitfalls/client.ts';

const KINDS = [
  ['distribution3', 'registry'],
  ['docker-registry', 'docker-registry'],
] as const satisfies readonly (readonly [RegistryKind, string])[];

const MiB = 1024 * 1024;
const { descriptor, bytes } = blobOf(randomBytes(20 * MiB), MEDIA_TYPES.ociLayerGzip);

describe.each(KINDS)('%s', (kind, engine) => {
  describeWith([engine], 'an upload', () => {
    let registry: RunningRegistry | undefined;
    beforeAll(async () => {
      registry = await startRegistry({ kind });
    });
    afterAll(() => registry?.stop());

    const running = (): RunningRegistry => {
      if (registry === undefined) throw new Error('the registry is not started yet');
      return registry;
    };
    const fresh = () => `team/app-${randomBytes(6).toString('hex')}`;
    const at = (host: string, repository = fresh(), client = realClient()) =>
      createRegistryTarget({ client, reference: { registry: host, repository } });
    const through = async (...faults: Fault[]) => {
      const { port } = running();
      const proxy = await startFaultProxy({ port, kill: async () => {}, start: async () => {} }, faults);
      onTestFinished(() => proxy.stop());
      return proxy;
    };

    it('that is cut goes on where the registry has it, or starts over where it has not', async () => {
      const proxy = await through({
        stream: 'request-body',
        at: 18 * MiB,
        action: { kind: 'reset' },
      });
      const target = at(proxy.host);
      expect(await target.put(bytesContent(bytes), descriptor)).toEqual({ descriptor, outcome: 'sent' });
      expect(
        Buffer.compare(await buffer(await at(running().host, nameOf(target)).open(descriptor)), bytes),
      ).toBe(0);
      // A reset takes what lay in the kernel's buffers along; Debian's 2.8 forgets the whole session.
      if (kind === 'distribution3') expect(proxy.uploadBytes()).toBeLessThan(32 * MiB);
      expect(proxy.happened.length).toBeGreaterThan(0);
    });

    if (kind === 'distribution3') {
      it('that is cut again and again is done all the same where what came in is kept', async () => {
        const proxy = await through({
          stream: 'request-body',
          at: 3 * MiB,
          every: 3 * MiB,
          action: { kind: 'reset' },
        });
        expect((await at(proxy.host).put(bytesContent(bytes), descriptor)).outcome).toBe('sent');
        // No connection lives long enough for all of it.
        expect(proxy.happened.length).toBeGreaterThan(5);
      });
    }

    it('of what another repository of the registry is getting is mounted from there', async () => {
      const proxy = await through();
      const client = realClient();
      const blob = randomBlob(500_000);
      const targets = [1, 2, 3].map(() => at(proxy.host, fresh(), client));
      const results = await Promise.all(
        targets.map((target) => target.put(bytesContent(blob.bytes), blob.descriptor)),
      );
      expect(results.map(({ outcome }) => outcome).toSorted()).toEqual(['mounted', 'mounted', 'sent']);
      expect(proxy.uploadBytes()).toBe(500_000);
    });

    it('brings indexes of indexes, with attestations, and they come back byte for byte', async () => {
      const memory = createMemoryTarget();
      const inner = await putSmallIndex(memory, [{ os: 'linux', architecture: 'arm64' }]);
      const image = await putSmallImage(memory);
      const artifact = await putSmallImage(memory, {
        manifest: { artifactType: 'x/y', subject: image.descriptor },
      });
      const index = {
        schemaVersion: 2,
        mediaType: TYPES.index,
        manifests: [inner.descriptor, image.descriptor, artifact.descriptor],
      };
      const root = await putJson(memory, index, TYPES.index);
      const target = at(running().host);
      const there = await copy(memory, target, root, { tag: 'v1' });
      const back = createMemoryTarget();
      const found = await target.resolve('v1');
      expect(found).toEqual(root);
      await copy(target, back, root, { tag: 'v1' });
      for (const blob of there.blobs) {
        const [before, after] = [await memory.open(blob.descriptor), await back.open(blob.descriptor)];
        expect(Buffer.compare(await buffer(before), await buffer(after))).toBe(0);
      }
      const again = await copy(memory, at(running().host, nameOf(target)), root, { tag: 'v1' });
      expect(again.sentBytes).toBe(0);
    });

    it('of a manifest whose blob was collected meanwhile brings the blob again', async () => {
      const memory = createMemoryTarget();
      const image = await putSmallImage(memory);
      const { host, storage } = running();
      const target = at(host);
      const layer = image.layers[0]?.digest.replace(':', '/') ?? '';
      let times = 0;
      const collecting: Target = {
        ...target,
        put: async (content, expected, options) => {
          if (expected.digest === image.descriptor.digest && times++ === 0) {
            const folder = `${storage}/docker/registry/v2/repositories/${nameOf(target)}/_layers`;
            rmSync(`${folder}/${layer}`, { recursive: true });
          }
          return await target.put(content, expected, options);
        },
      };
      await copy(memory, collecting, image.descriptor, { tag: 'v1', sleep: async () => {} });
      expect(times).toBe(2);
      const back = createMemoryTarget();
      await copy(at(host, nameOf(target)), back, image.descriptor);
    });

    it('can be read back over a connection that breaks', async () => {
      const direct = at(running().host);
      await direct.put(bytesContent(bytes), descriptor);
      const proxy = await through({
        stream: 'answer-body',
        at: 3 * MiB,
        every: 3 * MiB,
        // Not a reset, which may take all along that was under way.
        action: { kind: 'end' },
      });
      const got = await buffer(await at(proxy.host, nameOf(direct)).open(descriptor));
      expect(Buffer.compare(got, bytes)).toBe(0);
      // No connection lives long enough for all of it.
      expect(proxy.happened.length).toBeGreaterThan(5);
    });
  });
});

/** The repository of a target. */
function nameOf(target: Target): string {
  return target.origin?.(descriptor)?.repository ?? '';
}
