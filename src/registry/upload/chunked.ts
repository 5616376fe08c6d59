import { DogwoodError } from '../../errors.ts';
import { discard, header } from '../http/body.ts';
import { answerOf } from '../http/refusal-code.ts';
import type { CheckedBody } from './checked-body.ts';
import { chunkLength, refuseChunk, type UploadRules } from './rules.ts';
import { TAKEN } from './send.ts';
import {
  receivedBytes,
  sessionOf,
  sessionStatus,
  type Upload,
  type UploadSession,
  uploadRequest,
} from './session.ts';

/** How far a session has come. */
export interface Progress {
  readonly session: UploadSession;
  /** Bytes that the registry has. */
  readonly received: number;
}

/** Answers in a row after which a registry that takes chunks and has none of them is believed to drop them. */
const MAX_STALLED = 3;

/**
 * Sends the rest of a blob in chunks that say which bytes they are, `Content-Range: FIRST-LAST` without a unit
 * (distribution-spec, "Pushing a blob in chunks"; dotnet/sdk-container-builds#258). What is not taken is made smaller
 * (GHCR refuses ranged chunks above 4 MiB, rust-oci-client#35) or sent without a range; the host's rules keep what was
 * learnt.
 *
 * @param onProgress told of every answer, so that whoever catches the failure knows where to go on
 * @returns the session to be closed with the digest; what it lacks still is less than a chunk may have
 * @throws REGISTRY_UNAVAILABLE, and sets the rule `wholeOnly`, when chunks lead nowhere; what requests throw
 */
export async function sendChunks(
  upload: Upload,
  start: Progress,
  body: CheckedBody,
  size: number,
  rules: UploadRules,
  onProgress: (progress: Progress) => void,
): Promise<Progress> {
  let { session, received } = start;
  for (let stalled = 0; received < size; ) {
    // Only the request that ends an upload may bring less; a PATCH does not tell that it is the last.
    if (size - received < session.minChunk && rules.unranged !== true) break;
    const length = chunkLength(rules, session.minChunk, size - received);
    const next = await sendChunk(upload, { session, received }, body, length, rules);
    if (next === 'refused') {
      const status = await sessionStatus(upload, session);
      if (status === undefined) throw noChunks(upload, rules, 'the session is gone');
      if (status.received === received && !makeSmaller(rules, length, session)) {
        throw noChunks(upload, rules, 'no chunk is taken');
      }
      ({ session, received } = status);
      continue;
    }
    stalled = next.received > received ? 0 : stalled + 1;
    if (stalled === MAX_STALLED || next.received > received + length) {
      throw noChunks(upload, rules, `chunks are taken, but ${next.received} bytes are there`);
    }
    ({ session, received } = next);
    onProgress(next);
  }
  return { session, received };
}

async function sendChunk(
  upload: Upload,
  { session, received }: Progress,
  body: CheckedBody,
  length: number,
  rules: UploadRules,
): Promise<Progress | 'refused'> {
  const end = received + length;
  try {
    const response = await uploadRequest(upload, {
      method: 'PATCH',
      url: session.url,
      headers: {
        'content-type': 'application/octet-stream',
        ...(rules.unranged !== true && { 'content-range': `${received}-${end - 1}` }),
      },
      once: true,
      reopenable: upload.content.reopenable,
      body: body.part(received, length),
      expect: TAKEN,
    });
    discard(response);
    // One that does not say what it has is believed; the digest at the end tells.
    const has = header(response, 'range') === undefined ? end : (receivedBytes(response, end) ?? received);
    return { session: sessionOf(response, session), received: has };
  } catch (error) {
    const status = answerOf(error)?.status;
    if (status === 400 || status === 413 || status === 416) return 'refused';
    throw error;
  }
}

/** False when there is nothing left to try. */
function makeSmaller(rules: UploadRules, length: number, { minChunk }: UploadSession): boolean {
  if (refuseChunk(rules, length, minChunk)) return true;
  if (rules.unranged === true) return false;
  rules.unranged = true;
  // Where ranged chunks are refused, their size was not the reason.
  rules.maxChunk = undefined;
  return true;
}

function noChunks(upload: Upload, rules: UploadRules, why: string): DogwoodError {
  rules.wholeOnly = true;
  const { registry, repository } = upload.repository;
  return new DogwoodError('REGISTRY_UNAVAILABLE', `${registry}/${repository}: upload in chunks: ${why}`);
}
