import { parseDockerHost } from './host.ts';

/** Milliseconds; a plan does not wait for an engine. */
const ANSWER_MS = 5_000;

/**
 * How registries know the image of this name that a Docker Engine holds (`REPOSITORY@sha256:...`): none when it was
 * made there. Undefined when it holds no such image, or no engine answers.
 */
export async function localImageDigest(
  host: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  try {
    const { default: Client } = await import('dockerode');
    const docker = new Client(parseDockerHost(host));
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    // The types know no signal here; the request honours it.
    const image = docker.getImage(name);
    const inspect = image.inspect as unknown as (options: object) => ReturnType<typeof image.inspect>;
    const { RepoDigests } = await inspect.call(image, { abortSignal });
    return RepoDigests ?? [];
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
