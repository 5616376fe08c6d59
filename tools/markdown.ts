/** As much of Markdown as the checks of the documentation need. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Fence {
  readonly language: string;
  readonly body: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** Text of the HTML comment on the line before, as in `<!-- needs: docker -->`; '' without one. */
  readonly directive: string;
}

export interface Page {
  /** Path below the root. */
  readonly path: string;
  readonly fences: readonly Fence[];
  /** Targets of links and images, outside of code. */
  readonly links: readonly string[];
  /** Anchors of headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
}

/** Every page a user reads. */
export function documentation(root: string): readonly Page[] {
  const paths = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).sort();
  return paths.map((path) => parsePage(path, readFileSync(join(root, path), 'utf8')));
}

export function parsePage(path: string, text: string): Page {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: { mark: string; language: string; line: number; directive: string; body: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, mark, language = ''] = line.match(/^(`{3,})\s*(\S*)/) ?? [];
    if (open !== undefined && line.trimEnd() === open.mark) {
      fences.push({ ...open, body: open.body.join('\n') });
      open = undefined;
    } else if (open !== undefined) open.body.push(line);
    else if (mark !== undefined)
      open = { mark, language, line: index + 1, directive: directiveOf(prose), body: [] };
    else prose.push(line);
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: a code block without its end`);
  const text_ = prose.join('\n').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ''));
  return {
    path,
    fences,
    links: [...text_.matchAll(/\]\(<?([^()\s>]+)>?(?:\s+"[^"]*")?\)/g)].flatMap((match) => match[1] ?? []),
    anchors: new Set(prose.flatMap((line) => line.match(/^#{1,6}\s+(.+)/)?.[1] ?? []).map(anchor)),
  };
}

const directiveOf = (prose: readonly string[]): string =>
  prose.at(-1)?.match(/^<!--\s*(.*?)\s*-->$/)?.[1] ?? '';

const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
