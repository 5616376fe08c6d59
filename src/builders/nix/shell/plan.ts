import { DogwoodError } from '../../../errors.ts';
import type { NixShellPlan } from '../../../plan/nix-plan.ts';
import type { Project } from '../../../plan/project.ts';
import type { BuildRequest } from '../../../plan/request.ts';
import type { Tree } from '../../../source/tree.ts';
import { refuseFlags } from '../../refused-flags.ts';
import { findShell } from './file.ts';

const TAKEN = ['--nix-shell', '--compression', '--base', '--process', '--env', '--label'] as const;

/** The project's build command in its nix-shell. Throws NIX_SHELL_INVALID, USAGE. */
export async function planShell(tree: Tree, project: Project, request: BuildRequest): Promise<NixShellPlan> {
  refuseFlags(request, TAKEN, 'a build in a nix-shell makes its image of what the command leaves');
  const build = project.shellBuild;
  if (build === undefined) {
    throw new DogwoodError('NIX_SHELL_INVALID', 'nothing says which command to run in the nix-shell', {
      hint: 'Write it into dogwood.toml: [build] with command = "..." and output = "PATH".',
    });
  }
  const { command, output, shell } = build.value;
  for (const [what, value] of Object.entries({ output, shell: request.nixShell ?? shell ?? '' })) {
    if (value.startsWith('/') || value.split('/').includes('..'))
      throw new DogwoodError(
        'NIX_SHELL_INVALID',
        `the ${what} of the build is no path below the project: ${value}`,
      );
  }
  if (command.trim() === '')
    throw new DogwoodError('NIX_SHELL_INVALID', `${build.from} has an empty build command`);
  const wanted = request.nixShell ?? shell;
  const file = await findShell(tree, wanted);
  if (file === undefined) {
    throw new DogwoodError(
      'NIX_SHELL_INVALID',
      `there is no ${wanted ?? 'shell.nix or flake.nix'} in the project`,
    );
  }
  const from = request.nixShell !== undefined ? '--nix-shell' : shell === null ? file.path : build.from;
  return {
    kind: 'shell',
    file: { value: file.path, from },
    flake: file.flake,
    command: { value: command, from: build.from },
    output: { value: output, from: build.from },
  };
}
