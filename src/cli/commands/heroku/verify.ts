import { Command } from '../../commander.ts';
import { insecureFlag, jsonFlag, progressFlag, timeoutFlag } from '../../flags.ts';
import type { CliHost } from '../../host.ts';
import { findHerokuAccess, herokuApiFlag, tokenStdinFlag } from './access.ts';

/** `build heroku verify`. */
export function createVerifyCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command('verify')
    .description('reads every imported app back, and compares it with its documents and with Heroku')
    .argument('<DIR>', "the migration's folder")
    .addOption(herokuApiFlag())
    .addOption(tokenStdinFlag())
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(progressFlag())
    .addOption(jsonFlag())
    .action(async (folder, flags) => {
      const { runSession } = await import('../../session.ts');
      finish(
        await runSession(host, 'heroku-verify', flags, async (session) => {
          const runVerify = await host.pipeline.verifyMigration();
          const access = await findHerokuAccess(host, flags);
          const document = await runVerify({ folder, ...access }, session.environment);
          const { migrationVerifyText } = await import('../../output/migration-verify-text.ts');
          session.print(document, () => migrationVerifyText(document));
          return document.totals.verified === document.totals.apps ? 0 : 1;
        }),
      );
    });
}
