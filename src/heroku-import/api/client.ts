import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import type { HttpClient } from '../../net/http.ts';
import { header } from '../../registry/http/body.ts';
import { printable } from '../../registry/http/printable.ts';
import { mayPass, type RetryPolicy, withRetries } from '../../registry/http/retry.ts';
import { connectionFailure, readAnswer } from './answer.ts';
import { createRateGate } from './rate-gate.ts';
import { refused } from './refused.ts';

/** Heroku's Platform API v3, reading only. */
export interface HerokuApi {
  /** One document. Throws HEROKU_*. */
  get<T>(path: string, document: z.ZodType<T>, options?: CallOptions): Promise<T>;
  /** Every item of a list, page after page. Throws HEROKU_*. */
  list<T>(path: string, item: z.ZodType<T>, options?: ListOptions): Promise<readonly T[]>;
  /** Calls that cost one of the account's tokens so far, and what the API last said was left. */
  usage(): { readonly calls: number; readonly remaining: number | undefined };
}

export interface CallOptions {
  /** Variant of the API: `3.sdk` unless told. */
  readonly version?: string | undefined;
}

export interface ListOptions extends CallOptions {
  /** Which part of the list, as in `version ..; order=desc, max=1`; then that part only. */
  readonly range?: string | undefined;
}

export interface HerokuApiOptions {
  readonly http: HttpClient;
  /** As `herokuAddress` gives it: only its own origin ever sees the token. */
  readonly address: URL;
  readonly token: string;
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal;
  /** Told how long the run has to wait, when the account has used up its calls. */
  readonly onWait?: ((milliseconds: number) => void) | undefined;
  /** Told of what the API wants known (`X-Heroku-Warning`). */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Longer lists than any account has, at 200 a page. */
const MAX_PAGES = 1000;

/**
 * The token goes to the API's own host, in no argument and along no redirect. What fails for now (429, 5xx, a cut
 * connection) is tried again; 429 is waited out, as long as it takes, for the account's calls come back by the minute.
 */
export function createHerokuApi(options: HerokuApiOptions): HerokuApi {
  const gate = createRateGate({ retry: options.retry, onWait: options.onWait });
  let calls = 0;
  let remaining: number | undefined;

  const exchange = async (path: string, version: string, range?: string): Promise<Answer> => {
    const { address, http, token, signal, onWarning } = options;
    const url = new URL(path, address);
    if (url.origin !== address.origin)
      throw new DogwoodError('INTERNAL', `the token would leave ${address.host}`);
    const headers = {
      accept: `application/vnd.heroku+json; version=${version}`,
      authorization: `Bearer ${token}`,
      ...(range !== undefined && { range }),
    };
    const response = await http.request({ method: 'GET', url, headers, signal }).catch((error: unknown) => {
      throw connectionFailure(error, path);
    });
    calls += 1;
    const left = Number(header(response, 'ratelimit-remaining') ?? Number.NaN);
    if (Number.isInteger(left)) remaining = left;
    const warning = header(response, 'x-heroku-warning');
    if (warning !== undefined) onWarning?.(printable(warning));
    const answer = await readAnswer(response, path);
    if (response.status !== 200 && response.status !== 206)
      throw refused(response, answer, path, options.retry.clock());
    return { document: answer.document, next: header(response, 'next-range') };
  };

  const call = (path: string, version = '3.sdk', range?: string): Promise<Answer> =>
    gate.run(
      () =>
        withRetries(options.retry, () => exchange(path, version, range), { signal: options.signal, again }),
      options.signal,
    );

  return {
    usage: () => ({ calls, remaining }),
    async get(path, document, { version } = {}) {
      return checked(document, (await call(path, version)).document, path);
    },
    async list(path, item, { version, range } = {}) {
      const items = z.array(item);
      const found: z.infer<typeof item>[] = [];
      let next = range;
      for (let page = 1; page <= MAX_PAGES; page += 1) {
        const answer = await call(path, version, next);
        found.push(...checked(items, answer.document, path));
        next = answer.next;
        if (next === undefined || range !== undefined) return found;
      }
      throw new DogwoodError('HEROKU_PROTOCOL', `${path}: more than ${MAX_PAGES} pages`);
    },
  };
}

/** Waiting for the account's calls to come back is the gate's matter. */
const again = (error: unknown): boolean => mayPass(error) && error.code !== 'HEROKU_RATE_LIMITED';

interface Answer {
  readonly document: unknown;
  readonly next: string | undefined;
}

/** Checks a document at the boundary. Fields nobody asked for are passed over: the API gains some every month. */
function checked<T>(schema: z.ZodType<T>, document: unknown, path: string): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  // The value itself may be a secret.
  throw new DogwoodError('HEROKU_PROTOCOL', `${path}: ${issue?.path.join('.')}: ${issue?.message}`);
}
