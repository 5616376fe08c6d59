import { DogwoodError, type ErrorCode } from '../../errors.ts';
import type { HttpClient } from '../../net/http.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Image } from '../../oci/image.ts';
import { loadImage } from '../../oci/load.ts';
import { createRegistryClient, type RegistryClient } from '../../registry/client.ts';
import { createRegistryTarget, type RegistryTarget } from '../../registry/registry-target.ts';
import { DYNO_PLATFORM } from '../config/dyno-sizes.ts';

/** Where the images of container-stack apps are. */
export const HEROKU_REGISTRY = 'registry.heroku.com';

/** A repository of Heroku's registry. */
export type OpenContainerRepository = (name: string) => RegistryTarget;

export interface ContainerRegistryOptions {
  /** `registry.heroku.com`, or who was named instead: it alone gets the token. */
  readonly host: string;
  readonly token: string;
  readonly http: HttpClient;
}

/** The registry of container-stack apps: the API's token is the password of anybody (heroku.md section 2). */
export function openContainerRegistry(options: ContainerRegistryOptions): OpenContainerRepository {
  const { host, token, http } = options;
  const password = {
    kind: 'password',
    username: '_',
    password: token,
    source: "Heroku's token",
    // It opens the whole account.
    confined: true,
  } as const;
  const client = createRegistryClient({
    http,
    credentials: {
      // Asked for by any other name, it is not given.
      find: async (registry) => (registry === host ? password : undefined),
      places: "Heroku's token",
    },
  });
  const discreet: RegistryClient = {
    ...client,
    send: (request) =>
      client.send(request).catch((error: unknown) => {
        throw withoutToken(error, token);
      }),
  };
  return (repository) =>
    createRegistryTarget({ client: discreet, reference: { registry: host, repository } });
}

/** A registry may say in its refusal what it was shown, as it is or as it was sent. */
function withoutToken(error: unknown, token: string): unknown {
  if (!(error instanceof DogwoodError)) return error;
  const shown = [token, Buffer.from(`_:${token}`).toString('base64')];
  const message = shown.reduce((text, secret) => text.replaceAll(secret, '***'), error.message);
  if (message === error.message) return error;
  const { code, hint, retryAfter } = error;
  // No cause: it may hold the same words.
  return new DogwoodError(code, message, { hint, ...(retryAfter === undefined ? {} : { retryAfter }) });
}

export interface ReleasedImage {
  readonly descriptor: Descriptor;
  readonly image: Image;
}

/**
 * The image of a repository that has the config Heroku released, whatever its tag: `latest` may have been pushed since
 * and not released.
 *
 * @param config digest of the image's config, which Heroku calls the image's id
 * @throws HEROKU_IMAGE_GONE; REGISTRY_*
 */
export async function findReleased(
  repository: RegistryTarget,
  config: string,
  signal: AbortSignal,
): Promise<ReleasedImage> {
  const tagged = async (tag: string): Promise<ReleasedImage | undefined> => {
    const descriptor = await repository.resolve(tag, signal);
    if (descriptor === undefined) return undefined;
    try {
      const image = await loadImage(repository, descriptor, { platform: DYNO_PLATFORM, signal });
      return image.manifest.config.digest === config ? { descriptor: image.descriptor, image } : undefined;
    } catch (error) {
      // An image of another machine, an artifact, a form that never ran there: it is not the one, another tag may be.
      if (error instanceof DogwoodError && NOT_THE_ONE.has(error.code)) return undefined;
      throw error;
    }
  };
  const latest = await tagged('latest');
  if (latest !== undefined) return latest;
  for (const tag of await tagsOf(repository, signal)) {
    const found = tag === 'latest' ? undefined : await tagged(tag);
    if (found !== undefined) return found;
  }
  throw new DogwoodError(
    'HEROKU_IMAGE_GONE',
    `${repository.name} has no tag for the released image ${config}`,
  );
}

const NOT_THE_ONE: ReadonlySet<ErrorCode> = new Set([
  'IMAGE_INVALID',
  'MANIFEST_INVALID',
  'PLATFORM_NOT_FOUND',
]);

/** None of a repository that is not there. */
async function tagsOf(repository: RegistryTarget, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return await repository.tags({ signal });
  } catch (error) {
    if (error instanceof DogwoodError && error.code === 'IMAGE_NOT_FOUND') return [];
    throw error;
  }
}
