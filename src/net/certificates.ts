import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DogwoodError } from '../errors.ts';
import type { NetworkSettings } from './settings.ts';

/** Certificates for one host: whom to trust there beside all others, and what to show when it asks who we are. */
export interface HostCertificates {
  /** PEM. */
  readonly ca: readonly string[];
  readonly cert: readonly string[];
  readonly key: readonly string[];
  /** Where they came from, for messages. */
  readonly files: readonly string[];
}

/** Undefined where a host has none of its own. Throws CONFIG_INVALID for files that are named or needed and cannot be read. */
export type FindCertificates = (url: URL) => Promise<HostCertificates | undefined>;

/**
 * Looks in the settings of the config file and in the folders that Docker and Podman keep certificates in
 * (`HOST[:PORT]/` with `*.crt`, `*.cert` and `*.key`; the first folder that has one for the host counts). What the
 * settings say of the client certificate wins. Each host is looked for once.
 */
export function createHostCertificates(
  settings: Pick<NetworkSettings, 'hosts' | 'certificateFolders'>,
): FindCertificates {
  const known = new Map<string, Promise<HostCertificates | undefined>>();
  return async (url) => {
    const names = namesOf(url);
    const [host = ''] = names;
    const found = known.get(host) ?? find(names, settings);
    known.set(host, found);
    return await found;
  };
}

/** What a host may be called in settings, the closest first. */
export function namesOf({ host, hostname, port, protocol }: URL): readonly string[] {
  const withPort = port === '' ? `${hostname}:${protocol === 'https:' ? 443 : 80}` : host;
  const names = [host, withPort, hostname];
  return [...new Set(hostname === 'registry-1.docker.io' ? [...names, 'docker.io'] : names)];
}

async function find(
  names: readonly string[],
  settings: Pick<NetworkSettings, 'hosts' | 'certificateFolders'>,
): Promise<HostCertificates | undefined> {
  const own = names.map((name) => settings.hosts[name]).find((host) => host !== undefined);
  const folder = await certificateFolder(names, settings.certificateFolders);
  const ca = [...(own?.ca ?? []), ...(folder?.ca ?? [])];
  const pair =
    own?.cert === undefined || own.key === undefined ? folder : { cert: [own.cert], key: [own.key] };
  const [cert = [], key = []] = [pair?.cert, pair?.key];
  const files = [...ca, ...cert, ...key];
  if (files.length === 0) return undefined;
  const authorities = await readAll(ca);
  checkAuthorities(own?.ca ?? [], authorities);
  return { ca: authorities, cert: await readAll(cert), key: await readAll(key), files };
}

/**
 * OpenSSL passes over a file of authorities without a certificate in it, and the host then fails as if nothing had been
 * named. What Docker's and Podman's folders hold is left alone, since they pass over it too.
 */
function checkAuthorities(paths: readonly string[], texts: readonly string[]): void {
  const empty = paths.find(
    (_, index) => !/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/.test(texts[index] ?? ''),
  );
  if (empty === undefined) return;
  throw new DogwoodError('CONFIG_INVALID', `no certificate is in ${empty}`, {
    hint: 'It must be a PEM file with the certificate of the issuer.',
  });
}

interface Folder {
  /** Paths. */
  readonly ca: readonly string[];
  readonly cert: readonly string[];
  readonly key: readonly string[];
}

/** docs.docker.com "certificates", containers-certs.d(5). */
async function certificateFolder(
  names: readonly string[],
  folders: readonly string[],
): Promise<Folder | undefined> {
  // A name that a server gave could be `..`.
  const safe = names.filter((name) => /^[\w[]/.test(name) && !name.includes('/'));
  for (const folder of folders) {
    for (const name of safe) {
      const path = join(folder, name);
      const files = await list(path);
      if (files !== undefined) return sorted(path, files);
    }
  }
  return undefined;
}

async function list(folder: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(folder)).toSorted();
  } catch {
    // None, or one for other people: it is as good as none.
    return undefined;
  }
}

function sorted(folder: string, files: readonly string[]): Folder {
  const ending = (end: string) =>
    files.filter((file) => file.endsWith(end)).map((file) => join(folder, file));
  const [ca, cert, key] = [ending('.crt'), ending('.cert'), ending('.key')];
  const partner = (paths: readonly string[], from: string, to: string, all: readonly string[]) => {
    const alone = paths.find((path) => !all.includes(`${path.slice(0, -from.length)}${to}`));
    if (alone === undefined) return;
    throw new DogwoodError('CONFIG_INVALID', `${alone} has no ${to} file beside it`, {
      hint: 'A client certificate is NAME.cert with its NAME.key; certificates of authorities end in .crt.',
    });
  };
  partner(cert, '.cert', '.key', key);
  partner(key, '.key', '.cert', cert);
  return { ca, cert, key };
}

async function readAll(paths: readonly string[]): Promise<readonly string[]> {
  return await Promise.all(
    paths.map(async (path) => {
      try {
        return await readFile(path, 'utf8');
      } catch (cause) {
        const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
        throw new DogwoodError('CONFIG_INVALID', `the certificate or key ${path} cannot be read (${code})`, {
          cause,
          hint: 'Check the path and the rights of the file.',
        });
      }
    }),
  );
}
