import { randomUUID } from 'node:crypto';
import type { Guard } from './auth.ts';
import { answer, type Exchange, fail } from './exchange.ts';
import { locationOf, mount } from './mount.ts';
import { receive } from './receive.ts';
import { digestAs, openSession, repositoryOf, type Session } from './state.ts';

const GHCR_CAP = 4 * 1024 * 1024;

/** `POST /v2/NAME/blobs/uploads/`: a mount, a blob in one request, or a session. */
export async function startUpload(exchange: Exchange, name: string, guard: Guard): Promise<undefined> {
  const { registry, url } = exchange;
  if (registry.quirks.noCreate && !registry.state.repositories.has(name)) {
    const message = `The repository with name '${name}' does not exist in the registry`;
    return fail(exchange, 404, 'NAME_UNKNOWN', message);
  }
  if (url.searchParams.has('mount') && mount(exchange, name, guard)) return;
  const session = openSession(registry.state, name);
  const digest = url.searchParams.get('digest');
  if (digest !== null) {
    const body = await receive(exchange);
    if (body === 'gone') return;
    session.chunks.push(body.bytes);
    session.size += body.bytes.length;
    return finish(exchange, session, digest);
  }
  sessionAnswer(exchange, session, 202);
}

/** `PATCH`, `PUT`, `GET` and `DELETE` of a session, wherever it lies. */
export async function continueUpload(exchange: Exchange, id: string, guard: Guard): Promise<undefined> {
  const { registry, request, url } = exchange;
  const session = registry.state.sessions.get(id);
  const method = request.method ?? '';
  if (session === undefined || (method === 'GET' && registry.quirks.p04 !== undefined)) {
    return fail(exchange, 404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
  }
  if (registry.quirks.p08 && statesOf(url) !== session.state) {
    return fail(exchange, 400, 'BLOB_UPLOAD_INVALID', 'blob upload invalid', { detail: 'invalid secret' });
  }
  if (method === 'GET') return sessionAnswer(exchange, session, 204);
  if (method === 'DELETE') {
    if (registry.quirks.noDelete) return fail(exchange, 405, 'UNSUPPORTED', 'the operation is unsupported');
    registry.state.sessions.delete(id);
    return answer(exchange, 204);
  }
  if (registry.quirks.p20 && hasBytes(exchange) && registry.take('p20', 1)) {
    guard.revoke(exchange);
    return guard.challenge(exchange, `repository:${session.repository}:pull,push`, 'invalid_token');
  }
  if (rangeRefused(exchange, session, method === 'PUT')) return;
  if (!(await takeBytes(exchange, session, guard))) return;
  if (method === 'PATCH')
    return sessionAnswer(exchange, session, registry.quirks.p04 === undefined ? 202 : 201);
  return finish(exchange, session, url.searchParams.get('digest') ?? '');
}

/** True when all came and nothing was answered yet. */
async function takeBytes(exchange: Exchange, session: Session, guard: Guard): Promise<boolean> {
  const { registry } = exchange;
  const { p04, p21 } = registry.quirks;
  const dropped = p04 === 'discards' && session.firstEnd !== undefined;
  const before = session.size;
  const body = await receive(exchange, (part) => {
    if (dropped) return;
    session.chunks.push(part);
    session.size += part.length;
    if (p21 !== undefined && session.size >= p21.atByte && registry.take('p21', 1)) guard.revoke(exchange);
  });
  if (body === 'gone') {
    // What a cut-off body brought stays only where that is switched on: the others throw it away.
    if (!registry.quirks.cutUpload?.keep) trim(session, before);
    return false;
  }
  // The token ended under way: it is looked at again when the body is in.
  if (p21 !== undefined && !guard.admit(exchange, session.repository, ['push'])) {
    trim(session, before);
    return false;
  }
  if (body.bytes.length > 0) session.firstEnd ??= session.size;
  return true;
}

function trim(session: Session, size: number): undefined {
  const kept = Buffer.concat(session.chunks).subarray(0, size);
  session.chunks.splice(0, session.chunks.length, kept);
  session.size = kept.length;
}

/** distribution-spec "Pushing a blob in chunks": a chunk that does not follow what is there is refused with 416. */
function rangeRefused(exchange: Exchange, session: Session, last: boolean): boolean {
  const { quirks } = exchange.registry;
  const range = exchange.request.headers['content-range'];
  if (range === undefined) return false;
  const length = Number(exchange.request.headers['content-length'] ?? 0);
  const [, from, to] = (quirks.p07 ? /^(\d+)-(\d+)$/ : /^(?:bytes )?(\d+)-(\d+)(?:\/.*)?$/).exec(range) ?? [];
  if (from === undefined) {
    fail(exchange, 400, 'BLOB_UPLOAD_INVALID', 'blob upload invalid', {
      detail: { Range: range, Reason: 'the Content-Range header format is invalid' },
    });
    return true;
  }
  const cap = quirks.p06 === true ? GHCR_CAP : quirks.p06;
  if (cap !== undefined && length > cap) {
    refuseRange(exchange, session, 'the request body is too large and exceeds the maximum permissible limit');
  } else if (Number(from) !== session.size || (length > 0 && Number(to) - Number(from) + 1 !== length)) {
    refuseRange(exchange, session, 'the range does not follow what was received');
  } else if (quirks.chunkMinLength !== undefined && !last && length < quirks.chunkMinLength) {
    refuseRange(exchange, session, 'the chunk is below OCI-Chunk-Min-Length');
  } else return false;
  return true;
}

function refuseRange(exchange: Exchange, session: Session, message: string): undefined {
  fail(exchange, 416, 'RANGE_INVALID', message, { headers: sessionHeaders(exchange, session) });
}

function sessionAnswer(exchange: Exchange, session: Session, status: number): undefined {
  const { chunkMinLength } = exchange.registry.quirks;
  const minimum = exchange.request.method === 'POST' && chunkMinLength !== undefined;
  answer(exchange, status, {
    ...sessionHeaders(exchange, session),
    ...(minimum && { 'oci-chunk-min-length': chunkMinLength }),
  });
}

/** A fresh Location, and how far the session is. No byte at all is `0-0`, as distribution says it. */
function sessionHeaders(exchange: Exchange, session: Session): Record<string, string> {
  const { registry } = exchange;
  // What a client writes anew comes back otherwise: `~` and `%20` are written in several ways.
  session.state = `_state=${encodeURIComponent(`${randomUUID()}/+=`)}~%20&n=%2F${session.size}`;
  const size = registry.quirks.p04 === undefined ? session.size : (session.firstEnd ?? session.size);
  return {
    location: locationOf(exchange, session),
    range: `0-${Math.max(0, size - 1)}`,
    'docker-upload-uuid': session.id,
  };
}

function finish(exchange: Exchange, session: Session, digest: string): undefined {
  const { registry } = exchange;
  const { p16, quota } = registry.quirks;
  const repository = repositoryOf(registry.state, session.repository);
  const bytes = Buffer.concat(session.chunks);
  registry.state.sessions.delete(session.id);
  if (digestAs(digest, bytes) !== digest) {
    return fail(exchange, 400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
  }
  if (p16 !== undefined && repository.blobs.has(digest)) {
    if (p16 === 'size')
      return fail(exchange, 400, 'SIZE_INVALID', 'provided length did not match content length');
    return p16 === 'bad-request'
      ? fail(exchange, 400, 'BLOB_UPLOAD_INVALID', 'blob upload invalid')
      : fail(exchange, 500, 'UNKNOWN', 'unknown error');
  }
  const held = [...repository.blobs.values()].reduce((sum, blob) => sum + blob.length, 0);
  if (quota !== undefined && held + bytes.length > quota) {
    const message = `adding ${bytes.length} B of storage resource, which when updated to current usage of ${held} B will exceed the configured upper limit of ${quota} B.`;
    return fail(exchange, 403, 'DENIED', message);
  }
  repository.blobs.set(digest, bytes);
  answer(exchange, 201, {
    location: `/v2/${session.repository}/blobs/${digest}`,
    'docker-content-digest': digest,
  });
}

/** All but the digest that the client put behind it. */
function statesOf(url: URL): string {
  return url.search.slice(1).replace(/(?:^|&)digest=[^&]*$/, '');
}

function hasBytes({ request }: Exchange): boolean {
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  );
}
