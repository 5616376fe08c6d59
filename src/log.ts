/** What a module may log to. Messages are static, what varies goes into the fields, so that lines group. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** A logger that keeps quiet: for tests, and for callers that follow events instead. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {} };
