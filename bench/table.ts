import type { Result } from './compare.ts';

const COLUMNS = ['row', 'ours', 'against', 'theirs', 'ratio: min', 'median', 'max', 'goal', 'met'];

/** A Markdown table, aligned so that it reads well on a terminal, too. */
export function tableText(results: readonly Result[]): string {
  const rows = [COLUMNS, ...results.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(COLUMNS), rule, ...results.map((result) => line(cells(result)))].join('\n');
}

function cells({ row, ours, peer, theirs, ratio, goal, met }: Result): string[] {
  const numbers = ratio
    ? [ratio.min, ratio.median, ratio.max].map((value) => value.toFixed(2))
    : ['', '', ''];
  return [row, ours, peer, theirs, ...numbers, goal, met === undefined ? '?' : met ? 'yes' : 'NO'];
}
