/** Values by name; undefined for a name that is not known. */
export type Variables = (name: string) => string | undefined;

export interface Expanded {
  readonly text: string;
  /** True when a name was met whose value is not known here: the text is then not the whole truth. */
  readonly partial: boolean;
}

const PLAIN = /^\$([A-Za-z_][A-Za-z0-9_]*)/;
const BRACED = /^\$\{([A-Za-z_][A-Za-z0-9_]*)(:?[-+?])?/;

/**
 * Fills variables in as Dockerfiles do (reference, "Environment replacement"): `$name`, `${name}`, `${name:-word}`,
 * `${name:+word}` and their forms without the colon. What is not known stays as written.
 */
export function expand(text: string, variables: Variables, escapeToken: string): Expanded {
  let result = '';
  let partial = false;
  let quote: string | undefined;
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === escapeToken && quote !== "'") {
      result += text.charAt(at + 1);
      at += 2;
    } else if (character === quote) {
      quote = undefined;
      at++;
    } else if (quote === undefined && (character === '"' || character === "'")) {
      quote = character;
      at++;
    } else if (character === '$' && quote !== "'") {
      const taken = takeVariable(text.slice(at), variables, escapeToken);
      result += taken.text;
      partial ||= taken.partial;
      at += taken.length;
    } else {
      result += character;
      at++;
    }
  }
  return { text: result, partial };
}

function takeVariable(
  text: string,
  variables: Variables,
  escapeToken: string,
): Expanded & { length: number } {
  const plain = PLAIN.exec(text);
  if (plain) {
    const value = variables(plain[1] ?? '');
    return { text: value ?? plain[0], partial: value === undefined, length: plain[0].length };
  }
  const braced = BRACED.exec(text);
  const end = closing(text);
  if (braced === null || end === -1) return { text: '$', partial: text.startsWith('${'), length: 1 };
  const [head, name = '', operator = ''] = braced;
  const whole = { text: text.slice(0, end + 1), partial: true, length: end + 1 };
  const word = text.slice(head.length, end);
  const value = variables(name);
  const isSet = operator.startsWith(':') ? (value ?? '') !== '' : value !== undefined;
  if (operator === '')
    return word === '' && value !== undefined ? { ...whole, text: value, partial: false } : whole;
  const alternative = () => ({ ...expand(word, variables, escapeToken), length: whole.length });
  if (operator.endsWith('+')) return isSet ? alternative() : { ...whole, text: '', partial: false };
  if (isSet) return { ...whole, text: value ?? '', partial: false };
  return operator.endsWith('-') ? alternative() : whole;
}

/** Where the brace of `${` closes; -1 where it does not. */
function closing(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text.startsWith('${', at)) depth++;
    else if (text.charAt(at) === '}' && --depth === 0) return at;
  }
  return -1;
}
