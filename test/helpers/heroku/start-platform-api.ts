import { serve, type TestServer } from '../http-server.ts';
import { createPlatformApi, type PlatformApiOptions } from './platform-api.ts';
import type { SlugStore } from './slug-store.ts';

export interface PlatformApi {
  readonly url: string;
  readonly slugs: SlugStore;
  readonly requests: TestServer['requests'];
  /** How often each path was answered with 2xx. */
  readonly counts: ReadonlyMap<string, number>;
  readonly remaining: () => number;
}

/** The Platform API and its slug store, on two loopback ports until the test ends. */
export async function startPlatformApi(options: PlatformApiOptions): Promise<PlatformApi> {
  const { answerSlug, answerApi, ...platform } = createPlatformApi(options);
  const store = await serve(answerSlug);
  const api = await serve((request, response) => answerApi(request, response, store.url));
  return { ...platform, url: api.url, requests: api.requests };
}
