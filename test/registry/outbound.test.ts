import { describe, expect, it, onTestFinished } from 'vitest';
import { openUrl } from '../../src/net/fetch-stream.ts';
import { createHttpClient, type HttpClient } from '../../src/net/http.ts';
import { bytesContent } from '../../src/oci/content.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { createRegistryTarget } from '../../src/registry/registry-target.ts';
import { randomBlob } from '../contract/target.ts';
import { type Handler, serve } from '../helpers/http-server.ts';

/** No test can be at a public address: where a server is said to have named the address, such a one takes its place. */
function asFromOutside(): HttpClient {
  const inner = createHttpClient();
  onTestFinished(() => inner.close());
  const outside = new URL('https://public.example/');
  return {
    ...inner,
    request: (request) => inner.request({ ...request, referrer: request.referrer && outside }),
  };
}

const { descriptor, bytes } = randomBlob(1000);

/** A registry without a blob, which does as it is told with some of the requests. */
async function registry(
  own: (line: string, host: string) => readonly [number, Record<string, string>] | undefined,
) {
  const handler: Handler = (request, response) => {
    const [status, headers] = own(`${request.method} ${request.url}`, request.headers.host ?? '') ?? [
      request.url === '/v2/' ? 200 : 404,
      {},
    ];
    response.writeHead(status, headers).end();
  };
  const server = await serve(handler);
  const client = createRegistryClient({ http: asFromOutside(), retry: { attempts: 2, baseDelay: 1 } });
  const target = createRegistryTarget({ client, reference: { registry: server.host, repository: 'app' } });
  return { server, target };
}

const blocked = {
  code: 'OUTBOUND_BLOCKED',
  message: expect.stringContaining('public.example leads here, to a loopback address'),
  kind: { fault: 'user', retryable: false, exitCode: 1 },
};
const localhost = (host: string) => host.replace('127.0.0.1', 'localhost');

describe('what a registry names is not looked for closer to the user than the registry is', () => {
  it('a token server', async () => {
    const { server, target } = await registry((line, host) =>
      line.includes('/token')
        ? [200, {}]
        : [401, { 'www-authenticate': `Bearer realm="http://${localhost(host)}/token"` }],
    );
    await expect(target.has(descriptor)).rejects.toMatchObject(blocked);
    expect(server.lines().filter((line) => line.includes('/token'))).toEqual([]);
  });

  it('a redirect', async () => {
    const { server, target } = await registry((line, host) =>
      line.includes('/blobs/sha256:') ? [307, { location: `http://${localhost(host)}/there` }] : undefined,
    );
    await expect(target.has(descriptor)).rejects.toMatchObject(blocked);
    expect(server.lines().filter((line) => line.includes('/there'))).toEqual([]);
  });

  it('a redirect of the first greeting', async () => {
    const { server, target } = await registry((line, host) =>
      line === 'GET /v2/' ? [301, { location: `http://${localhost(host)}/there` }] : undefined,
    );
    await expect(target.has(descriptor)).rejects.toMatchObject(blocked);
    expect(server.lines()).toEqual(['GET /v2/']);
  });

  it("an upload's Location", async () => {
    const { server, target } = await registry((line, host) =>
      line.startsWith('POST ') ? [202, { location: `http://${localhost(host)}/there` }] : undefined,
    );
    await expect(target.put(bytesContent(bytes), descriptor)).rejects.toMatchObject(blocked);
    expect(server.lines().filter((line) => line.includes('/there'))).toEqual([]);
  });
});

describe('what the server of a source names is not looked for closer to the user than the server is', () => {
  it('a redirect', async () => {
    const server = await serve((request, response) =>
      request.url === '/there'
        ? response.end('inner')
        : response.writeHead(302, { location: '/there' }).end(),
    );
    await expect(openUrl(server.url, { http: asFromOutside(), retryDelay: 1 })).rejects.toMatchObject(
      blocked,
    );
    expect(server.lines()).toEqual(['GET /']);
  });
});
