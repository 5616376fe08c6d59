import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { DogwoodError } from '../errors.ts';
import { isProcessType } from '../plan/procfile.ts';
import type { BuildRequest, Quorum } from '../plan/request.ts';
import type { SourceFlags } from './build-flags.ts';
import { parseEnvFile, VARIABLE_NAME } from './env-file.ts';
import { badValue } from './flag-values.ts';
import type { CliHost } from './host.ts';
import type { UserConfig } from './user-config-schema.ts';

// The same on every machine, so that the same slug gives the same digest; Heroku's slugs are made for it.
const DEFAULT_PLATFORM = { os: 'linux', architecture: 'amd64' } as const;

/**
 * What the flags, the environment and the config file ask for, in that order of precedence. Throws USAGE for a value
 * that cannot be read, SOURCE_NOT_FOUND for an --env-file that is not there.
 */
export async function createBuildRequest(
  source: string,
  flags: SourceFlags & { readonly quorum?: Quorum | undefined },
  config: UserConfig,
  environment: CliHost['environment'],
): Promise<BuildRequest> {
  return {
    source,
    strategy: flags.strategy,
    destinations: flags.tag ?? [],
    regions: config.regions,
    quorum: flags.quorum,
    output: flags.output,
    base: flags.base,
    stack: flags.stack,
    stackImages: config.stacks,
    processes: readProcesses(flags.process ?? []),
    env: await readVariables(flags, environment),
    file: flags.file,
    target: flags.target,
    buildArgs: Object.fromEntries((flags.buildArg ?? []).map((text) => readBuildArg(text, environment))),
    contexts: Object.fromEntries(flags.buildContext ?? []),
    secrets: flags.secret ?? [],
    ssh: flags.ssh ?? [],
    engine: flags.engine,
    cacheFrom: flags.cacheFrom ?? [],
    cacheTo: flags.cacheTo ?? [],
    builder: flags.builder,
    attribute: flags.attr,
    nixShell: flags.nixShell,
    allow: flags.allow ?? [],
    tenant: 'local',
    labels: Object.fromEntries(flags.label ?? []),
    platform: flags.platform ?? DEFAULT_PLATFORM,
    compression: flags.compression,
    layer: flags.layer,
    hasMounts: false,
    rebuild: flags.rebuild,
    epoch: readEpoch(environment.SOURCE_DATE_EPOCH),
    limits: { ...config.limits, ...Object.fromEntries(flags.limit ?? []) },
  };
}

function readProcesses(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  for (const [name, command] of pairs) {
    if (!isProcessType(name)) throw badValue('--process', name, 'a process type is letters, digits, - and _');
    if (command.trim() === '') throw badValue('--process', name, 'the command is empty');
  }
  return Object.fromEntries(pairs);
}

/** `NAME=VALUE`, or a name whose value is ours; as with Docker's, the value may be empty. */
function readBuildArg(text: string, environment: CliHost['environment']): readonly [string, string] {
  const sign = text.indexOf('=');
  const name = sign === -1 ? text : text.slice(0, sign);
  if (!VARIABLE_NAME.test(name)) throw badValue('--build-arg', name, 'an argument is letters, digits and _');
  const value = sign === -1 ? environment[name] : text.slice(sign + 1);
  if (value === undefined) throw badValue('--build-arg', name, 'it is not set in the environment');
  return [name, value];
}

/** Variables of files come first, so that --env can say otherwise. */
export async function readVariables(
  flags: { readonly env?: readonly string[] | undefined; readonly envFile?: readonly string[] | undefined },
  environment: CliHost['environment'],
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const file of flags.envFile ?? []) Object.assign(values, parseEnvFile(await readEnvFile(file), file));
  for (const text of flags.env ?? []) {
    const sign = text.indexOf('=');
    const name = sign === -1 ? text : text.slice(0, sign);
    // The value may be a secret: no message shows more than the name.
    if (!VARIABLE_NAME.test(name)) throw badValue('--env', name, 'a variable is letters, digits and _');
    const value = sign === -1 ? environment[name] : text.slice(sign + 1);
    if (value === undefined) throw badValue('--env', name, 'it is not set in the environment');
    values[name] = value;
  }
  return values;
}

/** More than any environment holds; a device would be read for ever. */
const MAX_ENV_FILE_BYTES = 4 * 1024 * 1024;

async function readEnvFile(file: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of createReadStream(file)) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > MAX_ENV_FILE_BYTES) break;
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new DogwoodError(
      missing ? 'SOURCE_NOT_FOUND' : 'SOURCE_UNREADABLE',
      `--env-file ${file}: ${missing ? 'there is no such file' : 'it cannot be read'}`,
      { hint: 'Check the path.', cause },
    );
  }
  if (size > MAX_ENV_FILE_BYTES) {
    throw new DogwoodError('USAGE', `--env-file ${file}: it has more than ${MAX_ENV_FILE_BYTES} bytes`);
  }
  const bytes = Buffer.concat(chunks);
  // Read loosely, a value would be another in the image than in the file.
  if (!isUtf8(bytes)) throw new DogwoodError('USAGE', `--env-file ${file}: it is not UTF-8`);
  return bytes.toString('utf8');
}

/** https://reproducible-builds.org/specs/source-date-epoch: seconds since 1970; 0 where nobody says. */
function readEpoch(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  // Until the year 9999, which is where RFC 3339 ends.
  if (/^[0-9]{1,12}$/.test(text) && Number(text) <= 253_402_300_799) return Number(text);
  throw new DogwoodError(
    'USAGE',
    `SOURCE_DATE_EPOCH ${JSON.stringify(text.slice(0, 40))}: no whole number of seconds`,
    {
      hint: 'Set it to seconds since 1970, or not at all.',
    },
  );
}
