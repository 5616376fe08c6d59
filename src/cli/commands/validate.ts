import { ERRORS } from '../../errors.ts';
import { Command } from '../commander.ts';
import { IMAGE_FORMS, insecureFlag, jsonFlag, progressFlag, timeoutFlag } from '../flags.ts';
import type { CliHost } from '../host.ts';

/** `build validate IMAGE`: exit code 1 when an invariant does not hold. */
export function createValidateCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command()
    .argument('IMAGE', IMAGE_FORMS)
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(progressFlag())
    .addOption(jsonFlag())
    .action(async (image, flags) => {
      const { runSession } = await import('../session.ts');
      finish(
        await runSession(host, 'validate', flags, async (session) => {
          const validateImage = await host.pipeline.validateImage();
          const document = await validateImage(image, session.environment);
          const { validateText } = await import('../output/inspect-text.ts');
          session.print(document, () => validateText(document));
          return document.valid ? 0 : ERRORS.IMAGE_INVALID.exitCode;
        }),
      );
    });
}
