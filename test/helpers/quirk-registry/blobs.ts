import { answer, type Exchange, fail, writeHead } from './exchange.ts';
import { existing } from './state.ts';

/** `GET`, `HEAD` and `DELETE` of a blob. */
export function blob(exchange: Exchange, name: string, digest: string): undefined {
  const { registry, request } = exchange;
  const { quirks, state } = registry;
  const repository = existing(state, name);
  const bytes = repository.blobs.get(digest);
  if (bytes === undefined)
    return fail(exchange, 404, 'BLOB_UNKNOWN', 'blob unknown to registry', { detail: digest });
  if (request.method === 'DELETE') {
    if (quirks.noDelete) return fail(exchange, 405, 'UNSUPPORTED', 'the operation is unsupported');
    repository.blobs.delete(digest);
    return answer(exchange, 202);
  }
  if (request.method === 'HEAD') state.seen.add(`${name} ${digest}`);
  const signed = quirks.p10 === 'head-403' || (quirks.p10 === 'presigned' && request.method === 'GET');
  if (signed) {
    return answer(exchange, 307, {
      location: `${registry.storageUrl}/blob/${name}/${digest}?X-Amz-Signature=s`,
    });
  }
  sendBlob(exchange, digest, bytes);
}

/** The bytes, or the part of them that was asked for (RFC 9110 section 14), with what goes wrong on the way. */
export function sendBlob(exchange: Exchange, digest: string, whole: Buffer): undefined {
  const { registry, request, record } = exchange;
  const { cut, contentEncoding, corrupt, slowBlob } = registry.quirks;
  const range = rangeOf(request.headers.range, whole.length);
  if (range === 'unsatisfiable') {
    return fail(exchange, 416, 'RANGE_INVALID', 'range not satisfiable', {
      headers: { 'content-range': `bytes */${whole.length}` },
    });
  }
  const [from, to] = range ?? [0, whole.length];
  const part = corrupt ? Buffer.from(whole.subarray(from, to)).reverse() : whole.subarray(from, to);
  const status = range === undefined ? 200 : 206;
  const headers = {
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'docker-content-digest': digest,
    ...(contentEncoding && { 'content-encoding': 'gzip' }),
    ...(range && { 'content-range': `bytes ${from}-${to - 1}/${whole.length}` }),
  };
  if (request.method === 'HEAD') return answer(exchange, 200, { ...headers, 'content-length': whole.length });
  if (cut !== undefined && part.length > cut.at && registry.take('cut', cut.times ?? 1)) {
    writeHead(exchange, status, { ...headers, 'content-length': part.length });
    record.sentBytes += cut.at;
    exchange.response.write(part.subarray(0, cut.at), () => {
      if (cut.how === 'fin') request.socket.end();
      else request.socket.resetAndDestroy();
    });
    return;
  }
  if (slowBlob !== undefined && part.length > slowBlob.at) {
    writeHead(exchange, status, { ...headers, 'content-length': part.length });
    record.sentBytes += part.length;
    exchange.response.write(part.subarray(0, slowBlob.at));
    const timer = setTimeout(() => exchange.response.end(part.subarray(slowBlob.at)), slowBlob.milliseconds);
    request.socket.once('close', () => clearTimeout(timer));
    return;
  }
  answer(exchange, status, headers, part);
}

/** From and behind the end; undefined when the whole is wanted. */
function rangeOf(
  header: string | undefined,
  size: number,
): readonly [number, number] | 'unsatisfiable' | undefined {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from === '') return size === 0 ? 'unsatisfiable' : [Math.max(0, size - Number(to)), size];
  const end = to === '' ? size : Math.min(size, Number(to) + 1);
  return Number(from) >= size || Number(from) >= end ? 'unsatisfiable' : [Number(from), end];
}
