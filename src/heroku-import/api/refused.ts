import { z } from 'zod';
import { DogwoodError, type ErrorCode } from '../../errors.ts';
import type { HttpResponse } from '../../net/http.ts';
import { header } from '../../registry/http/body.ts';
import { printable } from '../../registry/http/printable.ts';
import { parseRetryAfter } from '../../registry/http/retry.ts';
import type { AnswerBody } from './answer.ts';

/** The API's own error document (`{id, message, url}`). */
const errorDocument = z.object({ id: z.string(), message: z.string().default('') });

const BY_STATUS: ReadonlyMap<number, ErrorCode> = new Map([
  [401, 'HEROKU_UNAUTHORIZED'],
  [402, 'HEROKU_FORBIDDEN'],
  [403, 'HEROKU_FORBIDDEN'],
  [404, 'HEROKU_NOT_FOUND'],
  [408, 'HEROKU_UNAVAILABLE'],
  [410, 'HEROKU_NOT_FOUND'],
  [429, 'HEROKU_RATE_LIMITED'],
]);

/** The error that an answer deserves which is not the one hoped for, with the API's own id, message and request id. */
export function refused(response: HttpResponse, answer: AnswerBody, path: string, now: number): DogwoodError {
  const { status } = response;
  const parsed = errorDocument.safeParse(answer.document);
  const said = parsed.success ? `${parsed.data.id}: ${parsed.data.message}` : answer.text;
  const code: ErrorCode =
    parsed.success && parsed.data.id === 'two_factor'
      ? 'HEROKU_TWO_FACTOR'
      : (BY_STATUS.get(status) ?? (status >= 500 ? 'HEROKU_UNAVAILABLE' : 'HEROKU_PROTOCOL'));
  const request = header(response, 'request-id');
  const retryAfter = parseRetryAfter(header(response, 'retry-after'), now);
  const about = request === undefined ? '' : ` (request ${printable(request)})`;
  return new DogwoodError(code, `${path}: ${status} ${printable(said)}${about}`, {
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}
