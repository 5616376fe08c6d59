/** One challenge of a `WWW-Authenticate` header (RFC 9110 section 11.3). */
export interface Challenge {
  /** Lower-case. */
  readonly scheme: string;
  /** Names in lower case; the first one wins when a name is repeated. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly token68?: string | undefined;
}

// RFC 9110 sections 5.6.2 (token) and 11.2 (token68, which nothing but the next challenge may follow).
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const SPACE = /[ \t]+/y;
const SEPARATORS = /[ \t,]*/y;

/** Longer than any real one. */
const MAX_HEADER = 16 * 1024;

/**
 * Reads every challenge of every header line; a line may hold several. What cannot be read ends its line, and the
 * challenges before it stand.
 */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] {
  return headers.flatMap((header) => [...challengesOf(header.slice(0, MAX_HEADER))]);
}

function* challengesOf(header: string): Generator<Challenge> {
  const { take, rest } = createScanner(header);
  for (take(SEPARATORS); rest() > 0; take(SEPARATORS)) {
    const scheme = take(TOKEN)?.toLowerCase();
    if (scheme === undefined) return;
    const token68 = take(SPACE) === undefined ? undefined : take(TOKEN68);
    const parameters = new Map<string, string>();
    while (token68 === undefined) {
      const parameter = takeParameter(take);
      if (parameter === 'broken') return;
      if (parameter === undefined) break;
      if (!parameters.has(parameter.name)) parameters.set(parameter.name, parameter.value);
    }
    yield token68 === undefined ? { scheme, parameters } : { scheme, parameters, token68 };
  }
}

type Take = (pattern: RegExp, group?: number) => string | undefined;

function createScanner(text: string): { take: Take; rest: () => number } {
  let at = 0;
  return {
    take(pattern, group = 0) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (match === null) return undefined;
      at += match[0].length;
      return match[group];
    },
    rest: () => text.length - at,
  };
}

/** A word with an equals sign behind it. A word without one is the next challenge's scheme, and stays. */
const PARAMETER_NAME = /[ \t,]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?=[ \t]*=)/y;

function takeParameter(take: Take): { name: string; value: string } | 'broken' | undefined {
  const name = take(PARAMETER_NAME, 1)?.toLowerCase();
  if (name === undefined) return undefined;
  take(EQUALS);
  const value = take(QUOTED, 1)?.replace(/\\(.)/g, '$1') ?? take(TOKEN);
  return value === undefined ? 'broken' : { name, value };
}
