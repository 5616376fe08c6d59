import { DogwoodError } from '../errors.ts';
import { connectDocker } from './docker/engine.ts';
import { jailProblem } from './nix/jail.ts';
import { runProcess } from './process.ts';

/** A tool outside, as this machine has it. */
export interface EngineReport {
  readonly name: string;
  /** Undefined when it was not found, or does not say. */
  readonly version: string | undefined;
  readonly found: boolean;
  /** Why it cannot be used although it may be there. */
  readonly problem: string | undefined;
}

/** Milliseconds a tool has to say its version. */
const VERSION_MS = 5_000;

interface Tool {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}

const TOOLS: readonly Tool[] = [
  { name: 'buildctl', file: 'buildctl', args: ['--version'] },
  { name: 'buildx', file: 'docker', args: ['buildx', 'version'] },
  { name: 'buildah', file: 'buildah', args: ['--version'] },
  { name: 'pack', file: 'pack', args: ['version'] },
  { name: 'nix', file: 'nix', args: ['--version'] },
  { name: 'git', file: 'git', args: ['--version'] },
  { name: 'igzip', file: 'igzip', args: ['--version'] },
];

type Variables = Readonly<Record<string, string>>;

/**
 * Asks every engine that Dogwood knows for its version, all at once. Throws only on abort.
 *
 * @param variables the whole environment of the tools (`environment.ts`)
 */
export async function detectEngines(
  dockerHost: string | undefined,
  variables: Variables,
  signal: AbortSignal,
): Promise<readonly EngineReport[]> {
  return Promise.all([
    detectDocker(dockerHost, signal),
    ...TOOLS.map((tool) =>
      tool.name === 'nix' ? detectNix(tool, variables, signal) : detectTool(tool, variables, signal),
    ),
  ]);
}

/** Nix alone is not enough: what a project brings runs in a sandbox, and its own programs in a jail. */
async function detectNix(tool: Tool, variables: Variables, signal: AbortSignal): Promise<EngineReport> {
  const nix = await detectTool(tool, variables, signal);
  if (!nix.found) return nix;
  const problem = await jailProblem(variables, signal);
  return problem === undefined ? nix : { ...nix, problem: `no sandbox for projects here: ${problem}` };
}

async function detectDocker(host: string | undefined, signal: AbortSignal): Promise<EngineReport> {
  try {
    const { version } = await connectDocker(host, signal);
    const text = `${version.engine} (API ${version.api})`;
    return { name: 'docker', found: true, version: text, problem: undefined };
  } catch (error) {
    return missing('docker', error, signal);
  }
}

async function detectTool(
  { name, file, args }: Tool,
  env: Variables,
  signal: AbortSignal,
): Promise<EngineReport> {
  try {
    const limits = { timeoutMs: VERSION_MS, maxOutputBytes: 4096 };
    const result = await runProcess(file, args, { ...limits, env, signal });
    // A docker without the plugin prints its own help, and fails.
    if (result.exitCode !== 0) return { name, found: false, version: undefined, problem: undefined };
    const version = /\bv?([0-9]+\.[0-9]+(?:\.[0-9]+)?[-+.\w]*)/.exec(result.stdout || result.stderr)?.[1];
    return { name, found: true, version, problem: undefined };
  } catch (error) {
    return missing(name, error, signal);
  }
}

function missing(name: string, error: unknown, signal: AbortSignal): EngineReport {
  signal.throwIfAborted();
  if (!(error instanceof DogwoodError)) throw error;
  const absent = error.code === 'ENGINE_MISSING' && name !== 'docker';
  return { name, found: false, version: undefined, problem: absent ? undefined : error.message };
}
