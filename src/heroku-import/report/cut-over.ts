/** One step of an app's way over to the new runtime. */
export interface CutOverStep {
  readonly what: string;
  /** What else is said of it: why, how, when. */
  readonly more: readonly string[];
}

/**
 * The steps of a result's `cutOver`, in order: sentences, or documents whose first text says what to do. Whatever else is
 * in there is passed over: a report shows what it can.
 */
export function cutOverSteps(cutOver: unknown): readonly CutOverStep[] {
  if (!Array.isArray(cutOver)) return [];
  return cutOver.flatMap((step: unknown) => {
    if (typeof step === 'string') return [{ what: step, more: [] }];
    if (typeof step !== 'object' || step === null) return [];
    const [what, ...more] = Object.values(step).filter((value) => typeof value === 'string' && value !== '');
    return what === undefined ? [] : [{ what, more }];
  });
}
