import type { Finding } from '../../plan/detection.ts';
import type { Project } from '../../plan/project.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Tree } from '../../source/tree.ts';

/** Files that make a folder an application of some language's buildpack. */
const MARKERS = [
  ...['project.toml', 'Procfile', 'package.json', 'requirements.txt', 'pyproject.toml', 'Pipfile', 'Gemfile'],
  ...['go.mod', 'pom.xml', 'build.gradle', 'build.sbt', 'composer.json', 'Cargo.toml', 'mix.exs', 'deps.edn'],
];

/** Would some buildpack fit? Which one does is found out by running them, in the build. */
export async function detectBuildpacks(
  tree: Tree,
  request: BuildRequest,
  project: Project,
): Promise<Finding> {
  if (request.builder !== undefined) {
    return { applies: true, reason: 'a builder was named', evidence: ['--builder'] };
  }
  if (project.builder !== undefined) {
    return { applies: true, reason: 'the project names a builder', evidence: [project.builder.from] };
  }
  const names = new Set((await tree.list('')).filter(({ kind }) => kind === 'file').map(({ path }) => path));
  const evidence = MARKERS.filter((name) => names.has(name));
  return evidence.length > 0
    ? { applies: true, reason: 'buildpacks know applications with such files', evidence }
    : { applies: false, reason: 'nothing in it is known to buildpacks', evidence: [] };
}
