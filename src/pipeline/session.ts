import { join } from 'node:path';
import type { Facts, ResolvedImage } from '../builders/builder.ts';
import { createCredentialHelper } from '../engines/credential-helper.ts';
import { openUrl } from '../net/fetch-stream.ts';
import { createHttpClient } from '../net/http.ts';
import type { Platform } from '../oci/descriptor.ts';
import { loadImage } from '../oci/load.ts';
import { formatPlatform } from '../oci/platform.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { type LocalStore, openLocalStore } from '../oci/stores/local.ts';
import type { Target } from '../oci/target.ts';
import { dockerCredentials } from '../registry/credentials.ts';
import { createRegistryClient } from '../registry/http.ts';
import { createRegistryTarget } from '../registry/registry-target.ts';
import { openSource } from '../source/open-source.ts';
import type { Source } from '../source/source.ts';
import type { PipelineEnvironment } from './environment.ts';
import { parseImageName } from './image-name.ts';
import { type OpenedImage, openNamedImage } from './transports.ts';

/** What one run opens, once: the local store, the registries' client, the images it resolved. */
export interface Session {
  readonly environment: PipelineEnvironment;
  readonly store: LocalStore;
  readonly facts: Facts;
  /** `push` when blobs will be put there: its token is asked for at once. */
  registry(reference: Reference, access: 'pull' | 'push'): Target;
  openSource(text: string): Promise<Source>;
  openImage(text: string, bare: 'registry' | 'local'): Promise<OpenedImage>;
  resolveImage(reference: string, platform: Platform): Promise<ResolvedImage>;
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
  const http = createHttpClient();
  const client = createRegistryClient({
    http,
    insecureHosts: environment.insecureRegistries,
    logger: environment.logger,
    credentials: dockerCredentials(environment.dockerConfig, createCredentialHelper()),
  });
  const store = await openLocalStore(home);
  const closers: (() => Promise<void>)[] = [async () => store.close(), async () => http.close()];
  const resolved = new Map<string, Promise<ResolvedImage>>();

  const session: Session = {
    environment,
    store,
    facts: store,
    registry: (reference, access) => createRegistryTarget({ reference, client, access }),
    async openSource(text) {
      const source = await openSource(text, {
        stdin: environment.stdin,
        spoolFolder: join(home, 'tmp'),
        openUrl: (url) => openUrl(url, { http, signal }),
        signal,
      });
      if (source.kind === 'archive') session.defer(source.dispose);
      return source;
    },
    openImage: (text, bare) => openNamedImage(parseImageName(text, bare), session),
    resolveImage(reference, platform) {
      const key = `${reference} ${formatPlatform(platform)}`;
      const pending = resolved.get(key) ?? resolve(reference, platform);
      resolved.set(key, pending);
      return pending;
    },
    defer: (close) => void closers.push(close),
    async close() {
      for (const close of closers.toReversed()) await close();
    },
  };

  async function resolve(reference: string, platform: Platform): Promise<ResolvedImage> {
    const { descriptor, from, reference: name } = await session.openImage(reference, 'registry');
    const image = await loadImage(from, descriptor, { platform, signal });
    return { image, from, name: name && formatReference({ ...name, digest: undefined }) };
  }

  return session;
}
