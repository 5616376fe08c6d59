import { createHttpClient, type HttpClient } from '../../net/http.ts';
import type { PipelineEnvironment } from '../../pipeline/session/environment.ts';
import { DEFAULT_RETRY } from '../../registry/http/retry.ts';
import { herokuAddress } from './address.ts';
import { createHerokuApi, type HerokuApi } from './client.ts';

export interface OpenHerokuOptions {
  /** `--heroku-api`; undefined is Heroku's own. */
  readonly address: string | undefined;
  readonly token: string;
  /** Told how long the run stands still for want of calls. */
  readonly onWait?: ((milliseconds: number) => void) | undefined;
}

export interface OpenedHeroku {
  readonly api: HerokuApi;
  /** For what lies elsewhere by signed addresses: it knows no token. */
  readonly http: HttpClient;
  /** Whom is asked. */
  readonly host: string;
  close(): void;
}

/** The Platform API for one run, which hears of waits and warnings. Throws USAGE. */
export function openHeroku(
  { address, token, onWait }: OpenHerokuOptions,
  { emit, network, signal }: PipelineEnvironment,
): OpenedHeroku {
  const url = herokuAddress(address);
  const http = createHttpClient({ network });
  const api = createHerokuApi({
    http,
    address: url,
    token,
    retry: DEFAULT_RETRY,
    signal,
    onWait: (milliseconds) => {
      onWait?.(milliseconds);
      const seconds = Math.ceil(milliseconds / 1000);
      const message = `the account has used up its calls; waiting ${seconds} s for more`;
      emit({ type: 'note', step: 'plan', message });
    },
    onWarning: (message) => emit({ type: 'warning', code: 'HEROKU_WARNING', message }),
  });
  return { api, http, host: url.host, close: () => http.close() };
}
