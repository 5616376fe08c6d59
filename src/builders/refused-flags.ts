import { DogwoodError } from '../errors.ts';
import type { BuildRequest } from '../plan/request.ts';

const given = (values: object | readonly unknown[]): boolean => Object.keys(values).length > 0;

/** Each flag that only some strategies can act on, and whether it was given. */
const FLAGS = {
  '--base': (request) => request.base !== undefined,
  '--stack': (request) => request.stack !== undefined,
  '--process': (request) => given(request.processes),
  '--env': (request) => given(request.env),
  '--label': (request) => given(request.labels),
  '--layer': (request) => request.layer !== 'auto',
  '--file': (request) => request.file !== undefined,
  '--target': (request) => request.target !== undefined,
  '--build-arg': (request) => given(request.buildArgs),
  '--build-context': (request) => given(request.contexts),
  '--secret': (request) => given(request.secrets),
  '--ssh': (request) => given(request.ssh),
  '--engine': (request) => request.engine !== 'auto',
  '--cache-from': (request) => given(request.cacheFrom),
  '--cache-to': (request) => given(request.cacheTo),
  '--builder': (request) => request.builder !== undefined,
  '--attr': (request) => request.attribute !== undefined,
  '--nix-shell': (request) => request.nixShell !== undefined,
  '--compression': (request) => request.compression !== 'keep',
} as const satisfies Record<string, (request: BuildRequest) => boolean>;

export type StrategyFlag = keyof typeof FLAGS;

/**
 * Refuses what was asked for and would silently not be done: every flag that was given and that the strategy does not
 * take.
 *
 * @param why says so of the strategy, for example `an image is taken as it is`
 * @throws USAGE naming the flags
 */
export function refuseFlags(request: BuildRequest, taken: readonly StrategyFlag[], why: string): void {
  const flags = (Object.keys(FLAGS) as StrategyFlag[]).filter(
    (flag) => !taken.includes(flag) && FLAGS[flag](request),
  );
  if (flags.length === 0) return;
  throw new DogwoodError('USAGE', `${why}: ${flags.join(', ')} cannot be used with it`);
}
