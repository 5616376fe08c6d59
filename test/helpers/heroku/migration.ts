import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseImportDestination } from '../../../src/heroku-import/images/destinations.ts';
import { type RunImportOptions, runImport } from '../../../src/heroku-import/import/run-import.ts';
import { runPlan } from '../../../src/heroku-import/plan/run-plan.ts';
import { pipelineEnvironment } from '../pipeline.ts';
import { quirkRegistry } from '../quirk-registry/quirk-registry.ts';
import { seeded } from '../seeded.ts';
import { makeSlug } from '../slugs.ts';
import { temporaryFolder } from '../temp.ts';
import { idOf } from './ids.ts';
import { makeWorld, type SlugFile, type WorldOptions } from './make-world.ts';
import type { PlatformApiOptions } from './platform-api.ts';
import { startPlatformApi } from './start-platform-api.ts';
import type { HerokuWorld } from './world.ts';

/** A slug that GNU tar and gzip pack, with what Heroku would say of it. Each number gives other bytes. */
export async function makeSlugFile(
  number: number,
  modify?: (app: string) => Promise<void>,
): Promise<SlugFile> {
  const { path } = await makeSlug(await temporaryFolder(), 'shell', {
    uid: 20_000 + number,
    modify: async (app) => {
      // Enough that moving it once too often shows in the figures.
      await writeFile(join(app, 'bulk'), seeded(number).bytes(200_000));
      await modify?.(app);
    },
  });
  return await slugFileOf(path, number);
}

/** What Heroku would say of a slug that lies there. */
export async function slugFileOf(path: string, number: number): Promise<SlugFile> {
  const bytes = await readFile(path);
  return {
    file: path,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.length,
    processTypes: {
      web: 'bin/web',
      worker: `bin/worker ${number}`,
      release: 'bin/release',
      rake: 'bin/rake',
    },
  };
}

/** The same account after one more release of an app. */
export function deploy(
  world: HerokuWorld,
  name: string,
  { file, sha256, size, processTypes }: SlugFile,
): HerokuWorld {
  const apps = world.apps.map((app) => {
    const [last] = app.releases.slice(-1);
    const [slug] = app.slugs;
    if (app.name !== name || last === undefined || slug === undefined) return app;
    const id = idOf(`slug ${name} ${last.version + 1}`);
    return {
      ...app,
      slugs: [...app.slugs, { ...slug, id, file, size, processTypes, checksum: `SHA256:${sha256}` }],
      releases: [
        ...app.releases.map((release) => ({ ...release, current: false })),
        {
          ...last,
          id: idOf(`release ${id}`),
          version: last.version + 1,
          slug: id,
          current: true,
          status: 'succeeded' as const,
        },
      ],
    };
  });
  return { ...world, apps };
}

export interface MigrationOptions extends Omit<WorldOptions, 'slugs'> {
  readonly slugs?: readonly SlugFile[] | undefined;
  /** Changes what `makeWorld` made. */
  readonly change?: ((world: HerokuWorld) => HerokuWorld) | undefined;
  readonly api?: Partial<PlatformApiOptions> | undefined;
  readonly token?: string | undefined;
}

/** An account, a registry in this process, a folder with its plan: everything for an import but the import. */
export async function startMigration({
  slugs,
  change,
  api: apiOptions,
  token = 'a-token',
  ...options
}: MigrationOptions) {
  const files = slugs ?? [await makeSlugFile(1), await makeSlugFile(2)];
  let world = makeWorld({ ...options, slugs: files });
  world = change?.(world) ?? world;
  const api = await startPlatformApi({ world: () => world, token, ...apiOptions });
  const registry = await quirkRegistry();
  const folder = join(await temporaryFolder(), 'migration');
  const home = await temporaryFolder();
  const base = { address: api.url, token, now: () => new Date(1_800_000_000_000) };
  const selection = { all: true, teams: [], pipelines: [], apps: [] };
  await runPlan({ ...base, folder, selection }, pipelineEnvironment(home));
  const read = async (app: string, file: string): Promise<string> =>
    await readFile(join(folder, 'apps', app, file), 'utf8');
  return {
    api,
    registry,
    folder,
    home,
    files,
    world: () => world,
    /** From now on the account is like this. */
    become: (next: HerokuWorld) => {
      world = next;
    },
    /** One import; the same registry, folder and home each time. */
    async run(changes: Partial<RunImportOptions> = {}, environment = pipelineEnvironment(home)) {
      const destinations = [parseImportDestination(`${registry.host}/heroku`)];
      const own = { folder, destinations, recipients: null, stackImages: { 'heroku-24': 'scratch' } };
      const document = await runImport(
        { ...base, ...own, concurrency: 4, isDryRun: false, ...changes },
        environment,
      );
      return { document, environment };
    },
    read,
    result: async (app: string) => JSON.parse(await read(app, 'result.json')),
    rollout: async (app: string) => JSON.parse(await read(app, 'rollout.json')),
  };
}
