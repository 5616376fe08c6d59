import type { Builder } from '../builder.ts';
import { buildDockerfile } from './build.ts';
import { detectDockerfile } from './detect.ts';
import { planDockerfile } from './plan.ts';

/** Dockerfiles, built by BuildKit, buildx, a Docker Engine or Buildah: whichever is there. */
export const dockerfileBuilder: Builder = {
  strategy: 'dockerfile',
  detect: detectDockerfile,
  plan: planDockerfile,
  build: buildDockerfile,
};
