import type { Finding } from '../../plan/detection.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { Source } from '../../source/source.ts';
import type { Tree } from '../../source/tree.ts';
import type { PlanContext } from '../builder.ts';

/** Names that are looked for at the root, in this order: BuildKit's two, then Buildah's. */
export const DOCKERFILE_NAMES = ['Dockerfile', 'dockerfile', 'Containerfile'] as const;

/** Is there a Dockerfile? */
export async function detectDockerfile(
  source: Source,
  request: BuildRequest,
  context: PlanContext,
): Promise<Finding> {
  const tree = await context.openTree(source);
  const file = request.file ?? (tree && (await findDockerfile(tree)));
  return file === undefined
    ? { applies: false, reason: 'there is no Dockerfile', evidence: [] }
    : { applies: true, reason: `there is a ${file}`, evidence: [file] };
}

/** The Dockerfile at the root that counts, by the same rules as detection; undefined when there is none. */
export async function findDockerfile(tree: Tree): Promise<string | undefined> {
  const entries = await tree.list('');
  return DOCKERFILE_NAMES.find((name) => entries.some(({ path, kind }) => path === name && kind === 'file'));
}
