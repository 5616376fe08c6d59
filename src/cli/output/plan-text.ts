import { formatPlatform } from '../../oci/platform.ts';
import type { PlanDocument } from '../../pipeline/plan.ts';
import type { ImagePlan, SlugPlan } from '../../plan/build-plan.ts';
import { escapeControl } from './escape.ts';
import { formatTable } from './format.ts';
import { indent } from './result-text.ts';

/** A plan for people: every strategy with its reason, then each value with where it came from. */
export function planText({ strategy, candidates, plan, planDigest }: PlanDocument): string {
  const considered = candidates.map((candidate) => [
    candidate.chosen ? 'chosen' : 'rejected',
    candidate.strategy,
    [candidate.reason, ...candidate.evidence.map((path) => `[${path}]`)].map(escapeControl).join(' '),
  ]);
  const { details } = plan;
  const values = [
    ['platform', formatPlatform(plan.platform), ''],
    ...(details.strategy === 'slug' ? slugRows(details) : imageRows(details)),
    ...Object.entries(plan.labels).map(([name, value]) => [`label ${name}`, value, '']),
  ];
  return `${[
    `Strategy ${strategy}`,
    ...formatTable(considered).map(indent),
    '',
    'Plan',
    ...formatTable(values.map((row) => row.map(escapeControl))).map(indent),
    '',
    `Plan digest ${planDigest}`,
  ].join('\n')}\n`;
}

function slugRows(plan: SlugPlan): string[][] {
  return [
    ['stack', plan.stack?.value ?? 'none', from(plan.stack?.from)],
    ['base', plan.base.reference, from(plan.base.from)],
    ['base digest', plan.base.digest ?? 'not pinned', ''],
    ['layer', plan.layer, `(${plan.layerReason})`],
    ['compression', plan.compression, ''],
    ...Object.entries(plan.processes).map(([name, process]) => [
      `process ${name}`,
      process.value,
      from(process.from),
    ]),
    ...plan.env.map((name) => [`env ${name}`, 'set', '']),
  ];
}

function imageRows(plan: ImagePlan): string[][] {
  return [
    ['image', plan.reference, ''],
    ['digest', plan.digest ?? 'not pinned', ''],
    ['compression', plan.compression, ''],
  ];
}

const from = (origin: string | undefined): string => (origin === undefined ? '' : `(${origin})`);
