import { Command } from '../commander.ts';
import {
  compressionFlag,
  IMAGE_FORMS,
  insecureFlag,
  jsonFlag,
  platformFlag,
  progressFlag,
  timeoutFlag,
} from '../flags.ts';
import type { CliHost } from '../host.ts';

/** `build copy FROM TO`. */
export function createCopyCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command()
    .argument('FROM', IMAGE_FORMS)
    .argument('TO', 'the same forms')
    .addOption(compressionFlag())
    .addOption(platformFlag('only this image of an index'))
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(progressFlag())
    .addOption(jsonFlag())
    .action(async (from, to, flags) => {
      const { runSession } = await import('../session.ts');
      finish(
        await runSession(host, 'copy', flags, async (session) => {
          const copyImage = await host.pipeline.copyImage();
          const options = { compression: flags.compression, platform: flags.platform };
          const document = await copyImage(from, to, session.environment, options);
          const { copyText } = await import('../output/push-text.ts');
          session.print(document, () => copyText(document));
          return 0;
        }),
      );
    });
}
