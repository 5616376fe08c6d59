import { DogwoodError } from '../../../errors.ts';
import { Command } from '../../commander.ts';
import type { CliHost } from '../../host.ts';
import { createImportCommand } from './import.ts';
import { createPlanCommand } from './plan.ts';
import { createReportCommand } from './report.ts';
import { createStatusCommand } from './status.ts';
import { createVerifyCommand } from './verify.ts';

/** `build heroku plan|import|status|report|verify`. */
export function createHerokuCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command()
    .usage('plan|import|status|report|verify')
    .argument('[COMMAND]')
    .action((word) => {
      const message =
        word === undefined ? 'there is no command behind heroku' : `there is no build heroku ${word}`;
      throw new DogwoodError('USAGE', message.slice(0, 120), {
        hint: 'There are plan, import, status, report and verify.',
      });
    })
    .addCommand(createPlanCommand(host, finish))
    .addCommand(createImportCommand(host, finish))
    .addCommand(createStatusCommand(host, finish))
    .addCommand(createReportCommand(host, finish))
    .addCommand(createVerifyCommand(host, finish));
}
