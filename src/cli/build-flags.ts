import { DOCKERFILE_ENGINES, PERMISSIONS, STRATEGIES } from '../plan/request.ts';
import { Command, Option } from './commander.ts';
import { collect, parseDestination, parsePair, parsePermission, parseSecret } from './flag-values.ts';
import {
  compressionFlag,
  insecureFlag,
  jsonFlag,
  limitFlag,
  platformFlag,
  progressFlag,
  timeoutFlag,
} from './flags.ts';

/** `build [SOURCE]` and `build plan [SOURCE]` take the same flags: a plan is a build that stops early. */
export function createSourceCommand() {
  return new Command()
    .argument('[SOURCE]', 'a path, a URL, - for standard input, or TRANSPORT:IMAGE', '.')
    .addOption(
      new Option(
        '-t, --tag <[region=]ref>',
        'registry to send the image to; fra=:TAG for a configured region, :TAG for all (repeatable)',
      ).argParser(collect((text) => parseDestination('--tag', text))),
    )
    .option('-o, --output <to>', 'one more place for the image: oci:DIR[:TAG], oci-archive:FILE, ...')
    .addOption(
      new Option('--strategy <name>', 'how to build')
        .choices(['auto', ...STRATEGIES] as const)
        .default('auto' as const),
    )
    .option('-f, --file <path>', 'the Dockerfile, below the source')
    .option('--target <stage>', 'the stage of the Dockerfile that becomes the image')
    .addOption(
      new Option(
        '--build-arg <name[=value]>',
        'an argument of the Dockerfile; without a value ours is taken (repeatable)',
      ).argParser(collect((text) => text)),
    )
    .addOption(
      new Option(
        '--build-context <name=image>',
        'an image that the Dockerfile names, taken from oci:DIR, local:NAME, ... (repeatable)',
      ).argParser(collect((text) => parsePair('--build-context', text))),
    )
    .addOption(
      new Option(
        '--secret <id=name[,src=file|,env=var]>',
        'a secret that steps may mount (repeatable)',
      ).argParser(collect(parseSecret)),
    )
    .addOption(
      new Option('--ssh <default|id=socket>', 'an SSH agent that steps may mount (repeatable)').argParser(
        collect((text) => text),
      ),
    )
    .addOption(
      new Option('--engine <name>', 'what builds a Dockerfile')
        .choices(['auto', ...DOCKERFILE_ENGINES] as const)
        .default('auto' as const),
    )
    .addOption(
      new Option('--cache-from <cache>', 'a cache to read, as BuildKit writes it (repeatable)').argParser(
        collect((text) => text),
      ),
    )
    .addOption(
      new Option('--cache-to <cache>', 'a cache to write, as BuildKit writes it (repeatable)').argParser(
        collect((text) => text),
      ),
    )
    .option('--builder <image>', 'the builder image of the buildpacks')
    .option('--attr <attribute>', 'the Nix attribute of the image')
    .option('--nix-shell <file>', "run the project's build command in the shell of this Nix file")
    .addOption(
      new Option(
        '--allow <what>',
        `what is refused otherwise: ${PERMISSIONS.join(', ')} (repeatable)`,
      ).argParser(collect(parsePermission)),
    )
    .option('--base <image>', 'base image, or scratch')
    .option('--stack <name>', "the slug's stack, as in heroku-24")
    .addOption(
      new Option('--process <name=command>', 'a process type (repeatable)').argParser(
        collect((text) => parsePair('--process', text)),
      ),
    )
    .addOption(
      new Option(
        '--env <name[=value]>',
        'a variable of the image; without a value ours is taken (repeatable)',
      ).argParser(collect((text) => text)),
    )
    .addOption(
      new Option('--env-file <file>', 'variables of the image from a file (repeatable)').argParser(
        collect((text) => text),
      ),
    )
    .addOption(platformFlag('platform of the image (default: linux/amd64)'))
    .addOption(
      new Option('--label <name=value>', 'a label of the image (repeatable)').argParser(
        collect((text) => parsePair('--label', text)),
      ),
    )
    .addOption(compressionFlag())
    .addOption(
      new Option('--layer <mode>', "keep the slug's bytes as the layer, or write it anew")
        .choices(['auto', 'keep', 'canonical'] as const)
        .default('auto' as const),
    )
    .addOption(limitFlag())
    .option('--rebuild', 'forget what earlier runs found out', false)
    .addOption(insecureFlag())
    .addOption(timeoutFlag())
    .addOption(progressFlag())
    .addOption(jsonFlag());
}

export type SourceFlags = ReturnType<ReturnType<typeof createSourceCommand>['opts']>;
