import { DogwoodError } from '../../../errors.ts';
import { Command, Option } from '../../commander.ts';
import { badValue, collect, parsePair } from '../../flag-values.ts';
import { insecureFlag, jsonFlag, progressFlag, timeoutFlag } from '../../flags.ts';
import type { CliHost } from '../../host.ts';
import { findHerokuAccess, herokuApiFlag, tokenStdinFlag } from './access.ts';

/** `build heroku import`. */
export function createImportCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command('import')
    .description(
      'images of the apps of DIR/plan.json into every registry, and what a runtime needs to run them',
    )
    .argument('<DIR>', "the migration's folder")
    .addOption(
      new Option('--to <destination>', '[REGION=]REGISTRY/PREFIX (repeatable; the nearest first)')
        .argParser(collect((text: string) => text))
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--recipient <key>', 'age public key that secrets are encrypted to (repeatable)').argParser(
        collect((text: string) => text),
      ),
    )
    .addOption(new Option('--no-secrets', 'leave secrets out'))
    .addOption(
      new Option('--base <stack=image>', 'image that slugs of a stack run on (repeatable)').argParser(
        collect((text: string) => parsePair('--base', text)),
      ),
    )
    .addOption(
      new Option('--concurrency <number>', 'apps on their way at once')
        .argParser(parseConcurrency)
        .default(4),
    )
    .addOption(
      new Option(
        '--heroku-registry <host>',
        'where images of the container stack are, with --heroku-api; it gets the token',
      ),
    )
    .addOption(new Option('--fir-registry <host>', 'a registry that has the images of Fir apps'))
    .addOption(new Option('--dry-run', 'read and compare, but move and write nothing'))
    .addOption(herokuApiFlag())
    .addOption(tokenStdinFlag())
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(progressFlag())
    .addOption(jsonFlag())
    .action(async (folder, flags) => {
      const { recipient: recipients = [], secrets } = flags;
      if (!secrets && recipients.length > 0) {
        throw new DogwoodError('USAGE', '--recipient and --no-secrets exclude each other');
      }
      const { runSession } = await import('../../session.ts');
      finish(
        await runSession(host, 'heroku-import', flags, async (session) => {
          const { runImport, parseImportDestination } = await host.pipeline.importApps();
          const destinations = flags.to.map(parseImportDestination);
          const access = await findHerokuAccess(host, flags);
          const document = await runImport(
            {
              folder,
              destinations,
              recipients: secrets ? recipients : null,
              stackImages: { ...session.config.stacks, ...Object.fromEntries(flags.base ?? []) },
              concurrency: flags.concurrency,
              isDryRun: flags.dryRun === true,
              registry: flags.herokuRegistry ?? (host.environment.HEROKU_REGISTRY || undefined),
              firRegistry: flags.firRegistry,
              ...access,
              now: host.now,
            },
            session.environment,
          );
          const { importText } = await import('../../output/import-text.ts');
          session.print(document, () => importText(document, folder));
          return document.apps.some(({ status }) => status === 'failed') ? 1 : 0;
        }),
      );
    });
}

function parseConcurrency(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 64) return number;
  throw badValue('--concurrency', text, 'write a number from 1 to 64');
}
