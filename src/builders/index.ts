import type { Builder } from './builder.ts';
import { buildpacksBuilder } from './buildpacks/index.ts';
import { dockerfileBuilder } from './dockerfile/index.ts';
import { imageBuilder } from './image/index.ts';
import { nixBuilder } from './nix/index.ts';
import { slugBuilder } from './slug/index.ts';

/** Every builder, in the order in which a source is offered to them. */
export const builders: readonly Builder[] = [
  imageBuilder,
  slugBuilder,
  dockerfileBuilder,
  nixBuilder,
  buildpacksBuilder,
];
