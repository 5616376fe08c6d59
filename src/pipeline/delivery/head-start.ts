/** What the others wait for. */
export interface HeadStart {
  /** Resolves when it is over; never rejects. */
  readonly over: Promise<void>;
  /** Something moved. */
  moved(): void;
  end(): void;
}

/**
 * The time in which the nearest registry has the line for itself: until it is done or has failed, or has not moved for
 * so many milliseconds. One that is dead must not keep the others waiting through all its tries.
 */
export function giveHeadStart(stall: number): HeadStart {
  const { promise, resolve } = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    clearTimeout(timer);
    timer = undefined;
    resolve();
  };
  timer = setTimeout(end, stall);
  return { over: promise, moved: () => timer?.refresh(), end };
}
