import type { EngineProgress } from '../../engines/dockerfile/engine.ts';
import { DogwoodError } from '../../errors.ts';
import type { Emit } from '../../plan/events.ts';
import { redactValues } from '../redact.ts';
import type { PreparedSecrets } from './secrets.ts';

/** Warnings of the frontend are advice; they have this code. */
const ADVICE = 'DOCKERFILE_ADVICE';

/**
 * What an engine says, as people may read it: secrets by the names that the Dockerfile has for them, and their values
 * nowhere, whatever a step prints.
 */
export function readable({
  secrets,
  shown,
}: Pick<PreparedSecrets, 'secrets' | 'shown'>): (text: string) => string {
  const redact = redactValues(secrets.map(({ value }) => Buffer.from(value).toString('utf8')));
  return (text) => {
    let result = redact(text);
    for (const [name, id] of shown) result = result.replaceAll(name, id);
    return result;
  };
}

/** An engine's failure in readable words. */
export function readableError(error: unknown, plain: (text: string) => string): unknown {
  if (!(error instanceof DogwoodError)) return error;
  const message = plain(error.message);
  if (message === error.message) return error;
  return new DogwoodError(error.code, message, { hint: error.hint, cause: error.cause });
}

/** Turns what an engine says into events of the build. */
export function engineEvents(emit: Emit, plain: (text: string) => string) {
  return (progress: EngineProgress): void => {
    switch (progress.kind) {
      case 'step': {
        const { id, name, state, milliseconds } = progress;
        emit({ type: 'task', step: 'build', id, name: plain(name), state, milliseconds });
        break;
      }
      case 'log': {
        const { id, stream, line } = progress;
        emit({ type: 'log', step: 'build', stream, line: plain(line), task: id });
        break;
      }
      case 'warning':
        emit({ type: 'warning', code: ADVICE, message: plain(progress.message) });
        break;
    }
  };
}
