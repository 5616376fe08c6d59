import type { DogwoodError } from '../errors.ts';
import type { Step } from '../plan/events.ts';
import type { ResultError } from '../plan/result.ts';

/** The error as documents show it. */
export function resultError(error: DogwoodError, step: Step | null): ResultError {
  return { code: error.code, message: error.message, hint: error.hint, step };
}
