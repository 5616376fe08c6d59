/**
 * `npm run check:docs`: every relative link and anchor in the documentation leads somewhere, every code block says
 * its language, and docs/errors.md is what src/errors.ts says. That shown commands work is a test (test/docs).
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ERRORS_PAGE, errorsPage } from './errors-page.ts';
import { documentation, type Page } from './markdown.ts';

/** Every broken link and unnamed code block, one line each. */
export function documentationFaults(root: string): readonly string[] {
  const pages = documentation(root);
  const byPath = new Map(pages.map((page) => [page.path, page]));
  return pages.flatMap((page) => [
    ...page.links.flatMap((link) => linkFault(root, page, link, byPath)),
    ...page.fences
      .filter(({ language }) => language === '')
      .map(({ line }) => `${page.path}:${line}: a code block without a language`),
  ]);
}

function linkFault(
  root: string,
  page: Page,
  link: string,
  pages: ReadonlyMap<string, Page>,
): readonly string[] {
  if (/^[a-z]+:/.test(link)) return [];
  const [target = '', fragment] = decodeURI(link).split('#', 2);
  const path = target === '' ? page.path : relative(root, join(root, dirname(page.path), target));
  if (!existsSync(join(root, path))) return [`${page.path}: ${link} leads nowhere`];
  const anchors = pages.get(path)?.anchors;
  if (fragment === undefined || anchors === undefined || anchors.has(fragment)) return [];
  return [`${page.path}: ${link}: ${path} has no such heading`];
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  const faults = [...documentationFaults(root)];
  if (!existsSync(ERRORS_PAGE) || readFileSync(ERRORS_PAGE, 'utf8') !== errorsPage()) {
    faults.push('docs/errors.md differs from src/errors.ts: npm run docs:errors');
  }
  for (const fault of faults) process.stdout.write(`${fault}\n`);
  if (faults.length > 0) process.exitCode = 1;
}
