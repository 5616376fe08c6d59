import { DogwoodError } from '../../../errors.ts';
import { Command, Option } from '../../commander.ts';
import { collect } from '../../flag-values.ts';
import { jsonFlag, progressFlag, timeoutFlag } from '../../flags.ts';
import type { CliHost } from '../../host.ts';
import { findHerokuAccess, herokuApiFlag, tokenStdinFlag } from './access.ts';

const names = () => collect((text: string) => text);

/** `build heroku plan`. */
export function createPlanCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command('plan')
    .description('what an import would do with each app; reads only, and writes DIR/plan.json')
    .requiredOption('--out <dir>', "the migration's folder")
    .addOption(new Option('--all', 'every app that the account sees'))
    .addOption(new Option('--team <name>', 'the apps of a team (repeatable)').argParser(names()))
    .addOption(new Option('--pipeline <name>', 'the apps of a pipeline (repeatable)').argParser(names()))
    .addOption(new Option('--app <name>', 'one app (repeatable)').argParser(names()))
    .addOption(herokuApiFlag())
    .addOption(tokenStdinFlag())
    .addOption(timeoutFlag())
    .addOption(progressFlag())
    .addOption(jsonFlag())
    .action(async (flags) => {
      const { all = false, team: teams = [], pipeline: pipelines = [], app: apps = [] } = flags;
      if (!all && teams.length + pipelines.length + apps.length === 0) {
        throw new DogwoodError('USAGE', 'no app is named', {
          hint: 'Name some with --app, --team or --pipeline, or all of them with --all.',
        });
      }
      const { runSession } = await import('../../session.ts');
      finish(
        await runSession(host, 'heroku-plan', flags, async (session) => {
          const access = await findHerokuAccess(host, flags);
          const planMigration = await host.pipeline.planMigration();
          const plan = await planMigration(
            { folder: flags.out, selection: { all, teams, pipelines, apps }, ...access, now: host.now },
            session.environment,
          );
          const { migrationPlanText } = await import('../../output/migration-plan-text.ts');
          session.print(plan, () => migrationPlanText(plan, flags.out));
          return 0;
        }),
      );
    });
}
