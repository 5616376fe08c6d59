import type { Readable } from 'node:stream';
import type { DockerApi } from './api.ts';

/** What the Engine API says of an image (ImageInspect), as far as anybody here asks. */
export interface ImageInspection {
  readonly Id: string;
  readonly RepoDigests?: readonly string[] | null;
  readonly Config?: { readonly Labels?: Readonly<Record<string, string>> | null } | null;
}

/** `GET /images/NAME/json`. Throws what `ask` throws. */
export async function inspectImage(
  api: DockerApi,
  name: string,
  signal: AbortSignal | undefined,
): Promise<ImageInspection> {
  return (await api.ask({ path: `/images/${name}/json`, signal })) as ImageInspection;
}

/** `GET /images/NAME/get` (ImageGet): a docker-archive. Throws what `stream` throws. */
export async function saveImage(
  api: DockerApi,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Readable> {
  return await api.stream({ path: `/images/${name}/get`, signal });
}
