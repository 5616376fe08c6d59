import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import { canonicalRegistry } from '../../oci/reference.ts';
import type { Credential } from './credentials.ts';

/** Where credentials are kept, in the form of Docker's `config.json`, which Podman's `auth.json` has too. */
export type CredentialPlace =
  | { readonly kind: 'file'; readonly path: string }
  /** The document itself, from a variable of the environment. */
  | { readonly kind: 'variable'; readonly name: string; readonly text: string };

const entry = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});
const document = z.looseObject({
  auths: z.record(z.string(), entry).nullish(),
  credsStore: z.string().nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
});

export type CredentialDocument = z.infer<typeof document>;

/** For messages. */
export function placeName(place: CredentialPlace): string {
  return place.kind === 'file' ? place.path : `$${place.name}`;
}

/** Reads a place; one that is not there holds nothing. Throws CREDENTIALS_UNREADABLE, without a secret in the message. */
export async function readPlace(place: CredentialPlace): Promise<CredentialDocument> {
  const text = place.kind === 'file' ? await readIfThere(place.path) : place.text;
  if (text === undefined) return {};
  try {
    return document.parse(JSON.parse(text));
  } catch (error) {
    // The parser's message may quote the document, and with it a secret.
    const path = error instanceof z.ZodError ? (error.issues[0]?.path.join('.') ?? '') : '';
    const where = path === '' ? '' : `: ${path}`;
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${placeName(place)} is no Docker config file${where}`);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    // As `podman logout` and a fresh /dev/null leave it.
    return text.trim() === '' ? undefined : text;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    // Somebody else's home, as where a container's user has HOME=/root: what is in it was not meant for us.
    if (code === 'EACCES' && !(await stat(path).catch(() => undefined))) return undefined;
    throw new DogwoodError('CREDENTIALS_UNREADABLE', `${path} cannot be read (${code})`, { cause: error });
  }
}

/** A key of `auths` or `credHelpers`: a registry, or a part of it. */
export interface CredentialKey {
  /** As `canonicalRegistry` writes it. */
  readonly host: string;
  /** The beginning of a repository's name; empty for all of the registry. */
  readonly path: string;
}

/** `https://HOST/v1/`, `HOST/` and `HOST` all mean HOST; a key with another path means that part of it only. */
export function parseCredentialKey(key: string): CredentialKey {
  const [host = '', ...rest] = key.replace(/^https?:\/\//, '').split('/');
  const path = rest.filter((part) => part !== '').join('/');
  return { host: canonicalRegistry(host), path: /^v[12]$/.test(path) ? '' : path };
}

/** The name of the helper that a host has of its own. */
export function helperFor({ credHelpers }: CredentialDocument, host: string): string | undefined {
  return entryOf(credHelpers, host, '');
}

/**
 * What `auths` has for a part of a registry that holds the repository, the longest such part; without a repository for
 * the registry as a whole. Hosts and parts are compared whole: a beginning in common would give passwords to strangers
 * (sigstore-js#1718).
 */
export function credentialIn(
  { auths }: CredentialDocument,
  place: CredentialPlace,
  host: string,
  repository?: string,
): Credential | undefined {
  for (const path of repository === undefined ? [''] : partsOf(repository)) {
    const stored = entryOf(auths, host, path);
    const key = path === '' ? host : `${host}/${path}`;
    const found = stored && fromEntry(stored, `${placeName(place)} (auths, ${key})`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `a/b/c`, `a/b`, `a`. */
function partsOf(repository: string): readonly string[] {
  const parts = repository.split('/');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
}

function entryOf<T>(
  entries: Readonly<Record<string, T>> | null | undefined,
  host: string,
  path: string,
): T | undefined {
  const found = Object.entries(entries ?? {}).filter(([text]) => {
    const key = parseCredentialKey(text);
    return key.host === host && key.path === path;
  });
  // A plain host wins over old addresses such as https://HOST/v1/.
  return (found.find(([key]) => key === host) ?? found[0])?.[1];
}

function fromEntry(stored: z.infer<typeof entry>, source: string): Credential | undefined {
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
