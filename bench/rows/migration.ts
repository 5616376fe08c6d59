import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cp, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { makeWorld, type SlugFile } from '../../test/helpers/heroku/make-world.ts';
import { createPlatformApi } from '../../test/helpers/heroku/platform-api.ts';
import type { HerokuWorld } from '../../test/helpers/heroku/world.ts';
import { type Bench, inFolder } from '../bench.ts';
import { compare, type Result, seconds } from '../compare.ts';
import { findProgram, run } from '../programs.ts';
import { portOf } from '../throttle.ts';

const SLUGS = 200;
const AT_ONCE = 4;
const TOKEN = 'HRKU-bench-0000';
const GOAL = 0.5;

/** So many apps, each with a slug of its own, beside a shell loop that fetches each and lets crane append it. */
export async function migrationRows(bench: Bench): Promise<Result[]> {
  const registry = await bench.registry();
  if (registry === undefined) return [];
  const slugs = await bench.inputs.slugs(bench.small ? 8 : SLUGS, bench.small ? 2 : 20);
  return await inFolder(bench, async (folder) => {
    const world = makeWorld({
      apps: slugs.length,
      slugs: await Promise.all(slugs.map(slugFile)),
      oddity: () => 'none',
    });
    const heroku = await startHeroku(world);
    try {
      const environment = { HEROKU_API_KEY: TOKEN, HEROKU_API_URL: heroku.api };
      const plan = join(folder, 'plan');
      await bench.build(['heroku', 'plan', '--out', plan, '--all'], { environment });
      const migrate = async (migration: string, home: string): Promise<number> => {
        const to = ['--to', `${registry.host}/heroku`, '--base', 'heroku-24=scratch', '--no-secrets'];
        const words = ['heroku', 'import', migration, ...to, '--concurrency', String(AT_ONCE)];
        return (await bench.build(words, { home, environment })).seconds;
      };
      const second: number[] = [];
      const first: number[] = [];
      const ours = async (): Promise<number> =>
        await inFolder(bench, async (place) => {
          const migration = join(place, 'migration');
          await cp(plan, migration, { recursive: true });
          await registry.fresh();
          await bench.settle();
          const took = await migrate(migration, join(place, 'home'));
          first.push(took);
          second.push(await migrate(migration, join(place, 'home')));
          return took;
        });
      const crane = findProgram('crane');
      const rows = await compare(
        {
          row: `${slugs.length} slugs of Heroku to a registry`,
          ours,
          peers: [
            {
              name: `shell loop over curl and crane append, ${AT_ONCE} at once`,
              goal: GOAL,
              run: crane === undefined ? undefined : () => shellLoop(bench, crane, world, heroku.sign),
            },
          ],
        },
        Math.min(bench.rounds, 3),
      );
      return [...rows, againRow(slugs.length, first, second)];
    } finally {
      heroku.stop();
    }
  });
}

function againRow(apps: number, first: readonly number[], second: readonly number[]): Result {
  const median = (times: readonly number[]) =>
    times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
  return {
    row: `the same ${apps} again, nothing changed`,
    peer: 'itself, cold',
    ours: seconds(median(second)),
    theirs: seconds(median(first)),
    goal: '-',
    met: undefined,
  };
}

async function slugFile(file: string): Promise<SlugFile> {
  const { size } = await stat(file);
  const sha256 = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  return { file, sha256, size, processTypes: { web: 'bin/web' } };
}

/** The stand-in of the tests, as a process of its own would be: in this one, which waits meanwhile. */
async function startHeroku(world: HerokuWorld) {
  const platform = createPlatformApi({
    world: () => world,
    token: TOKEN,
    slugLife: 3_600_000,
    rateLimit: { size: 1_000_000 },
  });
  const listen = async (listener: RequestListener) => {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { url: `http://127.0.0.1:${portOf(server)}`, server };
  };
  const store = await listen((request, response) => {
    // Who goes away in the middle is no matter of the bench's.
    platform.answerSlug(request, response).catch(() => response.destroy());
  });
  const api = await listen((request, response) => platform.answerApi(request, response, store.url));
  return {
    api: api.url,
    sign: () => world.apps.flatMap(({ slugs }) => slugs.map((slug) => platform.slugs.sign(slug, store.url))),
    stop: () => {
      for (const { server } of [api, store]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

/** What a patient person would write: fetch a slug, append it, remove it; so many at once. */
async function shellLoop(
  bench: Bench,
  crane: string,
  world: HerokuWorld,
  sign: () => readonly string[],
): Promise<number> {
  return await inFolder(bench, async (folder) => {
    const registry = await bench.registry();
    await registry?.fresh();
    const lines = sign().map((address, index) => `${world.apps[index]?.name} ${address}`);
    await writeFile(join(folder, 'apps'), `${lines.join('\n')}\n`);
    const one = `curl -sf -o "$0.tgz" "$1" && '${crane}' append --insecure -f "$0.tgz" -t '${registry?.host}'/loop/"$0":v2 >/dev/null && rm "$0.tgz"`;
    await bench.settle();
    const loop = `cd '${folder}' && xargs -L 1 -P ${AT_ONCE} sh -c '${one.replaceAll("'", `'\\''`)}' < apps`;
    return (await run('sh', ['-c', loop])).seconds;
  });
}
