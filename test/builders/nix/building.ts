import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { runBuild } from '../../../src/pipeline/build.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import type { BuildResult } from '../../../src/plan/result.ts';
import { putNixTools } from '../../helpers/nix.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

/** A project of the test's own: one of `projects`, with bash, busybox and python3 in `tools`. */
export async function project(name: string, folder?: string): Promise<string> {
  const target = folder ?? join(await temporaryFolder(), name);
  await cp(join(import.meta.dirname, 'projects', name), target, { recursive: true });
  await putNixTools(target);
  return target;
}

export interface BuildSettings {
  /** The whole environment of engines: which Nix. */
  readonly variables: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly emit?: (event: BuildEvent) => void;
  readonly dockerHost?: string;
}

/** One build with a home of its own; into its local store unless told. */
export async function build(
  source: string,
  changes: Partial<BuildRequest>,
  { variables, signal, emit, dockerHost }: BuildSettings,
): Promise<{ readonly result: BuildResult; readonly events: readonly BuildEvent[] }> {
  const environment = pipelineEnvironment(join(await temporaryFolder(), 'home'), {
    engineVariables: variables,
    ...(signal ? { signal } : {}),
    ...(dockerHost ? { dockerHost } : {}),
  });
  const tell = (event: BuildEvent): void => {
    environment.emit(event);
    emit?.(event);
  };
  const result = await runBuild(buildRequest(source, changes), { ...environment, emit: tell });
  return { result, events: environment.events };
}
