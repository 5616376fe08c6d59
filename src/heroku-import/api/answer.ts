import { DogwoodError } from '../../errors.ts';
import type { HttpResponse } from '../../net/http.ts';
import { NetError } from '../../net/net-error.ts';

/** A body as JSON where it is JSON, and the beginning of what else it is. */
export interface AnswerBody {
  readonly document: unknown;
  readonly text: string;
}

/** A page of a thousand apps takes about two. */
const MAX_BYTES = 32 * 1024 * 1024;

/** Reads a whole answer. Throws HEROKU_PROTOCOL when it does not end, HEROKU_UNREACHABLE when it is cut. */
export async function readAnswer(response: HttpResponse, path: string): Promise<AnswerBody> {
  response.limitTime();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BYTES) {
        throw new DogwoodError('HEROKU_PROTOCOL', `${path}: the answer is longer than ${MAX_BYTES} bytes`);
      }
    }
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    throw new DogwoodError('HEROKU_UNREACHABLE', `${path}: ${error.message}`, { cause: error });
  }
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return { document: JSON.parse(text), text: '' };
  } catch {
    if (response.status < 300) throw new DogwoodError('HEROKU_PROTOCOL', `${path}: the answer is no JSON`);
    return { document: undefined, text: text.slice(0, 300) };
  }
}
