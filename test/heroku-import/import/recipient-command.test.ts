import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateX25519Identity } from 'age-encryption';
import { expect, test } from 'vitest';
import type { MigrationPlan } from '../../../src/heroku-import/plan/plan-document.ts';
import { startCommand } from '../../helpers/command.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const PLAN: MigrationPlan = {
  schemaVersion: 1,
  createdAt: '2026-01-02T03:04:05Z',
  api: 'api.heroku.com',
  apps: [],
  totals: {
    apps: 0,
    byFate: { slug: 0, container: 0, fir: 0, nothing: 0, closed: 0 },
    slugBytes: 0,
    secrets: 0,
  },
  forecast: { calls: 0, milliseconds: 0, remaining: 4500 },
};

test.each([
  [['--recipient'], 'RECIPIENT_INVALID'],
  [['--recipient', '--json'], 'RECIPIENT_INVALID'],
  // A slip of the finger before it.
  [['--recipent'], 'USAGE'],
])('a secret key behind %j is shown nowhere: not on a stream, in no log', async (flags, code) => {
  const home = await temporaryFolder();
  await writeFile(join(home, 'plan.json'), JSON.stringify(PLAN));
  const secret = await generateX25519Identity();
  const [first = '', ...rest] = flags;
  const { stdout, stderr, exitCode } = await startCommand(
    ['heroku', 'import', home, '--to', '127.0.0.1:1/x', first, secret, ...rest],
    { home, env: { HEROKU_API_KEY: 'HRKU-0123456789abcdef0123456789abcdef' } },
  );
  expect(exitCode).toBe(2);
  expect(stdout + stderr).toContain(code);
  const data = secret.slice('AGE-SECRET-KEY-1'.length);
  expect(stdout + stderr).not.toContain(data);
  for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    expect((await readFile(join(entry.parentPath, entry.name))).includes(data)).toBe(false);
  }
});
