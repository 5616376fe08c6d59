import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import type { Fault } from './fault-proxy/faults.ts';
import { createFramers } from './fault-proxy/framer.ts';
import { startFaultProxy } from './fault-proxy/proxy.ts';
import { serve } from './http-server.ts';
import { seeded } from './seeded.ts';

const BODY = 'x'.repeat(1000);

/** A server that echoes bodies behind a proxy with these faults. */
async function echo(faults: readonly Fault[]) {
  const events: string[] = [];
  const server = await serve(async (request, response) => response.end(await text(request)));
  const port = Number(server.host.split(':')[1]);
  const upstream = {
    port,
    kill: async () => void events.push('kill'),
    start: async () => void events.push('start'),
  };
  const proxy = await startFaultProxy(upstream, faults);
  onTestFinished(proxy.stop);
  const post = async (path = '/') => {
    const response = await fetch(`http://${proxy.host}${path}`, { method: 'POST', body: BODY });
    return await response.text();
  };
  return { proxy, post, server, events };
}

it('passes everything on, and counts it', async () => {
  const { proxy, post } = await echo([]);
  expect(await post('/v2/a/blobs/uploads/1')).toBe(BODY);
  expect(await post()).toBe(BODY);
  expect(proxy.counts).toMatchObject({ 'request-body': 2000, 'answer-body': 2000, answers: 2 });
  expect(proxy.counts.up).toBeGreaterThan(2000);
  expect(proxy.uploadBytes()).toBe(1000);
});

it('changes the one byte it is told to, and again after so many', async () => {
  const action = { kind: 'corrupt', mask: 1 } as const;
  const { post } = await echo([{ stream: 'request-body', at: 10, every: 500, action }]);
  const got = await post();
  expect([...got].flatMap((letter, at) => (letter === 'x' ? [] : [at]))).toEqual([10, 510]);
});

it.each(['reset', 'end'] as const)('cuts at the byte it is told to (%s)', async (kind) => {
  const { proxy, post } = await echo([{ stream: 'answer-body', at: 321, action: { kind } }]);
  await expect(post()).rejects.toThrow();
  expect(proxy.counts['answer-body']).toBe(321);
  expect(await post()).toBe(BODY);
});

it('swallows an answer whose request has arrived', async () => {
  const { post, server } = await echo([{ stream: 'answers', at: 1, action: { kind: 'reset' } }]);
  expect(await post()).toBe(BODY);
  await expect(post()).rejects.toThrow();
  expect(server.requests).toHaveLength(2);
});

it('kills the registry, and nobody answers until it is back', async () => {
  const action = { kind: 'kill', milliseconds: undefined } as const;
  const { proxy, post, events } = await echo([{ stream: 'up', at: 0, action }]);
  await expect(post()).rejects.toThrow();
  await expect(post()).rejects.toThrow();
  await proxy.stop();
  expect(events).toEqual(['kill', 'start']);
});

it('stands still for ever, which its end ends', async () => {
  const { proxy } = await echo([{ stream: 'up', at: 5, action: { kind: 'stall' } }]);
  const socket = connect(Number(proxy.host.split(':')[1]), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const closed = buffer(socket).catch(() => 'closed');
  while (proxy.happened.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await proxy.stop();
  expect(['closed', Buffer.alloc(0)]).toContainEqual(await closed);
  expect(proxy.counts.up).toBe(5);
});

it('knows heads from bodies however they are cut up', () => {
  const chance = seeded('framer');
  const request =
    'PUT /v2/a/blobs/uploads/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n' +
    'HEAD / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc';
  const answer =
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok' +
    'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end';
  for (let round = 0; round < 200; round += 1) {
    const asked: string[] = [];
    const { requests, answers } = createFramers((method, target) => asked.push(`${method} ${target}`));
    const bodies = [requests, answers].map((framer, i) => {
      let found = '';
      for (let rest = Buffer.from([request, answer][i] ?? ''); rest.length > 0; ) {
        const length = chance.between(1, rest.length);
        for (const { section, bytes } of framer.split(rest.subarray(0, length))) {
          if (section === 'body') found += bytes.toString();
        }
        rest = rest.subarray(length);
      }
      return found;
    });
    expect(bodies).toEqual(['hello worldabc', 'okto the end']);
    expect(asked).toEqual(['PUT /v2/a/blobs/uploads/1', 'HEAD /', 'POST /']);
  }
});
