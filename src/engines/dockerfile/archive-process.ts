import { PassThrough, type Readable } from 'node:stream';
import { type ProcessOptions, type ProcessResult, runProcess } from '../process.ts';

const BUFFER_BYTES = 1024 * 1024;

/**
 * Runs a tool that writes an image's archive to standard output, and hands it on as it comes.
 *
 * What the tool says comes before what `take` says: an archive that ends early is the consequence. When `take` fails
 * on its own the tool is stopped. Throws what `runProcess` throws, what `refuse` makes of an exit code that is not
 * zero, and what `take` throws.
 */
export async function takeArchive<T>(
  file: string,
  args: readonly string[],
  options: ProcessOptions,
  refuse: (result: ProcessResult) => Error,
  take: (archive: Readable) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const archive = new PassThrough({ highWaterMark: BUFFER_BYTES });
  archive.on('error', () => {});
  let own: unknown;
  const taken = take(archive).then(
    (value) => {
      archive.resume();
      return { value };
    },
    (error: unknown) => {
      own = error;
      // A tool that ended by itself has its word first.
      if (!archive.readableEnded) stop.abort(error);
      archive.destroy();
      return undefined;
    },
  );
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  try {
    const result = await runProcess(file, args, { ...options, signal, output: archive });
    if (result.exitCode !== 0) throw refuse(result);
  } catch (error) {
    archive.destroy(error instanceof Error ? error : undefined);
    await taken;
    throw error;
  }
  const outcome = await taken;
  if (outcome === undefined) throw own;
  return outcome.value;
}
