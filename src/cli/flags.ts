import { parsePlatform } from '../oci/platform.ts';
import { Option } from './commander.ts';
import {
  badValue,
  collect,
  parseDuration,
  parsePair,
  parseQuorum,
  parseRegistryHost,
  parseSize,
} from './flag-values.ts';

// Flags that several commands have. Each is made anew, for commander keeps what was parsed inside of it.

export const IMAGE_FORMS =
  'local:NAME, oci:DIR, oci-archive:FILE, docker-archive:FILE, docker-daemon:NAME or docker://REF';

export const jsonFlag = () => new Option('--json', 'print one JSON document on standard output');

const PROGRESS_MODES = ['auto', 'tty', 'plain', 'json'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];

export const progressFlag = () =>
  new Option('--progress <mode>', 'how to show progress on standard error')
    .choices(PROGRESS_MODES)
    .default('auto' as const);

export const timeoutFlag = () =>
  new Option('--timeout <time>', 'give up after this time, as in 90s, 15m or 1h30m').argParser((text) =>
    parseDuration('--timeout', text),
  );

export const insecureFlag = () =>
  new Option(
    '--insecure-registry <host>',
    'a registry that may lack TLS or a valid certificate (repeatable)',
  ).argParser(collect((text) => parseRegistryHost('--insecure-registry', text)));

export const platformFlag = (description: string) =>
  new Option('--platform <os/arch>', description).argParser(parsePlatform);

export const quorumFlag = () =>
  new Option('--quorum <any|all|N>', 'how many registries must have the image for exit code 0')
    .argParser((text) => parseQuorum('--quorum', text))
    .default('all' as const);

export const COMPRESSIONS = ['keep', 'gzip', 'zstd', 'none'] as const;

export const compressionFlag = () =>
  new Option('--compression <kind>', 'how layers are compressed')
    .choices(COMPRESSIONS)
    .default('keep' as const);

export const limitFlag = () =>
  new Option(
    '--limit <name=value>',
    'a limit of the archive reader, as in maxTotalBytes=32G (repeatable)',
  ).argParser(
    collect((text): [string, number] => {
      const [name, value] = parsePair('--limit', text);
      const size = parseSize(value);
      if (size === undefined)
        throw badValue('--limit', text, 'the value is a number, with k, M or G behind it or not');
      return [name, size];
    }),
  );
