import type { Digest } from '../../oci/digest.ts';
import { registryHost } from '../../oci/reference.ts';
import type { PutResult } from '../../oci/target.ts';
import { unlessAborted } from '../http/sharing.ts';
import { sendInAnyWay } from './attempts.ts';
import { mountBlob } from './mount.ts';
import { putResult } from './send.ts';
import { sizeInRepository, type Upload } from './session.ts';

/**
 * Brings one blob into a repository with as few bytes as possible: HEAD, mount, then one streaming upload.
 *
 * - digest and size known: `POST`, then one `PUT` with `Content-Length` (distribution-spec, "POST then PUT"). What
 *   breaks on its way goes on in chunks where the registry kept what it had;
 * - otherwise `POST`, one `PATCH` of unknown length without `Content-Range` (where registries limit chunks, they
 *   limit ranged ones, rust-oci-client#35), and a `PUT` that names the digest at the end. It starts over when it breaks.
 *
 * @throws DIGEST_MISMATCH or SIZE_MISMATCH when the content is not what was expected; errors of the content's own
 *   source as they are; REGISTRY_* as the table has them
 */
export async function uploadBlob(upload: Upload): Promise<PutResult> {
  const { client, repository, expected, options } = upload;
  const { digest } = expected;
  if (digest === undefined) return remembered(upload, await sendInAnyWay(upload, undefined));
  if (options.again === true) {
    client.blobs.remove(repository, digest);
    return remembered(upload, await sendInAnyWay(upload, undefined));
  }
  const known = client.blobs.size(repository, digest);
  if (known !== undefined && known === (expected.size ?? known)) {
    return putResult(upload, { digest, size: known }, 'existing');
  }
  const size = await sizeInRepository(upload);
  if (size !== undefined) return remembered(upload, putResult(upload, { digest, size }, 'existing'));
  return remembered(upload, await oncePerRegistry(upload, digest));
}

function remembered(upload: Upload, result: PutResult): PutResult {
  const { digest, size } = result.descriptor;
  const how = result.outcome === 'existing' ? 'found' : 'put';
  upload.client.blobs.add(upload.repository, digest, size, how);
  return result;
}

/**
 * Where another repository of the same registry is getting the same blob at this moment, it is waited for, and
 * mounted from: two tags or two regions of one registry cost the bytes once.
 */
async function oncePerRegistry(upload: Upload, digest: Digest): Promise<PutResult> {
  const { client, repository, options } = upload;
  const key = `${registryHost(repository.registry)}@${digest}`;
  for (let other = client.sending.get(key); other !== undefined; other = client.sending.get(key)) {
    await unlessAborted(
      other.catch(() => undefined),
      options.signal,
    );
  }
  const own = mountOrSend(upload, digest);
  client.sending.set(key, own);
  try {
    return await own;
  } finally {
    if (client.sending.get(key) === own) client.sending.delete(key);
  }
}

async function mountOrSend(upload: Upload, digest: Digest): Promise<PutResult> {
  const mount = await mountBlob(upload, digest);
  if (mount.mounted) return putResult(upload, { digest, size: mount.size }, 'mounted');
  return await sendInAnyWay(upload, mount.session);
}
