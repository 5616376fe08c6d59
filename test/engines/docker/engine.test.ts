import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { demultiplex } from '../../../src/engines/docker/container.ts';
import { connectDocker } from '../../../src/engines/docker/engine.ts';
import { describeAddress, parseDockerHost } from '../../../src/engines/docker/host.ts';
import { localImageDigest } from '../../../src/engines/docker/local-image.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dogwood-docker-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Something on a socket that answers the version question, and the rest as told. */
async function fakeEngine(answer: RequestListener): Promise<string> {
  const path = join(await temporaryFolder(), 'docker.sock');
  const server: Server = createServer((request, response) => {
    if (request.url === '/version') response.end(JSON.stringify({ Version: '99.1', ApiVersion: '1.99' }));
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return `unix://${path}`;
}

describe('parseDockerHost', () => {
  test.each([
    [undefined, 'unix:///var/run/docker.sock'],
    ['', 'unix:///var/run/docker.sock'],
    ['unix:///tmp/d.sock', 'unix:///tmp/d.sock'],
    ['tcp://127.0.0.1:5555', 'tcp://127.0.0.1:5555'],
    ['tcp://127.0.0.1', 'tcp://127.0.0.1:2375'],
    ['tcp://[::1]:2375', 'tcp://[::1]:2375'],
    ['https://docker.example', 'https://docker.example:2376'],
  ])('%s is %s', (host, address) => expect(describeAddress(parseDockerHost(host))).toBe(address));

  test.each(['ssh://host', 'npipe:////./pipe/x', 'nonsense', 'tcp://'])('%s is refused', (host) => {
    expect(() => parseDockerHost(host)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('connectDocker', () => {
  test('no engine is ENGINE_MISSING, with a hint', async () => {
    const host = `unix://${join(await temporaryFolder(), 'none.sock')}`;
    await expect(connectDocker(host)).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: `no Docker Engine answers at ${host} (ENOENT)`,
      hint: expect.stringContaining('DOCKER_HOST'),
    });
  });

  test('gives the versions', async () => {
    const docker = await connectDocker(await fakeEngine(() => {}));
    expect(docker.version).toEqual({ engine: '99.1', api: '1.99' });
  });

  test('an abort ends the wait for an engine that never answers', async () => {
    const path = join(await temporaryFolder(), 'mute.sock');
    const controller = new AbortController();
    const server = createServer(() => controller.abort(new Error('enough')));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
    await expect(connectDocker(`unix://${path}`, controller.signal)).rejects.toThrow('enough');
  });

  test('an abort ends the wait for what is said of an image', async () => {
    const controller = new AbortController();
    const host = await fakeEngine(() => controller.abort(new Error('enough')));
    const docker = await connectDocker(host);
    await expect(docker.imageId('app', controller.signal)).rejects.toThrow('enough');
    const other = new AbortController();
    const mute = await fakeEngine(() => other.abort(new Error('enough')));
    await expect(localImageDigest(mute, 'app', other.signal)).rejects.toThrow('enough');
  });

  test('loads an archive, and finds the error inside an answer of 200', async () => {
    const bodies: string[] = [];
    const host = await fakeEngine((request, response) => {
      void text(request).then((body) => {
        bodies.push(body);
        response.end(
          body === 'bad'
            ? '{"errorDetail":{"message":"no good"},"error":"no good"}\n'
            : '{"stream":"Loaded image: app:latest\\n"}\n{"stream":"Loaded image ID: sha256:00\\n"}\n',
        );
      });
    });
    const docker = await connectDocker(host);
    expect(await docker.loadImage(Readable.from(['go', 'od']))).toEqual(['app:latest', 'sha256:00']);
    await expect(docker.loadImage(Readable.from(['bad']))).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: 'Docker could not load the image: no good',
    });
    expect(bodies).toEqual(['good', 'bad']);
  });

  test('an archive that breaks off fails the load', async () => {
    const host = await fakeEngine((request) => void request.resume());
    const docker = await connectDocker(host);
    const broken = Readable.from(
      (async function* () {
        yield 'some';
        throw new Error('broke off');
      })(),
    );
    await expect(docker.loadImage(broken)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });

  test.each([
    [400, 'No command specified', 'Engine'],
    [500, 'listen tcp4 127.0.0.1:80: bind: address already in use', '--port'],
  ])('a container that it refuses (%i) is no bug of ours', async (status, message, hint) => {
    const host = await fakeEngine((_request, response) => {
      response.statusCode = status;
      response.end(JSON.stringify({ message }));
    });
    const docker = await connectDocker(host);
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    await expect(docker.run({ image: 'x', env: {}, tty: false, stdout, stderr })).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
  });

  test('an image that is not there', async () => {
    const host = await fakeEngine((_request, response) => {
      response.statusCode = 404;
      response.end('{"message":"No such image"}');
    });
    const docker = await connectDocker(host);
    expect(await docker.imageId('app:v1')).toBeUndefined();
    await expect(docker.exportImage('app:v1')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  test.each(['../containers/json', 'a?b', 'a#b', 'a/../b', ''])(
    'the name %j reaches no engine',
    async (name) => {
      const docker = await connectDocker(
        await fakeEngine(() => {
          throw new Error('reached');
        }),
      );
      await expect(docker.imageId(name)).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
    },
  );
});

function frame(stream: number, payload: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

describe('demultiplex', () => {
  test('the two outputs come apart, however the bytes were cut', async () => {
    const parts = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string({ unit: 'grapheme' })), {
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(parts, fc.integer({ min: 1, max: 20 }), async (frames, size) => {
        const bytes = Buffer.concat(frames.map(([stream, payload]) => frame(stream, payload)));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        const [out, err] = [new PassThrough(), new PassThrough()];
        const texts = Promise.all([text(out), text(err)]);
        await demultiplex(Readable.from(chunks), out, err);
        out.end();
        err.end();
        const of = (stream: number) => frames.map(([s, payload]) => (s === stream ? payload : '')).join('');
        expect(await texts).toEqual([of(1), of(2)]);
      }),
      { numRuns: 50 },
    );
  });

  test('goes on when an output was closed', async () => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    out.destroy();
    const rest = text(err);
    await demultiplex(Readable.from([frame(1, 'x'.repeat(100_000)), frame(2, 'kept')]), out, err);
    err.end();
    expect(await rest).toBe('kept');
  });
});
