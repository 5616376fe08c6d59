import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import { DOGWOOD_TOML, type Project } from '../../plan/project.ts';

/** What a project wants of its image that no buildpack knows of. */
export type Wishes = Pick<BuildpacksPlan, 'processes' | 'user'>;

/**
 * Once dogwood.toml names a process, the image has the project's processes under the very names that are written, and
 * no others; the Procfile's are among them. A Procfile alone is for the buildpacks to read.
 */
export function wishesOf({ processes, release, user }: Project): Wishes {
  const named = [...Object.values(processes), ...(release === undefined ? [] : [release])];
  const isNamed = named.some(({ from }) => from === DOGWOOD_TOML);
  const commands = Object.entries(processes).map(([type, { value }]) => [type, value] as const);
  // At Heroku, and with its buildpack for Procfiles, the release command is a process type as well.
  const last = release === undefined ? [] : [['release', release.value.command] as const];
  return {
    ...(isNamed && { processes: Object.fromEntries([...commands, ...last]) }),
    ...(user !== undefined && { user }),
  };
}

export const hasWishes = ({ processes, user }: Wishes): boolean =>
  processes !== undefined || user !== undefined;
