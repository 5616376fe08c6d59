import { formatPlatform } from '../../oci/platform.ts';
import type { PlanDocument } from '../../pipeline/plan.ts';
import type { BuildPlan, ImagePlan, SlugPlan } from '../../plan/build-plan.ts';
import type { BuildpacksPlan } from '../../plan/buildpacks-plan.ts';
import type { DockerfilePlan } from '../../plan/dockerfile-plan.ts';
import type { NixPlan } from '../../plan/nix-plan.ts';
import type { Project } from '../../plan/project.ts';
import type { Sourced } from '../../plan/sourced.ts';
import { escapeControl } from './escape.ts';
import { formatTable } from './format.ts';
import { indent } from './result-text.ts';

/** A plan for people: every strategy with its reason, then each value with where it came from. */
export function planText({ strategy, candidates, plan, planDigest, destinations }: PlanDocument): string {
  const considered = candidates.map((candidate) => [
    candidate.chosen ? 'chosen' : 'rejected',
    candidate.strategy,
    [candidate.reason, ...candidate.evidence.map((path) => `[${path}]`)].map(escapeControl).join(' '),
  ]);
  const { details } = plan;
  const values = [
    ['platform', formatPlatform(plan.platform), ''],
    ...detailRows(details),
    ...(plan.project === undefined ? [] : projectRows(plan.project)),
    ...Object.entries(plan.labels).map(([name, value]) => [`label ${name}`, value, '']),
  ];
  return `${[
    `Strategy ${strategy}`,
    ...formatTable(considered).map(indent),
    '',
    'Plan',
    ...formatTable(values.map((row) => row.map(escapeControl))).map(indent),
    '',
    'Goes to',
    ...formatTable(destinationRows(destinations).map((row) => row.map(escapeControl))).map(indent),
    '',
    `Plan digest ${planDigest}`,
  ].join('\n')}\n`;
}

/** A column of regions only where there are some. */
function destinationRows(destinations: PlanDocument['destinations']): string[][] {
  const hasRegions = destinations.some(({ region }) => region !== null);
  return destinations.map(({ region, reference, from: origin }) => [
    ...(hasRegions ? [region ?? ''] : []),
    reference ?? 'placement only: no registry is configured for it',
    from(origin),
  ]);
}

function detailRows(details: BuildPlan['details']): string[][] {
  switch (details.strategy) {
    case 'slug':
      return slugRows(details);
    case 'image':
      return imageRows(details);
    case 'dockerfile':
      return dockerfileRows(details);
    case 'buildpacks':
      return buildpacksRows(details);
    case 'nix':
      return nixRows(details);
  }
}

function dockerfileRows(plan: DockerfilePlan): string[][] {
  return [
    sourcedRow('file', plan.file),
    ...(plan.target === null ? [] : [sourcedRow('target', plan.target)]),
    sourcedRow('engine', plan.engine),
    ['frontend', plan.frontend, ''],
    ...plan.bases.map(({ reference, digest, from: place }) => [
      'base',
      place === null ? reference : `${reference} = ${place}`,
      digest ?? 'not pinned',
    ]),
    ...(plan.user === null ? [] : [sourcedRow('user', plan.user)]),
    ...(plan.stopSignal === null ? [] : [sourcedRow('stop signal', plan.stopSignal)]),
    ...plan.buildArgs.map((name) => [`build-arg ${name}`, 'set', '']),
    ...plan.secrets.map(({ id, from: { kind } }) => [`secret ${id}`, `from ${kind}`, '']),
    ['ignore file', plan.ignoreFile ?? 'none', ''],
  ];
}

function buildpacksRows(plan: BuildpacksPlan): string[][] {
  return [
    sourcedRow('builder', plan.builder),
    ['builder digest', plan.builder.digest ?? 'not pinned', ''],
    ...(plan.runImage === null ? [] : [sourcedRow('run image', plan.runImage)]),
    ...(plan.trustBuilder ? [['builder is trusted', 'yes', from('--allow trust-builder')]] : []),
    ...plan.buildpacks.map((buildpack) => sourcedRow('buildpack', buildpack)),
    ...plan.env.map((name) => [`env ${name}`, 'set', '']),
    ['ignore file', plan.ignoreFile ?? 'none', ''],
    ['compression', plan.compression, ''],
  ];
}

function nixRows({ build, compression, allowed }: NixPlan): string[][] {
  const rows =
    build.kind === 'image'
      ? [
          ['file', build.file, ''],
          ...(build.attribute === null ? [] : [sourcedRow('attribute', build.attribute)]),
          ['output', build.output, `(found by ${build.found})`],
        ]
      : [
          sourcedRow('shell', build.file),
          sourcedRow('command', build.command),
          sourcedRow('output', build.output),
        ];
  return [...rows, ['compression', compression, ''], ...allowed.map((name) => ['allowed', name, ''])];
}

/** How the project says it is run; JSON where a value has parts. */
function projectRows(project: Project): string[][] {
  const parts = (name: string, list: readonly Sourced<unknown>[]): string[][] =>
    list.map(({ value, from: origin }) => [name, JSON.stringify(value), from(origin)]);
  return [
    ...Object.entries(project.processes).map(([name, process]) => sourcedRow(`process ${name}`, process)),
    ...parts('service', project.services),
    ...parts('mount', project.mounts),
    ...parts('health check', project.healthChecks),
    ...(project.release === undefined
      ? []
      : [['release', project.release.value.command, from(project.release.from)]]),
    ...project.regions.map(({ value, from: origin }) => ['region', value.name, from(origin)]),
  ];
}

const sourcedRow = (name: string, { value, from: origin }: Sourced<string>): string[] => [
  name,
  value,
  from(origin),
];

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
