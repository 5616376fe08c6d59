import type { PlanContext } from '../builders/builder.ts';

/** Remembers for one run what each name gave, while it is under way and afterwards; not what failed. */
export function onceEach(): PlanContext['once'] {
  const known = new Map<string, Promise<unknown>>();
  return <T>(name: string, work: () => Promise<T>): Promise<T> => {
    // Under one name lies what one caller put there.
    const before = known.get(name) as Promise<T> | undefined;
    if (before !== undefined) return before;
    const now = work();
    known.set(name, now);
    now.catch(() => known.delete(name));
    return now;
  };
}
