/** Pagination as Heroku does it: `Range: id ..; max=200` asks, `206` and `Next-Range` say that there is more. */

interface PageRequest {
  readonly field: string;
  readonly after: string | undefined;
  readonly max: number;
  readonly descending: boolean;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly field: string;
  /** What to send back verbatim for the next page; undefined on the last. */
  readonly next: string | undefined;
}

/** Undefined for a range that cannot be read, or a field this list is not ordered by: 416 at Heroku. */
export function pageOf<T extends Record<string, unknown>>(
  items: readonly T[],
  header: string | undefined,
  fields: readonly string[],
): Page<T> | undefined {
  const request = parseRange(header ?? `${fields[0]} ..; max=200`);
  if (request === undefined || !fields.includes(request.field)) return undefined;
  const { field, after, max, descending } = request;
  const sign = descending ? -1 : 1;
  const key = (item: T) => item[field] as string | number;
  const order = (a: string | number, b: string | number) => sign * (a < b ? -1 : a > b ? 1 : 0);
  const sorted = items.toSorted((a, b) => order(key(a), key(b)));
  const rest =
    after === undefined
      ? sorted
      : sorted.filter((item) => order(key(item), typeof key(item) === 'number' ? Number(after) : after) > 0);
  const page = rest.slice(0, max);
  const last = page.at(-1);
  const more = rest.length > page.length && last !== undefined;
  const next = more ? `${field} ]${key(last)}..; max=${max}${descending ? ',order=desc' : ''}` : undefined;
  return { items: page, field, next };
}

/** `id ..`, `id ]abc..; max=10,order=desc`, `version ..; order=desc, max=1`. */
function parseRange(text: string): PageRequest | undefined {
  const match = /^(\w+)\s+(?:(\])?([^.;]*))?\.\.[^;]*(?:;\s*(.*))?$/.exec(text.trim());
  if (match === null) return undefined;
  const [, field = '', , after = '', options = ''] = match;
  const named = new Map(
    options
      .replace(/;$/, '')
      .split(',')
      .map((part) => part.trim().split('=') as [string, string | undefined]),
  );
  const max = Math.min(1000, Number(named.get('max') ?? 200));
  if (!Number.isInteger(max) || max < 1) return undefined;
  return { field, after: after === '' ? undefined : after, max, descending: named.get('order') === 'desc' };
}
