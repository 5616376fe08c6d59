import { DogwoodError } from '../errors.ts';
import type { RegistryClient } from './client.ts';
import type { RegistryRequest } from './exchange.ts';
import { getWhole, type WholeAnswer } from './whole-answer.ts';

/** Bytes of one page that are read. */
const MAX_PAGE = 4 * 1024 * 1024;
const MAX_PAGES = 1000;

/**
 * The pages of a list, each from where the `Link` of the one before leads (RFC 5988, distribution-spec "Listing
 * Tags"). That address is opaque: registries keep cursors in it that nobody else can write (drydock#927). Statuses of
 * `expect` other than 200 are the last page.
 *
 * @throws REGISTRY_PROTOCOL when it leads to another host, in a circle or on and on; what `send` throws
 */
export async function* pagesOf(
  client: RegistryClient,
  request: Omit<RegistryRequest, 'method'>,
): AsyncGenerator<WholeAnswer> {
  const wrong = (what: string) =>
    new DogwoodError('REGISTRY_PROTOCOL', `${request.registry}: ${request.what}: ${what}`);
  const seen = new Set<string>();
  for (let url = request.url; ; ) {
    const page = await getWhole(client, { ...request, url }, MAX_PAGE);
    yield page;
    const here = page.response.url;
    const next = page.response.status === 200 ? nextLink(page.response.headers.link, here) : undefined;
    if (next === undefined) return;
    // Behind a proxy that speaks TLS, a registry may believe that it is asked without.
    if (next.host === here.host) next.protocol = here.protocol;
    if (next.origin !== here.origin) throw wrong(`the next page is at another host, ${next.host}`);
    if (seen.has(next.href)) throw wrong('its pages lead in a circle');
    seen.add(next.href);
    if (seen.size >= MAX_PAGES) throw wrong(`more than ${MAX_PAGES} pages`);
    url = next;
  }
}

/** The target of `rel="next"`, taken as it is written. */
export function nextLink(lines: readonly string[] | undefined, base: URL): URL | undefined {
  for (const line of lines ?? []) {
    for (const [, target = '', parameters = ''] of line.matchAll(/<([^>]*)>((?:\s*;[^,<]*)*)/g)) {
      const isNext = /;\s*rel\s*=\s*(?:"(?:[^"]* )?next(?: [^"]*)?"|next\b)/i.test(parameters);
      if (isNext && URL.canParse(target, base.href)) return new URL(target, base);
    }
  }
  return undefined;
}

/** The document of a page. Throws REGISTRY_PROTOCOL when it is none. */
export function jsonOf({ bytes }: WholeAnswer, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new DogwoodError('REGISTRY_PROTOCOL', `${what}: the answer is no JSON document`);
}
