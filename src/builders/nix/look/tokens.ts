/** A piece of a Nix expression: a name, a path, a string (without what it holds) or punctuation. */
export interface Token {
  readonly kind: 'name' | 'path' | 'string' | 'mark';
  readonly text: string;
}

const TOKEN =
  /(?<comment>#[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|(?<path>(?:\.{1,2}|~|[\w.+-]*)(?:\/[\w.+-]+)+\/?|<[\w.+/-]+>|\.{1,2}\/(?=[\s;)}\]]|$))|(?<name>[A-Za-z_][\w'-]*)|(?<quote>"|'')|(?<mark>\$\{|==|!=|<=|>=|&&|\|\||->|\+\+|\/\/|\.\.\.|[^\s\w])|(?<number>\d+)/y;

/**
 * Cuts a Nix expression into tokens, comments left out. What a string holds is dropped but its length of one line, for
 * attribute names (`"docker.web"`); what is antiquoted in it is read over.
 */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) {
      at += 1;
      continue;
    }
    const { path, name, quote, mark } = groups;
    at = TOKEN.lastIndex;
    if (quote !== undefined) {
      const end = endOfString(text, at, quote);
      tokens.push({ kind: 'string', text: text.slice(at, Math.max(at, end - quote.length)) });
      at = end;
    } else if (path !== undefined) tokens.push({ kind: 'path', text: path });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (mark !== undefined) tokens.push({ kind: 'mark', text: mark });
  }
  return tokens;
}

/** The position behind the closing quote. */
function endOfString(text: string, start: number, quote: string): number {
  let at = start;
  while (at < text.length) {
    if (quote === '"' && text[at] === '\\') at += 2;
    // Two quotes escape three, `$` and a backslash in an indented string.
    else if (quote === "''" && /^''(?:'|\$|\\)/.test(text.slice(at, at + 3))) at += 3;
    else if (text.startsWith('${', at)) at = endOfAntiquotation(text, at + 2);
    else if (text.startsWith(quote, at)) return at + quote.length;
    else at += 1;
  }
  return at;
}

function endOfAntiquotation(text: string, start: number): number {
  let at = start;
  let depth = 1;
  while (at < text.length && depth > 0) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at + 1, '"');
    else if (text.startsWith("''", at)) at = endOfString(text, at + 2, "''");
    else {
      if (char === '{') depth += 1;
      else if (char === '}') depth -= 1;
      at += 1;
    }
  }
  return at;
}
