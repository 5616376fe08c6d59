import type { AppPlan } from './plan-document.ts';

/** How an app differs from what was planned, a sentence each; values of variables are not looked at. */
export function driftOf(planned: AppPlan, now: AppPlan): readonly string[] {
  const changed = (what: string, before: unknown, after: unknown): readonly string[] =>
    before === after ? [] : [`${what} was ${shown(before)}, and is ${shown(after)}`];
  return [
    ...changed('its name', planned.app, now.app),
    ...changed('what becomes of it', planned.fate, now.fate),
    ...changed('its release', planned.release, now.release),
    ...changed('its slug', planned.slug?.id ?? null, now.slug?.id ?? null),
    ...changed('its stack', planned.stack, now.stack),
    ...changed('maintenance mode', planned.maintenance, now.maintenance),
    ...namesChanged(
      'process',
      planned.processes.map(({ name, command, replicas }) => [name, `${replicas} ${command}`]),
      now.processes.map(({ name, command, replicas }) => [name, `${replicas} ${command}`]),
    ),
    ...namesChanged(
      'variable',
      planned.variables.map((one) => [one.name, one.class]),
      now.variables.map((one) => [one.name, one.class]),
    ),
    ...namesChanged(
      'domain',
      planned.domains.map((name) => [name, '']),
      now.domains.map((name) => [name, '']),
    ),
  ];
}

type Entries = readonly (readonly [string, string])[];

function namesChanged(kind: string, before: Entries, after: Entries): readonly string[] {
  const [then, now] = [new Map(before), new Map(after)];
  return [
    ...before.filter(([name]) => !now.has(name)).map(([name]) => `the ${kind} ${name} is gone`),
    ...after.filter(([name]) => !then.has(name)).map(([name]) => `the ${kind} ${name} is new`),
    ...after
      .filter(([name, value]) => then.has(name) && then.get(name) !== value)
      .map(([name]) => `the ${kind} ${name} has changed`),
  ];
}

const shown = (value: unknown): string => (value === null ? 'none' : String(value));
