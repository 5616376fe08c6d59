import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { asNetError, NetError } from './net-error.ts';

interface RelayOptions {
  readonly host: string;
  /** Milliseconds without a byte although one is wanted. */
  readonly idleTimeout: number;
  readonly failure?: ((error: NetError) => Error) | undefined;
  /** Called once, when the connection is no longer needed. */
  readonly onEnd: () => void;
}

/** Held before the peer is asked to wait. Small answers fit, so their connection is free even when nobody reads them. */
const BUFFER_BYTES = 1024 * 1024;

/** Bytes that have to come within the idle time. A peer that keeps a connection with a byte now and then is no slow one. */
const PROGRESS_BYTES = 1024;

export interface Relay {
  readonly body: Readable;
  /** Fails the body unless it ends within so many milliseconds from now. */
  limitTime(milliseconds: number): void;
}

/** The body of an answer with errors named, and a time limit that runs only while the reader waits for bytes. */
export function relayBody(response: IncomingMessage, options: RelayOptions): Relay {
  const { host } = options;
  let progress = 0;
  let deadline: NodeJS.Timeout | undefined;
  const body = new Readable({
    highWaterMark: BUFFER_BYTES,
    read() {
      if (response.isPaused()) timer.refresh();
      response.resume();
    },
    destroy(error, callback) {
      finish();
      if (!response.complete) response.destroy();
      callback(error instanceof NetError ? (options.failure?.(error) ?? error) : error);
    },
  });
  const timer = setTimeout(() => {
    if (!response.isPaused()) body.destroy(new NetError('timeout', host, 'the answer stalled'));
  }, options.idleTimeout);
  let finished = false;
  const finish = () => {
    if (finished) return;
    finished = true;
    clearTimeout(timer);
    clearTimeout(deadline);
    options.onEnd();
  };
  response.on('data', (chunk: Buffer) => {
    progress += chunk.length;
    if (progress >= PROGRESS_BYTES) {
      progress = 0;
      timer.refresh();
    }
    if (!body.push(chunk)) response.pause();
  });
  response.on('end', () => {
    finish();
    body.push(null);
  });
  const cut = () => new NetError('reset', host, 'the connection was cut before the end of the answer');
  response.on('error', (error) => {
    const told = asNetError(error, host);
    // An abort carries its own reason; whatever else ends an answer early is a cut.
    body.destroy(told instanceof NetError || !(told instanceof Error) ? cut() : told);
  });
  response.on('close', () => {
    if (!response.complete) body.destroy(cut());
  });
  // Whoever only wants status and headers does not listen here.
  body.on('error', () => {});
  return {
    body,
    limitTime(milliseconds) {
      if (finished) return;
      deadline ??= setTimeout(() => {
        body.destroy(new NetError('timeout', host, 'the answer takes too long'));
      }, milliseconds);
    },
  };
}
