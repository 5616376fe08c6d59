import { readdir, stat } from 'node:fs/promises';
import { asDogwoodError } from '../errors.ts';
import { createHostCertificates } from '../net/certificates.ts';
import { createProxies } from '../net/proxies.ts';
import { proxyVariables } from '../net/settings.ts';
import { certificateFolders } from './folders.ts';
import type { CliHost } from './host.ts';
import type { UserConfig } from './user-config-schema.ts';

/** How registries are reached from here: what is set, and whether it is of any use. */
export interface NetworkReport {
  /** Addresses without user and password. */
  readonly proxies: readonly { readonly variable: string; readonly address: string }[];
  /** Files or folders of certificates that are trusted for every host. */
  readonly authorities: readonly { readonly variable: string; readonly path: string; readonly ok: boolean }[];
  /** Hosts with settings of their own, in the config file or in a folder of certificates. */
  readonly hosts: readonly HostReport[];
  readonly allowOutbound: readonly string[];
}

interface HostReport {
  readonly host: string;
  /** PEM files. */
  readonly authorities: number;
  readonly clientCertificate: boolean;
  readonly insecure: boolean;
  /** Pulled from before it. */
  readonly mirrors: readonly string[];
  readonly problem: string | null;
}

const AUTHORITY_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];

const NO_PAIR = 'its client certificate and key do not go together or are no PEM';

/** Reads settings and certificates; sends nothing. */
export async function examineNetwork(
  host: CliHost,
  config: Pick<UserConfig, 'hosts' | 'mirrors' | 'insecureRegistries' | 'allowOutbound'>,
): Promise<NetworkReport> {
  const { environment } = host;
  const folders = certificateFolders(host);
  const settings = { hosts: config.hosts, certificateFolders: folders };
  const inFolders = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])));
  const named = new Set([
    ...Object.keys(config.hosts),
    ...Object.keys(config.mirrors),
    ...config.insecureRegistries,
    ...inFolders.flat(),
  ]);
  return {
    proxies: createProxies(proxyVariables(environment)).settings,
    authorities: await Promise.all(
      AUTHORITY_VARIABLES.flatMap((variable) => {
        const path = environment[variable];
        return path ? [isThere(path).then((ok) => ({ variable, path, ok }))] : [];
      }),
    ),
    hosts: await Promise.all(
      [...named].toSorted().map(async (name) => ({
        ...(await examineHost(name, settings)),
        insecure: config.insecureRegistries.includes(name),
        mirrors: config.mirrors[name] ?? [],
      })),
    ),
    allowOutbound: config.allowOutbound,
  };
}

async function examineHost(
  name: string,
  settings: Parameters<typeof createHostCertificates>[0],
): Promise<Omit<HostReport, 'insecure' | 'mirrors'>> {
  const report = { host: name, authorities: 0, clientCertificate: false, problem: null };
  const url = URL.parse(`https://${name}/`);
  if (url === null) return { ...report, problem: 'no name of a host' };
  try {
    const found = await createHostCertificates(settings)(url);
    const { ca = [], cert = [], key = [] } = found ?? {};
    const problem = cert.length === 0 || arePair([...cert], [...key]) ? null : NO_PAIR;
    return { host: name, authorities: ca.length, clientCertificate: cert.length > 0, problem };
  } catch (error) {
    return { ...report, problem: asDogwoodError(error).message };
  }
}

function arePair(cert: string[], key: string[]): boolean {
  try {
    process.getBuiltinModule('node:tls').createSecureContext({ cert, key });
    return true;
  } catch {
    return false;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
