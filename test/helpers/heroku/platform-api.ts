import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRateLimit } from './limits.ts';
import { pageOf } from './ranges.ts';
import { type Found, findResource } from './resources.ts';
import { createSlugStore, type SlugStore } from './slug-store.ts';
import type { HerokuWorld } from './world.ts';

/** An answer of another kind than the world's: a maintenance page, a 500, a cut connection. */
export interface Fault {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body: string;
}

export interface PlatformApiOptions {
  /** Asked for each request, so that an app may be deployed while an import runs. */
  readonly world: () => HerokuWorld;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly clock?: (() => number) | undefined;
  readonly rateLimit?: { readonly size?: number; readonly refill?: number } | undefined;
  /** Milliseconds that a slug's address holds. */
  readonly slugLife?: number | undefined;
  /** The token's scope; `read` may not see config vars, releases and slugs. */
  readonly scope?: 'global' | 'read' | 'read-protected' | undefined;
  /** The account wants a second factor. */
  readonly twoFactor?: boolean | undefined;
  /** @param count how often this path was asked for, from 1 */
  readonly fault?: ((path: string, count: number) => Fault | 'cut' | undefined) | undefined;
  /** Told of every document that is answered: tests hold it against the published schema. */
  readonly onDocument?: ((schema: string, document: unknown) => void) | undefined;
}

/** Two servers that are not listening yet. */
export interface PlatformServers {
  readonly slugs: SlugStore;
  readonly counts: ReadonlyMap<string, number>;
  readonly remaining: () => number;
  readonly answerSlug: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** @param store where slugs are given out */
  readonly answerApi: (request: IncomingMessage, response: ServerResponse, store: string) => void;
}

/**
 * Heroku's Platform API v3 and its slug store for one account: what cannot be had for tests. Only reading is there;
 * every other method is 405, so that an import which writes is found out.
 */
export function createPlatformApi(options: PlatformApiOptions): PlatformServers {
  const clock = options.clock ?? Date.now;
  const limit = createRateLimit({ ...options.rateLimit, clock });
  const counts = new Map<string, number>();
  const asked = new Map<string, number>();
  const slugs = createSlugStore({
    find: (id) =>
      options
        .world()
        .apps.flatMap((app) => app.slugs)
        .find((slug) => slug.id === id),
    clock,
    life: options.slugLife,
  });
  const answerApi: PlatformServers['answerApi'] = (request, response, store) => {
    const { pathname } = new URL(request.url ?? '/', 'http://api');
    const count = (asked.get(pathname) ?? 0) + 1;
    asked.set(pathname, count);
    const fault = options.fault?.(pathname, count);
    if (fault === 'cut') return void response.destroy();
    if (fault !== undefined) return void response.writeHead(fault.status, fault.headers).end(fault.body);
    const refused = refusal(request, options);
    if (refused !== undefined) return refuse(response, refused.status, refused.id, refused.message);
    if (pathname === '/account/rate-limits') return send(response, 200, { remaining: limit.remaining });
    if (!limit.take()) {
      const message =
        'Your account reached the API rate limit. Please wait a few minutes before making new requests';
      response.setHeader('ratelimit-remaining', '0');
      return refuse(response, 429, 'rate_limit', message);
    }
    response.setHeader('ratelimit-remaining', String(limit.remaining));
    response.setHeader('ratelimit-multiplier', '1');
    const found = findResource(pathname, {
      world: options.world(),
      version: versionOf(request) ?? '3',
      signSlug: (slug) => slugs.sign(slug, store),
    });
    if (answer(found, request, response, options)) counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
  };
  return { slugs, counts, remaining: () => limit.remaining, answerSlug: slugs.answer, answerApi };
}

/** `application/vnd.heroku+json; version=3.sdk`. */
function versionOf(request: IncomingMessage): string | undefined {
  return /^application\/vnd\.heroku\+json;\s*version=(3(?:\.[\w-]+)?)$/.exec(
    request.headers.accept ?? '',
  )?.[1];
}

/** Scopes: config vars, releases and slugs are protected (Dev Center, "OAuth"). */
const PROTECTED = /\/(?:config-vars|config-vars-settings|releases|slugs|oci-images)(?:\/|$)/;

interface Refused {
  readonly status: number;
  readonly id: string;
  readonly message: string;
}

function refusal(request: IncomingMessage, options: PlatformApiOptions): Refused | undefined {
  if (request.method !== 'GET') {
    return { status: 405, id: 'method_not_allowed', message: 'This account is only read.' };
  }
  if (versionOf(request) === undefined) {
    return { status: 404, id: 'not_found', message: 'The legacy API is gone: name a version.' };
  }
  if (tokenOf(request) !== options.token) {
    return { status: 401, id: 'unauthorized', message: 'Invalid credentials provided.' };
  }
  if (options.twoFactor === true && request.headers['heroku-two-factor-code'] === undefined) {
    return {
      status: 403,
      id: 'two_factor',
      message: 'A second authentication factor or pre-authorization is required.',
    };
  }
  if (options.scope === 'read' && PROTECTED.test(request.url ?? '')) {
    return {
      status: 403,
      id: 'forbidden',
      message: 'You do not have access to perform this action: read-protected.',
    };
  }
  return undefined;
}

/** Bearer, or Basic with the token as the password. */
function tokenOf(request: IncomingMessage): string | undefined {
  const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  return Buffer.from(value, 'base64').toString().split(':')[1];
}

/** True when what was asked for was there. */
function answer(
  found: Found,
  request: IncomingMessage,
  response: ServerResponse,
  { onDocument }: PlatformApiOptions,
): boolean {
  if (found.kind === 'refused') {
    refuse(response, found.status, found.id, found.message);
    return false;
  }
  if (found.kind === 'document') {
    onDocument?.(found.schema, found.document);
    send(response, 200, found.document);
    return true;
  }
  for (const item of found.items) onDocument?.(found.schema, item);
  if (found.fields.length === 0) {
    send(response, 200, found.items);
    return true;
  }
  const page = pageOf(found.items, request.headers.range, found.fields);
  if (page === undefined) {
    refuse(response, 416, 'requested_range_not_satisfiable', 'The Range header is not understood.');
    return false;
  }
  response.setHeader('accept-ranges', found.fields.join(', '));
  if (page.next !== undefined) response.setHeader('next-range', page.next);
  send(response, page.next === undefined ? 200 : 206, page.items);
  return true;
}

function refuse(response: ServerResponse, status: number, id: string, message: string): void {
  send(response, status, { id, message });
}

function send(response: ServerResponse, status: number, document: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/vnd.heroku+json',
    'request-id': randomUUID(),
  });
  response.end(JSON.stringify(document));
}
