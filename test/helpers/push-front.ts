/**
 * Takes in what is pushed, in front of the pull-only registry: the official conformance program pushes the content
 * that it then pulls and compares. Only as much of pushing as that takes; what is pulled is all answered by `src`.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { bytesContent } from '../../src/oci/content.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { type Digest, isDigest } from '../../src/oci/digest.ts';
import type { LocalStore } from '../../src/oci/stores/local.ts';
import type { PullContent } from '../../src/registry/server/content.ts';
import type { PullHandler } from '../../src/registry/server/handler.ts';

const BLOB = 'application/octet-stream';
const PATH = /^\/v2\/(.+)\/(?:blobs\/uploads\/(\w*)|manifests\/([^/]+))$/;

export interface PushFront {
  before(store: LocalStore, handler: PullHandler): PullHandler;
  content(content: PullContent): PullContent;
}

export function createPushFront(): PushFront {
  const uploads = new Map<string, Buffer>();
  /** Blobs that no manifest names yet, which our own registry would not serve. */
  const loose = new Map<Digest, Descriptor>();
  return {
    before: (store, handler) => async (request, response) => {
      const url = new URL(request.url ?? '', 'http://front');
      const [, repository = '', upload, reference] = PATH.exec(url.pathname) ?? [];
      const isPull = request.method === 'GET' || request.method === 'HEAD';
      if (isPull && upload === undefined) return await handler(request, response);
      if (reference !== undefined && request.method === 'PUT') {
        return await putManifest(store, repository, reference, request, response);
      }
      if (upload === undefined || request.method === 'DELETE') return void response.writeHead(405).end();
      await putBlob(
        { store, uploads, loose, repository, upload, query: url.searchParams },
        request,
        response,
      );
    },
    content: (content) => ({
      ...content,
      async repository(name) {
        const found = await content.repository(name);
        return {
          tags: found?.tags ?? [],
          manifest: (reference) => found?.manifest(reference),
          blob: (digest) => found?.blob(digest) ?? loose.get(digest),
          referrers: (subject) => found?.referrers(subject) ?? [],
        };
      },
    }),
  };
}

async function putManifest(
  store: LocalStore,
  repository: string,
  reference: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const bytes = await buffer(request);
  const digest = digestLike(bytes, reference);
  if (reference.includes(':') && reference !== digest) return void response.writeHead(400).end();
  const mediaType = request.headers['content-type'] ?? '';
  const { descriptor } = await store.put(bytesContent(bytes), { mediaType, digest, size: bytes.length });
  // Only what has a name is served.
  const tag = isDigest(reference) ? `untagged-${digest.replace(/.*:/, '').slice(0, 64)}` : reference;
  await store.tag(descriptor, `${repository}:${tag}`);
  const { subject } = JSON.parse(bytes.toString()) as { subject?: { digest: string } };
  const headers = {
    location: `/v2/${repository}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(subject === undefined ? {} : { 'oci-subject': subject.digest }),
  };
  response.writeHead(201, headers).end();
}

interface Upload {
  readonly store: LocalStore;
  readonly uploads: Map<string, Buffer>;
  readonly loose: Map<Digest, Descriptor>;
  readonly repository: string;
  readonly upload: string;
  readonly query: URLSearchParams;
}

async function putBlob(
  { store, uploads, loose, repository, upload, query }: Upload,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const id = upload === '' ? `u${uploads.size}` : upload;
  const location = `/v2/${repository}/blobs/uploads/${id}`;
  const progress = (bytes: Buffer) => ({ location, range: `0-${Math.max(0, bytes.length - 1)}` });
  const before = uploads.get(id) ?? Buffer.alloc(0);
  if (request.method === 'GET') return void response.writeHead(204, progress(before)).end();
  const [, first] = /^(\d+)-/.exec(request.headers['content-range'] ?? '') ?? [];
  if (first !== undefined && Number(first) !== before.length) return void response.writeHead(416).end();
  const bytes = Buffer.concat([before, await buffer(request)]);
  uploads.set(id, bytes);
  const isLast = request.method === 'PUT' || (request.method === 'POST' && query.has('digest'));
  if (!isLast) return void response.writeHead(202, progress(bytes)).end();
  const wanted = query.get('digest') ?? '';
  const digest = digestLike(bytes, wanted);
  if (digest !== wanted) return void response.writeHead(400).end();
  const { descriptor } = await store.put(bytesContent(bytes), {
    mediaType: BLOB,
    digest,
    size: bytes.length,
  });
  loose.set(digest, descriptor);
  const headers = { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest };
  response.writeHead(201, headers).end();
}

function digestLike(bytes: Buffer, other: string): Digest {
  const algorithm = other.startsWith('sha512:') ? 'sha512' : 'sha256';
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}
