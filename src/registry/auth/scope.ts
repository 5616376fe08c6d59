/** What a bearer token must allow (distribution "Token Scope Documentation"): `repository:NAME:pull,push`. */
export type Scope = string;

export function pullScope(repository: string): Scope {
  return `repository:${repository}:pull`;
}

export function pushScope(repository: string): Scope {
  return `repository:${repository}:pull,push`;
}

/** Asked for only to delete: many tokens that may push may not. */
export function deleteScope(repository: string): Scope {
  return `repository:${repository}:pull,delete`;
}

/** Does a token granted for these scopes allow what is wanted? */
export function covers(granted: readonly Scope[], wanted: readonly Scope[]): boolean {
  return wanted.every((scope) => {
    const { resource, actions } = parts(scope);
    return granted.some((other) => {
      const has = parts(other);
      return has.resource === resource && actions.every((action) => has.actions.includes(action));
    });
  });
}

/** One scope for each resource, with all its actions; resources in the order of their first mention. */
export function mergeScopes(scopes: readonly Scope[]): readonly Scope[] {
  const merged = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const { resource, actions } = parts(scope);
    merged.set(resource, new Set([...(merged.get(resource) ?? []), ...actions]));
  }
  return [...merged].map(([resource, actions]) => `${resource}:${[...actions].join(',')}`);
}

/** The repository that scopes are about: that of the first one, which a request is about itself. */
export function repositoryOf(scopes: readonly Scope[]): string | undefined {
  return /^repository(?:\([^)]*\))?:(.+)$/.exec(parts(scopes[0] ?? '').resource)?.[1];
}

function parts(scope: Scope): { resource: string; actions: readonly string[] } {
  const colon = scope.lastIndexOf(':');
  return { resource: scope.slice(0, Math.max(0, colon)), actions: scope.slice(colon + 1).split(',') };
}
