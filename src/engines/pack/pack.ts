/** The `pack` CLI, typed: nothing here knows of plans, builders or registries. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import { type ProcessResult, runProcess } from '../process.ts';
import { type PackBuildOptions, packBuildArguments } from './arguments.ts';
import { type PackListener, type PackPhase, packOutput } from './output.ts';
import { type PackReport, parsePackReport } from './report.ts';

export interface PackSettings {
  /** Path or name of the program. */
  readonly file?: string | undefined;
  /** Its whole environment: PATH, HOME or PACK_HOME, DOCKER_HOST and the like. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface PackBuildRun extends PackListener {
  readonly signal?: AbortSignal | undefined;
  /** Values of the variables that the options name. */
  readonly values?: Readonly<Record<string, string>> | undefined;
}

/** A build that ended without an image is a result: the caller knows whose fault it is. */
export type PackBuildResult =
  | { readonly status: 'built'; readonly report: PackReport }
  | {
      readonly status: 'failed';
      /** Of the lifecycle; undefined when it did not come to run. `codes.ts` says what it means. */
      readonly code: number | undefined;
      /** The phase that ran last. */
      readonly phase: PackPhase | undefined;
      /** The last lines that it, or pack, printed. */
      readonly lastLines: readonly string[];
    };

export interface PackProcess {
  readonly type: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly default: boolean;
}

export interface Pack {
  /** For example `0.38.2`. */
  version(signal?: AbortSignal): Promise<string>;
  /** The builders that pack, or its user's config, trusts, as they are written there. */
  trustedBuilders(signal?: AbortSignal): Promise<readonly string[]>;
  /** Throws ENGINE_MISSING, ENGINE_FAILED, and the signal's reason on abort. */
  build(image: string, options: PackBuildOptions, run: PackBuildRun): Promise<PackBuildResult>;
  /**
   * The process types of an image that the engine holds. pack looks at its registry as well: throws ENGINE_FAILED when
   * that cannot be reached, or the image is in neither.
   */
  inspect(image: string, signal?: AbortSignal): Promise<{ readonly processes: readonly PackProcess[] }>;
}

/** Milliseconds that pack has to remove its containers and volumes when it is told to end. */
const GRACE_MS = 20_000;
/** Milliseconds for what only reads. */
const QUESTION_MS = 30_000;

const inspected = z.object({
  local_info: z
    .object({
      processes: z.array(
        z.object({
          type: z.string(),
          command: z.string(),
          default: z.boolean().default(false),
          args: z.array(z.string()).nullish(),
        }),
      ),
    })
    .nullable(),
});

export function createPack({ file = 'pack', variables }: PackSettings): Pack {
  const ask = async (args: readonly string[], signal: AbortSignal | undefined): Promise<string> => {
    const result = await runProcess(file, args, { env: variables, signal, timeoutMs: QUESTION_MS });
    if (result.exitCode === 0) return result.stdout;
    throw new DogwoodError('ENGINE_FAILED', `pack ${args[0]} failed: ${lastLine(result)}`);
  };
  return {
    version: async (signal) => {
      const text = await ask(['version'], signal);
      return text.trim().replace(/\+.*$/s, '');
    },
    trustedBuilders: async (signal) => {
      const text = await ask(['config', 'trusted-builders', 'list', '--no-color'], signal);
      return text.split('\n').flatMap((line) => /^\s+(\S+)\s*$/.exec(line)?.[1] ?? []);
    },
    async build(image, options, { signal, values, ...listener }) {
      const output = packOutput(listener);
      const { exitCode } = await runProcess(file, packBuildArguments(image, options), {
        env: { ...variables, ...values },
        signal,
        graceMs: GRACE_MS,
        // The lines are with the listener.
        maxOutputBytes: 4096,
        onOutput: output.write,
      });
      const { phase, lastLines, code } = output.end();
      if (exitCode !== 0) return { status: 'failed', code, phase, lastLines };
      const report = await readFile(join(options.reportFolder, 'report.toml'), 'utf8').catch((cause) => {
        throw new DogwoodError('ENGINE_FAILED', 'pack left no report of what it built', { cause });
      });
      return { status: 'built', report: parsePackReport(report) };
    },
    async inspect(image, signal) {
      const text = await ask(['inspect', image, '--output', 'json'], signal);
      const found = inspected.safeParse(JSON.parse(text));
      if (!found.success || found.data.local_info === null) {
        throw new DogwoodError('ENGINE_FAILED', `pack inspect does not describe ${image}`);
      }
      const processes = found.data.local_info.processes.map((each) => ({ ...each, args: each.args ?? [] }));
      return { processes };
    },
  };
}

const lastLine = ({ stderr, stdout }: ProcessResult): string =>
  (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '';
