import { parseDockerHost } from './docker-host.ts';

/** Milliseconds; a plan does not wait for an engine. */
const ANSWER_MS = 5_000;

/**
 * `sha256:...` by which registries know the image of this name that a Docker Engine holds; null when it was made there
 * and no registry knows it; undefined when there is no such image, or no engine that answers.
 */
export async function localImageDigest(
  host: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<string | null | undefined> {
  try {
    const { default: Client } = await import('dockerode');
    const docker = new Client(parseDockerHost(host));
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    // The types know no signal here; the request honours it.
    const image = docker.getImage(name);
    const inspect = image.inspect as unknown as (options: object) => ReturnType<typeof image.inspect>;
    const { RepoDigests } = await inspect.call(image, { abortSignal });
    // One image may be known under several repositories; a digest names a manifest, whichever asks for it.
    return (RepoDigests ?? []).flatMap((digest) => /@(sha256:[0-9a-f]{64})$/.exec(digest)?.[1] ?? [])[0] ?? null;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
