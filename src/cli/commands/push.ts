import { Command } from '../commander.ts';
import { parseDestination } from '../flag-values.ts';
import {
  IMAGE_FORMS,
  insecureFlag,
  jsonFlag,
  platformFlag,
  progressFlag,
  quorumFlag,
  timeoutFlag,
} from '../flags.ts';
import type { CliHost } from '../host.ts';

/** `build push IMAGE REF...`. */
export function createPushCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command()
    .argument('IMAGE', IMAGE_FORMS)
    .argument('<REF...>', '[REGION=]HOST/REPOSITORY[:TAG], REGION=:TAG or :TAG')
    .addOption(quorumFlag())
    .addOption(platformFlag('only this image of an index'))
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(progressFlag())
    .addOption(jsonFlag())
    .action(async (image, references, flags) => {
      const destinations = references.map((text) => parseDestination('REF', text));
      const { runSession } = await import('../session.ts');
      finish(
        await runSession(host, 'push', flags, async (session) => {
          const pushImage = await host.pipeline.pushImage();
          const { regions } = session.config;
          const options = { platform: flags.platform, quorum: flags.quorum, regions };
          // Loaded while the registry takes in the image.
          const [document, { pushText }, { regionsExitCode }] = await Promise.all([
            pushImage(image, destinations, session.environment, options),
            import('../output/push-text.ts'),
            import('../regions.ts'),
          ]);
          session.print(document, () => pushText(document, image));
          return regionsExitCode(document.references, flags.quorum);
        }),
      );
    });
}
