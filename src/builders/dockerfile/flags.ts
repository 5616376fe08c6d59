/** A piece of joined lines and where it stands in the file. */
export interface Span {
  /** In the joined text. */
  readonly start: number;
  /** In the file. */
  readonly offset: number;
  readonly length: number;
}

/** A flag of an instruction: `--mount=type=cache,target=/x`. */
export interface Flag {
  readonly name: string;
  /** Without quotes; undefined where there is no `=`. */
  readonly value: string | undefined;
  /** Where it stands in the file; several places, when it goes on in the next line. */
  readonly places: readonly { readonly offset: number; readonly length: number }[];
}

interface Word {
  readonly text: string;
  /** Behind its last character. */
  readonly end: number;
}

/** One word, its quotes and escapes taken away (split_command.go, extractBuilderFlags). */
function takeWord(text: string, from: number, escapeToken: string): Word {
  let word = '';
  let quote: string | undefined;
  let at = from;
  for (; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === undefined && /\s/.test(character)) break;
    if (character === quote) quote = undefined;
    else if (quote === undefined && (character === '"' || character === "'")) quote = character;
    else if (character === escapeToken && at + 1 < text.length) word += text.charAt(++at);
    else if (character !== escapeToken) word += character;
  }
  return { text: word, end: at };
}

/**
 * The flags that begin an instruction's arguments, and the rest.
 *
 * @param start where `body` begins in the joined text that `spans` are about
 */
export function splitFlags(
  body: string,
  start: number,
  spans: readonly Span[],
  escapeToken: string,
): { readonly flags: readonly Flag[]; readonly rest: string } {
  const flags: Flag[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(body.charAt(at))) at++;
    if (!body.startsWith('--', at)) break;
    const word = takeWord(body, at, escapeToken);
    const begin = at;
    at = word.end;
    if (word.text === '--') break;
    const sign = word.text.indexOf('=');
    flags.push({
      name: word.text.slice(2, sign === -1 ? undefined : sign),
      value: sign === -1 ? undefined : word.text.slice(sign + 1),
      places: placesOf(start + begin, start + word.end, spans),
    });
  }
  return { flags, rest: body.slice(at) };
}

function placesOf(from: number, to: number, spans: readonly Span[]) {
  return spans.flatMap(({ start, offset, length }) => {
    const [begin, end] = [Math.max(from, start), Math.min(to, start + length)];
    return begin < end ? [{ offset: offset + begin - start, length: end - begin }] : [];
  });
}

/** Words as a shell splits them; quotes stay, so that `"<<a"` is seen to be quoted. */
export function splitWords(text: string, escapeToken: string): readonly string[] {
  const words: string[] = [];
  let word = '';
  let quote: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === escapeToken && quote !== "'") word += character + text.charAt(++at);
    else if (quote === undefined && /\s/.test(character)) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      if (character === quote) quote = undefined;
      else if (quote === undefined && (character === '"' || character === "'")) quote = character;
      word += character;
    }
  }
  if (word !== '') words.push(word);
  return words;
}

/** The `key=value` fields of a mount: comma-separated, a field in double quotes may hold commas. */
export function splitFields(text: string): readonly string[] {
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quoted && character === '"' && text.charAt(at + 1) === '"') field += text.charAt(++at);
    else if (character === '"') quoted = !quoted;
    else if (character === ',' && !quoted) {
      fields.push(field);
      field = '';
    } else field += character;
  }
  return [...fields, field];
}

/** The opposite: a word of a Dockerfile that is read as these fields. */
export function writeFields(name: string, fields: readonly string[], escapeToken: string): string {
  const text = fields
    .map((field) => (/[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field))
    .join(',');
  if (!/[\s'"\\`]/.test(text)) return `--${name}=${text}`;
  const escaped = [...text]
    .map((each) => (each === escapeToken || each === "'" ? escapeToken + each : each))
    .join('');
  return `--${name}='${escaped}'`;
}
