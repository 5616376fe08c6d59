import { DogwoodError } from '../errors.ts';
import { type Digest, parseDigest } from './digest.ts';

/** The name of an image in a registry, with every default filled in but the tag. */
export interface Reference {
  /** As people write it, lower-case, with the port when there is one: `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  /** `library/ubuntu`. */
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

// distribution-spec 1.1, "Pulling manifests": <name> and <reference>; hosts as RFC 1123 and RFC 3986 write them.
const NAME_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const HOST_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const REGISTRY = new RegExp(
  `^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-fA-F:]{2,45}\\])(?::[0-9]{1,5})?$`,
);
const BARE_HEX = /^[a-f0-9]{64}$/;
/** With host and slash the name must stay within 255 characters, or clients and registries refuse it. */
const MAX_NAME = 255;

const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_ALIASES: ReadonlySet<string> = new Set([
  DOCKER_HUB,
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
]);

/** One spelling per registry: lower-case, and Docker Hub under its one name. */
export function canonicalRegistry(registry: string): string {
  const lower = registry.toLowerCase();
  return DOCKER_HUB_ALIASES.has(lower) ? DOCKER_HUB : lower;
}

/** The host that requests for a registry go to; only Docker Hub's differs from its name. */
export function registryHost(registry: string): string {
  const canonical = canonicalRegistry(registry);
  return canonical === DOCKER_HUB ? 'registry-1.docker.io' : canonical;
}

/**
 * Reads `[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]`. Without a host it is Docker Hub's, and there a name of one word
 * is under `library/`. No tag is filled in: see `withDefaultTag`.
 *
 * The first word is a host when it has a dot or a colon or is `localhost`, as every Docker client decides it.
 *
 * @throws REFERENCE_INVALID
 */
export function parseReference(text: string): Reference {
  if (text.includes('://')) {
    throw invalid(text, 'a reference has no scheme such as https://');
  }
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : referenceDigest(text, text.slice(at + 1));
  const { name, tag } = splitTag(at === -1 ? text : text.slice(0, at));
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, `the tag ${quote(tag)} may hold letters, digits, _ . - (at most 128)`);
  }
  const { registry, repository } = splitName(text, name);
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** `docker.io/library/ubuntu:24.04@sha256:...`; what `parseReference` reads back to the same value. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** Is it written as a repository is (distribution-spec, "Pulling manifests", <name>)? */
export function isRepositoryName(text: string): boolean {
  return text.length <= MAX_NAME && text.split('/').every((component) => NAME_COMPONENT.test(component));
}

/** Is it written as a tag is? */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** The reference with the tag `latest` when it names neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: 'latest' }
    : reference;
}

/** What to ask a target for: the digest wins over the tag, as identity does over a name. */
export function referenceTarget(reference: Reference): string {
  return reference.digest ?? reference.tag ?? 'latest';
}

function splitTag(text: string): { name: string; tag?: string } {
  const colon = text.lastIndexOf(':');
  // A colon before the last slash belongs to a port.
  if (colon === -1 || colon < text.lastIndexOf('/')) return { name: text };
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

function splitName(text: string, name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const hasHost = /[.:]/.test(first) || first.toLowerCase() === 'localhost';
  const registry = canonicalRegistry(hasHost ? first : DOCKER_HUB);
  let repository = hasHost ? name.slice(slash + 1) : name;
  if (hasHost && (!REGISTRY.test(first) || portOf(first) > 65535)) {
    throw invalid(text, `${quote(first)} is no registry host`);
  }
  for (const component of repository.split('/')) checkComponent(text, component);
  if (!hasHost && BARE_HEX.test(repository)) {
    throw invalid(text, 'that looks like an image id, which no registry knows');
  }
  if (registry === DOCKER_HUB && !repository.includes('/')) repository = `library/${repository}`;
  if (registry.length + 1 + repository.length > MAX_NAME) {
    throw invalid(text, `host and repository are longer than ${MAX_NAME} characters`);
  }
  return { registry, repository };
}

function checkComponent(text: string, component: string): void {
  if (NAME_COMPONENT.test(component)) return;
  const why =
    component.toLowerCase() !== component && NAME_COMPONENT.test(component.toLowerCase())
      ? 'a repository is written in lower case'
      : component === ''
        ? 'a part of the repository is empty'
        : `${quote(component)} is no part of a repository name`;
  throw invalid(text, why);
}

function portOf(host: string): number {
  const port = /:([0-9]+)$/.exec(host)?.[1];
  return port === undefined ? 0 : Number(port);
}

function referenceDigest(text: string, digest: string): Digest {
  try {
    return parseDigest(digest);
  } catch (cause) {
    throw invalid(text, 'what follows @ is no digest', cause);
  }
}

function invalid(text: string, why: string, cause?: unknown): DogwoodError {
  return new DogwoodError(
    'REFERENCE_INVALID',
    `not an image reference: ${quote(withoutPassword(text))}: ${why}`,
    {
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** Somebody may paste `user:password@host/repository`; the password must not come back in a message. */
function withoutPassword(text: string): string {
  return text.replace(/[^/@]*@(?!sha(?:256|512):)/, '***@');
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
