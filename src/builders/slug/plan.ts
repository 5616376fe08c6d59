import { DogwoodError, ERRORS } from '../../errors.ts';
import type { BuildPlan, PlannedBase, SlugPlan } from '../../plan/build-plan.ts';
import { isProcessType } from '../../plan/procfile.ts';
import type { BuildRequest, LayerMode } from '../../plan/request.ts';
import type { Sourced } from '../../plan/sourced.ts';
import { isReservedLabel } from '../app-image/assemble.ts';
import type { PlanContext } from '../builder.ts';
import { refuseFlags } from '../refused-flags.ts';
import { limitsWith } from './limits.ts';
import { findStack, stackNames } from './stacks.ts';

const TAKEN = ['--base', '--stack', '--process', '--env', '--label', '--layer', '--compression'] as const;

/** What will be built from a slug. Throws USAGE, STACK_UNKNOWN, PROCESS_INVALID, LABEL_RESERVED. */
export async function planSlug(request: BuildRequest, context: PlanContext): Promise<BuildPlan> {
  refuseFlags(request, TAKEN, 'a slug is taken without a rebuild');
  const reserved = Object.keys(request.labels).find(isReservedLabel);
  if (reserved !== undefined) throw new DogwoodError('LABEL_RESERVED', `the label ${reserved} is reserved`);
  limitsWith(request.limits);
  const stack = chooseStack(request);
  const [layer, layerReason] = chooseLayer(request);
  const details: SlugPlan = {
    strategy: 'slug',
    stack,
    base: await chooseBase(request, stack, context),
    layer,
    layerReason,
    compression: request.compression,
    processes: chooseProcesses(request),
    env: Object.keys(request.env).sort(),
    limits: request.limits,
  };
  return {
    schemaVersion: 1,
    strategy: 'slug',
    platform: request.platform,
    labels: request.labels,
    epoch: request.epoch,
    details,
  };
}

function chooseStack(request: BuildRequest): Sourced<string> | null {
  if (request.stack !== undefined) return { value: request.stack, from: '--stack' };
  if (request.slug?.stack !== undefined) return { value: request.slug.stack, from: 'slug metadata' };
  return null;
}

function chooseLayer(request: BuildRequest): readonly [LayerMode, string] {
  if (request.layer === 'keep' && (request.compression === 'zstd' || request.compression === 'none')) {
    throw new DogwoodError('USAGE', `--layer keep: kept bytes are gzip, not ${request.compression}`, {
      hint: 'Leave --compression out, or let the slug be transcoded (--layer canonical).',
    });
  }
  if (request.layer !== 'auto') return [request.layer, '--layer'];
  if (request.hasMounts) return ['canonical', 'an app with mounts has one stable user in every release'];
  if (request.compression !== 'keep' && request.compression !== 'gzip') {
    return ['canonical', `--compression ${request.compression} needs other bytes`];
  }
  return ['auto', 'kept when the slug passes the strict checks, else transcoded'];
}

async function chooseBase(
  request: BuildRequest,
  stack: Sourced<string> | null,
  context: PlanContext,
): Promise<PlannedBase> {
  const [reference, from] = baseReference(request, stack);
  if (reference === 'scratch') return { reference, digest: null, from };
  const digest = await context.resolveImage(reference, request.platform).then(
    ({ image }) => image.descriptor.digest,
    (error: unknown) => {
      // A plan can be made without the network; the build then says what is wrong.
      if (error instanceof DogwoodError && ERRORS[error.code].fault === 'infra') return null;
      throw error;
    },
  );
  return { reference, digest, from };
}

function baseReference(request: BuildRequest, stack: Sourced<string> | null): readonly [string, string] {
  if (request.base !== undefined) return [request.base, '--base'];
  if (stack === null) {
    throw new DogwoodError('STACK_UNKNOWN', 'nothing says which stack this slug was built for', {
      hint: `Give its stack (--stack ${stackNames().join('|')}; \`heroku apps:info\` shows it) or a base (--base IMAGE).`,
    });
  }
  const mirror = request.stackImages[stack.value];
  if (mirror !== undefined) return [mirror, `stacks in the config file, for ${stack.value}`];
  const known = findStack(stack.value);
  if (known === undefined) {
    throw new DogwoodError('STACK_UNKNOWN', `the stack ${stack.value} has no image that slugs run on`, {
      hint: `Known stacks: ${stackNames().join(', ')}. For another one give its image with --base.`,
    });
  }
  return [known.image, `the stack ${stack.value}`];
}

function chooseProcesses(request: BuildRequest): Record<string, Sourced<string>> {
  const given: Record<string, Sourced<string>> = {};
  const add = (processes: Readonly<Record<string, string>>, from: string): void => {
    for (const [name, value] of Object.entries(processes)) {
      checkProcess(name, value);
      given[name] = { value, from };
    }
  };
  add(request.slug?.processTypes ?? {}, 'slug metadata');
  add(request.processes, '--process');
  return given;
}

/** Throws PROCESS_INVALID. */
export function checkProcess(name: string, command: string): void {
  if (!isProcessType(name))
    throw new DogwoodError('PROCESS_INVALID', `${JSON.stringify(name)} is no process type`);
  if (command.trim() === '' || command.includes('\0')) {
    throw new DogwoodError('PROCESS_INVALID', `the process type ${name} has no command that bash could run`);
  }
}
