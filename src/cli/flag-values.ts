import { DogwoodError } from '../errors.ts';
import { REGION_NAME } from '../plan/region-name.ts';
import {
  type Destination,
  PERMISSIONS,
  type Permission,
  type Quorum,
  type SecretSource,
} from '../plan/request.ts';

/** A flag's value that cannot be read. */
export function badValue(flag: string, value: string, expected: string): DogwoodError {
  return new DogwoodError('USAGE', `${flag} ${JSON.stringify(value.slice(0, 100))}: ${expected}`);
}

const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A count or size: digits with an optional k, M or G (powers of 1024); undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const match = /^([0-9]{1,15})([kmg]?)(?:i?b)?$/i.exec(text);
  const unit = UNIT_BYTES[(match?.[2] ?? '').toLowerCase()];
  if (match === null || unit === undefined) return undefined;
  const size = Number(match[1]) * unit;
  return size > 0 && Number.isSafeInteger(size) ? size : undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** What a timer can hold; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A time as `90`, `90s`, `1.5m`, `2h`, `1h30m`; a bare number is seconds. Gives milliseconds. Throws USAGE. */
export function parseDuration(flag: string, text: string): number {
  const expected = 'write a time as 90s, 15m or 1h30m';
  const whole = /^[0-9]+(?:\.[0-9]+)?$/.test(text) ? `${text}s` : text;
  if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$/.test(whole)) throw badValue(flag, text, expected);
  let total = 0;
  for (const [, number, unit] of whole.matchAll(/([0-9.]+)(ms|s|m|h)/g)) {
    total += Number(number) * (UNIT_MS[unit ?? ''] ?? 0);
  }
  if (total <= 0 || total > MAX_TIMER_MS) throw badValue(flag, text, `${expected}, of at most 24 days`);
  return Math.round(total);
}

/** `NAME=VALUE`. Throws USAGE without a name or without the sign. */
export function parsePair(flag: string, text: string): [string, string] {
  const sign = text.indexOf('=');
  if (sign < 1) throw badValue(flag, text, 'write it as NAME=VALUE');
  return [text.slice(0, sign), text.slice(sign + 1)];
}

/**
 * `[REGION=]REF`, `REGION=:TAG` for what is configured for a region, `:TAG` for all that are configured. Nothing
 * behind the sign is refused, for it is most often a shell variable that is not set. The reference itself is read
 * where the registry is known. Throws USAGE.
 */
export function parseDestination(flag: string, text: string): Destination {
  const sign = text.indexOf('=');
  const reference = text.slice(sign + 1);
  const region = sign === -1 ? undefined : text.slice(0, sign);
  if (region !== undefined && !REGION_NAME.test(region)) {
    throw badValue(flag, text, 'a region is letters, digits, _, - and .');
  }
  if (reference === '' || reference === ':')
    throw badValue(flag, text, 'write it as [REGION=]HOST/REPOSITORY[:TAG]');
  const place = region === undefined ? {} : { region };
  return reference.startsWith(':') ? { ...place, tag: reference.slice(1) } : { ...place, reference };
}

/** `any`, `all` or a number. Throws USAGE. */
export function parseQuorum(flag: string, text: string): Quorum {
  if (text === 'any' || text === 'all') return text;
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw badValue(flag, text, 'write any, all or a number');
}

/** Host and port of a registry. Throws USAGE. */
export function parseRegistryHost(flag: string, text: string): string {
  if (/^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?$/.test(text)) return text.toLowerCase();
  throw badValue(flag, text, 'write the registry as HOST or HOST:PORT');
}

/** `id=NAME[,src=FILE|,env=VAR]`; with neither, the variable of that name is it. Throws USAGE. */
export function parseSecret(text: string): SecretSource {
  // A value that does not belong here may be the secret itself: no message shows more than the id.
  const fields = new Map(
    text.split(',').map((part) => part.split(/=(.*)/s, 2) as [string, string | undefined]),
  );
  const expected = 'write it as id=NAME, id=NAME,src=FILE or id=NAME,env=VARIABLE';
  const [id, path, name] = [fields.get('id'), fields.get('src') ?? fields.get('source'), fields.get('env')];
  const known = [...fields.keys()].every((key) => ['id', 'src', 'source', 'env', 'type'].includes(key));
  if (!id || !known || (path !== undefined && name !== undefined))
    throw badValue('--secret', id ?? '', expected);
  if (path !== undefined) return { id, from: { kind: 'file', path } };
  return { id, from: { kind: 'env', name: name ?? id } };
}

/** One of the things that must be allowed by name. Throws USAGE. */
export function parsePermission(text: string): Permission {
  const found = PERMISSIONS.find((permission) => permission === text);
  if (found === undefined) throw badValue('--allow', text, `there are ${PERMISSIONS.join(', ')}`);
  return found;
}

/** Collects a repeatable flag, each value checked as it is read. */
export function collect<T>(
  read: (text: string) => T,
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before) => [...(before ?? []), read(text)];
}
