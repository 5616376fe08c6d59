import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type Bench, inFolder } from '../bench.ts';
import { compare, type Result, type Run } from '../compare.ts';
import { run } from '../programs.ts';
import type { Registry } from '../registry.ts';
import { portOf, throttledLink } from '../throttle.ts';

const BYTES_PER_SECOND = 20_000_000;
/** The store's index and the log; a slug would be a thousand times that. */
const MOST_ON_DISK = 1024 * 1024;

/** A slug from a URL straight into a registry, over two slow links. */
export async function throttledRows(bench: Bench): Promise<Result[]> {
  const registry = await bench.registry();
  if (registry === undefined) return [];
  const slug = await bench.inputs.slug(bench.small ? 20 : 300);
  const server = createServer((_, response) => {
    createReadStream(slug).pipe(response);
  });
  const { size } = await stat(slug);
  server.prependListener('request', (_, response) => response.setHeader('content-length', size));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const download = await throttledLink(portOf(server), BYTES_PER_SECOND);
  const upload = await throttledLink(registry.port, BYTES_PER_SECOND);
  try {
    return await measure(bench, registry, slug, download.port, upload.port);
  } finally {
    await download.stop();
    await upload.stop();
    server.close();
  }
}

async function measure(
  bench: Bench,
  registry: Registry,
  slug: string,
  download: number,
  upload: number,
): Promise<Result[]> {
  const url = `http://127.0.0.1:${download}/slug.tgz`;
  let onDisk = 0;
  const throughUs: Run = () =>
    inFolder(bench, async (home) => {
      const name = (await registry.fresh()).split('/')[1];
      const args = [url, '--base', 'scratch', '-t', `127.0.0.1:${upload}/${name}:v1`];
      const watch = watchFolder(home);
      try {
        return (await bench.build(args, { home, environment: { TMPDIR: home } })).seconds;
      } finally {
        onDisk = Math.max(onDisk, await watch.stop());
      }
    });
  const bare = async (direction: string, port: number): Promise<number> => {
    const name = (await registry.fresh()).split('/')[1];
    const script = join(import.meta.dirname, '../bare-transfer.ts');
    return (await run(process.execPath, [script, direction, `${port}`, slug, `${name}`])).seconds;
  };
  const slower: Run = async () => Math.max(await bare('download', download), await bare('upload', upload));
  const rows = await compare(
    {
      row: 'slug from a URL to registry, both links at 20 MB/s',
      ours: throughUs,
      peers: [{ name: "slower link's bare transfer", goal: 1.1, run: slower }],
    },
    Math.min(bench.rounds, 3),
  );
  const file: Result = {
    row: 'the same: most bytes on disk meanwhile',
    peer: '-',
    ours: `${Math.round(onDisk / 1024)} KiB`,
    theirs: '-',
    goal: 'no file',
    met: onDisk < MOST_ON_DISK,
  };
  return [...rows, file];
}

/** The most bytes that ever lay in a folder. */
function watchFolder(folder: string): { stop(): Promise<number> } {
  let most = 0;
  const look = async (): Promise<void> => {
    most = Math.max(most, await bytesIn(folder));
  };
  const timer = setInterval(() => void look(), 200);
  return {
    async stop() {
      clearInterval(timer);
      await look();
      return most;
    },
  };
}

async function bytesIn(folder: string): Promise<number> {
  let sum = 0;
  for (const path of await readdir(folder, { recursive: true })) {
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (found?.isFile()) sum += found.size;
  }
  return sum;
}
