import type { BlockList } from 'node:net';

const net = process.getBuiltinModule('node:net');

/**
 * Where an address leads.
 *
 * `loopback`    this machine, by 127/8 and ::1 or by the unspecified address, which connects to it
 * `link-local`  the machines at the same wire
 * `metadata`    the well-known addresses at which clouds hand out a machine's credentials
 * `private`     a network that the internet does not see: RFC 1918, carriers' NAT, unique local addresses
 * `reserved`    what nobody is at: multicast, broadcast, documentation, protocol assignments
 */
export type AddressKind = 'public' | 'private' | 'loopback' | 'link-local' | 'metadata' | 'reserved';

// The registries of special addresses that IANA keeps (RFC 6890), as of 2026. The first kind that matches counts.
const RANGES: readonly (readonly [AddressKind, readonly string[]])[] = [
  [
    'metadata',
    [
      '169.254.169.254/32', // AWS, Azure, Google, OpenStack and others
      '169.254.170.2/32', // ECS
      '169.254.170.23/32', // EKS
      '100.100.100.200/32', // Alibaba
      '192.0.0.192/32', // Oracle
      '168.63.129.16/32', // Azure's wire server: a public address to look at
      'fd00:ec2::254/128',
      'fd00:ec2::23/128',
      'fd20:ce::254/128', // Google
    ],
  ],
  ['loopback', ['127.0.0.0/8', '0.0.0.0/32', '::1/128', '::/128']],
  ['link-local', ['169.254.0.0/16', 'fe80::/10']],
  [
    'private',
    [
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '100.64.0.0/10', // carriers' NAT, RFC 6598
      '198.18.0.0/15', // benchmarks, RFC 2544; home routers and VPNs hand them out for names
      'fc00::/7',
      'fec0::/10', // site-local, RFC 3879
      '64:ff9b:1::/48', // a network's own NAT64, RFC 8215
    ],
  ],
  [
    'reserved',
    [
      '0.0.0.0/8',
      '192.0.0.0/24',
      '192.0.2.0/24',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '192.88.99.0/24',
      '224.0.0.0/4',
      '240.0.0.0/4',
      '2001::/23',
      '2001:db8::/32',
      '3fff::/20',
    ],
  ],
];

/** Only these are handed out to networks of the internet (RFC 4291, IANA "IPv6 Global Unicast"). */
const GLOBAL_UNICAST = '2000::/3';

/** Made when it is first needed: whoever is at loopback needs but two of them. */
const lists = new Map<AddressKind, BlockList>();
let globalUnicast: BlockList | undefined;

/** A list of networks in CIDR notation, each of them valid. */
export function networks(cidrs: readonly string[]): BlockList {
  const list = new net.BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits = ''] = cidr.split('/');
    list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
}

/** True for an address in one of the networks. */
export function inNetworks(list: BlockList, address: string): boolean {
  return list.check(address, familyOf(address));
}

/** Of a valid address. `net.isIPv6` compiles a regular expression in its first call, which takes 4 ms. */
function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** What an address in numbers is; undefined for what is none, such as a name. IPv6 with or without its zone. */
export function addressKind(text: string): AddressKind | undefined {
  const address = bareAddress(text);
  if (address === undefined) return undefined;
  const listed = RANGES.find((range) => inNetworks(listOf(range), address))?.[0];
  if (listed !== undefined) return listed;
  if (net.isIPv4(address)) return 'public';
  const inner = embeddedIpv4(address);
  if (inner !== undefined) return addressKind(inner);
  globalUnicast ??= networks([GLOBAL_UNICAST]);
  return inNetworks(globalUnicast, address) ? 'public' : 'reserved';
}

function listOf([kind, cidrs]: (typeof RANGES)[number]): BlockList {
  const list = lists.get(kind) ?? networks(cidrs);
  lists.set(kind, list);
  return list;
}

/** The address that a URL's `hostname` or a resolver's answer is: without brackets and zone. Undefined for a name. */
export function bareAddress(text: string): string | undefined {
  const address = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  const valid = address.includes(':') ? net.isIPv6(address) : net.isIPv4(address);
  return valid ? address : undefined;
}

/**
 * The IPv4 address that an IPv6 address leads to: mapped and compatible (RFC 4291 section 2.5.5), translated
 * (RFC 2765), NAT64's well-known prefix (RFC 6052), 6to4 (RFC 3056).
 */
function embeddedIpv4(address: string): string | undefined {
  const groups = groupsOf(address);
  const [first] = groups;
  const starts = (...prefix: readonly number[]) => prefix.every((group, at) => groups[at] === group);
  const last =
    starts(0, 0, 0, 0, 0, 0xffff) ||
    starts(0, 0, 0, 0, 0, 0) ||
    starts(0, 0, 0, 0, 0xffff, 0) ||
    starts(0x64, 0xff9b, 0, 0, 0, 0);
  if (!last && first !== 0x2002) return undefined;
  const [high = 0, low = 0] = last ? groups.slice(6) : groups.slice(1, 3);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_dotted, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const parts = (text: string | undefined) =>
    text ? text.split(':').map((group) => parseInt(group, 16)) : [];
  const [before, after] = plain.split('::');
  const [head, tail] = [parts(before), parts(after)];
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}
