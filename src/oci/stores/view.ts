import { DogwoodError } from '../../errors.ts';
import type { Descriptor } from '../descriptor.ts';
import type { Target } from '../target.ts';

/**
 * Several targets read as one: `locate` says which of them holds a blob. Read-only; what is put, tagged or resolved
 * has to be named at its own target.
 */
export function viewTarget(name: string, locate: (descriptor: Descriptor) => Target): Target {
  const refuse = async (): Promise<never> => {
    throw new DogwoodError('INTERNAL', `${name} can only be read`);
  };
  return {
    name,
    has: (descriptor, signal) => locate(descriptor).has(descriptor, signal),
    open: (descriptor, options) => locate(descriptor).open(descriptor, options),
    origin(descriptor) {
      return locate(descriptor).origin?.(descriptor);
    },
    discardDamaged: async (descriptor) => locate(descriptor).discardDamaged?.(descriptor),
    put: refuse,
    resolve: refuse,
    tag: refuse,
  };
}
