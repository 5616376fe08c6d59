/** One way to do a piece of work: prepares, times only the work, tidies up, and gives the seconds it took. */
export type Run = () => Promise<number>;

export interface Peer {
  readonly name: string;
  /** Ours may take at most this many times as long. */
  readonly goal: number;
  /** Undefined where its program is not installed. */
  readonly run: Run | undefined;
}

/** Our program and its peers on the same input, towards the same result. */
export interface Comparison {
  readonly row: string;
  readonly ours: Run;
  readonly peers: readonly Peer[];
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** One line of the table. */
export interface Result {
  readonly row: string;
  readonly peer: string;
  readonly ours: string;
  readonly theirs: string;
  readonly ratio?: Spread | undefined;
  readonly goal: string;
  /** Undefined: not measured. */
  readonly met: boolean | undefined;
}

export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (position: number): number => sorted[position] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    min: at(0),
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    max: at(sorted.length - 1),
  };
}

export const seconds = (value: number): string => `${value.toFixed(value < 1 ? 3 : 2)} s`;

/**
 * Runs everybody once per round, in an order that turns from round to round, so that what the machine does meanwhile
 * meets all of them alike. A ratio is of two runs of the same round.
 */
export async function compare(comparison: Comparison, rounds: number): Promise<Result[]> {
  const { row, ours, peers } = comparison;
  const runs = [ours, ...peers.flatMap(({ run }) => run ?? [])];
  const times = new Map<Run, number[]>(runs.map((run) => [run, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % runs.length;
    for (const run of [...runs.slice(first), ...runs.slice(0, first)]) times.get(run)?.push(await run());
  }
  const own = times.get(ours) ?? [];
  return peers.map(({ name, goal, run }) => {
    const common = { row, peer: name, ours: seconds(spreadOf(own).median), goal: `<= ${goal}x` };
    const theirs = run && times.get(run);
    if (theirs === undefined) return { ...common, theirs: 'not measured', met: undefined };
    const ratio = spreadOf(own.map((time, round) => time / (theirs[round] ?? Number.NaN)));
    return { ...common, theirs: seconds(spreadOf(theirs).median), ratio, met: ratio.median <= goal };
  });
}
