import { Command, Option } from '../commander.ts';
import { IMAGE_FORMS, insecureFlag, jsonFlag, platformFlag, timeoutFlag } from '../flags.ts';
import type { CliHost } from '../host.ts';

/** `build inspect IMAGE`. */
export function createInspectCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command()
    .argument('IMAGE', IMAGE_FORMS)
    .addOption(platformFlag('which image of an index'))
    .addOption(new Option('--referrers', 'what refers to it in its registry, as an SBOM does'))
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(jsonFlag())
    .action(async (image, flags) => {
      const { runSession } = await import('../session.ts');
      finish(
        await runSession(host, 'inspect', flags, async (session) => {
          const inspectImage = await host.pipeline.inspectImage();
          const document = await inspectImage(image, session.environment, {
            platform: flags.platform,
            referrers: flags.referrers,
          });
          const { inspectText } = await import('../output/inspect-text.ts');
          session.print(document, () => inspectText(document));
          return 0;
        }),
      );
    });
}
