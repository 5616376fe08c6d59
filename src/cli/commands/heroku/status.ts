import { Command } from '../../commander.ts';
import { jsonFlag } from '../../flags.ts';
import type { CliHost } from '../../host.ts';

/** `build heroku status`. */
export function createStatusCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command('status')
    .description('where each app of a migration stands, from its folder alone')
    .argument('<DIR>', "the migration's folder")
    .addOption(jsonFlag())
    .action(async (folder, flags) => {
      const { runSession } = await import('../../session.ts');
      finish(
        await runSession(host, 'heroku-status', flags, async (session) => {
          const runStatus = await host.pipeline.migrationStatus();
          const document = await runStatus(folder);
          const { migrationStatusText } = await import('../../output/migration-status-text.ts');
          session.print(document, () => migrationStatusText(document, folder));
          return 0;
        }),
      );
    });
}
