import { once } from 'node:events';
import { createServer } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/log.ts';
import { createHttpClient } from '../../../src/net/http.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { createHostGate } from '../../../src/registry/http/host-gate.ts';
import { DEFAULT_RETRY } from '../../../src/registry/http/retry.ts';
import { createRegistryTarget } from '../../../src/registry/registry-target.ts';
import { randomBlob } from '../../contract/target.ts';
import { listenForTest, serve } from '../../helpers/http-server.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { realClient, targetAt } from '../pitfalls/client.ts';

const blobs = (count: number) => Array.from({ length: count }, () => randomBlob(50).descriptor);

describe('a host that asks to be left alone', () => {
  it.each(['seconds', 'date'] as const)('is, by all requests, whichever was told so (%s)', async (form) => {
    // The registry goes by the client's clock, and answers nothing but 429 until 40 s are over.
    const start = Date.parse('2026-01-01T00:00:00Z');
    let time = start;
    const asked: number[] = [];
    const until = start + 40_000;
    const server = await serve((request, response) => {
      if (request.url === '/v2/') return response.end('{}');
      asked.push(time - start);
      if (time >= until) return response.writeHead(404).end();
      const after = form === 'seconds' ? '40' : new Date(until).toUTCString();
      return response.writeHead(429, { 'retry-after': after }).end();
    });
    const clock = () => time;
    const sleep = async (milliseconds: number) => {
      // Everyone who is going to sleep does, and then time goes on.
      const wake = time + milliseconds;
      await setImmediate();
      time = Math.max(time, wake);
    };
    const client = realClient({ retry: { clock, sleep } });
    const target = createRegistryTarget({ client, reference: { registry: server.host, repository: 'app' } });
    await target.has(randomBlob(9).descriptor).catch(() => {});
    asked.splice(0);
    time = start;
    await Promise.all(blobs(20).map((blob) => target.has(blob)));
    expect(asked.filter((at) => at < 40_000)).toEqual([]);
    expect(asked).toHaveLength(20);
  });

  it.each([
    [4, []],
    [40, ['asks to be left alone, and is for 40 s']],
  ])('is told of once when it takes long: %d s', async (after, told) => {
    const registry = await quirkRegistry({
      quirks: { putOff: { on: 'blob', status: 429, times: 4, after } },
    });
    const warnings: string[] = [];
    // All four are told before anybody has waited.
    const sleep = () => setImmediate();
    const retry = { clock: () => 0, sleep };
    const client = realClient({ retry, onWarning: ({ message }) => warnings.push(message) });
    await Promise.all(blobs(4).map((blob) => targetAt(registry, 'app', client).has(blob)));
    expect(warnings).toEqual(told.map((text) => `${registry.host} ${text}`));
  });

  it('is not waited for longer than two minutes', async () => {
    const registry = await quirkRegistry({
      quirks: { putOff: { on: 'blob', status: 503, times: 1, after: 86_400 } },
    });
    const client = realClient();
    expect(await targetAt(registry, 'app', client).has(randomBlob(9).descriptor)).toBe(false);
    expect(client.slept).toEqual([120_000]);
  });

  it('keeps nobody from another host', async () => {
    const busy = await quirkRegistry({
      quirks: { putOff: { on: 'blob', status: 429, times: 99, after: 60 } },
    });
    const free = await quirkRegistry();
    const sleep = () => new Promise<void>(() => {});
    const client = realClient({ retry: { sleep } });
    for (const blob of blobs(50)) void targetAt(busy, 'app', client).has(blob);
    expect(await targetAt(free, 'app', client).has(randomBlob(9).descriptor)).toBe(false);
  });

  it('can be given up, and is then asked again', async () => {
    const registry = await quirkRegistry({
      quirks: { putOff: { on: 'blob', status: 429, times: 99, after: 60 } },
    });
    const abort = new AbortController();
    let [time, sleepers] = [0, 0];
    const client = realClient({
      retry: {
        clock: () => time,
        sleep: async (milliseconds, signal) => {
          sleepers += 1;
          // Four who were told to wait, and four more who have a place and wait with it.
          if (sleepers === 8) abort.abort(new Error('enough'));
          if (signal && !signal.aborted) await once(signal, 'abort');
          signal?.throwIfAborted();
          time += milliseconds;
        },
      },
    });
    const target = targetAt(registry, 'app', client);
    const given = await Promise.allSettled(blobs(9).map((blob) => target.has(blob, abort.signal)));
    expect(given.map((one) => one.status === 'rejected' && String(one.reason))).toEqual(
      given.map(() => 'Error: enough'),
    );
    registry.become({});
    expect(await target.has(randomBlob(9).descriptor)).toBe(false);
  });
});

describe('requests at once', () => {
  it('are four to one host, whoever asks', async () => {
    let [now, most] = [0, 0];
    const server = await serve(async (request, response) => {
      if (request.url === '/v2/') return response.end('{}');
      now += 1;
      most = Math.max(most, now);
      for (let turn = 0; turn < 5; turn += 1) await setImmediate();
      now -= 1;
      return response.writeHead(404).end();
    });
    const client = realClient();
    const at = (repository: string) =>
      createRegistryTarget({ client, reference: { registry: server.host, repository } });
    await Promise.all(['a', 'b', 'c'].flatMap((name) => blobs(20).map((blob) => at(name).has(blob))));
    expect(most).toBe(4);
  });

  it('are thirty-two to all hosts', async () => {
    let [now, most] = [0, 0];
    const gate = createHostGate({
      http: {
        async request() {
          now += 1;
          most = Math.max(most, now);
          for (let turn = 0; turn < 5; turn += 1) await setImmediate();
          now -= 1;
          return { status: 200, headers: {}, body: Readable.from([]), limitTime() {} };
        },
        close() {},
      },
      retry: DEFAULT_RETRY,
      logger: silentLogger,
    });
    const urls = Array.from({ length: 200 }, (_, n) => new URL(`https://r${n % 20}.example/`));
    await Promise.all(urls.map((url) => gate.request({ method: 'GET', url })));
    expect([now, most]).toEqual([0, 32]);
  });

  it('give their place back when they are given up', async () => {
    const server = await serve((request, response) => request.url === '/v2/' && response.end('{}'));
    const client = realClient();
    const target = createRegistryTarget({ client, reference: { registry: server.host, repository: 'app' } });
    const abort = new AbortController();
    const all = Promise.allSettled(blobs(9).map((blob) => target.has(blob, abort.signal)));
    while (server.requests.length < 5) await setImmediate();
    abort.abort();
    await all;
    void target.has(randomBlob(9).descriptor).catch(() => {});
    while (server.requests.length < 6) await setImmediate();
  });

  it('copy within one host without waiting for themselves', async () => {
    const registry = await quirkRegistry({ quirks: { p05: 'never' } });
    const contents = Array.from({ length: 12 }, () => randomBlob(200_000));
    const client = realClient();
    const from = targetAt(registry, 'from', client);
    for (const { descriptor, bytes } of contents)
      registry.repository('from').blobs.set(descriptor.digest, Buffer.from(bytes));
    const to = targetAt(registry, 'to', client);
    await Promise.all(
      contents.map(({ descriptor }) =>
        to.put({ open: () => from.open(descriptor, { verify: false }), reopenable: true }, descriptor),
      ),
    );
    expect(registry.repository('to').blobs.size).toBe(12);
  });
});

describe('a registry that is down', () => {
  it('is not asked five times for each of a thousand blobs', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    const host = await listenForTest(server);
    const http = createHttpClient();
    onTestFinished(() => http.close());
    const client = realClient({ http, retry: { attempts: 5 } });
    const target = createRegistryTarget({ client, reference: { registry: host, repository: 'app' } });
    const outcomes = await Promise.allSettled(blobs(1000).map((blob) => target.has(blob)));
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(connections).toBeLessThan(50);
  });

  it('is not asked so either when one comes after the other', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    const reference = { registry: await listenForTest(server), repository: 'app' };
    const target = createRegistryTarget({ client: realClient({ retry: { attempts: 5 } }), reference });
    for (const blob of blobs(100)) await target.has(blob).catch(() => {});
    // Plain HTTP and TLS are both tried at a port of loopback.
    expect(connections).toBeLessThan(2 * (20 + 100) + 10);
  });

  it('costs each request one try when its budget is used up, and has it back when it works again', async () => {
    let down = true;
    const server = await serve((request, response) => {
      if (request.url === '/v2/') return response.end('{}');
      return response.writeHead(down ? 500 : 404).end();
    });
    const client = realClient({ retry: { attempts: 5 } });
    const target = createRegistryTarget({ client, reference: { registry: server.host, repository: 'app' } });
    const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(Buffer.of()), size: 0 };
    await Promise.allSettled(blobs(200).map(() => target.has(descriptor)));
    expect(server.requests.length).toBeLessThan(230);
    down = false;
    for (const blob of blobs(10)) await target.has(blob);
    down = true;
    const before = server.requests.length;
    await expect(target.has(descriptor)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    expect(server.requests.length - before).toBe(5);
  });
});
