import { EMPTY_PROJECT, type Project } from '../project.ts';
import type { Sourced } from '../sourced.ts';

/**
 * One project of what several places say, the first of them winning: single values and lists as a whole, processes
 * one by one, names of variables all together.
 */
export function mergeProjects(parts: readonly Partial<Project>[]): Project {
  return {
    ...Object.assign({}, ...parts.toReversed().map(given)),
    buildpacks: firstList(parts, 'buildpacks'),
    services: firstList(parts, 'services'),
    mounts: firstList(parts, 'mounts'),
    healthChecks: firstList(parts, 'healthChecks'),
    regions: firstList(parts, 'regions'),
    processes: Object.assign({}, ...parts.toReversed().map(({ processes }) => processes)),
    replicas: Object.assign({}, ...parts.toReversed().map(({ replicas }) => replicas)),
    env: uniqueNames(parts.flatMap(({ env }) => env ?? [])),
    problems: parts.flatMap(({ problems }) => problems ?? []),
  };
}

function given(part: Partial<Project>): Partial<Project> {
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
}

type ListName = 'buildpacks' | 'services' | 'mounts' | 'healthChecks' | 'regions';

function firstList<N extends ListName>(parts: readonly Partial<Project>[], name: N): Project[N] {
  return parts.map((part) => part[name]).find((list) => list && list.length > 0) ?? EMPTY_PROJECT[name];
}

function uniqueNames(names: readonly Sourced<string>[]): readonly Sourced<string>[] {
  const seen = new Map<string, Sourced<string>>();
  for (const name of names) if (!seen.has(name.value)) seen.set(name.value, name);
  return [...seen.values()];
}
