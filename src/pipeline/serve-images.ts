import type { Logger } from '../log.ts';
import { isRepositoryName } from '../oci/reference.ts';
import type { LocalStore } from '../oci/stores/local.ts';
import { openToLoopback, requireToken, type Token } from '../registry/server/access.ts';
import { createPullHandler } from '../registry/server/handler.ts';
import { type Listening, listen } from '../registry/server/listen.ts';
import { createStoreContent } from '../registry/server/store-content.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { withSession } from './session/session.ts';

/** Milliseconds that downloads under way get to finish when it is to end. */
const GRACE_MS = 5_000;
/** A log is for finding out what went wrong, not for filling a disk. */
const MAX_LOGGED = 200_000;

export interface ServeOptions {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** None: open, and to this machine only. */
  readonly tokens: readonly Token[];
  /** PEM. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** Ends it, gracefully. The environment's signal ends it at once. */
  readonly stopped: AbortSignal;
  readonly onListening: (document: ServedDocument) => void;
}

/** `build images serve --json`, printed when it listens. */
export interface ServedDocument {
  readonly schemaVersion: 1;
  /** Host and port, as a reference begins: `127.0.0.1:5000`. */
  readonly host: string;
  readonly url: string;
  readonly tokens: boolean;
  /** What can be pulled, as references, the last named first. */
  readonly references: readonly string[];
}

/**
 * Serves the local store as a pull-only registry until it is stopped.
 *
 * @throws USAGE when others could reach it without a token; LISTEN_FAILED, STORE_*; the signal's reason
 */
export function serveImages(options: ServeOptions, environment: PipelineEnvironment): Promise<void> {
  return withSession(environment, async (session) => {
    const store = await session.openStore();
    const logger = cappedLogger(environment.logger);
    const open = options.tokens.length === 0;
    const handler = createPullHandler({
      content: createStoreContent(store, logger),
      authorize: open ? openToLoopback : requireToken(options.tokens),
      logger,
      clock: environment.clock,
    });
    const { host, port, tls, stopped } = options;
    const listening = await listen(handler, { host, port, tls, open, logger });
    const { signal } = environment;
    try {
      logger.info('serving', { url: listening.url });
      warnOfPlainTokens(listening, options, environment);
      options.onListening(await describe(listening, store, options, environment));
      await aborted(AbortSignal.any([stopped, signal]));
    } finally {
      await listening.close(signal.aborted ? 0 : GRACE_MS);
    }
    signal.throwIfAborted();
  });
}

async function describe(
  { host, url }: Listening,
  store: LocalStore,
  { tokens }: ServeOptions,
  { emit }: PipelineEnvironment,
): Promise<ServedDocument> {
  const names = (await store.names.list()).toSorted((a, b) => b.updatedAt.getTime() - a.updatedAt.getTime());
  const canBePulled = (name: string) => isRepositoryName(name.slice(0, name.lastIndexOf(':')));
  for (const { name } of names.filter((image) => !canBePulled(image.name))) {
    const message = `local:${name} cannot be pulled: a repository is written in lower case`;
    emit({ type: 'warning', code: 'NAME_NOT_SERVED', message });
  }
  const references = names.filter(({ name }) => canBePulled(name)).map(({ name }) => `${host}/${name}`);
  return { schemaVersion: 1, host, url, tokens: tokens.length > 0, references };
}

function warnOfPlainTokens(
  { isLoopback }: Listening,
  { tls }: ServeOptions,
  { emit }: PipelineEnvironment,
): void {
  if (isLoopback || tls !== undefined) return;
  const message =
    'without TLS, tokens can be read on their way: give --tls-cert and --tls-key, or put a proxy in front';
  emit({ type: 'warning', code: 'TOKENS_WITHOUT_TLS', message });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

function cappedLogger(logger: Logger): Logger {
  let lines = 0;
  const capped =
    (write: Logger['info']): Logger['info'] =>
    (message, fields) => {
      lines += 1;
      if (lines < MAX_LOGGED) write(message, fields);
      if (lines === MAX_LOGGED) logger.warn('more is not logged', { lines: MAX_LOGGED });
    };
  return { debug: capped(logger.debug), info: capped(logger.info), warn: capped(logger.warn) };
}
