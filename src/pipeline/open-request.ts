import type { BuildRequest } from '../plan/request.ts';
import type { Source } from '../source/source.ts';
import type { Session } from './session/session.ts';

/** A source that is open, and the request with what its owner says of it. */
export interface OpenedRequest {
  readonly source: Source;
  readonly request: BuildRequest;
}

/** Opens what a request names; `heroku:APP` is an app's slug, of which Heroku says stack and processes. */
export async function openRequest(request: BuildRequest, session: Session): Promise<OpenedRequest> {
  const app = /^heroku:(.*)$/.exec(request.source)?.[1];
  const open = session.environment.openHerokuApp;
  if (app === undefined || open === undefined) {
    return { source: await session.openSource(request.source), request };
  }
  const { source, slug } = await open(app, session.environment);
  session.defer(source.dispose);
  return { source, request: { ...request, slug: { ...slug, ...request.slug } } };
}
