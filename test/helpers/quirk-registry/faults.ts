import { answer, type Exchange, fail, writeHead } from './exchange.ts';

/** Faults that are no matter of one endpoint. True when the request was answered, or will never be. */
export function faulty(exchange: Exchange): boolean {
  const { registry, record, request } = exchange;
  const { maxBody, neverEnds, p22, putOff, webPage } = registry.quirks;
  // HEAD has no body that could go on.
  const hasEnd =
    request.method === 'HEAD' && (neverEnds?.how === 'drip' || neverEnds?.how === 'endless-body');
  if (neverEnds !== undefined && record.place === neverEnds.on && !hasEnd) {
    NEVER_ENDING[neverEnds.how](exchange);
    return true;
  }
  if (webPage) {
    answer(
      exchange,
      200,
      { 'content-type': 'text/html; charset=utf-8' },
      '<!doctype html><title>Welcome</title>',
    );
    return true;
  }
  if (putOff !== undefined && record.place === putOff.on && registry.take('putOff', putOff.times)) {
    const after = putOff.after;
    const date = () => new Date(Math.ceil(registry.now() / 1000) * 1000 + (after ?? 0) * 1000).toUTCString();
    const headers =
      after === undefined ? {} : { 'retry-after': putOff.form === 'date' ? date() : String(after) };
    const code = putOff.status === 429 ? 'TOOMANYREQUESTS' : 'UNAVAILABLE';
    fail(exchange, putOff.status, code, 'come back later', { headers });
    return true;
  }
  if (maxBody !== undefined && Number(request.headers['content-length'] ?? 0) > maxBody) {
    const headers = { 'content-type': 'text/html', connection: 'close' };
    answer(exchange, 413, headers, '<html><h1>413 Request Entity Too Large</h1></html>');
    return true;
  }
  const writes = request.method !== 'GET' && request.method !== 'HEAD';
  if (p22 && writes && request.headers.cookie !== undefined) {
    fail(exchange, 403, 'DENIED', 'CSRF token not found in request');
    return true;
  }
  return false;
}

const DRIP = 10;

const NEVER_ENDING = {
  /** The status line and headers, a byte at a time, for ever. */
  headers(exchange: Exchange) {
    const { socket } = exchange.request;
    socket.write('HTTP/1.1 200 OK\r\nx: ');
    every(exchange, () => socket.write('a'));
  },
  drip(exchange: Exchange) {
    writeHead(exchange, 200, { 'content-type': 'application/json' });
    every(exchange, () => {
      exchange.record.sentBytes += 1;
      exchange.response.write(' ');
    });
  },
  'endless-headers'(exchange: Exchange) {
    const { socket } = exchange.request;
    socket.write('HTTP/1.1 200 OK\r\n');
    flood(exchange, (n) => socket.write(`x-${n}: ${'a'.repeat(1000)}\r\n`));
  },
  'endless-body'(exchange: Exchange) {
    writeHead(exchange, 200, { 'content-type': 'application/json' });
    const chunk = Buffer.alloc(64 * 1024, ' ');
    flood(exchange, () => {
      exchange.record.sentBytes += chunk.length;
      return exchange.response.write(chunk);
    });
  },
};

function every({ request }: Exchange, step: () => void): undefined {
  const timer = setInterval(step, DRIP);
  request.socket.once('close', () => clearInterval(timer));
}

function flood({ request, response }: Exchange, write: (n: number) => boolean): undefined {
  let n = 0;
  const more = () => {
    while (!request.socket.destroyed && write(n++));
  };
  request.socket.on('drain', more);
  response.on('drain', more);
  more();
}
