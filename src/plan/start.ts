/** How an image starts its process types, and the command of each. */
export interface ImageProcesses {
  /** `launcher` is ours, `buildpacks` the lifecycle's; `none` knows no process types. */
  readonly contract: 'launcher' | 'buildpacks' | 'none';
  readonly commands: Readonly<Record<string, string>>;
}

/** What a container is started with; what is absent stays the image's own. */
export interface Start {
  readonly entrypoint?: readonly string[];
  readonly arguments?: readonly string[];
}

/** Starts a process type: by name, as the image's contract has it (rollout.md, processes). */
export function startProcess({ contract }: ImageProcesses, type: string): Start {
  return contract === 'buildpacks' ? { entrypoint: [`/cnb/process/${type}`] } : { arguments: [type] };
}

/** Starts a command of one's own, in the environment that the image's processes have. */
export function startCommand({ contract }: ImageProcesses, command: readonly string[]): Start {
  // Without the dashes the launcher hands the first word to bash, which not every run image has.
  if (contract === 'buildpacks')
    return { entrypoint: ['/cnb/lifecycle/launcher'], arguments: ['--', ...command] };
  // An image that others made has an entrypoint of its own, which may not know our `--`.
  return { arguments: contract === 'launcher' ? ['--', ...command] : command };
}
