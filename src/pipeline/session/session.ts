import { mkdir } from 'node:fs/promises';
import { openUrl } from '../../net/fetch-stream.ts';
import { createHttpClient } from '../../net/http.ts';
import { steadySource } from '../../oci/stores/steady-source.ts';
import { openSource } from '../../source/open-source.ts';
import type { Source } from '../../source/source.ts';
import type { PipelineEnvironment } from './environment.ts';
import { type Home, openHome } from './home.ts';
import { type OpenRegistry, openRegistries, type Registries } from './registries.ts';

/** What one run opens, once: its home, the client of its registries, what it kept aside. */
export interface Session extends Omit<Home, 'close'> {
  readonly environment: PipelineEnvironment;
  readonly registry: OpenRegistry;
  readonly repository: Registries['repository'];
  openSource(text: string): Promise<Source>;
  /** A new, empty, private folder that is removed with the session. */
  makeFolder(): Promise<string>;
  /** Something to be closed or removed with the session. */
  defer(close: () => Promise<void>): void;
  close(): Promise<void>;
}

/** Runs with a session and closes it, whatever happens. */
export async function withSession<T>(
  environment: PipelineEnvironment,
  run: (session: Session) => Promise<T>,
): Promise<T> {
  const session = openSession(environment);
  try {
    return await run(session);
  } finally {
    await session.close();
  }
}

function openSession(environment: PipelineEnvironment): Session {
  const { signal } = environment;
  const http = createHttpClient({
    network: environment.network,
    insecureHosts: environment.insecureRegistries,
  });
  const { close, ...home } = openHome(environment);
  const closers: (() => Promise<void>)[] = [close, async () => http.close()];
  const { open, repository } = openRegistries(environment, http, home.locations);

  const session: Session = {
    environment,
    ...home,
    repository,
    registry(reference, access) {
      const target = open(reference, access);
      if (access === 'push') return target;
      const steady = steadySource(target, home.temp);
      closers.push(steady.dispose);
      return steady.target;
    },
    async openSource(text) {
      const source = await openSource(text, {
        stdin: environment.stdin,
        temp: session.temp,
        openUrl: (url) => openUrl(url, { http, signal }),
        makeFolder: session.makeFolder,
        engineVariables: environment.engineVariables,
        note: (message) => environment.emit({ type: 'note', step: 'source', message }),
        signal,
      });
      if (source.kind !== 'image') session.defer(source.dispose);
      return source;
    },
    async makeFolder() {
      // Named like a temporary file, so that the folder of a process that died is swept.
      const folder = await session.temp.reserve();
      session.defer(folder.dispose);
      await mkdir(folder.path, { mode: 0o700 });
      return folder.path;
    },
    defer: (close) => void closers.push(close),
    async close() {
      const settled: PromiseSettledResult<void>[] = [];
      for (const close of closers.toReversed()) settled.push(...(await Promise.allSettled([close()])));
      // Each was tried before the first failure is told.
      for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
    },
  };

  return session;
}
