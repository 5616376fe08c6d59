import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { DogwoodError } from '../../errors.ts';
import type { DockerfileBuild, EngineRun } from '../dockerfile/engine.ts';
import { buildFailure } from '../dockerfile/failure.ts';
import { createSolveProgress, type FailedStep } from '../dockerfile/solve-status.ts';
import { CLASSIC, createStepProgress } from '../dockerfile/step-lines.ts';
import { createLineSplitter } from '../lines.ts';
import type { DockerApi } from './api.ts';
import { readTrace } from './solve-trace.ts';

/** Characters of one message; a larger one is none that the API describes. */
const MAX_MESSAGE = 4 * 1024 * 1024;

export interface DockerBuildOptions {
  readonly classic: boolean;
  /** The engine, for messages. */
  readonly description: string;
}

/** What the engine answers while it builds, one JSON document a line. */
interface Message {
  readonly id?: unknown;
  readonly stream?: unknown;
  readonly aux?: unknown;
  readonly error?: unknown;
  readonly errorDetail?: { readonly code?: unknown };
}

/**
 * Builds in a Docker Engine; gives the image's id. Throws what `buildFailure` makes of what the engine says, and the
 * signal's reason on abort; the engine has then been told to stop.
 */
export async function buildImage(
  docker: Docker,
  api: DockerApi,
  build: DockerfileBuild,
  run: EngineRun,
  { classic, description }: DockerBuildOptions,
): Promise<string> {
  const context = build.contextArchive();
  const id = randomUUID();
  const stop = () => {
    context.destroy();
    void cancel(api, id);
  };
  run.signal.addEventListener('abort', stop, { once: true });
  let answer: Readable | undefined;
  try {
    run.signal.throwIfAborted();
    const options = { ...buildOptions(build, classic), buildid: id, abortSignal: run.signal };
    answer = (await docker.buildImage(context, options as Docker.ImageBuildOptions)) as Readable;
    return await follow(answer, run, classic, description);
  } catch (error) {
    run.signal.throwIfAborted();
    if (error instanceof DogwoodError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw buildFailure({ engine: description, text, step: undefined });
  } finally {
    run.signal.removeEventListener('abort', stop);
    context.destroy();
    // dockerode ends its session with the answer; one that was cut off does not end by itself.
    if (answer !== undefined && !answer.readableEnded) answer.emit('end');
    answer?.destroy();
  }
}

/** Query of `POST /build` (Engine API, ImageBuild). */
function buildOptions(build: DockerfileBuild, classic: boolean): Record<string, unknown> {
  const images = build.cacheFrom.map((cache) => /(?:^|,)ref=([^,]+)/.exec(cache)?.[1] ?? cache);
  return {
    dockerfile: build.dockerfile.path,
    buildargs: build.buildArgs,
    labels: build.labels,
    ...(build.target === undefined ? {} : { target: build.target }),
    ...(build.noCache ? { nocache: true } : {}),
    ...(images.length > 0 ? { cachefrom: images } : {}),
    // The classic builder of older engines knows the word only as an experiment; it builds for itself.
    ...(classic ? { rm: true, forcerm: true } : { version: '2', platform: build.platform }),
  };
}

async function follow(answer: Readable, run: EngineRun, classic: boolean, engine: string): Promise<string> {
  const solve = createSolveProgress(run.onProgress);
  const steps = createStepProgress(CLASSIC, run.onProgress);
  const text = createLineSplitter((line) => steps.line('stdout', line));
  let image: string | undefined;
  let failure: { text: string; code: unknown } | undefined;
  const lines = createLineSplitter((line) => {
    const message = parse(line);
    if (message.id === 'moby.buildkit.trace' && typeof message.aux === 'string') {
      solve.push(readTrace(Buffer.from(message.aux, 'base64')));
    } else if (typeof message.stream === 'string') text.push(Buffer.from(message.stream));
    else if (typeof message.error === 'string') {
      failure = { text: message.error, code: message.errorDetail?.code };
    }
    image = imageOf(message.aux) ?? image;
  }, MAX_MESSAGE);
  for await (const chunk of answer as AsyncIterable<Buffer>) lines.push(chunk);
  lines.end();
  text.end();
  solve.end();
  run.signal.throwIfAborted();
  if (failure !== undefined) {
    const step: FailedStep | undefined = classic ? steps.fail(failure.text) : solve.failed;
    throw buildFailure({ engine, text: failure.text, step, line: step && run.lineOf(step.name) });
  }
  steps.finish();
  if (image === undefined) throw new DogwoodError('ENGINE_FAILED', `${engine} named no image at its end`);
  return image;
}

function imageOf(aux: unknown): string | undefined {
  if (typeof aux !== 'object' || aux === null || !('ID' in aux)) return undefined;
  return typeof aux.ID === 'string' ? aux.ID : undefined;
}

function parse(line: string): Message {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** A build goes on without its client unless it is told not to. One that has ended already is no longer known. */
async function cancel(api: DockerApi, id: string): Promise<void> {
  await api.ask({ method: 'POST', path: `/build/cancel?id=${id}` }).catch(() => {});
}
