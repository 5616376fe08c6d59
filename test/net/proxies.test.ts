import { describe, expect, it } from 'vitest';
import { createProxies } from '../../src/net/proxies.ts';

const find = (variables: Record<string, string>, url: string) =>
  createProxies(variables).find(new URL(url))?.href ?? 'straight';

describe('createProxies', () => {
  it.each([
    [{ HTTPS_PROXY: 'http://p:1' }, 'https://h.example/', 'http://p:1/'],
    [{ HTTPS_PROXY: 'http://p:1' }, 'http://h.example/', 'straight'],
    [{ HTTP_PROXY: 'http://p:1' }, 'http://h.example/', 'http://p:1/'],
    [{ HTTP_PROXY: 'http://p:1' }, 'https://h.example/', 'straight'],
    [{ https_proxy: 'http://low:1', HTTPS_PROXY: 'http://up:1' }, 'https://h.example/', 'http://low:1/'],
    [{ ALL_PROXY: 'p:3128' }, 'https://h.example/', 'http://p:3128/'],
    [{ all_proxy: 'p:3128', http_proxy: 'q:3128' }, 'http://h.example/', 'http://q:3128/'],
    [{ HTTPS_PROXY: '' }, 'https://h.example/', 'straight'],
    [{ HTTPS_PROXY: 'http://me:50%@p:1' }, 'https://h.example/', 'http://me:50%25@p:1/'],
  ])('%j: %s goes %s', (variables, url, proxy) => expect(find(variables, url)).toBe(proxy));

  it.each([
    'localhost',
    'app.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '2130706433',
  ])('goes straight to this machine: %s', (host) =>
    expect(find({ HTTPS_PROXY: 'p:1' }, `https://${host}:5000/`)).toBe('straight'),
  );

  it.each([
    ['*', 'https://h.example/', true],
    ['h.example', 'https://h.example/', true],
    ['H.Example.', 'https://h.example/', true],
    ['example', 'https://h.example/', true],
    ['.example', 'https://h.example/', true],
    ['*.example', 'https://h.example/', true],
    ['.h.example', 'https://h.example/', true],
    ['xample', 'https://h.example/', false],
    ['other.example, h.example', 'https://h.example/', true],
    ['other.example h.example', 'https://h.example/', true],
    ['h.example:5000', 'https://h.example:5000/', true],
    ['h.example:5000', 'https://h.example/', false],
    ['h.example:443', 'https://h.example/', true],
    ['10.0.0.5', 'https://10.0.0.5:5000/', true],
    ['10.0.0.5:5000', 'https://10.0.0.5:5000/', true],
    ['0.0.5', 'https://10.0.0.5:5000/', false],
    ['10.0.0.0/8', 'https://10.0.0.5:5000/', true],
    ['10.0.0.0/8', 'https://11.0.0.5:5000/', false],
    ['fd00::/8', 'https://[fd00::1]/', true],
    ['fd00::1', 'https://[fd00::1]/', true],
    ['[fd00::1]:5000', 'https://[fd00::1]:5000/', true],
    ['10.0.0.0/99', 'https://10.0.0.5/', false],
  ])('NO_PROXY=%s: %s goes straight: %s', (list, url, straight) => {
    expect(find({ HTTPS_PROXY: 'p:1', NO_PROXY: list }, url) === 'straight').toBe(straight);
    expect(find({ HTTPS_PROXY: 'p:1', no_proxy: list, NO_PROXY: 'never' }, url) === 'straight').toBe(
      straight,
    );
  });

  it('refuses a proxy of another kind only where it would be used', () => {
    const socks = { ALL_PROXY: 'socks5://me:hunter2@p:1080', NO_PROXY: 'h.example' };
    expect(find(socks, 'https://h.example/')).toBe('straight');
    expect(() => find(socks, 'https://i.example/')).toThrow(
      'ALL_PROXY names a socks5 proxy, which is not supported',
    );
  });

  it('shows what is set without the password', () => {
    const { settings } = createProxies({
      HTTPS_PROXY: 'http://me:hunter2@p:1',
      all_proxy: 'socks5://me:hunter2@p',
      no_proxy: 'a,b',
    });
    expect(settings).toEqual([
      { variable: 'HTTPS_PROXY', address: 'http://p:1' },
      { variable: 'all_proxy', address: '(no HTTP proxy)' },
      { variable: 'no_proxy', address: 'a,b' },
    ]);
  });
});
