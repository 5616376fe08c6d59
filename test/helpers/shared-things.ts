import { connect } from 'node:net';
import { join } from 'node:path';

/** What the whole run shares; `run-folder.ts` makes each when it is first asked for. */
export type SharedThing = 'docker' | 'buildkit';

/** The folder of this run of the tests; removed, with everything in it, when the run ends. */
export function runFolder(): string {
  const folder = process.env.DOGWOOD_TEST_RUN;
  if (folder === undefined) throw new Error('outside of a vitest run: globalSetup has made no folder');
  return folder;
}

/** Asks vitest's process for a shared thing, made at the first request. Throws what making it threw. */
export async function askFor(name: SharedThing): Promise<string> {
  const socket = connect(join(runFolder(), 'ask.sock'));
  socket.end(name);
  const reply = JSON.parse(Buffer.concat(await socket.toArray()).toString()) as
    | { readonly answer: string }
    | { readonly error: string };
  if ('error' in reply) throw new Error(`${name}: ${reply.error}`);
  return reply.answer;
}
