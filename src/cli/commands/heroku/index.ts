import { DogwoodError } from '../../../errors.ts';
import { Command } from '../../commander.ts';
import type { CliHost } from '../../host.ts';
import { createImportCommand } from './import.ts';
import { createPlanCommand } from './plan.ts';
import { createReportCommand } from './report.ts';
import { createStatusCommand } from './status.ts';

/** `build heroku plan|import|status|report`. */
export function createHerokuCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command()
    .usage('plan|import|status|report')
    .argument('[COMMAND]')
    .action((word) => {
      const message =
        word === undefined ? 'there is no command behind heroku' : `there is no build heroku ${word}`;
      throw new DogwoodError('USAGE', message.slice(0, 120), {
        hint: 'There are plan, import, status and report.',
      });
    })
    .addCommand(createPlanCommand(host, finish))
    .addCommand(createImportCommand(host, finish))
    .addCommand(createStatusCommand(host, finish))
    .addCommand(createReportCommand(host, finish));
}
