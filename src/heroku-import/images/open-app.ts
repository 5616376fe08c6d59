import { DogwoodError } from '../../errors.ts';
import type { OpenedApp, PipelineEnvironment } from '../../pipeline/session/environment.ts';
import { currentRelease } from '../account/app-state.ts';
import { appDocument, slugDocument } from '../api/documents.ts';
import { type OpenHerokuOptions, openHeroku } from '../api/open.ts';
import { slugSource } from './slug-source.ts';

/**
 * `heroku:APP`: the slug of the release that runs, with its stack and processes.
 *
 * @throws HEROKU_*; HEROKU_NO_SLUG for an app without one
 */
export async function openHerokuApp(
  name: string,
  access: OpenHerokuOptions,
  environment: PipelineEnvironment,
): Promise<OpenedApp> {
  const { signal } = environment;
  if (!/^[\w-]+$/.test(name)) {
    throw new DogwoodError('USAGE', `${JSON.stringify(name.slice(0, 80))} is no name of an app at Heroku`);
  }
  const { api, http, close } = openHeroku(access, environment);
  try {
    const app = await api.get(`/apps/${name}`, appDocument);
    const path = `/apps/${app.id}`;
    const id = (await currentRelease(api, path))?.slug?.id;
    if (id === undefined)
      throw new DogwoodError('HEROKU_NO_SLUG', `${app.name} (${app.stack.name}) has no slug`);
    const slug = await api.get(`${path}/slugs/${id}`, slugDocument);
    if (slug.deleted_at) throw new DogwoodError('HEROKU_NO_SLUG', `the slug of ${app.name} is gone`);
    const source = slugSource({ api, http, path, slug, app: app.name, signal, onRead: () => {} });
    return {
      source: { ...source, dispose: async () => close() },
      slug: { stack: slug.stack.name, processTypes: slug.process_types },
    };
  } catch (error) {
    close();
    throw error;
  }
}
