import pLimit from 'p-limit';
import type { Rollout } from '../../rollout/document.ts';
import { readRollout } from '../../rollout/read.ts';
import { migrationPaths } from '../folder/migration-folder.ts';
import { type AppRecord, type Migration, readMigration } from '../folder/read-migration.ts';
import { statusOf } from '../folder/run-status.ts';
import type { AppStatusEntry } from '../folder/status-document.ts';
import type { AppPlan } from '../plan/plan-document.ts';
import { cutOverSteps } from './cut-over.ts';
import type { AppReport, ProcessReport, ReportDocument } from './report-document.ts';

/** Files that are open at once. */
const FILES_AT_ONCE = 16;

/**
 * Everything a migration's folder tells, for people. Nothing at Heroku or in a registry is asked.
 *
 * @throws what `readMigration` throws
 */
export async function makeReport(folder: string, now: () => Date): Promise<ReportDocument> {
  const migration = await readMigration(folder);
  const paths = migrationPaths(folder);
  const status = statusOf(migration);
  const limit = pLimit(FILES_AT_ONCE);
  const apps = await Promise.all(
    migration.apps.map((record, index) =>
      limit(async () => {
        const rollout = await readRollout(paths.rollout(record.plan.app)).catch(() => undefined);
        return reportOf(record, status.apps[index], rollout);
      }),
    ),
  );
  const reports = apps.filter((app) => app !== undefined);
  const { importing: _, ...run } = migration.run;
  return {
    schemaVersion: 1,
    createdAt: now().toISOString(),
    plan: { createdAt: migration.plan.createdAt ?? null, api: migration.plan.api },
    run,
    apps: reports,
    totals: { ...status.totals, ...totalsOf(reports, migration) },
  };
}

function reportOf(
  { plan, result }: AppRecord,
  entry: AppStatusEntry | undefined,
  rollout: Rollout | undefined,
): AppReport | undefined {
  if (entry === undefined) return undefined;
  const images = result?.images ?? [];
  const moved = images.length > 0 ? rollout : undefined;
  return {
    ...entry,
    id: plan.id,
    team: plan.team ?? null,
    region: plan.region,
    stack: plan.stack,
    code: result?.code ?? null,
    images,
    processes:
      moved === undefined ? plan.processes.map(planned) : processesOf(moved, commandsOf(plan, images)),
    variables: {
      plain: Object.keys(moved?.config.env ?? {}),
      secrets: moved?.config.secrets.map(({ name }) => name) ?? [],
      external: moved?.config.external ?? [],
    },
    warnings: result?.warnings ?? plan.warnings,
    drift: result?.drift ?? [],
    cutOver: cutOverSteps((result as { readonly cutOver?: unknown } | undefined)?.cutOver),
    finishedAt: result?.finishedAt ?? null,
    milliseconds: result?.milliseconds ?? null,
  };
}

const planned = ({ name, kind, command, replicas, memory }: AppPlan['processes'][number]): ProcessReport => ({
  name,
  kind,
  command,
  replicas,
  resources: memory === null ? null : { memory },
  user: null,
});

/** An image says what its processes are; one that does not runs what Heroku's formation said. */
function commandsOf(plan: AppPlan, images: AppReport['images']): ReadonlyMap<string, string> {
  return new Map([
    ...plan.processes.map(({ name, command }) => [name, command] as const),
    ...images.flatMap(({ processes }) => Object.entries(processes)),
  ]);
}

function processesOf(
  { processes, release, oneOff = {} }: Rollout,
  commands: ReadonlyMap<string, string>,
): readonly ProcessReport[] {
  const rest = { replicas: 0, resources: null, user: null };
  return [
    ...Object.entries(processes).map(
      ([name, { replicas, resources = null, user = null }]): ProcessReport => ({
        ...{ name, kind: 'service', replicas, resources, user },
        command: commands.get(name) ?? null,
      }),
    ),
    ...(release === undefined
      ? []
      : [{ ...rest, name: 'release', kind: 'release' as const, command: release.command }]),
    ...Object.keys(oneOff).map((name) => ({
      ...rest,
      name,
      kind: 'one-off' as const,
      command: commands.get(name) ?? null,
    })),
  ];
}

function totalsOf(apps: readonly AppReport[], { plan }: Migration) {
  const sum = (count: (app: AppReport) => number) => apps.reduce((all, app) => all + count(app), 0);
  const sizes = new Map(plan.apps.map(({ app, slug }) => [app, slug?.size ?? 0]));
  const done = apps.filter(({ status }) => status === 'imported' || status === 'unchanged');
  return {
    images: sum(({ images }) => images.length),
    secrets: sum(({ variables }) => variables.secrets.length),
    notCarried: sum(({ notCarried }) => notCarried.length),
    warnings: sum(({ warnings }) => warnings.length),
    drifted: sum(({ drift }) => (drift.length > 0 ? 1 : 0)),
    savedBytes: done.reduce(
      (all, { app, slugBytesRead }) => all + Math.max(0, (sizes.get(app) ?? 0) - slugBytesRead),
      0,
    ),
  };
}
