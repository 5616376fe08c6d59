import { onTestFinished } from 'vitest';
import type { Logger } from '../../src/log.ts';
import { type LocalStore, openLocalStore } from '../../src/oci/stores/local.ts';
import { type Authorize, openToLoopback } from '../../src/registry/server/access.ts';
import type { PullContent } from '../../src/registry/server/content.ts';
import { createPullHandler, type PullHandler } from '../../src/registry/server/handler.ts';
import { type Listening, listen } from '../../src/registry/server/listen.ts';
import { createStoreContent } from '../../src/registry/server/store-content.ts';
import { temporaryFolder } from './temp.ts';

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps its lines. */
export function keepingLogger(): Logger & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: string): Logger['info'] =>
    (message, fields = {}) =>
      void lines.push({ level, message, fields });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn') };
}

export interface ServedStore extends Listening {
  readonly store: LocalStore;
  readonly log: readonly LogLine[];
}

export interface ServedStoreOptions {
  readonly authorize?: Authorize | undefined;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Sees each request first; what it answers itself does not reach the registry. */
  readonly before?: ((store: LocalStore, handler: PullHandler) => PullHandler) | undefined;
  readonly content?: ((content: PullContent) => PullContent) | undefined;
}

/** A local store of the test's own, served on a free port of loopback until the test ends. */
export async function serveStore(options: ServedStoreOptions = {}): Promise<ServedStore> {
  const { authorize = openToLoopback, tls, before, content = (same) => same } = options;
  const store = await openLocalStore(await temporaryFolder());
  const logger = keepingLogger();
  const handler = createPullHandler({
    content: content(createStoreContent(store, logger)),
    authorize,
    logger,
    clock: () => performance.now(),
  });
  const listening = await listen(before?.(store, handler) ?? handler, {
    host: '127.0.0.1',
    port: 0,
    open: authorize === openToLoopback,
    logger,
    tls: tls && { cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) },
  });
  onTestFinished(async () => {
    await listening.close(0);
    store.close();
  });
  return { ...listening, store, log: logger.lines };
}
