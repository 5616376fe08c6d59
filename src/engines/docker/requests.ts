import type { Readable } from 'node:stream';
import type Docker from 'dockerode';

// dockerode's own methods for these two take no signal: an engine that does not answer would hold up whoever asks.

/** `GET /images/NAME/json` (Engine API, ImageInspect). Throws what dockerode throws. */
export async function inspectImage(
  docker: Docker,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Docker.ImageInspectInfo> {
  return (await dial(docker, `/images/${name}/json`, false, signal)) as Docker.ImageInspectInfo;
}

/** `GET /images/NAME/get` (Engine API, ImageGet): a docker-archive. Throws what dockerode throws. */
export async function saveImage(
  docker: Docker,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Readable> {
  return (await dial(docker, `/images/${name}/get`, true, signal)) as Readable;
}

function dial(
  docker: Docker,
  path: string,
  isStream: boolean,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const options = {
    path,
    method: 'GET',
    isStream,
    statusCodes: { 200: true, 404: 'no such image', 500: 'server error' },
    ...(signal === undefined ? {} : { abortSignal: signal }),
  };
  return new Promise((resolve, reject) => {
    docker.modem.dial(options, (error: unknown, answer: unknown) => {
      if (error) reject(error);
      else resolve(answer);
    });
  });
}
