import type { DockerEngine } from '../../engines/docker/engine.ts';
import { DogwoodError } from '../../errors.ts';
import type { LoadedImage } from '../../pipeline/run.ts';
import type { PipelineEnvironment } from '../../pipeline/session/environment.ts';
import { type Start, startCommand, startProcess } from '../../plan/start.ts';
import { Command, Option } from '../commander.ts';
import { badValue, collect } from '../flag-values.ts';
import { insecureFlag, progressFlag } from '../flags.ts';
import type { CliHost } from '../host.ts';

/** What the container's PORT says where --env does not; it appears on a free port of this machine. */
const CONTAINER_PORT = 8080;

interface RunFlags {
  readonly env?: readonly string[] | undefined;
  readonly envFile?: readonly string[] | undefined;
  readonly port?: number | undefined;
}

/** `build run IMAGE [PROCESS] [-- COMMAND]`. */
export function createRunCommand(host: CliHost, finish: (exitCode: number) => void) {
  return new Command()
    .usage('[options] IMAGE [PROCESS] [-- COMMAND...]')
    .argument('IMAGE', 'a name of the local store, or TRANSPORT:NAME')
    .argument('[PROCESS]', 'process type (default: web)')
    .argument('[COMMAND...]', 'behind --: a command instead of a process type')
    .addOption(
      new Option(
        '-p, --port <port>',
        'port of this machine for a web process (default: any free one)',
      ).argParser((text) => parsePort(text)),
    )
    .addOption(
      new Option('--env <name[=value]>', 'a variable; without a value ours is taken (repeatable)').argParser(
        collect((text) => text),
      ),
    )
    .addOption(
      new Option('--env-file <file>', 'variables from a file (repeatable)').argParser(
        collect((text) => text),
      ),
    )
    .addOption(insecureFlag())
    .addOption(progressFlag())
    .action(async (image, process, command, flags) => {
      const words = splitWords(host.arguments, process, command);
      const { runSession } = await import('../session.ts');
      finish(
        await runSession(host, 'run', flags, async ({ environment, quiet }) => {
          const { readVariables } = await import('../build-request.ts');
          const variables = await readVariables(flags, host.environment);
          const { connectDocker } = await import('../../engines/docker/engine.ts');
          const docker = await connectDocker(environment.dockerHost, environment.signal);
          const loadIntoDocker = await host.pipeline.loadIntoDocker();
          const loaded = await loadIntoDocker(image, environment, docker);
          const chosen = chooseStart(words, loaded);
          quiet();
          return runContainer(host, docker, environment, {
            imageId: loaded.imageId,
            chosen,
            variables,
            flags,
          });
        }),
      );
    });
}

function parsePort(text: string, what = '--port'): number {
  const port = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && port > 0 && port < 65536) return port;
  throw badValue(what, text, 'a port is a number from 1 to 65535');
}

interface Words {
  readonly process: string | undefined;
  /** Undefined: no `--` was given. */
  readonly command: readonly string[] | undefined;
}

/** Only what stands behind `--` is a command, even where no process type stands before it. */
function splitWords(
  words: readonly string[],
  process: string | undefined,
  command: readonly string[],
): Words {
  const end = words.indexOf('--');
  if (end === -1) {
    if (command.length > 0) {
      throw new DogwoodError('USAGE', `too many arguments: ${JSON.stringify(command[0])}`, {
        hint: 'Write a command behind --, as in `build run app -- ls -l`.',
      });
    }
    return { process, command: undefined };
  }
  const behind = words.slice(end + 1);
  if (behind.length === 0) throw new DogwoodError('USAGE', 'there is no command behind --');
  const before = [process, ...command].filter((word) => word !== undefined).length - behind.length;
  if (before > 0) throw new DogwoodError('USAGE', 'give a process type or a command, not both');
  return { process: undefined, command: behind };
}

interface Chosen {
  readonly start: Start;
  readonly isWeb: boolean;
}

/** Nothing is the image's own start, a word a process type, and what follows `--` a command. */
function chooseStart({ process, command }: Words, { processes, hasCommand }: LoadedImage): Chosen {
  const known = Object.keys(processes.commands);
  if (command !== undefined) return { start: startCommand(processes, command), isWeb: false };
  if (process === undefined && !hasCommand) {
    throw new DogwoodError('PROCESS_INVALID', 'the image does not say what to run', {
      hint: 'Write a command behind --, as in `build run IMAGE -- COMMAND`.',
    });
  }
  if (process === undefined) return { start: {}, isWeb: known.length === 0 || known.includes('web') };
  if (!known.includes(process)) {
    throw new DogwoodError('PROCESS_INVALID', `the image has no process type ${process}`, {
      hint:
        known.length > 0 ? `It has ${known.join(', ')}.` : 'It names none; run a command with -- COMMAND.',
    });
  }
  return { start: startProcess(processes, process), isWeb: process === 'web' };
}

interface Plan {
  readonly imageId: string;
  readonly chosen: Chosen;
  readonly variables: Readonly<Record<string, string>>;
  readonly flags: RunFlags;
}

async function runContainer(
  host: CliHost,
  docker: DockerEngine,
  { signal }: PipelineEnvironment,
  { imageId, chosen, variables, flags }: Plan,
): Promise<number> {
  const tty = host.stdin.isTTY === true && host.stdout.isTTY === true;
  const published = chosen.isWeb || flags.port !== undefined;
  const containerPort = published ? portOf(variables) : undefined;
  const port = containerPort === undefined ? {} : { PORT: String(containerPort) };
  const restore = tty ? makeRaw(host) : () => {};
  try {
    return await docker.run({
      image: imageId,
      entrypoint: chosen.start.entrypoint,
      command: chosen.start.arguments,
      env: { ...port, ...variables },
      tty,
      stdin: host.stdin,
      stdout: host.stdout,
      stderr: host.stderr,
      publish: containerPort === undefined ? undefined : { containerPort, hostPort: flags.port ?? 0 },
      onStarted: (hostPort) => {
        if (hostPort !== undefined) host.stderr.write(`http://127.0.0.1:${hostPort}${tty ? '\r' : ''}\n`);
      },
      signals: host.redirectSignals,
      size: (receiver) => watchSize(host, receiver),
      signal,
    });
  } finally {
    restore();
  }
}

/** An empty PORT is none, as for the launcher in the image. */
function portOf({ PORT }: Readonly<Record<string, string>>): number {
  return PORT ? parsePort(PORT, 'the variable PORT') : CONTAINER_PORT;
}

/** In a terminal of its own the application gets every key as it is pressed, Ctrl-C too. */
function makeRaw(host: CliHost): () => void {
  host.stdin.setRawMode?.(true);
  return () => void host.stdin.setRawMode?.(false);
}

function watchSize(host: CliHost, receiver: (size: { columns: number; rows: number }) => void): () => void {
  const tell = () => {
    const { columns, rows } = host.stdout;
    if (columns !== undefined && rows !== undefined) receiver({ columns, rows });
  };
  tell();
  host.stdout.on('resize', tell);
  return () => void host.stdout.removeListener('resize', tell);
}
