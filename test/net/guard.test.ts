import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createGuard, type GuardOptions } from '../../src/net/guard.ts';
import { createHttpClient, type HttpClientOptions } from '../../src/net/http.ts';
import { PLAIN_NETWORK } from '../../src/net/settings.ts';
import { serve } from '../helpers/http-server.ts';

/** A name server: each name with its answers, the last of which is given for ever. */
function names(table: Readonly<Record<string, readonly (readonly string[])[]>>): LookupFunction {
  const asked = new Map<string, number>();
  return (name, options, callback) => {
    const turn = asked.get(name) ?? 0;
    asked.set(name, turn + 1);
    const answer = table[name]?.[turn] ?? table[name]?.at(-1);
    if (answer === undefined) return callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), '', 0);
    const addresses = answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const [first = { address: '', family: 0 }] = addresses;
    return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
  };
}

function client(options: HttpClientOptions & { allow?: readonly string[] } = {}) {
  const { allow = [], ...more } = options;
  const http = createHttpClient({ network: { ...PLAIN_NETWORK, allow }, ...more });
  onTestFinished(() => http.close());
  return http;
}

type Seen = readonly LookupAddress[] | string;

/** What a guard makes of a name, once it has been at the referrer. */
async function ask(
  options: Partial<GuardOptions> & {
    readonly to: string;
    readonly from?: string;
    readonly fromAt?: string;
    readonly proxied?: boolean;
  },
): Promise<Seen> {
  const { to, from, fromAt, proxied = false, ...rest } = options;
  const guard = createGuard({ policy: 'user', ...rest });
  const referrer = from === undefined ? undefined : new URL(from);
  if (referrer !== undefined && fromAt !== undefined)
    guard.arrived({ url: referrer, referrer: undefined, proxied: false }, fromAt);
  const trip = { url: new URL(to), referrer, proxied };
  try {
    await guard.admit(trip);
  } catch (error) {
    return String(error);
  }
  return await new Promise<Seen>((resolve) =>
    guard.lookup(trip)(trip.url.hostname, { all: true }, (error, answer) =>
      resolve(error === null ? (answer as LookupAddress[]) : String(error)),
    ),
  );
}

const at = (address: string) => ({
  lookup: names({ 'named.example': [[address]] }),
  to: 'https://named.example/',
});

describe("the guard on a user's machine", () => {
  it.each(['8.8.8.8', '10.0.0.1', '127.0.0.1', '169.254.169.254', 'fd00:ec2::254', '224.0.0.1'])(
    'lets him name %s',
    async (address) => {
      expect(await ask(at(address))).toMatchObject([{ address }]);
      const literal = address.includes(':') ? `[${address}]` : address;
      const guard = createGuard({ policy: 'user' });
      const trip = { url: new URL(`https://${literal}/`), referrer: undefined, proxied: false };
      await expect(guard.admit(trip)).resolves.toBeUndefined();
    },
  );

  const led = (from: string, to: string) => ask({ ...at(to), from: 'https://first.example/', fromAt: from });
  it.each([
    ['8.8.8.8', '1.1.1.1', true],
    ['8.8.8.8', '64:ff9b::808:808', true],
    ['8.8.8.8', '10.0.0.1', false],
    ['8.8.8.8', '127.0.0.1', false],
    ['8.8.8.8', '::1', false],
    ['8.8.8.8', '::ffff:127.0.0.1', false],
    ['8.8.8.8', '64:ff9b::7f00:1', false],
    ['8.8.8.8', '169.254.169.254', false],
    ['8.8.8.8', 'fe80::1%eth0', false],
    ['8.8.8.8', '100.64.0.1', false],
    ['8.8.8.8', '192.0.2.1', false],
    ['10.0.0.1', '8.8.8.8', true],
    ['10.0.0.1', '192.168.7.7', true],
    ['10.0.0.1', '127.0.0.1', false],
    ['10.0.0.1', '0.0.0.0', false],
    ['10.0.0.1', '169.254.169.254', false],
    ['10.0.0.1', 'fd00:ec2::254', false],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '10.0.0.1', true],
    ['127.0.0.1', '169.254.169.254', false],
    ['169.254.169.254', '169.254.169.254', false],
    ['169.254.1.1', '169.254.1.1', true],
    ['169.254.1.1', '127.0.0.1', false],
  ])('lets a server at %s lead to %s: %s', async (from, to, allowed) => {
    const seen = await led(from, to);
    if (allowed) expect(seen).toMatchObject([{ address: to }]);
    else expect(seen).toContain('named.example: first.example leads here');
  });

  it.each(['127.0.0.1', '0x7f.1', '2130706433', '[::1]', '[::ffff:7f00:1]', '127.0.0.1.', '169.254.169.254'])(
    'does not let a public server lead to %s, for which no name is resolved',
    async (host) => {
      const seen = await ask({
        to: `http://${host}:8080/`,
        from: 'https://first.example/',
        fromAt: '8.8.8.8',
      });
      expect(seen).toContain('first.example leads here');
    },
  );

  it('takes a host that was found at several addresses for the farthest of them, and one it has not seen for public', async () => {
    const guard = createGuard({ policy: 'user', lookup: names({ 'inner.example': [['10.0.0.1']] }) });
    const first = { url: new URL('https://first.example/'), referrer: undefined, proxied: false };
    const inner = { url: new URL('http://10.0.0.9/'), referrer: first.url, proxied: false };
    await expect(guard.admit(inner)).rejects.toMatchObject({ kind: 'blocked' });
    guard.arrived(first, '10.0.0.5');
    await guard.admit(inner);
    guard.arrived(first, '8.8.8.8');
    guard.arrived(first, '10.0.0.5');
    await expect(guard.admit(inner)).rejects.toMatchObject({ kind: 'blocked' });
  });

  it('hands on of the addresses of a name those that may be reached', async () => {
    const lookup = names({ 'named.example': [['10.0.0.1', '8.8.8.8', '::1', '1.1.1.1']] });
    const from = { from: 'https://first.example/', fromAt: '8.8.8.8' };
    expect(await ask({ to: 'https://named.example/', lookup, ...from })).toMatchObject([
      { address: '8.8.8.8' },
      { address: '1.1.1.1' },
    ]);
  });

  it('lets a host lead to itself where it was reached, and that is nobody else’s right', async () => {
    const guard = createGuard({ policy: 'user' });
    const host = { url: new URL('https://first.example/'), referrer: undefined, proxied: false };
    guard.arrived(host, '8.8.8.8');
    const itself = { ...host, referrer: host.url };
    expect(() => guard.arrived(itself, '10.0.0.5')).toThrow('leads here');
    guard.arrived(host, '10.0.0.5');
    guard.arrived(itself, '10.0.0.5');
    expect(() => guard.arrived(itself, '127.0.0.1')).toThrow('leads here');
    const elsewhere = { ...itself, url: new URL('https://first.example:8443/') };
    expect(() => guard.arrived(elsewhere, '10.0.0.5')).toThrow('leads here');
  });

  it.each([
    ['named.example', true],
    ['NAMED.example.', true],
    ['named.example:443', true],
    ['named.example:444', false],
    ['10.0.0.0/8', true],
    ['10.0.0.1', false],
    ['11.0.0.0/8', false],
    ['other.example', false],
  ])('lets a server lead further in where %s is allowed: %s', async (entry, allowed) => {
    const seen = await ask({
      ...at('10.0.0.1'),
      from: 'https://first.example/',
      fromAt: '8.8.8.8',
      allow: [entry],
    });
    expect(typeof seen === 'string').toBe(!allowed);
  });

  it('names no address that was not named to it', async () => {
    const seen = await ask({ ...at('10.11.12.13'), from: 'https://first.example/', fromAt: '8.8.8.8' });
    expect(seen).toContain('private address');
    expect(seen).not.toContain('10.11');
  });
});

describe("the guard before other people's input", () => {
  const open = { policy: 'public' } as const;
  it.each(['10.0.0.1', '127.0.0.1', '::1', '169.254.169.254', '100.64.0.1', '192.0.2.1', 'fe80::1%1'])(
    'reaches no %s',
    async (address) => {
      expect(await ask({ ...at(address), ...open })).toContain('is at no public address');
      expect(await ask({ ...at('8.8.8.8'), ...open })).toMatchObject([{ address: '8.8.8.8' }]);
    },
  );

  it("reaches what the operator allows, and connects to the address that was looked at when the name's answer changes", async () => {
    const server = await serve((_, response) => response.end('inner'));
    const port = server.host.split(':')[1];
    const lookup = names({ 'changes.example': [['127.0.0.1'], ['8.8.8.8'], ['127.0.0.1']] });
    const url = new URL(`http://changes.example:${port}/`);
    const http = client({ ...open, lookup });
    await expect(http.request({ method: 'GET', url })).rejects.toMatchObject({ kind: 'blocked' });
    const operator = client({
      ...open,
      lookup: names({ 'changes.example': [['127.0.0.1'], ['10.0.0.1']] }),
      allow: ['127.0.0.0/8'],
    });
    const { body } = await operator.request({ method: 'GET', url });
    expect(await text(body)).toBe('inner');
    expect(server.requests).toHaveLength(1);
  });

  it.each(['not a host', 'http://h', '10.0.0.0/33', 'h:99999', ':80'])(
    'cannot read %j as an allow-list',
    (entry) => {
      expect(() => createGuard({ policy: 'public', allow: [entry] })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    },
  );
});

describe('the guard and connections', () => {
  it('asks again for one that was made for somebody else', async () => {
    const server = await serve((_, response) => response.end('mine'));
    const http = client();
    const url = new URL(server.url);
    expect(await text((await http.request({ method: 'GET', url })).body)).toBe('mine');
    const name = new URL(server.url.replace('127.0.0.1', 'localhost'));
    expect(await text((await http.request({ method: 'GET', url: name })).body)).toBe('mine');
    const referrer = new URL('https://public.example/');
    await expect(http.request({ method: 'GET', url: name, referrer })).rejects.toMatchObject({
      kind: 'blocked',
    });
    expect(server.requests).toHaveLength(2);
  });
});

describe('the guard, where a proxy resolves names', () => {
  const through = { proxied: true, from: 'https://first.example/' };
  it.each([
    'http://127.0.0.1/',
    'http://169.254.169.254/',
    'http://[::1]/',
    'http://intranet/',
    'http://x.internal/',
  ])('does not let a server lead to %s', async (to) => {
    expect(await ask({ to, ...through })).toContain('leads here');
  });

  it('looks where the name leads as well as it can', async () => {
    const referrer = new URL('https://first.example/');
    const inner = createGuard({ policy: 'user', lookup: names({ 'inner.example': [['10.0.0.1']] }) });
    await expect(
      inner.admit({ url: new URL('https://inner.example/'), referrer, proxied: true }),
    ).rejects.toMatchObject({ kind: 'blocked' });
    const both = createGuard({
      policy: 'user',
      lookup: names({ 'both.example': [['8.8.8.8', '10.0.0.1']] }),
    });
    await expect(
      both.admit({ url: new URL('https://both.example/'), referrer, proxied: true }),
    ).rejects.toMatchObject({ kind: 'blocked' });
    const guard = createGuard({ policy: 'user', lookup: names({}), preview: 5 });
    const trip = { url: new URL('https://unknown.example/'), referrer, proxied: true };
    await expect(guard.admit(trip)).resolves.toBeUndefined();
    const silent = createGuard({ policy: 'user', lookup: () => {}, preview: 5 });
    await expect(silent.admit(trip)).resolves.toBeUndefined();
  });
});
