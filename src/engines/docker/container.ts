import type { Duplex, Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { DogwoodError } from '../../errors.ts';

/** Subscribes a receiver and gives back how to unsubscribe it. */
export type Subscribe<T> = (receiver: (value: T) => void) => () => void;

export interface ContainerOptions {
  /** Image id or name that the engine holds already. */
  readonly image: string;
  /** Instead of the image's own entrypoint. */
  readonly entrypoint?: readonly string[] | undefined;
  /** Arguments for the entrypoint; undefined leaves the image's own. */
  readonly command?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Gives the container a terminal; its two output streams are then one. */
  readonly tty: boolean;
  /** Undefined: the container gets no standard input. */
  readonly stdin?: Readable | undefined;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** A TCP port of the container, and the port of this machine's loopback it appears at (0: any free one). */
  readonly publish?: { readonly containerPort: number; readonly hostPort: number } | undefined;
  /** Called once it runs, with the loopback port that was published. */
  readonly onStarted?: ((hostPort: number | undefined) => void) | undefined;
  /** Signals to hand on to the container. */
  readonly signals?: Subscribe<NodeJS.Signals> | undefined;
  /** The terminal's size, whenever it changes. */
  readonly size?: Subscribe<{ readonly columns: number; readonly rows: number }> | undefined;
  readonly signal?: AbortSignal | undefined;
}

const FRAME_HEADER_BYTES = 8;

/**
 * Splits an attached stream into the container's two outputs (Engine API, "Stream format": one byte for the stream,
 * three of padding, the length as a big-endian uint32). dockerode's own `demuxStream` ignores a reader that is slow.
 */
export async function demultiplex(source: AsyncIterable<Uint8Array>, stdout: Writable, stderr: Writable) {
  let pending = Buffer.alloc(0);
  let left = 0;
  let target = stdout;
  for await (const chunk of source) {
    pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
    while (pending.length > 0) {
      if (left === 0) {
        if (pending.length < FRAME_HEADER_BYTES) break;
        target = pending[0] === 2 ? stderr : stdout;
        left = pending.readUInt32BE(4);
        pending = pending.subarray(FRAME_HEADER_BYTES);
        continue;
      }
      const payload = pending.subarray(0, left);
      left -= payload.length;
      pending = pending.subarray(payload.length);
      await writeTo(target, payload);
    }
  }
}

/** Writes with back-pressure. Who closed the output does not want the rest. */
async function writeTo(target: Writable, bytes: Uint8Array): Promise<void> {
  if (target.destroyed || target.write(bytes)) return;
  const waiting = new AbortController();
  await Promise.race([
    new Promise((resolve) => target.once('drain', resolve)),
    finished(target, { signal: waiting.signal }).catch(() => {}),
  ]);
  waiting.abort();
}

function createOptions(options: ContainerOptions): Docker.ContainerCreateOptions {
  const port = options.publish === undefined ? undefined : `${options.publish.containerPort}/tcp`;
  const bindings = [{ HostIp: '127.0.0.1', HostPort: String(options.publish?.hostPort || '') }];
  return {
    Image: options.image,
    ...(options.entrypoint === undefined ? {} : { Entrypoint: [...options.entrypoint] }),
    ...(options.command === undefined ? {} : { Cmd: [...options.command] }),
    Env: Object.entries(options.env).map(([name, value]) => `${name}=${value}`),
    Tty: options.tty,
    OpenStdin: options.stdin !== undefined,
    StdinOnce: true,
    AttachStdin: options.stdin !== undefined,
    AttachStdout: true,
    AttachStderr: true,
    ...(port === undefined ? {} : { ExposedPorts: { [port]: {} } }),
    HostConfig: port === undefined ? {} : { PortBindings: { [port]: bindings } },
  };
}

async function publishedPort(container: Docker.Container, options: ContainerOptions) {
  if (options.publish === undefined) return undefined;
  const state = await container.inspect();
  const binding = state.NetworkSettings.Ports[`${options.publish.containerPort}/tcp`]?.[0];
  return binding === undefined ? undefined : Number(binding.HostPort);
}

/**
 * Runs a container to its end, attached, and removes it whatever happened. Gives the application's exit code.
 *
 * Throws ENGINE_FAILED when the engine cannot start it, and the signal's reason on abort.
 */
export async function runContainer(docker: Docker, options: ContainerOptions): Promise<number> {
  options.signal?.throwIfAborted();
  const container = await docker.createContainer(createOptions(options)).catch((error: unknown) => {
    throw failure(error);
  });
  const started = Promise.withResolvers<void>();
  const release = forward(container, started.promise, options);
  const remove = () => container.remove({ force: true, v: true });
  let removed: Promise<unknown> | undefined;
  const onAbort = () => {
    removed ??= remove().catch(() => {});
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const stream = (await container.attach({
      stream: true,
      hijack: true,
      stdin: options.stdin !== undefined,
      stdout: true,
      stderr: true,
    })) as unknown as Duplex;
    stream.on('error', () => {});
    const output = options.tty
      ? pipeline(stream, options.stdout, { end: false })
      : demultiplex(stream, options.stdout, options.stderr);
    // What is written after the end, or never read, is not a failure of the application.
    const drained = output.catch(() => {});
    const exit = container.wait({ condition: 'next-exit' });
    exit.catch(() => {});
    await container.start();
    started.resolve();
    options.stdin?.pipe(stream);
    options.onStarted?.(await publishedPort(container, options).catch(() => undefined));
    const { StatusCode: code } = (await exit) as { StatusCode: number };
    options.stdin?.unpipe(stream);
    await drained;
    options.signal?.throwIfAborted();
    return code;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw failure(error);
  } finally {
    for (const stop of release) stop();
    options.signal?.removeEventListener('abort', onAbort);
    removed ??= remove().catch(() => {});
    await removed;
  }
}

/**
 * Hands signals and the terminal's size on, once it runs: what comes before must not be lost, for the program's user
 * thinks of it as running already. What arrives after the end is of no use to anybody.
 */
function forward(
  container: Docker.Container,
  started: Promise<void>,
  options: ContainerOptions,
): (() => void)[] {
  const deliver = (send: () => Promise<unknown>) => void started.then(send).catch(() => {});
  const stops: (() => void)[] = [];
  if (options.signals !== undefined) {
    stops.push(options.signals((signal) => deliver(() => container.kill({ signal }))));
  }
  if (options.tty && options.size !== undefined) {
    stops.push(options.size(({ columns, rows }) => deliver(() => container.resize({ w: columns, h: rows }))));
  }
  return stops;
}

/** What the engine says is all there is; nothing of it was printed before. */
function failure(error: unknown): DogwoodError {
  if (error instanceof DogwoodError) return error;
  const isTaken = /address already in use|port is already allocated/.test(text(error));
  return new DogwoodError('ENGINE_FAILED', `Docker could not run the container: ${text(error)}`, {
    hint: isTaken
      ? 'Choose another --port, or leave it out for any free one.'
      : 'The message is of the Docker Engine; its own log may say more.',
    cause: error,
  });
}

function text(error: unknown): string {
  return error instanceof Error ? error.message.trim() : String(error);
}
