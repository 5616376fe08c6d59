import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CommanderError, CommandUnknownOpts } from '@commander-js/extra-typings';
import { DogwoodError } from '../errors.ts';
import type { CliHost } from './host.ts';
import { BUILD, COMMANDS, type Summary } from './summaries.ts';

/** A command's own part: its flags, and an action that ends with an exit code. */
export type CreateCommand = (host: CliHost, finish: (exitCode: number) => void) => CommandUnknownOpts;

/** Each command's modules load when it is the one that runs: start-up is most of what a short command takes. */
const LOADERS: Readonly<Record<'build' | (typeof COMMANDS)[number]['name'], () => Promise<CreateCommand>>> = {
  build: async () => (await import('./commands/build.ts')).createBuildCommand,
  plan: async () => (await import('./commands/plan.ts')).createPlanCommand,
  inspect: async () => (await import('./commands/inspect.ts')).createInspectCommand,
  validate: async () => (await import('./commands/validate.ts')).createValidateCommand,
  push: async () => (await import('./commands/push.ts')).createPushCommand,
  copy: async () => (await import('./commands/copy.ts')).createCopyCommand,
  run: async () => (await import('./commands/run.ts')).createRunCommand,
  images: async () => (await import('./commands/images.ts')).createImagesCommand,
  heroku: async () => (await import('./commands/heroku/index.ts')).createHerokuCommand,
  doctor: async () => (await import('./commands/doctor.ts')).createDoctorCommand,
};

interface Chosen extends Summary {
  readonly load: () => Promise<CreateCommand>;
}

const BUILD_COMMAND: Chosen = { ...BUILD, load: LOADERS.build };

function findCommand(word: string | undefined): Chosen | undefined {
  const found = COMMANDS.find(({ name }) => name === word);
  return found && { ...found, load: LOADERS[found.name] };
}

/**
 * Runs the command that the arguments name; gives the exit code. The first argument alone decides: a command's name is
 * that command, anything else belongs to `build [SOURCE]`.
 */
export async function runProgram(host: CliHost): Promise<number> {
  // Half of a short command's time is loading; this one needs nothing.
  if (host.arguments.length === 1 && host.arguments[0] === '--version') {
    host.stdout.write(`${host.version}\n`);
    return 0;
  }
  let exitCode = 0;
  try {
    const { entry, rest } = chooseCommand(host);
    const create = await entry.load();
    const command = create(host, (code) => {
      exitCode = code;
    });
    configure(command, entry, host);
    await command.parseAsync(rest, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    const wrongUsage = isCommanderError(thrown);
    if (wrongUsage && thrown.exitCode === 0) return 0;
    const { reportFailure } = await import('./failure.ts');
    return reportFailure(host, wrongUsage ? usageError(thrown) : thrown);
  }
}

function chooseCommand(host: CliHost): { readonly entry: Chosen; readonly rest: string[] } {
  const [first, ...rest] = host.arguments;
  if (first === 'help') {
    const [about = BUILD.name] = rest;
    const entry = about === BUILD.name || about.startsWith('-') ? BUILD_COMMAND : findCommand(about);
    if (entry !== undefined) return { entry, rest: ['--help'] };
    throw new DogwoodError('USAGE', `there is no command ${about}`, {
      hint: 'See `build --help` for the commands.',
    });
  }
  const entry = findCommand(first);
  if (entry !== undefined) return { entry, rest };
  if (first !== undefined) refuseUnknownCommand(first);
  return { entry: BUILD_COMMAND, rest: [...host.arguments] };
}

/** A lone word that is nothing here was meant as a command more often than as a path. */
function refuseUnknownCommand(word: string): void {
  if (!/^[a-z][a-z-]*$/.test(word) || existsSync(resolve(word))) return;
  const close = COMMANDS.map(({ name }) => name).filter((name) => editDistance(word, name) <= 2);
  throw new DogwoodError('USAGE', `${word.slice(0, 100)} is neither a command nor a path here`, {
    hint:
      close.length > 0
        ? `Did you mean ${close.map((name) => `\`build ${name}\``).join(' or ')}?`
        : 'See `build --help` for the commands.',
  });
}

/** Levenshtein's distance, for words. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

function configure(command: CommandUnknownOpts, entry: Summary, host: CliHost): void {
  command.name(entry.name === BUILD.name ? 'build' : `build ${entry.name}`).description(entry.summary);
  adapt(command, host);
}

/** The same ways for a command and those below it. */
function adapt(command: CommandUnknownOpts, host: CliHost): void {
  command
    .helpOption('-h, --help', 'show this help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void host.stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => host.stdout.columns ?? 100,
      getOutHasColors: () => false,
    });
  for (const below of command.commands) adapt(below, host);
}

/** Told by its code: the class itself would have to be loaded for it. */
function isCommanderError(thrown: unknown): thrown is CommanderError {
  return thrown instanceof Error && 'code' in thrown && String(thrown.code).startsWith('commander.');
}

/** commander's words, in our form. */
function usageError(error: CommanderError): DogwoodError {
  const [message, ...more] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /\(Did you mean (.+)\?\)/.exec(more.join('\n'))?.[1];
  return new DogwoodError('USAGE', message ?? 'wrong usage', {
    ...(suggestion === undefined ? {} : { hint: `Did you mean ${suggestion}?` }),
  });
}
