import { readFile } from 'node:fs/promises';
import { DogwoodError } from '../errors.ts';
import type { SecretSource } from '../plan/request.ts';
import type { PipelineEnvironment } from './session/environment.ts';

/** Reads the value of a build secret: a file of this machine or a variable of ours. Throws SECRET_UNREADABLE. */
export function secretReader({ variable }: Pick<PipelineEnvironment, 'variable'>) {
  return async ({ id, from }: SecretSource): Promise<Uint8Array> => {
    if (from.kind === 'file') {
      return readFile(from.path).catch((cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'ENOENT' ? 'there is no such file' : (cause.code ?? 'it cannot be read');
        throw new DogwoodError('SECRET_UNREADABLE', `the secret ${id} (${from.path}): ${why}`, { cause });
      });
    }
    const value = variable(from.name);
    if (value === undefined) {
      throw new DogwoodError(
        'SECRET_UNREADABLE',
        `the secret ${id}: ${from.name} is not set in the environment`,
      );
    }
    return Buffer.from(value, 'utf8');
  };
}
