/** `docs/errors.md`, made from the table in src/errors.ts: `npm run docs:errors` writes it, a test compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, type ErrorCode } from '../src/errors.ts';

const ROOT = join(import.meta.dirname, '..');
export const ERRORS_PAGE = join(ROOT, 'docs/errors.md');

const INTRODUCTION = `# Errors

Made from \`src/errors.ts\` by \`npm run docs:errors\`; a test keeps the two in step.

Every failure has one of these codes. It stands in front of the message (\`error.code\` with \`--json\`), and it
decides the exit code of the command, the status of the service's answer and whether trying again makes sense.

- **user**: the input or the command is at fault. Never retried.
- **infra**: a machine, a disk or a network is at fault.
- **auth**: credentials are missing, wrong or too weak.
- **bug**: Dogwood is at fault.
`;

/** The page, with the table's own groups as its sections. */
export function errorsPage(): string {
  const sections = groups().map(({ title, codes }) => {
    const head =
      '| code | fault | retry | exit | HTTP | what to do |\n| --- | --- | --- | --- | --- | --- |\n';
    return `## ${title[0]?.toUpperCase()}${title.slice(1)}\n\n${head}${codes.map(row).join('')}`;
  });
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

function row(code: ErrorCode): string {
  const { fault, retryable, exitCode, httpStatus, hint } = ERRORS[code];
  const text = hint.replaceAll('|', '\\|');
  return `| \`${code}\` | ${fault} | ${retryable ? 'yes' : 'no'} | ${exitCode} | ${httpStatus} | ${text} |\n`;
}

/** The groups are comments in the table's source; values have no comments. */
function groups(): readonly { readonly title: string; readonly codes: ErrorCode[] }[] {
  const source = readFileSync(join(ROOT, 'src/errors.ts'), 'utf8');
  const table = source.slice(source.indexOf('export const ERRORS'), source.indexOf('} as const'));
  const found: { title: string; codes: ErrorCode[] }[] = [];
  for (const [, title, code] of table.matchAll(/^ {2}(?:\/\/ (.+)|([A-Z_]+):)/gm)) {
    if (title !== undefined) found.push({ title, codes: [] });
    if (code !== undefined) found.at(-1)?.codes.push(code as ErrorCode);
  }
  return found;
}

if (import.meta.main && process.argv.includes('--write')) writeFileSync(ERRORS_PAGE, errorsPage());
