/** Lets work through while what is under way weighs no more than so much together; in the order it came. */
export function weightLimit(most: number) {
  let free = most;
  const waiting: { readonly weight: number; readonly go: () => void }[] = [];
  const next = () => {
    for (let first = waiting[0]; first !== undefined && first.weight <= free; first = waiting[0]) {
      waiting.shift();
      free -= first.weight;
      first.go();
    }
  };
  return async <T>(weight: number, work: () => Promise<T>): Promise<T> => {
    // What weighs more than all of it goes alone.
    const own = Math.min(weight, most);
    await new Promise<void>((go) => {
      waiting.push({ weight: own, go });
      next();
    });
    try {
      return await work();
    } finally {
      free += own;
      next();
    }
  };
}

/** Work under one key goes one after the other: who comes second finds what the first has done. */
export function oneByOne() {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const before = last.get(key);
    const own = (async () => {
      await before?.catch(() => {});
      return await work();
    })();
    last.set(key, own);
    try {
      return await own;
    } finally {
      if (last.get(key) === own) last.delete(key);
    }
  };
}
