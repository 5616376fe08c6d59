import { z } from 'zod';
import type { Project } from '../project.ts';
import type { Sourced } from '../sourced.ts';
import { projectFile, readJson } from './document.ts';

export const APP_JSON = 'app.json';

/** Heroku's app.json schema, as far as it says something of how the app is built and run. */
const schema = z.object({
  stack: z.string().optional(),
  buildpacks: z.array(z.object({ url: z.string() })).default([]),
  formation: z.record(z.string(), z.object({ quantity: z.int().min(0).optional() })).default({}),
  env: z.record(z.string(), z.unknown()).default({}),
});

/** Reads app.json; scripts and add-ons are not for a build. Throws PROJECT_FILE_INVALID. */
export function parseAppJson(content: string): Partial<Project> {
  const { stack, buildpacks, formation, env } = readJson(schema, projectFile(APP_JSON, content));
  const sourced = <T>(value: T): Sourced<T> => ({ value, from: APP_JSON });
  const urls = buildpacks.map(({ url }) => url);
  return {
    stack: stack === undefined ? undefined : sourced(stack),
    buildpacks: urls.filter(isCloudNative).map(sourced),
    replicas: Object.fromEntries(
      Object.entries(formation).flatMap(([name, { quantity }]) =>
        quantity === undefined ? [] : [[name, sourced(quantity)]],
      ),
    ),
    env: Object.keys(env).map(sourced),
    problems: urls
      .filter((url) => !isCloudNative(url))
      .map((url) => ({
        message: `${APP_JSON}: the classic buildpack ${withoutCredentials(url)} is passed over`,
        from: APP_JSON,
        unreadable: false,
      })),
  };
}

/** `heroku/nodejs` and `urn:cnb:...` are Cloud Native Buildpacks too; a Git address or tarball is a classic one. */
function isCloudNative(url: string): boolean {
  return /^(?:urn:cnb:|docker:\/\/)/.test(url) || /^[a-z0-9-]+\/[a-z0-9-]+(?:@[\w.-]+)?$/.test(url);
}

function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/, '');
}
