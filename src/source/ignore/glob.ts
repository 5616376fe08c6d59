/** One step of a pattern. */
export type GlobToken =
  | { readonly kind: 'text'; readonly text: string }
  /** `*`: any characters but slashes. */
  | { readonly kind: 'star' }
  /** `?`: one character but a slash. */
  | { readonly kind: 'one' }
  /** Any folders, or none: `(.*\/)?`. */
  | { readonly kind: 'folders' }
  /** Anything that follows. */
  | { readonly kind: 'rest' }
  | {
      readonly kind: 'class';
      readonly negated: boolean;
      /** May it be a slash? In Go's expressions, yes. */
      readonly slash: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };

export type Matches = (path: string) => boolean;

/**
 * A function that says whether a whole path fits. Patterns come from strangers: what can only be matched by trying is
 * matched by following all possibilities at once, in time that is at most the pattern's length times the path's.
 */
export function compileGlob(tokens: readonly GlobToken[]): Matches {
  const steps = expand(tokens);
  return simpleMatch(tokens) ?? ((path) => simulate(steps, path));
}

/** The common forms without any trying: TEXT, TEXT*, *TEXT, TEXT*TEXT; each may begin with folders or end with rest. */
function simpleMatch(tokens: readonly GlobToken[]): Matches | undefined {
  const anywhere = tokens[0]?.kind === 'folders';
  const below = tokens.at(-1)?.kind === 'rest';
  const core = tokens.slice(anywhere ? 1 : 0, below ? -1 : undefined);
  const stars = core.filter(({ kind }) => kind === 'star').length;
  if (stars > 1 || core.some(({ kind }) => kind !== 'star' && kind !== 'text')) return undefined;
  const star = core.findIndex(({ kind }) => kind === 'star');
  const [before, after] = star === -1 ? [core, []] : [core.slice(0, star), core.slice(star + 1)];
  const [head, tail] = [textOf(before), textOf(after)];
  if (below) {
    if (anywhere || star !== -1) return undefined;
    return (path) => path.startsWith(head);
  }
  if (star === -1) {
    if (!anywhere) return (path) => path === head;
    return (path) =>
      path.endsWith(head) && (path.length === head.length || path[path.length - head.length - 1] === '/');
  }
  // Folders before `a/*`: where the text begins would have to be tried.
  if (anywhere && (head.includes('/') || tail.includes('/'))) return undefined;
  return (path) => {
    const start = anywhere ? path.lastIndexOf('/') + 1 : 0;
    if (path.length - start < head.length + tail.length) return false;
    if (!path.startsWith(head, start) || !path.endsWith(tail)) return false;
    const slash = path.indexOf('/', start + head.length);
    return slash === -1 || slash >= path.length - tail.length;
  };
}

const textOf = (tokens: readonly GlobToken[]): string =>
  tokens.map((token) => (token.kind === 'text' ? token.text : '')).join('');

/** A step of the simulation: a token of one character, or one that reads any number of them. */
type Step = Exclude<GlobToken, { readonly kind: 'folders' }> | { readonly kind: 'enter' | 'inside' };

/** One character of text each; folders are a way around them and a way through. */
function expand(tokens: readonly GlobToken[]): readonly Step[] {
  return tokens.flatMap((token): readonly Step[] => {
    if (token.kind === 'text') return [...token.text].map((text) => ({ kind: 'text', text }));
    return token.kind === 'folders' ? [{ kind: 'enter' }, { kind: 'inside' }] : [token];
  });
}

/** Keeps every place of the pattern where one can be after each character. */
function simulate(steps: readonly Step[], path: string): boolean {
  let places = reach(new Set([0]), steps);
  for (const character of path) {
    const next = new Set<number>();
    for (const place of places) {
      const step = steps[place];
      if (step === undefined) continue;
      if (step.kind === 'rest' || step.kind === 'inside' || (step.kind === 'star' && character !== '/')) {
        next.add(place);
      }
      if (step.kind === 'inside' ? character === '/' : accepts(step, character)) next.add(place + 1);
    }
    places = reach(next, steps);
    if (places.size === 0) return false;
  }
  return places.has(steps.length);
}

/** Adds the places that are reached without reading. */
function reach(places: Set<number>, steps: readonly Step[]): Set<number> {
  // A set gives also what is added while it is walked.
  for (const place of places) {
    const kind = steps[place]?.kind;
    if (kind === 'star' || kind === 'rest' || kind === 'enter') places.add(place + 1);
    if (kind === 'enter') places.add(place + 2);
  }
  return places;
}

function accepts(step: Step, character: string): boolean {
  switch (step.kind) {
    case 'text':
      return step.text === character;
    case 'one':
      return character !== '/';
    case 'class':
      if (character === '/' && !step.slash) return false;
      return step.negated !== step.ranges.some(([low, high]) => low <= character && character <= high);
    default:
      return false;
  }
}
