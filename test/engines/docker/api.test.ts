import { copyFile, mkdir } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { dockerApi, isNotFound } from '../../../src/engines/docker/api.ts';
import { openDockerBuildScope } from '../../../src/engines/docker/build-scope.ts';
import { parseDockerHost } from '../../../src/engines/docker/host.ts';
import { selfSigned } from '../../helpers/certificate.ts';
import { describeWith } from '../../helpers/engines.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  vi.unstubAllEnvs();
});

/** Something on a socket that answers as told. */
async function fakeEngine(answer: RequestListener): Promise<string> {
  const path = join(await temporaryFolder(), 'docker.sock');
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return `unix://${path}`;
}

const apiOf = (host: string) => dockerApi(parseDockerHost(host));

describe('the Engine API', () => {
  test('is asked with a method and a path', async () => {
    const asked: unknown[] = [];
    const host = await fakeEngine(({ method, url }, response) => {
      asked.push([method, url]);
      response.end('{"Id":"x"}');
    });
    expect(await apiOf(host).ask({ path: '/info' })).toEqual({ Id: 'x' });
    expect(asked).toEqual([['GET', '/info']]);
  });

  test('gets what is sent, and may have nothing to say', async () => {
    const bodies: string[] = [];
    const host = await fakeEngine(async (request, response) => {
      bodies.push(await text(request));
      response.statusCode = 204;
      response.end();
    });
    const answer = await apiOf(host).ask({ method: 'POST', path: '/x', body: { Name: '\u00e4' } });
    expect(answer).toBeUndefined();
    expect(bodies).toEqual(['{"Name":"\u00e4"}']);
  });

  test.each([
    [404, '{"message":"no such image: app "}', 'no such image: app (HTTP 404)'],
    [500, 'a proxy says no', 'a proxy says no (HTTP 500)'],
    [502, '', 'no reason given (HTTP 502)'],
    [400, '[1]', '[1] (HTTP 400)'],
  ])('refuses with %i %s', async (status, body, message) => {
    const host = await fakeEngine((_request, response) => {
      response.statusCode = status;
      response.end(body);
    });
    const error = await apiOf(host)
      .ask({ path: '/x' })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message, statusCode: status });
    expect(isNotFound(error)).toBe(status === 404);
    await expect(apiOf(host).stream({ path: '/x' })).rejects.toThrow(message);
  });

  test('an abort ends the wait for an answer, and an answer', async () => {
    const controller = new AbortController();
    const host = await fakeEngine((request, response) => {
      if (request.url === '/mute') controller.abort(new Error('enough'));
      else response.write('some');
    });
    const later = new AbortController();
    const answer = await apiOf(host).stream({ path: '/endless', signal: later.signal });
    const read = text(answer);
    later.abort(new Error('that will do'));
    await expect(read).rejects.toThrow();
    await expect(apiOf(host).ask({ path: '/mute', signal: controller.signal })).rejects.toThrow('enough');
    await expect(apiOf(host).stream({ path: '/mute', signal: controller.signal })).rejects.toThrow('enough');
  });
});

describeWith(['openssl'], 'an engine behind TLS', () => {
  test('is shown the certificates of $DOCKER_CERT_PATH', async () => {
    const { cert, certPath, key, keyPath } = await selfSigned();
    const folder = dirname(certPath);
    await mkdir(folder, { recursive: true });
    await copyFile(certPath, join(folder, 'ca.pem'));
    if (keyPath !== join(folder, 'key.pem')) await copyFile(keyPath, join(folder, 'key.pem'));
    const server = createSecureServer({ cert, key, ca: cert, requestCert: true }, (_request, response) =>
      response.end('{"Version":"1"}'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
    const { port } = server.address() as AddressInfo;
    const api = apiOf(`https://127.0.0.1:${port}`);
    await expect(api.ask({ path: '/version' })).rejects.toThrow(/certificate/);
    vi.stubEnv('DOCKER_HOST', `tcp://127.0.0.1:${port}`);
    vi.stubEnv('DOCKER_CERT_PATH', folder);
    expect(await api.ask({ path: '/version' })).toEqual({ Version: '1' });
  });
});

describe('the things of one build', () => {
  test('no network is left of a build that was called off while it was made', async () => {
    const controller = new AbortController();
    const asked: string[] = [];
    const host = await fakeEngine(async (request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.url === '/networks/create') controller.abort(new Error('enough'));
      else response.writeHead(204).end();
    });
    const opening = openDockerBuildScope(host, { hostNetwork: false, signal: controller.signal });
    await expect(opening).rejects.toThrow('enough');
    expect(asked).toEqual([
      'POST /networks/create',
      expect.stringMatching(/^DELETE \/networks\/dogwood-build-[0-9a-f]{16}$/),
    ]);
  });

  test('an engine that makes none says why', async () => {
    const host = await fakeEngine((_request, response) =>
      response.writeHead(500).end('{"message":"no addresses are left"}'),
    );
    await expect(openDockerBuildScope(host, { hostNetwork: false })).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: 'Docker makes no network for the build: no addresses are left (HTTP 500)',
    });
  });
});
