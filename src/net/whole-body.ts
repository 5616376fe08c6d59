import type { HttpResponse } from './http.ts';

/**
 * All bytes of an answer that is a document: it has to come within the client's time for those.
 *
 * @param limit bytes
 * @param tooLong the error for more than that
 * @throws NetError when it is cut or takes too long
 */
export async function readWholeBody(
  response: HttpResponse,
  limit: number,
  tooLong: () => Error,
): Promise<Buffer> {
  response.limitTime();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) throw tooLong();
  }
  return Buffer.concat(chunks);
}
