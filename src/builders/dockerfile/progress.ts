import type { EngineProgress } from '../../engines/dockerfile/engine.ts';
import type { Emit } from '../../plan/events.ts';

/** Warnings of the frontend are advice; they have this code. */
const ADVICE = 'DOCKERFILE_ADVICE';

/**
 * Turns what an engine says into events of the build.
 *
 * @param shown secrets by the names that the engine sees; people know them by others
 * @param hide takes the values of secrets out of a text
 */
export function engineEvents(emit: Emit, shown: ReadonlyMap<string, string>, hide: (text: string) => string) {
  const plain = (text: string): string => {
    let result = hide(text);
    for (const [name, id] of shown) result = result.replaceAll(name, id);
    return result;
  };
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
