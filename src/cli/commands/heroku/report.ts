import { Command, Option } from '../../commander.ts';
import type { CliHost } from '../../host.ts';

/** `build heroku report`. */
export function createReportCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command('report')
    .description('what became of each app, what was left behind and what to do, worth showing to others')
    .argument('<DIR>', "the migration's folder")
    .addOption(
      new Option('--format <kind>', 'one page, a table, or a document')
        .choices(['html', 'csv', 'json'] as const)
        .default('html' as const),
    )
    .addOption(new Option('-o, --output <file>', 'write it there instead of to standard output'))
    .action(async (folder, { format, output }) => {
      const { runSession } = await import('../../session.ts');
      finish(
        await runSession(host, 'heroku-report', {}, async (session) => {
          const runReport = await host.pipeline.migrationReport();
          const text = await runReport({ folder, format, output, now: host.now });
          const { escapeControl } = await import('../../output/escape.ts');
          session.print(text, () => (output === undefined ? text : `Report ${escapeControl(output)}\n`));
          return 0;
        }),
      );
    });
}
