import { readdir, readFile } from 'node:fs/promises';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { Docker } from './docker.ts';

/** Every process of this machine: its id, and its arguments with spaces between. */
export async function processes(): Promise<readonly (readonly [number, string])[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(
    ids.map(async (id) => {
      const line = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '');
      return [Number(id), line.replaceAll('\0', ' ')] as const;
    }),
  );
}

/** What the web process of an image, told to listen on a port, says to a GET of `/index.html`. */
export async function answerOf(image: string, { docker }: Docker): Promise<string> {
  const container = await docker('run', '--detach', '-e', 'PORT=8080', '-p', '127.0.0.1::8080', image);
  try {
    const [, port] = (await docker('port', container, '8080')).split(':');
    for (let attempt = 0; ; attempt++) {
      const page = await get(`http://127.0.0.1:${port}/index.html`).catch((error: Error) => error);
      if (typeof page === 'string') return page;
      if (attempt === 500) throw page;
      // It has not begun to listen.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    await docker('rm', '--force', '--volumes', container);
  }
}

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http.get(url, (response) => void text(response).then(resolve, reject)).once('error', reject);
  });
}
