import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asDogwoodError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Authorize } from './access.ts';
import { type Answer, fault } from './answer.ts';

import type { PullContent } from './content.ts';
import { type Answered, answerPull } from './pull.ts';
import { createServedBlobs } from './served-blobs.ts';

export interface PullHandlerOptions {
  readonly content: PullContent;
  readonly authorize: Authorize;
  readonly logger: Logger;
  /** Milliseconds, monotonic. */
  readonly clock: () => number;
}

export type PullHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** As much of a body that nobody wants as is read, so that the answer is heard before the connection goes. */
const MAX_UNWANTED = 64 * 1024;
const MAX_LOGGED_PATH = 300;

/** Everything under `/v2/`, for a server of any kind. Never rejects; logs each request, without query and headers. */
export function createPullHandler(options: PullHandlerOptions): PullHandler {
  const { content, authorize, logger, clock } = options;
  const registry = { content, authorize, blobs: createServedBlobs(content.blobFile) };
  return async (request, response) => {
    const start = clock();
    const method = request.method ?? '';
    const url = new URL(`http://registry${request.url?.startsWith('/') ? request.url : '/'}`);
    const path = url.pathname.slice(0, MAX_LOGGED_PATH);
    const answered = await answerPull({ method, url, headers: request.headers }, registry).catch(
      (error: unknown): Answered => ({ answer: broken(error, path, logger) }),
    );
    const sent = await send(request, response, answered.answer, (error) => broken(error, path, logger));
    logger.info('request', {
      method,
      path,
      principal: answered.principal?.name ?? null,
      ...sent,
      milliseconds: Math.round(clock() - start),
    });
  };
}

/** What went wrong here, told without what only the owner of this machine may know, such as paths. */
function broken(thrown: unknown, path: string, logger: Logger): Answer {
  const error = asDogwoodError(thrown);
  const { code } = error;
  if (code === 'BLOB_NOT_FOUND') {
    const what = path.includes('/blobs/') ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN';
    return fault(404, what, 'this registry has lost it', { detail: { code } });
  }
  logger.warn('request failed', { path, code, message: error.message });
  if (error.kind.retryable) {
    const headers = { 'retry-after': '5' };
    return fault(503, 'UNAVAILABLE', 'this registry cannot read it now', { detail: { code }, headers });
  }
  const damaged = code === 'SIZE_MISMATCH' || code === 'DIGEST_MISMATCH' || code === 'MANIFEST_INVALID';
  return fault(500, 'UNKNOWN', damaged ? 'what this registry has of it is damaged' : 'this registry failed', {
    detail: { code },
  });
}

/** What went out, for the log. */
interface Sent {
  readonly status: number;
  /** Of the body; fewer may have gone where `cut` is set. */
  readonly bytes: number;
  readonly cut?: true;
}

/** A stream that fails midway ends the connection: the client sees that less came than was promised. */
async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  failed: (error: unknown) => Answer,
): Promise<Sent> {
  const { status, headers, body } = answer;
  const wantsBody = request.method !== 'HEAD';
  if (wantsBody && request.method !== 'GET') refuseBody(request, response);
  const sent = { status, bytes: wantsBody ? Number(headers['content-length'] ?? 0) : 0 };
  if (!wantsBody || body === undefined || body instanceof Uint8Array) {
    response.writeHead(status, { ...headers }).end(wantsBody ? body : undefined);
    return sent;
  }
  let stream: Readable;
  try {
    stream = await body.open();
  } catch (error) {
    return await send(request, response, failed(error), failed);
  }
  response.writeHead(status, { ...headers });
  try {
    await pipeline(stream, response);
    return sent;
  } catch (error) {
    // A reader that went away is his own affair.
    if (!isGone(error)) failed(error);
    response.destroy();
    return { ...sent, cut: true };
  }
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED'].includes(code);
}

function refuseBody(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('connection', 'close');
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_UNWANTED) request.destroy();
  });
}
