import type { ErrorCode } from '../../errors.ts';

/** One entry of distribution-spec's error answer: `{"errors": [{"code", "message", "detail"}]}`. */
export interface RegistryFault {
  /** Upper case; empty where there is none. */
  readonly code: string;
  readonly message: string;
  readonly detail: unknown;
}

/** The cause of an error that a registry's answer made, for callers that act on more than our own code for it. */
export class RegistryAnswer extends Error {
  override readonly name = 'RegistryAnswer';
  readonly status: number;
  readonly faults: readonly RegistryFault[];

  constructor(status: number, faults: readonly RegistryFault[]) {
    super(`answered ${status}`);
    this.status = status;
    this.faults = faults;
  }
}

/** What a registry answered, when that is what an error is about. */
export function answerOf(error: unknown): RegistryAnswer | undefined {
  return error instanceof Error && error.cause instanceof RegistryAnswer ? error.cause : undefined;
}

/** Codes of distribution-spec ("Error Codes") and Docker that say more than the status they come with. */
const BY_CODE: ReadonlyMap<string, ErrorCode> = new Map([
  ['BLOB_UNKNOWN', 'BLOB_NOT_FOUND'],
  ['MANIFEST_BLOB_UNKNOWN', 'BLOB_NOT_FOUND'],
  ['MANIFEST_UNKNOWN', 'IMAGE_NOT_FOUND'],
  ['NAME_UNKNOWN', 'IMAGE_NOT_FOUND'],
  ['DIGEST_INVALID', 'DIGEST_MISMATCH'],
  ['SIZE_INVALID', 'SIZE_MISMATCH'],
  ['TOOMANYREQUESTS', 'REGISTRY_RATE_LIMITED'],
  ['UNAUTHORIZED', 'REGISTRY_UNAUTHORIZED'],
  ['DENIED', 'REGISTRY_DENIED'],
]);

/** A refusal with one of these is trouble that passes, as go-containerregistry found (transport/error.go). */
const TEMPORARY_CODES: ReadonlySet<string> = new Set(['BLOB_UPLOAD_INVALID', 'UNKNOWN', 'UNAVAILABLE']);
/** The session of an upload is gone, as after a restart, or never was: said with 404 or 400. Another can be had. */
const LOST_SESSION: ReadonlySet<string> = new Set(['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID']);
/** Statuses below 500 that pass: Request Timeout, and nginx's word for a client that it believes gone. */
const TEMPORARY_STATUSES: ReadonlySet<number> = new Set([408, 499]);
/** Statuses from 500 on that will be the same next time: Not Implemented, HTTP Version, Network Authentication. */
const LASTING_STATUSES: ReadonlySet<number> = new Set([501, 505, 511]);

/**
 * How registries say that there is no room: Harbor ("will exceed the configured upper limit"), Quay, GitLab, GAR and
 * ACR ("quota"), distribution on a full disk ("no space left on device").
 */
const NO_ROOM =
  /\bquota|exceed\w* the (?:configured |storage )?(?:upper )?limit|storage limit|insufficient storage|no space left/i;

/**
 * How registries say that a tag is there and stays: ECR ("already exists ... is immutable"), Harbor ("configured as
 * immutable"), GAR and Docker Hub ("immutab..."), ACR ("operation is disallowed"), Nexus ("does not allow updating"),
 * Artifactory ("overwrite").
 */
const FIXED_TAG =
  /immutab|already exists|cannot be (?:overwritten|updated|modified)|not allow (?:updating|overwriting)|permissions? to overwrite|operation is disallowed/i;

function byStatus(status: number): ErrorCode {
  if (status === 401) return 'REGISTRY_UNAUTHORIZED';
  if (status === 403) return 'REGISTRY_DENIED';
  if (status === 404) return 'IMAGE_NOT_FOUND';
  if (status === 413 || status === 507) return 'REGISTRY_FULL';
  if (status === 429) return 'REGISTRY_RATE_LIMITED';
  if (TEMPORARY_STATUSES.has(status)) return 'REGISTRY_UNAVAILABLE';
  if (status >= 500 && !LASTING_STATUSES.has(status)) return 'REGISTRY_UNAVAILABLE';
  return status >= 400 ? 'REGISTRY_REFUSED' : 'REGISTRY_PROTOCOL';
}

export interface Refused {
  readonly status: number;
  readonly faults: readonly RegistryFault[];
  /** All that the answer said, as text. */
  readonly said: string;
  readonly isHtml: boolean;
  /** The answer was cut short or damaged: what it would have said is not known. */
  readonly isBroken: boolean;
  /** A manifest was to be put under a tag: the refusal may be about the tag, which is there and must not move. */
  readonly movesTag: boolean;
}

/** The code of our table that an answer deserves. Its words count only where its status leaves the question open. */
export function refusalCode({ status, faults, said, isHtml, isBroken, movesTag }: Refused): ErrorCode {
  const code = byStatus(status);
  // Limits have words like those of a quota, and they pass.
  if (code === 'REGISTRY_RATE_LIMITED') return code;
  const first = faults[0]?.code ?? '';
  if (status >= 400 && status !== 401 && status !== 404 && !isHtml) {
    if (movesTag && (first === 'TAG_INVALID' || status === 409 || FIXED_TAG.test(said)))
      return 'TAG_IMMUTABLE';
    if (NO_ROOM.test(said) && first !== 'TOOMANYREQUESTS') return 'REGISTRY_FULL';
  }
  if (status >= 500 || status < 400) return code;
  const own = BY_CODE.get(first);
  if (own !== undefined) return own;
  const isOpen = code === 'IMAGE_NOT_FOUND' || code === 'REGISTRY_REFUSED';
  if (isOpen && (isBroken || LOST_SESSION.has(first))) return 'REGISTRY_UNAVAILABLE';
  if (code === 'REGISTRY_REFUSED' && TEMPORARY_CODES.has(first)) return 'REGISTRY_UNAVAILABLE';
  if (isHtml && isOpen) return 'REGISTRY_PROTOCOL';
  return code;
}
