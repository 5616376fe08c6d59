import { DogwoodError } from '../../errors.ts';
import type { HttpResponse } from '../../net/http.ts';
import { NetError } from '../../net/net-error.ts';
import { readWholeBody } from '../../net/whole-body.ts';

/** A body as JSON where it is JSON, and the beginning of what else it is. */
export interface AnswerBody {
  readonly document: unknown;
  readonly text: string;
}

/** A page of a thousand apps takes about two. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Reads a whole answer. Throws HEROKU_PROTOCOL when it does not end, HEROKU_UNREACHABLE when it is cut. */
export async function readAnswer(response: HttpResponse, path: string): Promise<AnswerBody> {
  const text = (await readBytes(response, path)).toString('utf8');
  try {
    return { document: JSON.parse(text), text: '' };
  } catch {
    if (response.status < 300) throw new DogwoodError('HEROKU_PROTOCOL', `${path}: the answer is no JSON`);
    return { document: undefined, text: text.slice(0, 300) };
  }
}

async function readBytes(response: HttpResponse, path: string): Promise<Buffer> {
  const tooLong = () =>
    new DogwoodError('HEROKU_PROTOCOL', `${path}: the answer is longer than ${MAX_BYTES} bytes`);
  try {
    return await readWholeBody(response, MAX_BYTES, tooLong);
  } catch (error) {
    throw connectionFailure(error, path);
  }
}

/** A failed connection as the error of the table. Other errors come back as they are. */
export function connectionFailure(error: unknown, path: string): unknown {
  if (!(error instanceof NetError)) return error;
  const code = error.kind === 'tls' || error.kind === 'not-tls' ? 'HEROKU_TLS' : 'HEROKU_UNREACHABLE';
  return new DogwoodError(code, `${path}: ${error.message}`, { cause: error });
}
