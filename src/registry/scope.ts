/** What a bearer token must allow (distribution "Token Scope Documentation"): `repository:NAME:pull,push`. */
export type Scope = string;

export function pullScope(repository: string): Scope {
  return `repository:${repository}:pull`;
}

export function pushScope(repository: string): Scope {
  return `repository:${repository}:pull,push`;
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

function parts(scope: Scope): { resource: string; actions: readonly string[] } {
  const colon = scope.lastIndexOf(':');
  return { resource: scope.slice(0, colon), actions: scope.slice(colon + 1).split(',') };
}
