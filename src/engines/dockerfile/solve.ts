import type { Readable } from 'node:stream';
import { takeArchive } from './archive-process.ts';
import type { DockerfileBuild, EngineRun } from './engine.ts';
import { buildFailure, lineInExcerpt } from './failure.ts';
import { handOverSecrets, secretFlags } from './secret-files.ts';
import { createSolveOutput } from './solve-output.ts';

/** A client of BuildKit that writes the image's archive to standard output, and `--progress rawjson` to the other. */
export interface SolveClient {
  /** The engine, for messages. */
  readonly description: string;
  readonly file: string;
  /** Besides those of the run. */
  readonly variables: Readonly<Record<string, string>>;
  /** All arguments, with the flags that hand secrets over. */
  readonly args: (secrets: readonly string[]) => readonly string[];
}

/** Builds with a client of BuildKit. Takes, gives and throws what `DockerfileEngine.build` does. */
export async function takeSolve<T>(
  { description, file, variables, args }: SolveClient,
  build: DockerfileBuild,
  run: EngineRun,
  take: (archive: Readable) => Promise<T>,
): Promise<T> {
  const secrets = await handOverSecrets(build.secrets, run);
  const output = createSolveOutput(run.onProgress);
  const options = {
    env: { ...run.variables, ...variables, ...secrets.variables },
    signal: run.signal,
    onOutput: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => {
      if (stream === 'stderr') output.push(bytes);
    },
  };
  const refuse = () => {
    const text = output.text();
    return buildFailure({ engine: description, text, step: output.failed(), line: lineInExcerpt(text) });
  };
  try {
    return await takeArchive(file, args(secretFlags(secrets)), options, refuse, take);
  } finally {
    output.end();
  }
}
