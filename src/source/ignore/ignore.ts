/** What is known of one path, and needed to know of what lies in it. */
export interface IgnoreState {
  readonly ignored: boolean;
  /** Nothing below this folder can be taken back: it need not be looked into. */
  readonly prune: boolean;
  /** Which patterns matched, where the kind of file needs it. */
  readonly matched?: readonly boolean[] | undefined;
}

/** Which paths are left out. Pure: it knows paths, and no files. */
export interface Ignore {
  /**
   * Says it of one path (below the root, with slashes), walking from the root down.
   *
   * @param parent what this gave for the folder it lies in; undefined at the root
   */
  step(path: string, isFolder: boolean, parent: IgnoreState | undefined): IgnoreState;
}

export interface IgnorePattern {
  /** Takes back what earlier patterns left out. */
  readonly negated: boolean;
  readonly matches: (path: string, isFolder: boolean) => boolean;
}

/**
 * Several patterns, of which the last one that matches a path, or a folder it lies in, counts. What is kept from
 * folder to folder is what BuildKit keeps (moby/patternmatcher, MatchesUsingParentResults).
 */
export function lastMatchWins(patterns: readonly IgnorePattern[]): Ignore {
  const hasExceptions = patterns.some(({ negated }) => negated);
  return {
    step(path, isFolder, parent) {
      let ignored = false;
      // Nothing lies in a file: only folders hand on what matched them.
      const matched: boolean[] | undefined = isFolder ? [] : undefined;
      for (let index = 0; index < patterns.length; index++) {
        const { negated, matches } = patterns[index] as IgnorePattern;
        // What would change nothing is not asked.
        const isMatch = parent?.matched?.[index] === true || (negated === ignored && matches(path, isFolder));
        if (isMatch) ignored = !negated;
        matched?.push(isMatch);
      }
      // Below a folder that is left out something may be taken back, but only by an exception.
      return { ignored, prune: ignored && !hasExceptions, matched };
    },
  };
}

/** Leaves out nothing. */
export const NOTHING_IGNORED: Ignore = { step: () => ({ ignored: false, prune: false }) };

/** Is this one path left out? For single questions; a walk asks `step`. */
export function isIgnored(ignore: Ignore, path: string, isFolder = false): boolean {
  const segments = path.split('/');
  let state: IgnoreState | undefined;
  for (let depth = 1; depth <= segments.length; depth++) {
    const isLast = depth === segments.length;
    state = ignore.step(segments.slice(0, depth).join('/'), isLast ? isFolder : true, state);
  }
  return state?.ignored ?? false;
}
