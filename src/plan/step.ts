/** The steps of one build, in order. */
export type Step = 'source' | 'detect' | 'plan' | 'build' | 'push';
