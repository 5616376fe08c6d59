import { expect, test } from 'vitest';
import { findReleased, openContainerRegistry } from '../../../src/heroku-import/images/container-registry.ts';
import { createHttpClient } from '../../../src/net/http.ts';
import { PLAIN_NETWORK } from '../../../src/net/settings.ts';
import { serve } from '../../helpers/http-server.ts';
import { quirkRegistry } from '../../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage } from '../../helpers/small-image.ts';

const TOKEN = 'HRKU-0123456789';
const open = (host: string) =>
  openContainerRegistry({ host, token: TOKEN, http: createHttpClient({ network: PLAIN_NETWORK }) });
const signal = new AbortController().signal;

test('a token server on another host never sees the token', async () => {
  const thief = await serve((_request, response) => response.end(JSON.stringify({ token: 'x' })));
  const registry = await serve((_request, response) =>
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${thief.url}/token",service="s"` }).end(),
  );
  await open(registry.host)('shop/web')
    .resolve('latest', signal)
    .catch(() => undefined);
  const seen = thief.requests.map(({ headers }) =>
    Buffer.from(headers.authorization?.split(' ')[1] ?? '', 'base64').toString(),
  );
  expect(seen.join()).not.toContain(TOKEN);
});

test('the registry says the token: it is in no error', async () => {
  const registry = await serve((request, response) => {
    const basic = request.headers.authorization;
    if (basic === undefined) return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    const said = Buffer.from(basic.split(' ')[1] ?? '', 'base64').toString();
    return response
      .writeHead(403, { 'content-type': 'application/json' })
      .end(JSON.stringify({ errors: [{ code: 'DENIED', message: said }] }));
  });
  const error = await open(registry.host)('shop/web')
    .tags({ signal })
    .catch((one: unknown) => one);
  expect(String(error)).not.toContain(TOKEN);
});

test('a tag that is no image for this platform does not hide the released one', async () => {
  const registry = await quirkRegistry({ auth: { kind: 'basic', users: { _: TOKEN } } });
  const target = registry.target('shop/web');
  const released = await putSmallImage(target);
  const other = await putSmallImage(target, { platform: { os: 'linux', architecture: 'arm64' } });
  await target.tag(other.descriptor, 'latest');
  await target.tag(released.descriptor, 'v1');
  const found = await findReleased(open(registry.host)('shop/web'), released.config.digest, signal);
  expect(found.descriptor.digest).toBe(released.descriptor.digest);
});

test('a repository that is not there is an image that is gone', async () => {
  const registry = await quirkRegistry({ auth: { kind: 'basic', users: { _: TOKEN } } });
  await expect(
    findReleased(open(registry.host)('shop/web'), `sha256:${'ab'.repeat(32)}`, signal),
  ).rejects.toMatchObject({ code: 'HEROKU_IMAGE_GONE' });
});
