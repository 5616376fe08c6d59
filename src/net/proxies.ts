import { DogwoodError } from '../errors.ts';
import { addressKind, bareAddress, inNetworks, networks } from './address.ts';
import { canonicalName, checkedNetwork } from './allow-list.ts';

/** Which proxy, if any, a request goes through. */
export interface Proxies {
  /** Undefined for straight. Throws USAGE when the variable that applies names no HTTP proxy. */
  find(url: URL): URL | undefined;
  /** What is set, for a person: the variables with their addresses, without user and password. */
  readonly settings: readonly { readonly variable: string; readonly address: string }[];
}

type Variables = Readonly<Record<string, string | undefined>>;

interface Setting {
  readonly variable: string;
  readonly value: string;
}

/**
 * HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY as curl and Go read them; the lower-case name wins. This machine
 * itself is never asked for at a proxy.
 *
 * NO_PROXY holds names (which cover what is below them, with or without a dot in front), addresses, networks, each
 * but the last with a port if need be, and `*` for everything. Networks are for addresses: no name is resolved.
 */
export function createProxies(variables: Variables): Proxies {
  const setting = (...names: readonly string[]): Setting | undefined => {
    for (const name of names) {
      for (const variable of [name.toLowerCase(), name]) {
        const value = variables[variable]?.trim();
        if (value) return { variable, value };
      }
    }
    return undefined;
  };
  const bySecurity = {
    'https:': setting('HTTPS_PROXY', 'ALL_PROXY'),
    'http:': setting('HTTP_PROXY', 'ALL_PROXY'),
  };
  const exempt = createExemptions(setting('NO_PROXY')?.value ?? '');
  const shown = [setting('HTTP_PROXY'), setting('HTTPS_PROXY'), setting('ALL_PROXY'), setting('NO_PROXY')];
  return {
    settings: shown.flatMap((one) =>
      one === undefined ? [] : [{ variable: one.variable, address: redacted(one) }],
    ),
    find(url) {
      const chosen = url.protocol === 'http:' ? bySecurity['http:'] : bySecurity['https:'];
      if (chosen === undefined || isThisMachine(url.hostname) || exempt(url)) return undefined;
      return proxyAddress(chosen);
    },
  };
}

function isThisMachine(hostname: string): boolean {
  const name = canonicalName(hostname);
  return name === 'localhost' || name.endsWith('.localhost') || addressKind(hostname) === 'loopback';
}

function proxyAddress({ variable, value }: Setting): URL {
  // `proxy:3128` is how most people write it.
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  // A % in a password that begins no code is itself; Node would stop at it.
  const url = URL.parse(written.replace(/%(?![0-9a-f]{2})/gi, '%25'));
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  const what =
    url === null ? 'no address' : `a ${url.protocol.replace(':', '')} proxy, which is not supported`;
  throw new DogwoodError('USAGE', `${variable} names ${what}`, {
    hint: 'Name an HTTP proxy, as in http://proxy.example:3128, or except the host with NO_PROXY.',
  });
}

function redacted(setting: Setting): string {
  if (/^no_proxy$/i.test(setting.variable)) return setting.value;
  try {
    const { protocol, host } = proxyAddress(setting);
    return `${protocol}//${host}`;
  } catch {
    return '(no HTTP proxy)';
  }
}

function createExemptions(text: string): (url: URL) => boolean {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0) return () => false;
  if (words.includes('*')) return () => true;
  const list = networks(words.filter((word) => word.includes('/')).flatMap(networkOrNothing));
  const hosts = words.filter((word) => !word.includes('/')).map(exemptHost);
  return ({ hostname, port, protocol }) => {
    const name = canonicalName(hostname);
    const address = bareAddress(hostname);
    if (address !== undefined && inNetworks(list, address)) return true;
    const number = port || (protocol === 'https:' ? '443' : '80');
    return hosts.some((host) => {
      if (host.port !== undefined && host.port !== number) return false;
      return name === host.name || (address === undefined && name.endsWith(`.${host.name}`));
    });
  };
}

/** What cannot be read exempts nothing, as everywhere: others read this variable too. */
function networkOrNothing(text: string): readonly string[] {
  try {
    return [checkedNetwork(text)];
  } catch {
    return [];
  }
}

function exemptHost(word: string): { readonly name: string; readonly port: string | undefined } {
  const bare = bareAddress(word);
  if (bare !== undefined) return { name: canonicalName(bare), port: undefined };
  const [, name = word, port] = /^(.*?)(?::(\d+))?$/.exec(word) ?? [];
  return { name: canonicalName(name.replace(/^\*?\./, '')), port };
}
