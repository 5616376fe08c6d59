import type { Token } from './tokens.ts';

/** `name = value;` somewhere in an expression. */
export interface Binding {
  /** Names of the attributes around it and its own, outermost first; those of `let` are not among them. */
  readonly path: readonly string[];
  /** Of a `let`: a variable, not an attribute. */
  readonly variable: boolean;
  /** The tokens of its value that are in no binding within it. */
  readonly value: readonly Token[];
}

export interface Structure {
  readonly bindings: readonly Binding[];
  /** The tokens that are in no binding: what the file itself is. */
  readonly own: readonly Token[];
}

interface Scope {
  /** `set` and `let` hold bindings; `group` is a parenthesis or a list. */
  readonly kind: 'set' | 'let' | 'group' | 'value';
  readonly path: readonly string[];
  readonly variable: boolean;
  readonly tokens: Token[];
}

/**
 * Finds the bindings of an expression without evaluating it: enough to see which attribute a function is called for.
 * Anything odd is read over; nothing is an error.
 */
export function readStructure(tokens: readonly Token[]): Structure {
  const bindings: Binding[] = [];
  const root: Scope = { kind: 'value', path: [], variable: false, tokens: [] };
  const stack: Scope[] = [root];
  const top = (): Scope => stack.at(-1) ?? root;
  const close = (kinds: readonly Scope['kind'][]): void => {
    while (stack.length > 1) {
      const scope = stack.pop();
      if (scope?.kind === 'value')
        bindings.push({ path: scope.path, variable: scope.variable, value: scope.tokens });
      if (scope && kinds.includes(scope.kind)) return;
    }
  };
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    const scope = top();
    if (scope.kind === 'set' || scope.kind === 'let') {
      if (isMark(token, '}') || isName(token, 'in')) {
        close(['set', 'let']);
        continue;
      }
      if (isName(token, 'inherit')) {
        at = readInherit(tokens, at + 1, scope, bindings);
        continue;
      }
      const name = readPath(tokens, at);
      if (name === undefined) continue;
      const path = scope.kind === 'let' ? name.path : [...scope.path, ...name.path];
      stack.push({ kind: 'value', path, variable: scope.kind === 'let', tokens: [] });
      at = name.end;
      continue;
    }
    if (isMark(token, '${')) at = endOfAntiquotation(tokens, at);
    else if (isMark(token, '}') || isName(token, 'in')) close(['set', 'let']);
    else if (isName(token, 'let')) stack.push({ ...scope, kind: 'let', tokens: [] });
    else if (isMark(token, '{')) {
      const end = endOfFormals(tokens, at);
      if (end !== undefined) at = end;
      else stack.push({ ...scope, kind: 'set', tokens: [] });
    } else if (isMark(token, '(') || isMark(token, '['))
      stack.push({ ...scope, kind: 'group', tokens: scope.tokens });
    else if (isMark(token, ')') || isMark(token, ']')) {
      if (scope.kind === 'group') stack.pop();
    } else if (isMark(token, ';') && scope.kind === 'value' && stack.length > 1 && !isWith(scope.tokens))
      close(['value']);
    else scope.tokens.push(token);
  }
  close([]);
  return { bindings, own: root.tokens };
}

export const isMark = (token: Token | undefined, text: string): boolean =>
  token?.kind === 'mark' && token.text === text;
export const isName = (token: Token | undefined, text: string): boolean =>
  token?.kind === 'name' && token.text === text;

/** The position of the brace that closes `${`. */
function endOfAntiquotation(tokens: readonly Token[], start: number): number {
  let depth = 0;
  for (let at = start; at < tokens.length; at += 1) {
    if (isMark(tokens[at], '${') || isMark(tokens[at], '{')) depth += 1;
    else if (isMark(tokens[at], '}')) depth -= 1;
    if (depth === 0) return at;
  }
  return tokens.length;
}

/** `with X; value` and `assert X; value`: their semicolon ends no binding, and what came before is of no interest. */
function isWith(tokens: Token[]): boolean {
  const at = tokens.findLastIndex((token) => isName(token, 'with') || isName(token, 'assert'));
  if (at === -1) return false;
  tokens.splice(at, 1, { kind: 'mark', text: 'with' });
  return true;
}

/** `a."b".${c} =`: its parts, and the position of the `=`. */
function readPath(tokens: readonly Token[], start: number): { path: string[]; end: number } | undefined {
  const path: string[] = [];
  for (let at = start; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) return undefined;
    if (isMark(token, '=')) return path.length === 0 ? undefined : { path, end: at };
    if (isMark(token, '${')) {
      at = endOfAntiquotation(tokens, at);
      path.push('${}');
    } else if (token.kind === 'name') path.push(token.text);
    else if (token.kind === 'string') path.push(token.text.startsWith('${') ? '${}' : token.text);
    else if (!isMark(token, '.')) return undefined;
  }
  return undefined;
}

/** `inherit a b;` and `inherit (x) a b;`: each is a binding to a variable of that name, or to a part of x. */
function readInherit(tokens: readonly Token[], start: number, scope: Scope, bindings: Binding[]): number {
  const from: Token[] = [];
  let depth = 0;
  for (let at = start; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined || isMark(token, ';')) return at;
    if (isMark(token, '(')) depth += 1;
    else if (isMark(token, ')')) depth -= 1;
    else if (depth > 0) from.push(token);
    else if (token.kind === 'name') {
      const path = scope.kind === 'let' ? [token.text] : [...scope.path, token.text];
      const value: Token[] = from.length === 0 ? [token] : [...from, { kind: 'mark', text: '.' }, token];
      bindings.push({ path, variable: scope.kind === 'let', value });
    }
  }
  return tokens.length;
}

/** A brace that opens the arguments of a function (`{ pkgs, ... }:`): the position of its colon. */
function endOfFormals(tokens: readonly Token[], start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (isMark(token, '{') || isMark(token, '${') || isMark(token, '(') || isMark(token, '[')) depth += 1;
    else if (isMark(token, '}') || isMark(token, ')') || isMark(token, ']')) depth -= 1;
    else if (depth === 1 && (isMark(token, '=') || isMark(token, ';'))) return undefined;
    if (depth > 0) continue;
    if (isMark(tokens[at + 1], ':')) return at + 1;
    // `{ ... }@args:`
    return isMark(tokens[at + 1], '@') && isMark(tokens[at + 3], ':') ? at + 3 : undefined;
  }
  return undefined;
}
