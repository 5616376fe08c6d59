import { registryHost } from '../oci/reference.ts';
import type { RegistryClient } from './client.ts';
import type { RegistryRequest, RegistryResponse } from './exchange.ts';
import { discard, readBody } from './http/body.ts';
import { connectionFailure } from './http/refusal.ts';
import { withRetries } from './http/retry.ts';

export interface WholeAnswer {
  readonly response: RegistryResponse;
  /** Empty for what was not wanted. */
  readonly bytes: Buffer;
}

/**
 * GETs something small with all its bytes: an answer that breaks in the middle is asked for again, as one that never
 * came.
 *
 * @param limit bytes
 * @param isWanted whether the body of an answer is read at all
 * @throws REGISTRY_PROTOCOL beyond the limit; what `send` throws
 */
export async function getWhole(
  client: RegistryClient,
  request: Omit<RegistryRequest, 'method'>,
  limit: number,
  isWanted: (response: RegistryResponse) => boolean = () => true,
): Promise<WholeAnswer> {
  return await withRetries(
    client.retry,
    async () => {
      const response = await client.send({ ...request, method: 'GET' });
      if (!isWanted(response)) {
        discard(response);
        return { response, bytes: Buffer.alloc(0) };
      }
      const what = `${registryHost(request.registry)}: ${request.what}`;
      try {
        return { response, bytes: await readBody(response, limit, what) };
      } catch (error) {
        throw connectionFailure(error, what);
      }
    },
    { signal: request.signal },
  );
}
