import { DogwoodError } from '../../errors.ts';
import { digestAlgorithm } from '../../oci/digest.ts';
import type { PutResult } from '../../oci/target.ts';
import { changedOnTheWay } from '../http/damage.ts';
import { answerOf } from '../http/refusal-code.ts';
import { mayPass, retryDelay, withRetries } from '../http/retry.ts';
import { type CheckedBody, checkedBody } from './checked-body.ts';
import { sendChunks } from './chunked.ts';
import { CHUNK, type UploadRules } from './rules.ts';
import {
  type ClosingChunk,
  closeSession,
  type Measured,
  putResult,
  sendUnmeasured,
  sendWhole,
} from './send.ts';
import {
  cancelSession,
  openSession,
  sessionStatus,
  sizeInRepository,
  type Upload,
  type UploadSession,
} from './session.ts';

/** Where an upload stands between two attempts. */
interface Standing {
  session: UploadSession | undefined;
  /** Bytes that the session has. */
  received: number;
  /** Attempts in one request that left nothing behind. */
  wholeFailed: number;
  /** Times it went on where it broke. */
  resumed: number;
  /** A token need not outlive a layer (mise#11132): once, what is missing is sent under a new one. */
  renewed: boolean;
}

interface Sending {
  readonly upload: Upload;
  readonly body: CheckedBody;
  /** Undefined when digest or size are learnt while it streams. */
  readonly measured: Measured | undefined;
  readonly rules: UploadRules;
  readonly standing: Standing;
}

/** Times that an upload goes on where it broke, each further than the one before. */
const MAX_RESUMED = 50;
/** Bytes below which an upload starts over: asking how far it got costs as much. */
const WORTH_RESUMING = 64 * 1024;

/**
 * Sends the content into a session, however often it takes. What fails is looked at before it is tried again: has the
 * blob come in all the same, how much has the session got, is it the size of the request that was refused? Where the
 * session kept what it had, the rest goes there in chunks; else a new session is opened and the old one cancelled.
 */
export async function sendInAnyWay(upload: Upload, first: UploadSession | undefined): Promise<PutResult> {
  const { client, content, expected, options, repository } = upload;
  const { digest, size } = expected;
  const target = `docker://${repository.registry}/${repository.repository}`;
  const sending: Sending = {
    upload,
    body: checkedBody(content, expected, target, options.onBytes),
    measured: digest === undefined || size === undefined ? undefined : { digest, size },
    rules: client.uploadRules(repository.registry),
    standing: { session: first, received: 0, wholeFailed: 0, resumed: 0, renewed: false },
  };
  try {
    return await withRetries(client.retry, () => sendWhileItMoves(sending), {
      signal: options.signal,
      again: (error) => isWorthAnother(sending, error),
    });
  } catch (error) {
    // Before anybody waits for the registry.
    sending.body.close();
    if (sending.standing.session !== undefined) await cancelSession(upload, sending.standing.session);
    throw error;
  } finally {
    // One that turned out to be there is not read to its end.
    sending.body.close();
  }
}

/** One attempt, which goes on for as long as every break finds it further than the one before. */
async function sendWhileItMoves(sending: Sending): Promise<PutResult> {
  const { upload, standing } = sending;
  const { retry, logger } = upload.client;
  for (;;) {
    const before = standing.received;
    try {
      return await attempt(sending);
    } catch (thrown) {
      // What left here was hashed. Of sha256 only: a registry need not know another, and says so in the same words.
      const error = isSha256(upload) ? changedOnTheWay(thrown) : thrown;
      const next = await takeStock(sending, error);
      if (next !== 'as it was') return next;
      const moved = standing.received > before && ++standing.resumed <= MAX_RESUMED;
      if (!moved) throw error;
      const after = error instanceof DogwoodError ? error.retryAfter : undefined;
      await retry.sleep(retryDelay(retry, 2, after), upload.options.signal);
      logger.debug('upload resumed', { digest: upload.expected.digest, from: standing.received });
    }
  }
}

async function attempt({ upload, body, measured, rules, standing }: Sending): Promise<PutResult> {
  standing.session ??= await openSession(upload);
  if (measured === undefined) return await sendUnmeasured(upload, standing.session, body);
  if (standing.received === 0 && !inChunks(measured, rules, standing)) {
    return await sendWhole(upload, standing.session, body, measured);
  }
  const { session, received } = standing;
  const last = await sendChunks(upload, { session, received }, body, measured.size, rules, (progress) => {
    standing.session = progress.session;
    standing.received = progress.received;
  });
  return await closeSession(upload, last.session, measured, restOf(body, last.received, measured));
}

/** A last chunk that is shorter than the registry takes them comes with the request that ends the upload. */
function restOf(body: CheckedBody, received: number, { size }: Measured): ClosingChunk | undefined {
  if (received === size) return undefined;
  return { range: `${received}-${size - 1}`, body: body.part(received) };
}

/** In one request, unless that is refused or keeps breaking, and chunks are not known to be worse. */
function inChunks({ size }: Measured, rules: UploadRules, { wholeFailed }: Standing): boolean {
  if (rules.wholeOnly === true) return false;
  return size >= (rules.maxWhole ?? Number.POSITIVE_INFINITY) || (wholeFailed > 1 && size > CHUNK);
}

/**
 * What is so after a failure: the result, where the blob is there all the same; or the standing is brought up to date.
 * Throws what is the content's own fault.
 */
async function takeStock(sending: Sending, error: unknown): Promise<PutResult | 'as it was'> {
  const { upload, body, measured, rules, standing } = sending;
  if (body.sourceError !== undefined) throw body.sourceError;
  upload.options.signal?.throwIfAborted();
  const { session } = standing;
  if (session === undefined) throw error;
  const there = await foundAllTheSame(sending, error);
  if (there !== undefined) return there;
  if (!upload.content.reopenable || measured === undefined) return await startOver(sending);
  if (standing.received === 0) standing.wholeFailed += 1;
  const tooLarge = answerOf(error)?.status === 413 && !inChunks(measured, rules, standing);
  if (tooLarge) rules.maxWhole = measured.size;
  if (!tooLarge && rules.wholeOnly !== true && measured.size >= WORTH_RESUMING && isWorthAsking(error)) {
    const status = await sessionStatus(upload, session);
    standing.session = status?.session ?? session;
    if (status !== undefined && status.received >= WORTH_RESUMING && status.received <= measured.size) {
      standing.received = status.received;
      return 'as it was';
    }
  }
  return await startOver(sending);
}

/**
 * Somebody else brought the same blob meanwhile, and registries answer the second one with all sorts of errors
 * (nexus-public#967, distribution#2077); or only the answer got lost.
 */
async function foundAllTheSame({ upload, body }: Sending, error: unknown): Promise<PutResult | undefined> {
  const { digest } = upload.expected;
  const status = answerOf(error)?.status;
  const mayBeThere = status === undefined ? body.passed : status !== 401 && status !== 429;
  // What the registry lost, it may still say it has.
  if (digest === undefined || upload.options.again === true || !mayBeThere) return undefined;
  const size = await sizeInRepository(upload, true).catch(() => undefined);
  if (size === undefined) return undefined;
  return putResult(upload, { digest, size }, status === undefined ? 'sent' : 'existing');
}

async function startOver({ upload, standing }: Sending): Promise<'as it was'> {
  const { session } = standing;
  standing.session = undefined;
  standing.received = 0;
  if (session !== undefined) await cancelSession(upload, session);
  return 'as it was';
}

function isWorthAnother({ upload, body, standing, measured, rules }: Sending, error: unknown): boolean {
  if (body.sourceError !== undefined || (body.opened && !upload.content.reopenable)) return false;
  if (body.opened && !standing.renewed && isAuth(error)) {
    standing.renewed = true;
    return true;
  }
  if (answerOf(error)?.status === 413 && measured !== undefined) return inChunks(measured, rules, standing);
  return mayPass(error);
}

/** Is there perhaps something in the session? Not where bytes were damaged: they would stay in it. */
function isWorthAsking(error: unknown): boolean {
  if (error instanceof DogwoodError && error.code === 'TRANSFER_DAMAGED') return false;
  return mayPass(error) || isAuth(error) || answerOf(error)?.status === 416;
}

function isSha256({ expected: { digest } }: Upload): boolean {
  return digest === undefined || digestAlgorithm(digest) === 'sha256';
}

function isAuth(error: unknown): boolean {
  return error instanceof DogwoodError && error.code === 'REGISTRY_UNAUTHORIZED';
}
