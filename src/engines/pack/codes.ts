import type { PackPhase } from './output.ts';

/** Who has to do something about a failure of the lifecycle. */
export type LifecycleFault = 'not-detected' | 'buildpack' | 'lifecycle' | 'builder' | 'memory';

export interface LifecycleFailure {
  readonly fault: LifecycleFault;
  /** Undefined: whichever ran. */
  readonly phase: PackPhase | undefined;
  readonly meaning: string;
}

const CODES: Readonly<Record<number, LifecycleFailure>> = {
  3: { fault: 'builder', phase: undefined, meaning: 'the lifecycle does not know an argument of pack' },
  11: { fault: 'builder', phase: undefined, meaning: 'lifecycle and pack have no platform API in common' },
  12: {
    fault: 'builder',
    phase: undefined,
    meaning: 'a buildpack wants an API that the lifecycle does not have',
  },
  20: { fault: 'not-detected', phase: 'detect', meaning: 'no buildpack of the builder fits the source' },
  21: {
    fault: 'not-detected',
    phase: 'detect',
    meaning: 'no buildpack fits the source, and one of them failed',
  },
  22: { fault: 'not-detected', phase: 'detect', meaning: 'detection failed' },
  32: { fault: 'lifecycle', phase: 'analyze', meaning: 'the images could not be analyzed' },
  42: { fault: 'lifecycle', phase: 'restore', meaning: 'the layers of the last build could not be restored' },
  51: { fault: 'buildpack', phase: 'build', meaning: 'a buildpack failed' },
  52: { fault: 'buildpack', phase: 'build', meaning: 'the build phase failed' },
  62: { fault: 'lifecycle', phase: 'export', meaning: 'the image could not be exported' },
  72: { fault: 'lifecycle', phase: undefined, meaning: 'the image could not be rebased' },
  82: { fault: 'lifecycle', phase: undefined, meaning: 'the process could not be launched' },
  91: { fault: 'buildpack', phase: 'generate', meaning: 'an extension failed' },
  92: { fault: 'buildpack', phase: 'generate', meaning: 'the generate phase failed' },
  102: { fault: 'lifecycle', phase: 'extend', meaning: 'the image could not be extended' },
  137: { fault: 'memory', phase: undefined, meaning: 'the phase was killed, most likely for want of memory' },
};

/** What an exit code of the lifecycle means (platform specification, "Exit codes" of each phase). */
export function lifecycleFailure(code: number): LifecycleFailure {
  return CODES[code] ?? { fault: 'lifecycle', phase: undefined, meaning: `the lifecycle ended with ${code}` };
}
