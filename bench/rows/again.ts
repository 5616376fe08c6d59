import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type Bench, inFolder } from '../bench.ts';
import { type Result, seconds, spreadOf } from '../compare.ts';
import { portOf } from '../throttle.ts';

const MOST_SECONDS = 0.2;

/** The same slug again, into the registry that has it: what is asked, what is sent, how long it takes. */
export async function againRows(bench: Bench): Promise<Result[]> {
  const registry = await bench.registry();
  if (registry === undefined) return [];
  const slug = await bench.inputs.slug(bench.small ? 20 : 300);
  const proxy = await countingProxy(registry.port);
  try {
    return await inFolder(bench, async (home) => {
      const name = (await registry.fresh()).split('/')[1];
      const args = [slug, '--base', 'scratch', '-t', `127.0.0.1:${proxy.port}/${name}:v1`];
      const cold = await bench.build(args, { home });
      const warm: number[] = [];
      const startUp: number[] = [];
      for (let round = 0; round < Math.max(5, bench.rounds); round++) {
        proxy.seen.length = 0;
        warm.push((await bench.build(args, { home })).seconds);
        startUp.push((await bench.build(['--version'], { home })).seconds);
      }
      return rows(cold.seconds, warm, startUp, proxy.seen);
    });
  } finally {
    proxy.stop();
  }
}

function rows(
  cold: number,
  warm: readonly number[],
  startUp: readonly number[],
  seen: readonly Seen[],
): Result[] {
  const beyond = spreadOf(warm.map((time, round) => time - (startUp[round] ?? 0)));
  const heads = seen.filter(({ method }) => method === 'HEAD');
  const others = seen.filter(({ method, path }) => method !== 'HEAD' && path !== '/v2/');
  const sent = seen.reduce((sum, { bytes }) => sum + bytes, 0);
  const each = new Set(heads.map(({ path }) => path)).size === heads.length;
  return [
    {
      row: 'the same slug again: beyond start-up',
      peer: 'itself, cold',
      ours: seconds(beyond.median),
      theirs: seconds(cold),
      goal: `< ${MOST_SECONDS} s`,
      met: beyond.median < MOST_SECONDS,
    },
    {
      row: 'the same slug again: requests and bytes sent',
      peer: '-',
      ours: `${heads.length} HEAD, ${others.length} other (${describe(others)}), ${sent} bytes`,
      theirs: '-',
      goal: 'one HEAD each, 0 bytes',
      met: each && others.length === 0 && sent === 0,
    },
  ];
}

function describe(requests: readonly Seen[]): string {
  return (
    requests.map(({ method, path }) => `${method} ${path.split('/').slice(3, 5).join('/')}`).join(', ') ||
    'none'
  );
}

interface Seen {
  readonly method: string;
  readonly path: string;
  bytes: number;
}

/** Passes requests on to a port and remembers them. */
async function countingProxy(port: number): Promise<{ port: number; seen: Seen[]; stop(): void }> {
  const seen: Seen[] = [];
  const server = createServer((from, answer) => {
    const record = { method: from.method ?? '', path: from.url ?? '', bytes: 0 };
    seen.push(record);
    from.on('data', (chunk: Buffer) => {
      record.bytes += chunk.length;
    });
    const { method, headers, url: path } = from;
    const to = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    to.on('error', () => answer.destroy());
    from.pipe(to);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: portOf(server), seen, stop: () => void server.close() };
}
