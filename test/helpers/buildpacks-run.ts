/** Builds by the buildpacks builder with a builder of the run's own: what its tests have in common. */
import { delimiter, dirname } from 'node:path';
import { beforeAll } from 'vitest';
import { runBuild } from '../../src/pipeline/build.ts';
import type { PipelineEnvironment } from '../../src/pipeline/session/environment.ts';
import type { BuildEvent } from '../../src/plan/events.ts';
import type { BuildRequest } from '../../src/plan/request.ts';
import type { SucceededBuild } from '../../src/plan/result.ts';
import { type TestBuilder, testBuilder } from './buildpacks-builder.ts';
import { type Docker, dockerEngine } from './docker.ts';
import { processes } from './machine.ts';
import { buildRequest, pipelineEnvironment } from './pipeline.ts';
import { temporaryFolder } from './temp.ts';

export const LIMIT_MS = 60_000;

export const commandLines = async () => (await processes()).map(([, line]) => line);

/** What a build printed, or one phase of it. */
export const lines = (events: readonly BuildEvent[], task?: string) =>
  events.flatMap((event) =>
    event.type === 'log' && (task === undefined || event.task === task) ? [event.line] : [],
  );

export type BuildpacksRun = ReturnType<typeof buildpacksRun>;

/** Call it in a `describeWith(['docker', 'busybox', 'pack', 'lifecycle'], ...)`. */
export function buildpacksRun(pack: string) {
  let made: TestBuilder;
  let engine: Docker;

  beforeAll(async () => {
    engine = await dockerEngine();
    made = await testBuilder('buildpacks-build');
  });

  const environmentOf = (home: string, changes: Partial<PipelineEnvironment> = {}) => {
    const PATH = [dirname(pack), process.env.PATH].join(delimiter);
    return pipelineEnvironment(home, {
      dockerHost: engine.environment.DOCKER_HOST,
      dockerConfig: engine.environment.DOCKER_CONFIG,
      engineVariables: { ...made.environment, PATH },
      ...changes,
    });
  };
  const requestOf = (app: string, changes: Partial<BuildRequest> = {}) =>
    buildRequest(app, {
      strategy: 'buildpacks',
      builder: made.builder,
      allow: ['trust-builder'],
      ...changes,
    });

  const build = async (app: string, changes: Partial<BuildRequest> = {}, home?: string) => {
    const environment = environmentOf(home ?? (await temporaryFolder()));
    const result = await runBuild(requestOf(app, changes), environment);
    return { result, events: environment.events, home: environment.home };
  };
  const succeed = async (app: string, changes: Partial<BuildRequest> = {}, home?: string) => {
    const built = await build(app, changes, home);
    if (built.result.status !== 'succeeded') throw new Error(built.result.error.message);
    return { ...built, result: built.result satisfies SucceededBuild };
  };
  /** What a build may have left in the engine. */
  const leftovers = async () => {
    const [containers, volumes, networks, images] = await Promise.all([
      engine.docker('ps', '--all', '--quiet', '--filter', 'label=author=pack'),
      engine.docker('volume', 'ls', '--format', '{{.Name}}'),
      engine.docker('network', 'ls', '--format', '{{.Name}}'),
      engine.docker('image', 'ls', '--format', '{{.Repository}}'),
    ]);
    return [containers, volumes, networks, images]
      .flatMap((answer) => answer.split('\n'))
      .filter(
        (name) => name !== '' && /^[0-9a-f]{12}$|^pack[-.]|^dogwood-build|^dogwood\.local\/build/.test(name),
      );
  };
  const cacheVolumes = async () =>
    (await engine.docker('volume', 'ls', '--format', '{{.Name}}', '--filter', 'name=dogwood-cache-'))
      .split('\n')
      .filter((name) => name !== '');

  return {
    pack,
    get engine() {
      return engine;
    },
    get made() {
      return made;
    },
    environmentOf,
    requestOf,
    build,
    succeed,
    leftovers,
    cacheVolumes,
  };
}
