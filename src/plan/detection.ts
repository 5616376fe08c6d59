import type { Strategy } from './request.ts';

/** One strategy considered. Every strategy is a candidate, always. */
export interface Candidate {
  readonly strategy: Strategy;
  readonly chosen: boolean;
  /** Why it was chosen or rejected; one sentence. */
  readonly reason: string;
  /** Paths, flags or members that were looked at and decided. */
  readonly evidence: readonly string[];
}

/** What a builder says of a source, before one is chosen. */
export interface Finding {
  readonly applies: boolean;
  readonly reason: string;
  readonly evidence: readonly string[];
}

export interface Detection {
  /** Undefined when nothing applies. */
  readonly strategy: Strategy | undefined;
  readonly candidates: readonly Candidate[];
}

/** The finding of a strategy that does not fit. */
export const rejected = (reason: string, evidence: readonly string[] = []): Finding => ({
  applies: false,
  reason,
  evidence,
});
