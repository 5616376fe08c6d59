import { DogwoodError } from '../../errors.ts';
import type { RequestBody } from '../../net/http.ts';
import type { Digest } from '../../oci/digest.ts';
import type { PutResult } from '../../oci/target.ts';
import type { RegistryResponse } from '../exchange.ts';
import { discard, header } from '../http/body.ts';
import type { CheckedBody } from './checked-body.ts';
import { sessionOf, type Upload, type UploadSession, uploadRequest, withDigest } from './session.ts';

/** What is known of a blob before it is sent. */
export interface Measured {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

const OCTETS = { 'content-type': 'application/octet-stream' };
const CREATED = [201, 200, 204];
/** A 201 here is no completion: ECR says so after the first bytes (containers-roadmap#2831). */
export const TAKEN = [202, 201, 200, 204];

/** Everything in one request that names the digest (distribution-spec, "POST then PUT"). */
export async function sendWhole(
  upload: Upload,
  session: UploadSession,
  body: CheckedBody,
  { digest, size }: Measured,
): Promise<PutResult> {
  const response = await uploadRequest(upload, {
    method: 'PUT',
    url: withDigest(session, digest),
    headers: OCTETS,
    once: true,
    reopenable: upload.content.reopenable,
    body: body.part(0),
    expect: CREATED,
  });
  return finished(upload, response, { digest, size });
}

/** One PATCH without a range, whose digest is known at its end. */
export async function sendUnmeasured(
  upload: Upload,
  session: UploadSession,
  body: CheckedBody,
): Promise<PutResult> {
  const patched = await uploadRequest(upload, {
    method: 'PATCH',
    url: session.url,
    headers: OCTETS,
    once: true,
    reopenable: upload.content.reopenable,
    body: body.part(0),
    expect: TAKEN,
  });
  discard(patched);
  return await closeSession(upload, sessionOf(patched, session), body);
}

/** The last chunk of an upload, where it comes with the request that ends it. */
export interface ClosingChunk {
  /** Its first and last byte, as Content-Range has them. */
  readonly range: string;
  readonly body: RequestBody;
}

/** Names the digest of what a session has, which ends it. */
export async function closeSession(
  upload: Upload,
  session: UploadSession,
  { digest, size }: Measured,
  last?: ClosingChunk,
): Promise<PutResult> {
  const url = withDigest(session, digest);
  const chunk = last && { headers: { ...OCTETS, 'content-range': last.range }, body: last.body };
  const response = await uploadRequest(upload, {
    method: 'PUT',
    url,
    once: true,
    reopenable: upload.content.reopenable,
    expect: CREATED,
    ...chunk,
  });
  return finished(upload, response, { digest, size });
}

function finished(upload: Upload, response: RegistryResponse, { digest, size }: Measured): PutResult {
  discard(response);
  const says = header(response, 'docker-content-digest');
  if (says !== undefined && says !== digest) {
    const { registry, repository } = upload.repository;
    throw new DogwoodError(
      'DIGEST_MISMATCH',
      `docker://${registry}/${repository}: sent ${digest}, the registry has ${says}`,
    );
  }
  return putResult(upload, { digest, size }, 'sent');
}

export function putResult(
  { expected }: Upload,
  { digest, size }: Measured,
  outcome: PutResult['outcome'],
): PutResult {
  return { descriptor: { mediaType: expected.mediaType, digest, size }, outcome };
}
