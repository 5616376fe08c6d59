import { constants } from 'node:fs';
import { cp, lstat, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { createLineSplitter, createLineTail } from '../../../engines/lines.ts';
import { classifyNixFailure } from '../../../engines/nix/failure.ts';
import { nixStore, runNix } from '../../../engines/nix/nix.ts';
import { type NixPermissions, untrustedSettings } from '../../../engines/nix/settings.ts';
import { runInNixShell } from '../../../engines/nix/shell.ts';
import { DogwoodError } from '../../../errors.ts';
import type { BuildPlan } from '../../../plan/build-plan.ts';
import type { NixShellPlan } from '../../../plan/nix-plan.ts';
import type { CompressionChoice } from '../../../plan/request.ts';
import type { Tree } from '../../../source/tree.ts';
import type { BuildContext, Built } from '../../builder.ts';
import { itsLastLines, nixError, storeElsewhere } from '../failure.ts';
import { systemOf } from '../image/build.ts';
import { installable } from '../image/installable.ts';
import { checkInputs } from '../look/inputs.ts';
import { taskReporter } from '../tasks.ts';
import { takeShellArchive, takeShellFolder } from './output.ts';

const LAST_LINES = 12;
const COMMAND_TASK = 'command';

/**
 * Runs the project's build command in its nix-shell, on a private copy of the source, and makes an image of what it
 * leaves. Throws NIX_SHELL_INVALID, NIX_SHELL_FAILED, and NIX_* as `buildNixImage` does.
 */
export async function buildInShell(
  plan: BuildPlan,
  shell: NixShellPlan,
  permissions: NixPermissions,
  compression: CompressionChoice,
  tree: Tree,
  context: BuildContext,
): Promise<Built> {
  const store = nixStore(context.engines.variables);
  if (permissions.unsandboxed && store.physical !== store.logical) throw storeElsewhere('the shell', store);
  const folder = await context.makeFolder();
  const work = join(folder, 'source');
  await copySource(tree.root, work);
  await runCommand(plan, shell, permissions, { folder, work }, tree, context);
  const output = await findOutput(work, shell.output.value);
  const options = { plan, permissions, compression, what: `the output ${shell.output.value}` };
  return output.kind === 'folder'
    ? await takeShellFolder(output.path, options, context)
    : await takeShellArchive(output.path, options, context);
}

/** Links stay links: what they lead to outside is not there in the jail. */
async function copySource(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    mode: constants.COPYFILE_FICLONE,
    filter: async (path) => {
      const info = await lstat(path);
      return info.isFile() || info.isDirectory() || info.isSymbolicLink();
    },
  });
}

async function runCommand(
  plan: BuildPlan,
  shell: NixShellPlan,
  permissions: NixPermissions,
  { folder, work }: { readonly folder: string; readonly work: string },
  tree: Tree,
  context: BuildContext,
): Promise<void> {
  const reporter = taskReporter(context);
  const derivation = await shellDerivation(plan, shell, permissions, tree, context);
  const started = performance.now();
  const tell = (state: 'started' | 'finished' | 'failed', milliseconds: number | null): void =>
    context.emit({
      type: 'task',
      step: 'build',
      id: COMMAND_TASK,
      name: shell.command.value,
      state,
      milliseconds,
    });
  tell('started', null);
  const last = createLineTail(LAST_LINES);
  const say = (stream: 'stdout' | 'stderr', line: string): void => {
    last.push(line);
    context.emit({ type: 'log', step: 'build', stream, line, task: COMMAND_TASK });
  };
  const output = createLineSplitter((line) => say('stdout', line));
  const result = await runInNixShell({
    derivation,
    command: shell.command.value,
    work,
    folder,
    store: nixStore(context.engines.variables),
    settings: untrustedSettings(permissions, true),
    jailed: !permissions.unsandboxed,
    epoch: plan.epoch,
    variables: context.engines.variables,
    signal: context.signal,
    onOutput: (bytes) => output.push(bytes),
    onEvent(event) {
      if (event.type === 'text') say('stderr', event.line);
      else reporter.onEvent(event);
    },
  });
  output.end();
  const failure = result.exitCode === 0 || result.began ? undefined : classifyNixFailure(result);
  reporter.end(failure?.kind === 'build' ? failure.derivation : undefined);
  tell(result.exitCode === 0 ? 'finished' : 'failed', Math.round(performance.now() - started));
  if (result.exitCode === 0) return;
  if (result.began) throw commandError(shell.command.value, result.exitCode, last.lines());
  const what = `the shell of ${shell.file.value}`;
  if (result.errors.length === 0) {
    throw new DogwoodError(
      'NIX_SHELL_INVALID',
      `${what} cannot be entered: ${last.lines().at(-1) ?? 'no reason was given'}`,
    );
  }
  throw await nixError(result, { tree, context, what, lastLines: reporter.lastLines });
}

function commandError(command: string, exitCode: number, last: readonly string[]): DogwoodError {
  const jail = last.find((line) => /^bwrap: (?!execvp )/.test(line));
  if (jail !== undefined) {
    return new DogwoodError(
      'NIX_SANDBOX_UNAVAILABLE',
      `bubblewrap cannot make a jail here: ${jail.slice(7)}`,
    );
  }
  return new DogwoodError(
    'NIX_SHELL_FAILED',
    `the build command ended with exit code ${exitCode}: ${command}${itsLastLines(last)}`,
  );
}

/** Evaluates the shell and gives its derivation. A flake's is `devShells.<system>.default`, or the older `devShell`. */
async function shellDerivation(
  plan: BuildPlan,
  shell: NixShellPlan,
  permissions: NixPermissions,
  tree: Tree,
  context: BuildContext,
): Promise<string> {
  const system = systemOf(plan);
  const file = { path: shell.file.value, flake: shell.flake };
  if (file.flake) await checkInputs(tree, context);
  const attributes = file.flake
    ? [`devShells.${system}.default.drvPath`, `devShell.${system}.drvPath`]
    : ['drvPath'];
  const settings = untrustedSettings(permissions, true);
  const evaluate = (attribute: string) =>
    runNix(['eval', '--raw', '--show-trace', ...installable(tree, file, attribute, system), ...settings], {
      variables: context.engines.variables,
      signal: context.signal,
      cwd: tree.root,
    });
  const [first = '', second] = attributes;
  let result = await evaluate(first);
  if (result.exitCode !== 0 && second !== undefined && classifyNixFailure(result).kind === 'attribute')
    result = await evaluate(second);
  if (result.exitCode === 0) return result.stdout.trim();
  throw await nixError(result, { tree, context, what: `the shell of ${file.path}` });
}

async function findOutput(
  work: string,
  output: string,
): Promise<{ readonly kind: 'folder' | 'file'; readonly path: string }> {
  const root = await realpath(work);
  const path = await realpath(join(work, output)).catch(() => undefined);
  if (path === undefined) {
    throw new DogwoodError('NIX_SHELL_FAILED', `the build command left no ${output}`, {
      hint: 'Check `output` in dogwood.toml: it is a path below the project.',
    });
  }
  if (path !== root && !path.startsWith(`${root}/`)) {
    throw new DogwoodError(
      'NIX_SHELL_INVALID',
      `the output ${output} is a link that leads out of the project`,
    );
  }
  const info = await lstat(path);
  if (info.isDirectory()) return { kind: 'folder', path };
  if (info.isFile()) return { kind: 'file', path };
  throw new DogwoodError('NIX_SHELL_INVALID', `the output ${output} is neither a folder nor a file`);
}
