/** Runs work by key; whoever asks for a key whose work is under way waits for that instead of doing it again. */
export type Sharing<T> = (
  key: string,
  start: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
) => Promise<T>;

interface Work<T> {
  readonly promise: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
  settled: boolean;
}

/**
 * One asker's abort ends his waiting only; the work itself ends when nobody waits for it any more. What it gave is
 * not kept: that is for the caller, who knows for how long it holds.
 */
export function createSharing<T>(): Sharing<T> {
  const running = new Map<string, Work<T>>();
  const begin = (key: string, start: (signal: AbortSignal) => Promise<T>): Work<T> => {
    const stop = new AbortController();
    const work = { promise: start(stop.signal), stop, waiting: 0, settled: false };
    running.set(key, work);
    const settle = () => {
      work.settled = true;
      if (running.get(key) === work) running.delete(key);
    };
    work.promise.then(settle, settle);
    stop.signal.addEventListener('abort', settle, { once: true });
    return work;
  };
  return async (key, start, signal) => {
    signal?.throwIfAborted();
    const work = running.get(key) ?? begin(key, start);
    work.waiting += 1;
    try {
      return await unlessAborted(work.promise, signal);
    } finally {
      work.waiting -= 1;
      // Work that is done may still have an answer to drain, which an abort would cut with its connection.
      if (work.waiting === 0 && !work.settled) work.stop.abort();
    }
  };
}

/** The promise's outcome, or the signal's reason when that comes first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
