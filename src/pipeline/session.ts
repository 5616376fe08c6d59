import { join } from 'node:path';
import type { Facts } from '../builders/builder.ts';
import { createCredentialHelper } from '../engines/credential-helper.ts';
import { openUrl } from '../net/fetch-stream.ts';
import { createHttpClient } from '../net/http.ts';
import type { Reference } from '../oci/reference.ts';
import { type LocalStore, openLocalStore } from '../oci/stores/local.ts';
import { createTempFiles, type TempFiles } from '../oci/stores/temp-files.ts';
import type { Target } from '../oci/target.ts';
import { dockerCredentials } from '../registry/credentials.ts';
import { createRegistryClient } from '../registry/http.ts';
import { createRegistryTarget } from '../registry/registry-target.ts';
import { openSource } from '../source/open-source.ts';
import type { Source } from '../source/source.ts';
import type { PipelineEnvironment } from './environment.ts';

/** What one run opens, once: the local store, the client of its registries, what it kept aside. */
export interface Session {
  readonly environment: PipelineEnvironment;
  readonly store: LocalStore;
  readonly facts: Facts;
  /** Where files of a moment are made; those of a process that died are swept. */
  readonly temp: TempFiles;
  /** `push` when blobs will be put there: its token is asked for at once. */
  registry(reference: Reference, access: 'pull' | 'push'): Target;
  openSource(text: string): Promise<Source>;
  /** Something to be closed or removed with the session. */
  defer(close: () => Promise<void>): void;
  close(): Promise<void>;
}

/** Runs with a session and closes it, whatever happens. */
export async function withSession<T>(
  environment: PipelineEnvironment,
  run: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(environment);
  try {
    return await run(session);
  } finally {
    await session.close();
  }
}

async function openSession(environment: PipelineEnvironment): Promise<Session> {
  const { home, signal } = environment;
  const http = createHttpClient({ insecureHosts: environment.insecureRegistries });
  const client = createRegistryClient({
    http,
    insecureHosts: environment.insecureRegistries,
    logger: environment.logger,
    credentials: dockerCredentials(environment.dockerConfig, createCredentialHelper()),
  });
  const store = await openLocalStore(home, { onDemand: true });
  const closers: (() => Promise<void>)[] = [async () => store.close(), async () => http.close()];

  const session: Session = {
    environment,
    store,
    facts: store,
    temp: createTempFiles(join(home, 'tmp')),
    registry: (reference, access) => createRegistryTarget({ reference, client, access }),
    async openSource(text) {
      const source = await openSource(text, {
        stdin: environment.stdin,
        temp: session.temp,
        openUrl: (url) => openUrl(url, { http, signal }),
        signal,
      });
      if (source.kind === 'archive') session.defer(source.dispose);
      return source;
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
