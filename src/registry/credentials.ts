import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { RunHelper } from '../engines/credential-helper.ts';
import { DogwoodError } from '../errors.ts';
import { canonicalRegistry } from '../oci/reference.ts';

/** What proves who we are, and where it came from (for messages; the secret never is in one). */
export type Credential =
  | {
      readonly kind: 'password';
      readonly username: string;
      readonly password: string;
      readonly source: string;
    }
  /** A refresh token for the registry's token server (`identitytoken`, or a helper's user `<token>`). */
  | { readonly kind: 'identity'; readonly username: string; readonly token: string; readonly source: string }
  /** A bearer token to be sent as it is (`registrytoken`). */
  | { readonly kind: 'bearer'; readonly token: string; readonly source: string };

export interface CredentialSource {
  /** The credential for a repository of a registry; undefined is anonymous. Throws CREDENTIALS_UNREADABLE. */
  find(registry: string, repository?: string, signal?: AbortSignal): Promise<Credential | undefined>;
  /** Where `find` looks, for the message that nothing was found. */
  readonly places: string;
}

/** Nobody in particular. */
export const anonymous: CredentialSource = { find: async () => undefined, places: 'none were given' };

/** Docker Hub's key in config files and for helpers is an address of its first registry, v1. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
/** A helper's word for "this secret is an identity token". */
const TOKEN_USER = '<token>';
const NOT_FOUND = /credentials not found in native (?:keychain|store)/i;

const entry = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});
const configFile = z.looseObject({
  auths: z.record(z.string(), entry).nullish(),
  credsStore: z.string().nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
});
const helperOutput = z.looseObject({ Username: z.string(), Secret: z.string() });

type ConfigFile = z.infer<typeof configFile>;

/**
 * Credentials as Docker keeps them in `config.json`: `credHelpers`, then `credsStore`, then `auths`. The file is
 * read once, when first needed; a missing file is no error.
 *
 * @param directory the folder of config.json ($DOCKER_CONFIG, or ~/.docker)
 */
export function dockerCredentials(directory: string, runHelper: RunHelper): CredentialSource {
  const path = join(directory, 'config.json');
  let loaded: Promise<ConfigFile> | undefined;
  return {
    places: `looked in ${path}`,
    async find(registry, _repository, signal) {
      loaded ??= readConfig(path);
      const config = await loaded;
      const host = canonicalRegistry(registry);
      const own = entryFor(config.credHelpers, host);
      for (const helper of [own, config.credsStore]) {
        if (!helper) continue;
        const found = await askHelper(runHelper, helper, host, signal);
        if (found !== undefined) return found;
      }
      const stored = entryFor(config.auths, host);
      return stored === undefined ? undefined : fromEntry(stored, host, path);
    },
  };
}

/** Hosts are compared whole, never by a part: a part in common leaks passwords to strangers (sigstore-js#1718). */
function entryFor<T>(entries: Readonly<Record<string, T>> | null | undefined, host: string): T | undefined {
  const found = Object.entries(entries ?? {}).filter(([key]) => canonicalRegistry(keyHost(key)) === host);
  // A plain host wins over old addresses such as https://HOST/v1/.
  return (found.find(([key]) => key === host) ?? found[0])?.[1];
}

/** `https://HOST/v1/`, `HOST/` and `HOST` all mean HOST. A key with another path means a part of HOST only. */
function keyHost(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
}

async function readConfig(path: string): Promise<ConfigFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    // Somebody else's home, as where a container's user has HOME=/root: what is in it was not meant for us.
    if (code === 'EACCES' && !(await stat(path).catch(() => undefined))) return {};
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${path} cannot be read (${code})`, { cause: error });
  }
  try {
    return configFile.parse(JSON.parse(text));
  } catch (error) {
    // The parser's message may quote the file, and with it a secret.
    const where = error instanceof z.ZodError ? `: ${error.issues[0]?.path.join('.') ?? ''}` : '';
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${path} is no Docker config file${where}`);
  }
}

function fromEntry(stored: z.infer<typeof entry>, host: string, path: string): Credential | undefined {
  const source = `${path} (auths, ${host})`;
  const pair = stored.auth ? decodePair(stored.auth, source) : undefined;
  const username = pair?.username ?? stored.username ?? '';
  const password = pair?.password ?? stored.password ?? '';
  if (stored.identitytoken) return { kind: 'identity', username, token: stored.identitytoken, source };
  if (stored.registrytoken) return { kind: 'bearer', token: stored.registrytoken, source };
  // `docker login` with a helper leaves empty entries behind.
  return username === '' && password === '' ? undefined : { kind: 'password', username, password, source };
}

function decodePair(auth: string, source: string): { username: string; password: string } {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon <= 0 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(auth.trim())) {
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${source}: auth is not base64 of user:password`);
  }
  // Docker's own writer pads with NUL.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

async function askHelper(
  runHelper: RunHelper,
  helper: string,
  host: string,
  signal: AbortSignal | undefined,
): Promise<Credential | undefined> {
  const source = `docker-credential-${helper}`;
  const { exitCode, stdout } = await runHelper(helper, host === 'docker.io' ? DOCKER_HUB_KEY : host, signal);
  if (exitCode !== 0) {
    if (NOT_FOUND.test(stdout)) return undefined;
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${source} failed for ${host} (exit code ${exitCode})`, {
      hint: `Run \`echo ${host} | ${source} get\` to see why, or \`docker login ${host}\`.`,
    });
  }
  let answer: z.infer<typeof helperOutput>;
  try {
    answer = helperOutput.parse(JSON.parse(stdout));
  } catch {
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${source} answered for ${host} with no credential`);
  }
  const { Username: username, Secret: secret } = answer;
  if (username === TOKEN_USER) return { kind: 'identity', username, token: secret, source };
  return username === '' && secret === ''
    ? undefined
    : { kind: 'password', username, password: secret, source };
}
