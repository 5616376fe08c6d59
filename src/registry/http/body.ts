import { DogwoodError } from '../../errors.ts';
import type { HttpResponse, RequestBody } from '../../net/http.ts';
import { NetError } from '../../net/net-error.ts';
import { readWholeBody } from '../../net/whole-body.ts';
import { bytesContent } from '../../oci/content.ts';

/** The whole body. Throws REGISTRY_PROTOCOL when it is longer than `limit` bytes, NetError when it is cut or takes too long. */
export async function readBody(response: HttpResponse, limit: number, what: string): Promise<Buffer> {
  const tooLong = () =>
    new DogwoodError('REGISTRY_PROTOCOL', `${what}: the answer is longer than ${limit} bytes`);
  return await readWholeBody(response, limit, tooLong);
}

/** The beginning of a body, as much as came whole: for messages, where a second failure must not hide the first. */
export async function readSome(response: HttpResponse, limit: number): Promise<string> {
  response.limitTime();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= limit) break;
    }
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString('utf8');
}

/** Lets an answer go whose body nobody needs: a short one keeps its connection, a long one is cut off. */
export function discard(response: HttpResponse): void {
  response.limitTime();
  let size = 0;
  response.body.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > 64 * 1024) response.body.destroy();
  });
}

/** A body to be sent that is held in memory. */
export function bytesBody(bytes: Uint8Array): RequestBody {
  return { size: bytes.length, open: () => bytesContent(bytes).open() };
}

/** The first line of a header. */
export function header(response: Pick<HttpResponse, 'headers'>, name: string): string | undefined {
  return response.headers[name]?.[0];
}
