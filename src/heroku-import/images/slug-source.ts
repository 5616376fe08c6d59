import { buffer } from 'node:stream/consumers';
import { DogwoodError } from '../../errors.ts';
import { openUrl } from '../../net/fetch-stream.ts';
import type { HttpClient } from '../../net/http.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { ArchiveSource } from '../../source/source.ts';
import type { HerokuApi } from '../api/client.ts';
import { type Slug, slugDocument } from '../api/documents.ts';
import { counted } from './counted.ts';

export interface SlugSourceOptions {
  readonly api: HerokuApi;
  /** `/apps/ID` */
  readonly path: string;
  /** As it was read a moment ago. */
  readonly slug: Slug;
  /** For messages. */
  readonly app: string;
  readonly http: HttpClient;
  readonly signal: AbortSignal;
  /** Told of bytes that came from the slug store. */
  readonly onRead: (count: number) => void;
}

/**
 * A slug where Heroku keeps it. Its signed address is used only when the bytes are wanted, and asked for anew when it
 * has expired: the store says 403 to that.
 *
 * @throws HEROKU_PROTOCOL for a checksum that is none
 */
export function slugSource({ api, path, slug, app, http, signal, onRead }: SlugSourceOptions): ArchiveSource {
  let address = slug.blob.url;
  const request = (range?: { start: number; end?: number }) => openUrl(address, { http, signal, range });
  const ask = async (range?: { start: number; end?: number }) => {
    try {
      return await request(range);
    } catch (error) {
      if (!(error instanceof DogwoodError) || error.code !== 'FETCH_DENIED') throw error;
      const fresh = await api.get(`${path}/slugs/${slug.id}`, slugDocument);
      address = fresh.blob.url;
      return await request(range);
    }
  };
  const open = async (range?: { start: number; end?: number }) => counted((await ask(range)).stream, onRead);
  return {
    kind: 'archive',
    name: `the slug of ${app}`,
    stamp: undefined,
    size: slug.size ?? undefined,
    digest: checksumDigest(slug, app),
    content: { open: () => open(), openAt: (start) => open({ start }), reopenable: true },
    head: async (limit) => buffer(await open({ start: 0, end: limit - 1 })),
    dispose: async () => {},
  };
}

/** `SHA256:<hex>`; undefined where the uploader gave none. */
function checksumDigest({ checksum }: Slug, app: string): Digest | undefined {
  if (checksum === null || checksum === undefined || checksum === '') return undefined;
  const digest = checksum.toLowerCase();
  if (isDigest(digest) && digest.startsWith('sha256:')) return digest;
  throw new DogwoodError(
    'HEROKU_PROTOCOL',
    `the checksum of the slug of ${app} is none: ${checksum.slice(0, 80)}`,
  );
}
