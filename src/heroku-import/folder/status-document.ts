import type { AppResult, AppStatus } from './app-result.ts';

/** `planned` and `importing`: no import is done with it yet. */
export type Standing = 'planned' | 'importing' | AppStatus;

/** One app in `status --json` (cli.md). */
export type AppStatusEntry = Pick<
  AppResult,
  'app' | 'reason' | 'release' | 'slugBytesRead' | 'notCarried'
> & {
  readonly status: Standing;
  /** Of all its images, in every region. */
  readonly references: AppResult['images'][number]['references'];
};

/** What `status --json` and `import --json` print. */
export interface StatusDocument {
  readonly schemaVersion: 1;
  readonly apps: readonly AppStatusEntry[];
  readonly totals: Readonly<Record<Standing, number>> & {
    readonly apps: number;
    readonly slugBytesRead: number;
    readonly uploadedBytes: number;
    readonly skippedBytes: number;
  };
}

export function statusEntry(result: AppResult): AppStatusEntry {
  const { app, status, reason, release, slugBytesRead, notCarried, images } = result;
  return {
    app,
    status,
    reason,
    release,
    references: images.flatMap(({ references }) => references),
    slugBytesRead,
    notCarried,
  };
}

export function statusDocument(apps: readonly AppStatusEntry[]): StatusDocument {
  const count = (status: Standing) => apps.filter((app) => app.status === status).length;
  const sum = (numbers: readonly (number | null)[]) =>
    numbers.reduce<number>((all, one) => all + (one ?? 0), 0);
  const references = apps
    .filter(({ status }) => status !== 'unchanged')
    .flatMap(({ references }) => references);
  return {
    schemaVersion: 1,
    apps,
    totals: {
      apps: apps.length,
      planned: count('planned'),
      importing: count('importing'),
      imported: count('imported'),
      unchanged: count('unchanged'),
      skipped: count('skipped'),
      failed: count('failed'),
      slugBytesRead: sum(apps.map(({ slugBytesRead }) => slugBytesRead)),
      uploadedBytes: sum(references.map(({ uploadedBytes }) => uploadedBytes)),
      skippedBytes: sum(references.map(({ skippedBytes }) => skippedBytes)),
    },
  };
}
