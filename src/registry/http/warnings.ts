import type { HttpResponse } from '../../net/http.ts';
import { printable } from './printable.ts';

/** What a registry wants people to know. Text of a stranger, on one line. */
export interface RegistryWarning {
  readonly code: 'REGISTRY_WARNING' | 'REGISTRY_LIMIT_NEAR' | 'REGISTRY_PAUSE';
  readonly message: string;
}

/** A registry that says something new with every answer is heard so often. */
const MAX_WARNINGS_PER_HOST = 10;
const MAX_HEADER = 16 * 1024;

/**
 * Tells each warning of each host once: `Warning` headers (distribution-spec "Warnings"), and that few requests are
 * left until a limit (`ratelimit-remaining`, as Docker Hub sends it: a HEAD counts there like a GET).
 */
export function createWarnings(
  tell: (warning: RegistryWarning) => void,
): (host: string, response: Pick<HttpResponse, 'headers'>) => void {
  const told = new Map<string, Set<string>>();
  return (host, { headers }) => {
    const lines = headers.warning;
    const left = headers['ratelimit-remaining']?.[0];
    if (lines === undefined && left === undefined) return;
    const before = told.get(host) ?? new Set();
    told.set(host, before);
    const once = (key: string, warning: RegistryWarning) => {
      if (before.has(key) || before.size >= MAX_WARNINGS_PER_HOST) return;
      before.add(key);
      tell(warning);
    };
    for (const text of parseWarnings(lines ?? [])) {
      once(text, { code: 'REGISTRY_WARNING', message: `${host}: ${text}` });
    }
    const near = left === undefined ? undefined : limitNear(left, headers['ratelimit-limit']?.[0]);
    if (near !== undefined) once('limit', { code: 'REGISTRY_LIMIT_NEAR', message: `${host}: ${near}` });
  };
}

export function pauseWarning(host: string, milliseconds: number): RegistryWarning {
  const message = `${host} asks to be left alone, and is for ${Math.ceil(milliseconds / 1000)} s`;
  return { code: 'REGISTRY_PAUSE', message };
}

// RFC 7234 section 5.5: code, agent, quoted text, and a date that a registry leaves out.
const WARNING = /[\s,]*(\d{3}) +(\S+) +"((?:[^"\\]|\\.)*)"(?: +"[^"]*")?/y;

/** The texts of all warnings with code 299; others are of caches, not for people. Never more than 300 characters each. */
export function parseWarnings(lines: readonly string[]): readonly string[] {
  const texts: string[] = [];
  for (const line of lines) {
    const text = line.slice(0, MAX_HEADER);
    WARNING.lastIndex = 0;
    for (let match = WARNING.exec(text); match !== null; match = WARNING.exec(text)) {
      const said = printable((match[3] ?? '').replace(/\\(.)/g, '$1'));
      if (match[1] === '299' && said !== '') texts.push(said);
    }
  }
  return texts;
}

/** `76;w=21600`: 76 left of a window of 21600 seconds. */
const QUOTA = /^\s*(\d{1,9})\s*(?:;\s*w\s*=\s*(\d{1,9}))?/;
const FEW = 10;

function limitNear(left: string, limit: string | undefined): string | undefined {
  const [, count, seconds] = QUOTA.exec(left) ?? [];
  if (count === undefined) return undefined;
  const whole = QUOTA.exec(limit ?? '')?.[1];
  const few = whole === undefined ? FEW : Math.max(1, Math.min(FEW, Number(whole) / 10));
  if (Number(count) > few) return undefined;
  const of = whole === undefined ? '' : ` of ${whole}`;
  const window = seconds === undefined ? '' : `, which it counts over ${seconds} s`;
  return `only ${count}${of} requests are left until it refuses more${window}; who is logged in often has a higher limit`;
}
