import { findBuildah } from '../../engines/dockerfile/buildah.ts';
import { findBuildkit } from '../../engines/dockerfile/buildkit.ts';
import { findBuildx } from '../../engines/dockerfile/buildx.ts';
import { findDockerBuilder } from '../../engines/dockerfile/docker.ts';
import type {
  DockerfileEngine,
  DockerfileEngineName,
  EngineAbility,
  EngineDemands,
} from '../../engines/dockerfile/engine.ts';
import { DogwoodError } from '../../errors.ts';
import { DOCKERFILE_ENGINES } from '../../plan/request.ts';
import type { BuildContext } from '../builder.ts';

const HOW: Readonly<Record<DockerfileEngineName, string>> = {
  buildkit: 'buildctl and a running buildkitd (BUILDKIT_HOST)',
  buildx: "Docker's buildx plugin with a builder (docker buildx create)",
  docker: 'a running Docker Engine (DOCKER_HOST)',
  buildah: 'Buildah',
};

interface Search {
  find(name: DockerfileEngineName): Promise<DockerfileEngine | undefined>;
  /** Why those that were looked for cannot be used. */
  readonly reasons: ReadonlyMap<DockerfileEngineName, string>;
}

/**
 * The engine that was asked for or, with `auto`, the first that is there and can do all that is asked.
 *
 * Throws ENGINE_MISSING when none is there, ENGINE_UNSUPPORTED when what is there cannot do it.
 */
export async function chooseEngine(
  asked: DockerfileEngineName | 'auto',
  demands: EngineDemands,
  context: BuildContext,
): Promise<DockerfileEngine> {
  const search = createSearch(context);
  const names = asked === 'auto' ? DOCKERFILE_ENGINES : [asked];
  let first: { engine: DockerfileEngine; lacks: Lack } | undefined;
  for (const name of names) {
    const engine = await search.find(name);
    if (engine === undefined) continue;
    const lacks = lackOf(engine, demands);
    if (lacks === undefined) return engine;
    first ??= { engine, lacks };
  }
  if (first === undefined) throw await missing(asked, search, demands);
  const able = await others(first.engine.name, search, demands);
  throw new DogwoodError(
    'ENGINE_UNSUPPORTED',
    `${first.engine.description} cannot do ${first.lacks.ability}: ${first.lacks.why}`,
    {
      hint:
        able.length > 0
          ? `Here ${able.join(' and ')} can: --engine ${able[0]}.`
          : `${first.engine.name === 'buildkit' ? HOW.buildx : HOW.buildkit} would; none is here.`,
    },
  );
}

function createSearch({ engines, signal }: BuildContext): Search {
  const { variables, dockerHost } = engines;
  const reasons = new Map<DockerfileEngineName, string>();
  const because = (name: DockerfileEngineName) => (reason: string) => void reasons.set(name, reason);
  return {
    reasons,
    find(name) {
      switch (name) {
        case 'buildkit':
          return findBuildkit(variables, signal, because(name));
        case 'buildx':
          return findBuildx(variables, signal, because(name));
        case 'docker':
          return findDockerBuilder(dockerHost, variables, signal, because(name));
        case 'buildah':
          return findBuildah(variables, signal, because(name));
      }
    },
  };
}

interface Lack {
  readonly ability: EngineAbility;
  readonly why: string;
}

/** The first thing that is asked for and that the engine cannot do. */
function lackOf(engine: DockerfileEngine, demands: EngineDemands): Lack | undefined {
  const asked: readonly (readonly [EngineAbility, boolean])[] = [
    ['secrets', demands.secrets.length > 0],
    ['ssh', demands.ssh.length > 0],
    ['named contexts', demands.contexts.length > 0],
    ['cache import', demands.cacheFrom.length > 0],
    ['cache export', demands.cacheTo.length > 0],
    ['remote frontends', demands.remoteFrontend],
  ];
  for (const [ability, needed] of asked) {
    const why = needed ? engine.cannot(ability, demands) : undefined;
    if (why !== undefined) return { ability, why };
  }
  return undefined;
}

async function others(
  but: DockerfileEngineName,
  search: Search,
  demands: EngineDemands,
): Promise<readonly DockerfileEngineName[]> {
  const able: DockerfileEngineName[] = [];
  for (const name of DOCKERFILE_ENGINES) {
    const engine = name === but ? undefined : await search.find(name);
    if (engine !== undefined && lackOf(engine, demands) === undefined) able.push(name);
  }
  return able;
}

async function missing(
  asked: DockerfileEngineName | 'auto',
  search: Search,
  demands: EngineDemands,
): Promise<DogwoodError> {
  const reasons = [...search.reasons].map(([name, reason]) => `${name}: ${reason}`).join('; ');
  if (asked === 'auto') {
    return new DogwoodError('ENGINE_MISSING', `nothing here builds Dockerfiles (${reasons})`, {
      hint: `Get one of: ${DOCKERFILE_ENGINES.map((name) => HOW[name]).join('; ')}. \`build plan\` shows which other strategies fit this source.`,
    });
  }
  const able = await others(asked, search, demands);
  const instead = able.length > 0 ? ` Here --engine ${able[0]} would work.` : '';
  return new DogwoodError('ENGINE_MISSING', reasons, { hint: `It needs ${HOW[asked]}.${instead}` });
}
