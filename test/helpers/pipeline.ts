import { Readable } from 'node:stream';
import { engineVariables } from '../../src/engines/environment.ts';
import { silentLogger } from '../../src/log.ts';
import { PLAIN_NETWORK } from '../../src/net/settings.ts';
import type { PipelineEnvironment } from '../../src/pipeline/session/environment.ts';
import type { BuildEvent } from '../../src/plan/events.ts';
import { type BuildRequest, PLAIN_REQUEST } from '../../src/plan/request.ts';

/** A build as the command line asks for it when no flag is given. */
export function buildRequest(source: string, changes: Partial<BuildRequest> = {}): BuildRequest {
  return { ...PLAIN_REQUEST, source, ...changes };
}

/** An environment with a home of its own, that keeps what it was told. */
export function pipelineEnvironment(
  home: string,
  changes: Partial<PipelineEnvironment> = {},
): PipelineEnvironment & { readonly events: BuildEvent[] } {
  const events: BuildEvent[] = [];
  return {
    home,
    stdin: Readable.from([]),
    credentialPlaces: [],
    dockerConfig: `${home}/no-docker-config`,
    dockerHost: undefined,
    engineVariables: engineVariables(process.env),
    variable: (name) => process.env[name],
    network: PLAIN_NETWORK,
    mirrors: {},
    insecureRegistries: [],
    clock: () => performance.now(),
    emit: (event) => void events.push(event),
    logger: silentLogger,
    signal: new AbortController().signal,
    ...changes,
    events,
  };
}
