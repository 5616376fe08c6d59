import { DogwoodError } from '../../errors.ts';
import type { ReadSecret } from './secrets.ts';

/** Shorter ones would blot out ordinary words; a secret of that size is none. */
const SHORTEST_VALUE = 4;
/** Single lines of a longer secret, a key file for one, are told from ordinary text by their length only. */
const SHORTEST_LINE = 8;
/** Lines of one secret that are looked for: each costs a search in every line of the log. */
const MAX_LINES = 500;

/**
 * Hides the values of secrets in what a step prints: `set -x`, or a tool that repeats its configuration when it
 * fails, would otherwise put them into the log that is kept and the message that is passed on.
 */
export function hideSecrets(secrets: readonly ReadSecret[]): (text: string) => string {
  const values = new Set<string>();
  for (const { value } of secrets) {
    const text = Buffer.from(value).toString('utf8').trim();
    if (text.length >= SHORTEST_VALUE) values.add(text);
    const lines = text.split('\n', MAX_LINES).map((line) => line.trim());
    for (const line of lines) if (line.length >= SHORTEST_LINE) values.add(line);
  }
  const longestFirst = [...values].sort((a, b) => b.length - a.length);
  return (text) => longestFirst.reduce((result, value) => result.replaceAll(value, '***'), text);
}

/** The same failure, without the values in its message and hint. */
export function hideInFailure(error: unknown, hide: (text: string) => string): unknown {
  if (!(error instanceof DogwoodError)) return error;
  const [message, hint] = [hide(error.message), hide(error.hint)];
  if (message === error.message && hint === error.hint) return error;
  return new DogwoodError(error.code, message, {
    hint,
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
  });
}
