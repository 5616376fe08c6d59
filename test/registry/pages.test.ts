import { describe, expect, it } from 'vitest';
import { nextLink } from '../../src/registry/pages.ts';
import { createRegistryTarget } from '../../src/registry/registry-target.ts';
import { serve } from '../helpers/http-server.ts';
import { realClient } from './pitfalls/client.ts';

/** A registry whose list of tags has this Link behind its first page. */
async function tagsWith(link: (host: string, page: number) => string | undefined, body = '{"tags":["a"]}') {
  let page = 0;
  const server = await serve((request, response) => {
    if (request.url === '/v2/') return response.end('{}');
    page += 1;
    const next = link(request.headers.host ?? '', page);
    if (next !== undefined) response.setHeader('link', next);
    return response.end(body);
  });
  const target = createRegistryTarget({
    client: realClient(),
    reference: { registry: server.host, repository: 'app' },
  });
  return { server, target };
}

describe('the next page', () => {
  it.each([
    ['</v2/app/tags/list?n=2&last=b>; rel="next"', '/v2/app/tags/list?n=2&last=b'],
    ['<tags?cursor=a%3D%3D>; rel=next', '/v2/app/tags?cursor=a%3D%3D'],
    ['<https://r.example/x>; title="a"; rel="last next"', '/x'],
    ['</first>; rel="first", </second>; REL="next"', '/second'],
    ['</x,y>; rel="next"', '/x,y'],
  ])('is read from %s', (line, expected) => {
    const next = nextLink([line], new URL('https://r.example/v2/app/list'));
    expect(`${next?.pathname}${next?.search}`).toBe(expected);
  });

  it.each(['', '</x>', '</x>; rel="prev"', 'nothing', '<>', '</x>; rel="nexton"', '<http://[>; rel="next"'])(
    'is none in %j',
    (line) => {
      expect(nextLink([line], new URL('https://r.example/'))).toBeUndefined();
    },
  );

  it('is not sought at another host', async () => {
    const { target, server } = await tagsWith(() => '<http://127.0.0.2:1/v2/app/tags/list>; rel="next"');
    await expect(target.tags()).rejects.toMatchObject({
      code: 'REGISTRY_PROTOCOL',
      message: expect.stringContaining('another host'),
    });
    expect(server.lines()).toEqual(['GET /v2/', 'GET /v2/app/tags/list?n=1000']);
  });

  it('is not sought in a circle, nor for ever', async () => {
    const circle = await tagsWith((_, page) => `</v2/app/tags/list?page=${page % 3}>; rel="next"`);
    await expect(circle.target.tags()).rejects.toMatchObject({ message: expect.stringContaining('circle') });
    const endless = await tagsWith((_, page) => `</v2/app/tags/list?page=${page}>; rel="next"`);
    await expect(endless.target.tags()).rejects.toMatchObject({
      message: expect.stringContaining('1000 pages'),
    });
  });

  it.each(['no json', '[]', '"text"', '{"tags":{}}', '{"tags":null}', '{"tags":[1,"a/b",""]}'])(
    'a list that is none has no tags or is refused: %s',
    async (body) => {
      const { target } = await tagsWith(() => undefined, body);
      const tags = await target.tags().catch((error: { code: string }) => error.code);
      expect(tags).toEqual(body.startsWith('{') || body === '[]' ? [] : 'REGISTRY_PROTOCOL');
    },
  );
});
