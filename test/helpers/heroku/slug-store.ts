import { createHmac, timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { HerokuSlug } from './world.ts';

/** Where slugs lie: an S3 of its own, with signed addresses that hold for a short time. */
export interface SlugStore {
  /** A fresh signed address, below `origin`. */
  sign(slug: HerokuSlug, origin: string): string;
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Bytes that were sent, by slug id. */
  readonly sentBytes: ReadonlyMap<string, number>;
}

export interface SlugStoreOptions {
  readonly find: (id: string) => HerokuSlug | undefined;
  readonly clock: () => number;
  /** Milliseconds that an address holds; default one minute. */
  readonly life?: number | undefined;
}

export function createSlugStore({ find, clock, life = 60_000 }: SlugStoreOptions): SlugStore {
  const sentBytes = new Map<string, number>();
  const signature = (path: string, expires: string) =>
    createHmac('sha1', 'the store, not a secret').update(`${path}\n${expires}`).digest('base64url');
  return {
    sentBytes,
    sign(slug, origin) {
      // heroku.md section 1: /heroku-slugs-us/<first4>/<uuid>.tar.gz?AWSAccessKeyId=...&Signature=...&Expires=...
      const path = `/heroku-slugs-us/${slug.id.slice(0, 4)}/${slug.id}.tar.gz`;
      const expires = String(Math.floor((clock() + life) / 1000));
      const query = new URLSearchParams({
        AWSAccessKeyId: 'AKIAEXAMPLE',
        Signature: signature(path, expires),
        Expires: expires,
      });
      return `${origin}${path}?${query}`;
    },
    async answer(request, response) {
      const url = new URL(request.url ?? '/', 'http://slugs');
      const given = Buffer.from(url.searchParams.get('Signature') ?? '');
      const expires = url.searchParams.get('Expires') ?? '';
      const wanted = Buffer.from(signature(url.pathname, expires));
      const signed = given.length === wanted.length && timingSafeEqual(given, wanted);
      if (request.headers.authorization !== undefined) return refuse(response, 400, 'InvalidArgument');
      if (!signed) return refuse(response, 403, 'SignatureDoesNotMatch');
      if (Number(expires) * 1000 <= clock()) return refuse(response, 403, 'AccessDenied');
      const slug = find(/([0-9a-f-]{36})\.tar\.gz$/.exec(url.pathname)?.[1] ?? '');
      if (slug?.file === undefined) return refuse(response, 404, 'NoSuchKey');
      await send(slug, slug.file, request, response, sentBytes);
    },
  };
}

async function send(
  slug: HerokuSlug,
  file: string,
  request: IncomingMessage,
  response: ServerResponse,
  sentBytes: Map<string, number>,
): Promise<void> {
  const { size } = await stat(file);
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range === null ? 0 : Number(range[1]);
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1;
  if (range !== null && start >= size) {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(range === null ? 200 : 206, {
    'content-type': 'application/x-gzip',
    'content-length': String(end - start + 1),
    'accept-ranges': 'bytes',
    ...(range !== null && { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
  const bytes = createReadStream(file, { start, end });
  bytes.on('data', (chunk) => sentBytes.set(slug.id, (sentBytes.get(slug.id) ?? 0) + chunk.length));
  await pipeline(bytes, response);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}</Message></Error>`,
  );
}
