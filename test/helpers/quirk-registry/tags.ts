import { answer, type Exchange, fail } from './exchange.ts';
import { repositoryOf } from './state.ts';

const DEFAULT_PAGE = 100;

/** `GET /v2/NAME/tags/list`, page by page (distribution-spec "Content Discovery", Link of RFC 5988). */
export function tags(exchange: Exchange, name: string): undefined {
  const { registry, url } = exchange;
  const { p12 } = registry.quirks;
  if (!registry.state.repositories.has(name)) {
    return fail(exchange, 404, 'NAME_UNKNOWN', 'repository name not known to registry');
  }
  const query = url.searchParams;
  const n = Number(query.get('n') ?? DEFAULT_PAGE);
  if (p12 === 'n-limit' && n > 1000) {
    const message =
      "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than or equal to 1000'";
    return fail(exchange, 400, 'UNSUPPORTED', message);
  }
  if (p12 === 'opaque-cursor' && query.has('last')) {
    return fail(exchange, 405, 'UNSUPPORTED', 'the operation is unsupported');
  }
  // By code point; a locale would differ from machine to machine.
  const all = [...repositoryOf(registry.state, name).tags.keys()].toSorted();
  const cursor = query.get('next_page');
  const last = p12 === 'ignores-last' || p12 === 'opaque-cursor' ? decode(cursor) : query.get('last');
  const from = last === null ? 0 : all.findIndex((tag) => tag > last);
  const page = from < 0 ? [] : all.slice(from, from + n);
  const more = from >= 0 && from + n < all.length && n > 0;
  const next = page.at(-1) ?? '';
  const place =
    p12 === 'ignores-last' || p12 === 'opaque-cursor'
      ? `n=${n}&next_page=${encode(next)}`
      : `n=${n}&last=${encodeURIComponent(next)}`;
  answer(
    exchange,
    200,
    {
      'content-type': 'application/json',
      ...(more && { link: `</v2/${name}/tags/list?${place}>; rel="next"` }),
    },
    JSON.stringify({ name, tags: page }),
  );
}

/** Padded, so that whoever writes it anew in a query of his own gets it wrong. */
const encode = (tag: string): string => encodeURIComponent(`${Buffer.from(`@${tag}`).toString('base64')}==`);

function decode(cursor: string | null): string | null {
  return cursor === null ? null : Buffer.from(cursor.replace(/==$/, ''), 'base64').toString().slice(1);
}
