import { DogwoodError } from '../../errors.ts';

const HINT =
  'Buildpacks need the pack CLI (https://buildpacks.io/docs/install-pack) and a Docker Engine. A Dockerfile can be built by BuildKit or Buildah instead; slugs and images need nothing. `build doctor` says what is here.';

/** Runs what needs an engine; a missing one is told with what to install, and what works without. */
export async function needed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DogwoodError) || error.code !== 'ENGINE_MISSING') throw error;
    throw new DogwoodError('ENGINE_MISSING', error.message, { hint: HINT, cause: error });
  }
}
