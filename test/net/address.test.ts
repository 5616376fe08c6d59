import { describe, expect, it } from 'vitest';
import { addressKind } from '../../src/net/address.ts';

describe('addressKind', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['172.32.0.1', 'public'],
    ['100.128.0.1', 'public'],
    ['2606:4700::1111', 'public'],
    ['10.1.2.3', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['198.18.0.7', 'private'],
    ['fd12:3456::1', 'private'],
    ['fec0::1', 'private'],
    ['64:ff9b:1::a00:1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['0.0.0.0', 'loopback'],
    ['::1', 'loopback'],
    ['::', 'loopback'],
    ['169.254.1.1', 'link-local'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['169.254.169.254', 'metadata'],
    ['169.254.170.2', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['224.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['0.1.2.3', 'reserved'],
    ['192.0.2.1', 'reserved'],
    ['203.0.113.9', 'reserved'],
    ['ff02::1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['2001::1', 'reserved'],
    ['100::1', 'reserved'],
  ])('calls %s %s', (address, kind) => expect(addressKind(address)).toBe(kind));

  it.each([
    ['mapped', '::ffff:127.0.0.1', 'loopback'],
    ['mapped, in groups', '::ffff:7f00:1', 'loopback'],
    ['mapped, metadata', '::ffff:a9fe:a9fe', 'metadata'],
    ['mapped, public', '::ffff:8.8.8.8', 'public'],
    ['compatible', '::10.0.0.1', 'private'],
    ['translated', '::ffff:0:a00:1', 'private'],
    ['NAT64', '64:ff9b::a9fe:a9fe', 'metadata'],
    ['NAT64, dotted', '64:ff9b::169.254.169.254', 'metadata'],
    ['NAT64, public', '64:ff9b::808:808', 'public'],
    ['6to4', '2002:7f00:1::', 'loopback'],
    ['6to4, public', '2002:808:808::1', 'public'],
  ])('sees through an IPv6 address to the IPv4 one: %s', (_what, address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });

  it.each([
    ['http://0x7f.1/', 'loopback'],
    ['http://2130706433/', 'loopback'],
    ['http://0177.0.0.1/', 'loopback'],
    ['http://127.1/', 'loopback'],
    ['http://127.0.0.1./', 'loopback'],
    ['http://[::FFFF:127.0.0.1]/', 'loopback'],
    ['http://[0:0:0:0:0:0:0:1]/', 'loopback'],
    ['http://①②⑦.⓪.⓪.①/', 'loopback'],
    ['http://0/', 'loopback'],
    ['http://0xa9fea9fe/', 'metadata'],
    ['http://[fd00:0ec2:0::0254]/', 'metadata'],
  ])('knows %s, however it is written', (url, kind) => expect(addressKind(new URL(url).hostname)).toBe(kind));

  it.each(['localhost', 'registry.example', '127.0.0.1.example', '1.2.3', 'fe80', ''])(
    'knows %j as none',
    (name) => expect(addressKind(name)).toBeUndefined(),
  );
});
