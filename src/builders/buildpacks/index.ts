import type { Builder } from '../builder.ts';
import { buildWithPack } from './build.ts';
import { detectBuildpacks } from './detect.ts';
import { planBuildpacks } from './plan.ts';

/** Source code, by Cloud Native Buildpacks: `pack` and a Docker Engine build it. */
export const buildpacksBuilder: Builder = {
  strategy: 'buildpacks',

  detect: detectBuildpacks,

  plan: planBuildpacks,

  async build(plan, context) {
    const { details } = plan;
    if (details.strategy !== 'buildpacks') {
      throw new Error('the buildpacks builder was given a plan of another strategy');
    }
    return buildWithPack(plan, details, context);
  },
};
