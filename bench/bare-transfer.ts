/** `node bare-transfer.ts download|upload PORT FILE REPOSITORY`: the file over one link, and nothing else done to it. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { pipeline } from 'node:stream/promises';

const [direction, port, file = '', repository] = process.argv.slice(2);

async function ask(method: string, path: string, body?: { size: number }): Promise<IncomingMessage> {
  const headers = body ? { 'content-length': body.size, 'content-type': 'application/octet-stream' } : {};
  const sent = request({ host: '127.0.0.1', port, path, method, headers });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  if (body) await pipeline(createReadStream(file), sent);
  else sent.end();
  const [response] = await answered;
  response.resume();
  await once(response, 'end');
  return response;
}

if (direction === 'download') await ask('GET', '/slug.tgz');
else {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  const { headers } = await ask('POST', `/v2/${repository}/blobs/uploads/`);
  const session = new URL(headers.location ?? '', `http://127.0.0.1:${port}`);
  session.searchParams.set('digest', `sha256:${hash.digest('hex')}`);
  const { statusCode } = await ask('PUT', `${session.pathname}${session.search}`, await stat(file));
  if (statusCode !== 201) throw new Error(`the registry answered ${statusCode}`);
}
