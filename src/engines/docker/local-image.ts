import { dockerApi } from './api.ts';
import { parseDockerHost } from './host.ts';
import { inspectImage } from './requests.ts';

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
  const found = await inspectLocal(host, name, signal);
  return found && (found.RepoDigests ?? []);
}

/** Labels of the image of this name that a Docker Engine holds; undefined as above. */
export async function localImageLabels(
  host: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await inspectLocal(host, name, signal);
  return found && (found.Config?.Labels ?? {});
}

async function inspectLocal(host: string | undefined, name: string, signal: AbortSignal) {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    return await inspectImage(dockerApi(parseDockerHost(host)), name, limit);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
