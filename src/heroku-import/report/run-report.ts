import { DogwoodError } from '../../errors.ts';
import { terminalJson } from '../../plan/visible.ts';
import { writeWhole } from '../folder/migration-folder.ts';
import { reportCsv } from './csv.ts';
import { makeReport } from './make-report.ts';
import { reportPage } from './page.ts';
import type { ReportDocument } from './report-document.ts';

export const REPORT_FORMATS = ['html', 'csv', 'json'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

export interface RunReportOptions {
  /** The migration's folder, with its plan.json. */
  readonly folder: string;
  readonly format: ReportFormat;
  /** Where to write it, whole or not at all; undefined gives it back only. */
  readonly output: string | undefined;
  readonly now: () => Date;
}

/**
 * `build heroku report`: what became of each app, as one page, a table, or a document. Gives its text.
 *
 * @throws MIGRATION_PLAN_*, MIGRATION_FOLDER_UNUSABLE, REPORT_UNWRITABLE
 */
export async function runReport({ folder, format, output, now }: RunReportOptions): Promise<string> {
  const text = FORMATS[format](await makeReport(folder, now));
  if (output === undefined) return text;
  try {
    await writeWhole(output, text);
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw cause;
    throw new DogwoodError('REPORT_UNWRITABLE', `${output} cannot be written (${code})`, { cause });
  }
  return text;
}

const FORMATS: Readonly<Record<ReportFormat, (report: ReportDocument) => string>> = {
  html: reportPage,
  csv: reportCsv,
  json: (report) => `${terminalJson(report, 2)}\n`,
};
