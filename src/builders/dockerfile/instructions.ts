import { type Directives, invalid } from './directives.ts';
import { type Flag, type Span, splitFlags, splitWords } from './flags.ts';

export interface Heredoc {
  readonly name: string;
  readonly content: string;
}

/** One instruction, its lines joined as BuildKit joins them. */
export interface Instruction {
  /** In capitals: `RUN`. */
  readonly keyword: string;
  /** Of its first and last line, from 0. */
  readonly line: number;
  readonly lastLine: number;
  readonly flags: readonly Flag[];
  /** The whole, its lines joined. */
  readonly text: string;
  /** What follows the flags. */
  readonly rest: string;
  readonly heredocs: readonly Heredoc[];
}

const KEYWORDS = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
);
const WITH_HEREDOC = new Set(['RUN', 'COPY', 'ADD']);

interface Line {
  readonly text: string;
  /** Where it begins in the file. */
  readonly offset: number;
}

/** A line of the file, as far as it is part of an instruction. */
interface Logical {
  readonly text: string;
  readonly spans: readonly Span[];
  readonly first: number;
  /** The line after its last one. */
  readonly next: number;
}

/**
 * Splits a Dockerfile into its instructions: comments, continued lines, heredocs, CRLF and a BOM as BuildKit's parser
 * takes them. Throws DOCKERFILE_INVALID with the line for an instruction that nobody knows and a heredoc without end.
 */
export function readInstructions(text: string, directives: Directives): readonly Instruction[] {
  const lines = splitLines(text);
  const instructions: Instruction[] = [];
  let at = directives.lines.length === 0 ? 0 : Math.max(...directives.lines) + 1;
  while (at < lines.length) {
    const logical = joinLines(lines, at, directives.escapeToken);
    at = logical.next;
    if (logical.text.trim() === '') continue;
    const [, keyword = '', body = ''] = /^\s*(\S+)\s*(.*)$/s.exec(logical.text) ?? [];
    const upper = keyword.toUpperCase();
    if (!KEYWORDS.has(upper)) throw invalid(logical.first, `unknown instruction ${keyword.slice(0, 40)}`);
    const { flags, rest } = splitFlags(
      body,
      logical.text.length - body.length,
      logical.spans,
      directives.escapeToken,
    );
    const heredocs =
      WITH_HEREDOC.has(upper) && !isJson(rest) ? heredocNames(body, directives.escapeToken) : [];
    const taken: Heredoc[] = [];
    for (const { name, chomp } of heredocs) {
      const read = readHeredoc(lines, at, name, chomp);
      if (read === undefined) throw invalid(logical.first, `the heredoc ${name} has no end`);
      at = read.next;
      taken.push({ name, content: read.content });
    }
    instructions.push({
      keyword: upper,
      line: logical.first,
      lastLine: at - 1,
      flags,
      text: logical.text.trim(),
      rest: rest.trim(),
      heredocs: taken,
    });
  }
  return instructions;
}

function splitLines(text: string): readonly Line[] {
  const lines: Line[] = [];
  let offset = text.startsWith('\uFEFF') ? 1 : 0;
  for (const line of text.slice(offset).split('\n')) {
    lines.push({ text: line.replace(/\r+$/, ''), offset });
    offset += line.length + 1;
  }
  return lines;
}

const isComment = (line: string): boolean => /^\s*#/.test(line);

function joinLines(lines: readonly Line[], from: number, escapeToken: string): Logical {
  const e = escapeToken === '\\' ? '\\\\' : '`';
  // A continuation character alone on its line, or behind anything but itself (parser.go, lineContinuationRegex).
  const continued = new RegExp(`^(.*[^${e}])${e}[ \\t]*$|^()${e}[ \\t]*$`);
  let text = '';
  const spans: Span[] = [];
  let at = from;
  for (; at < lines.length; at++) {
    const line = lines[at];
    if (line === undefined) break;
    if (isComment(line.text)) {
      if (at === from) return { text: '', spans, first: from, next: from + 1 };
      continue;
    }
    if (at > from && line.text.trim() === '') continue;
    const match = continued.exec(line.text);
    const piece = match === null ? line.text : (match[1] ?? '');
    spans.push({ start: text.length, offset: line.offset, length: piece.length });
    text += piece;
    if (match === null) {
      at++;
      break;
    }
  }
  return { text, spans, first: from, next: at };
}

function heredocNames(body: string, escapeToken: string): readonly { name: string; chomp: boolean }[] {
  return splitWords(body, escapeToken).flatMap((word) => {
    const [, chomp, quoted] = /^[0-9]*<<(-?)([^<\s]+)$/.exec(word) ?? [];
    if (quoted === undefined) return [];
    const name = quoted.replace(/^(['"])(.*)\1$/, '$2');
    return name === '' ? [] : [{ name, chomp: chomp === '-' }];
  });
}

function readHeredoc(lines: readonly Line[], from: number, name: string, chomp: boolean) {
  const content: string[] = [];
  for (let at = from; at < lines.length; at++) {
    const line = lines[at]?.text ?? '';
    if ((chomp ? line.replace(/^\t+/, '') : line) === name) {
      return { content: content.map((each) => `${each}\n`).join(''), next: at + 1 };
    }
    content.push(chomp ? line.replace(/^\t+/, '') : line);
  }
  return undefined;
}

/** The words of the exec form, `["a", "b"]`; undefined for the shell form. */
export function readJson(text: string): readonly string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  try {
    const words: unknown = JSON.parse(text);
    return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : undefined;
  } catch {
    return undefined;
  }
}

const isJson = (text: string): boolean => readJson(text) !== undefined;
