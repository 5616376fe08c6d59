import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { DockerAddress } from './host.ts';

// No imports, as in net/http.ts: they would load undici and TLS, which a socket on this machine does not need.
const http = process.getBuiltinModule('node:http');
const https = () => process.getBuiltinModule('node:https');

export interface DockerRequest {
  /** `GET` unless told. */
  readonly method?: 'GET' | 'POST' | 'DELETE' | undefined;
  /** Below the address, with its query: `/images/NAME/json`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The requests to a Docker Engine that are a question and an answer. dockerode takes no signal for most of them, so
 * that an engine which does not answer would hold up whoever asks, and loading it takes as long as all the rest of a
 * short run; what it is good for (builds, attached containers) goes through it.
 */
export interface DockerApi {
  /** The answer's JSON; undefined where there is none. Throws errors with the `statusCode` of a refusal, system errors, the signal's reason. */
  ask(request: DockerRequest): Promise<unknown>;
  /** The answer's bytes, for as long as they take. Throws the same. */
  stream(request: DockerRequest): Promise<Readable>;
}

/** Milliseconds that an engine may say nothing to a question. */
const SILENCE_MS = 60_000;
/** Characters of an answer that is none of the engine's own. */
const MAX_WORDS = 300;

export function dockerApi(address: DockerAddress): DockerApi {
  const send = async ({ method = 'GET', path, body, signal }: DockerRequest): Promise<IncomingMessage> => {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const options: RequestOptions = {
      ...(await connection(address)),
      ...{ method, path, agent: false, signal },
      headers: {
        ...('socketPath' in address ? { Host: 'docker' } : {}),
        ...(sent === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(sent) }),
      },
    };
    const secure = 'protocol' in address && address.protocol === 'https';
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = (secure ? https() : http).request(options);
      request.on('response', resolve);
      request.on('error', reject);
      request.end(sent);
    });
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    throw Object.assign(new Error(`${await refusal(answer)} (HTTP ${status})`), { statusCode: status });
  };
  return {
    async ask(request) {
      const limit = AbortSignal.timeout(SILENCE_MS);
      const signal = request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]);
      try {
        const said = await text(await send({ ...request, signal }));
        return said === '' ? undefined : JSON.parse(said);
      } catch (error) {
        request.signal?.throwIfAborted();
        if (limit.aborted) throw new Error(`no answer within ${SILENCE_MS / 1000} s`, { cause: error });
        throw error;
      }
    },
    async stream(request) {
      try {
        return await send(request);
      } catch (error) {
        request.signal?.throwIfAborted();
        throw error;
      }
    },
  };
}

export const isNotFound = (error: unknown): boolean =>
  error instanceof Error && 'statusCode' in error && error.statusCode === 404;

/** Where, and with TLS also as whom: dockerode reads the certificates of $DOCKER_CERT_PATH, if $DOCKER_HOST is set. */
async function connection(address: DockerAddress): Promise<RequestOptions> {
  if ('socketPath' in address) return address;
  const { protocol, host, port } = address;
  if (protocol === 'http') return { host, port };
  const { default: Client } = await import('dockerode');
  const { ca, cert, key } = new Client(address).modem as Certificates;
  return { host, port, ...{ ca, cert, key } };
}

type Certificates = Readonly<Partial<Record<'ca' | 'cert' | 'key', Buffer>>>;

/** Engine API: an error is `{"message": "..."}`. What is between us and the engine may say it in other words. */
async function refusal(answer: IncomingMessage): Promise<string> {
  const said = await text(answer);
  try {
    const document: unknown = JSON.parse(said);
    if (typeof document === 'object' && document !== null && 'message' in document) {
      return String(document.message).trim();
    }
  } catch {
    // No JSON.
  }
  return said.slice(0, MAX_WORDS).trim() || 'no reason given';
}
