import type { Guard } from './auth.ts';
import { answer, type Exchange, fail } from './exchange.ts';
import { namedBy, type Repository, repositoryOf, type Session } from './state.ts';

const REFUSALS = {
  unauthorized: [401, 'UNAUTHORIZED', 'project not found'],
  'bad-request': [400, 'BLOB_UNKNOWN', 'blob unknown to registry'],
  denied: [403, 'DENIED', 'requested access to the resource is denied'],
  'not-found': [404, 'NAME_UNKNOWN', 'repository name not known to registry'],
} as const;

/** Mounts, or refuses; false declines, and a session is opened (202). */
export function mount(exchange: Exchange, name: string, guard: Guard): boolean {
  const { registry, url } = exchange;
  const { p01, p02, p05, anonymousMount } = registry.quirks;
  const digest = url.searchParams.get('mount') ?? '';
  const from = url.searchParams.get('from');
  if (from === null && !anonymousMount) return false;
  const source =
    from === null
      ? [...registry.state.repositories.values()].find(({ blobs }) => blobs.has(digest))
      : registry.state.repositories.get(from);
  const bytes = source?.blobs.get(digest);
  if (source === undefined || bytes === undefined) {
    if (p01 === undefined || from === null) return false;
    const [status, code, message] = REFUSALS[p01];
    fail(exchange, status, code, message);
    return true;
  }
  // Asked for in the same token; Docker Hub opens a session where it is not there.
  if (from !== null && p02 !== undefined && !guard.admit(exchange, from, ['pull'])) return true;
  if (p05 === 'never' || (p05 === 'unreferenced' && !isReferenced(source, digest))) return false;
  repositoryOf(registry.state, name).blobs.set(digest, bytes);
  answer(exchange, 201, { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest });
  return true;
}

function isReferenced(repository: Repository, digest: string): boolean {
  return [...repository.manifests.values()].some((manifest) => namedBy(manifest).blobs.includes(digest));
}

/** Where a session goes on, as the registry was told to write it. */
export function locationOf(exchange: Exchange, session: Session): string {
  const { registry, request } = exchange;
  const { crossHostUpload, location, p09 } = registry.quirks;
  const path = `/v2/${session.repository}/blobs/uploads/${session.id}?${session.state}`;
  if (crossHostUpload)
    return `${registry.storageUrl}/upload/${session.id}?${session.state}&X-Amz-Signature=s`;
  const host = request.headers.host ?? '';
  const name = host.replace(/:\d+$/, '');
  if (p09 === 'http') return `http://${host}${path}`;
  if (p09 === 'http-port-80') return `http://${name}:80${path}`;
  if (p09 === 'http-no-port') return `http://${name}${path}`;
  if (p09 === 'http-other-host')
    return `http://${new URL(registry.storageUrl).host.replace('127.0.0.1', 'localhost')}${path}`;
  if (p09 === 'port-dropped') return `https://${name}${path}`;
  if (location === 'absolute') return `${registry.url}${path}`;
  // From `.../uploads/` and from `.../uploads/ID` it is the same place.
  if (location === 'relative') return `${session.id}?${session.state}`;
  return path;
}
