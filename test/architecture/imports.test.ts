import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../helpers/engines.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const check = (root: string) =>
  spawnSync(process.execPath, [join(REPOSITORY, 'tools/check-imports.ts'), root], { encoding: 'utf8' });

/** What the check says of a house with these files, its last line left out. */
async function verdict(files: Readonly<Record<string, string>>) {
  const root = await temporaryFolder();
  await writeFile(
    join(root, 'package.json'),
    '{"dependencies":{"execa":"1","zod":"1","fastify":"1","bullmq":"1"}}',
  );
  for (const [path, code] of Object.entries(files)) {
    await mkdir(dirname(join(root, 'src', path)), { recursive: true });
    await writeFile(join(root, 'src', path), code);
  }
  const { status, stdout, stderr } = check(root);
  expect(stderr).toBe('');
  const lines = stdout.split('\n').slice(0, -2);
  expect(status).toBe(lines.length === 0 ? 0 : 1);
  return lines;
}

test('the sources keep the import rules', () => {
  const { status, stdout } = check(REPOSITORY);
  expect(stdout).toMatch(/ 0 violations of the import rules\n$/);
  expect(status).toBe(0);
});

test.each([
  ['upwards', 'oci/a.ts', "import { b } from '../registry/b.ts';", 'oci may not import registry'],
  ['a neighbour', 'builders/a.ts', "import { b } from '../rollout/b.ts';", 'builders may not import rollout'],
  ['only a type', 'plan/a.ts', "import type { B } from '../registry/b.ts';", 'plan may not import registry'],
  [
    'an inline type',
    'plan/a.ts',
    "export type A = import('../registry/b.ts').B;",
    'plan may not import registry',
  ],
  ['re-exporting', 'net/a.ts', "export * from '../oci/b.ts';", 'net may not import oci'],
  ['lazily', 'net/a.ts', "export const a = () => import('../oci/b.ts');", 'net may not import oci'],
  ['the program', 'cli/a.ts', "import { b } from '../main.ts';", 'cli may not import main'],
  ['the tests', 'cli/a.ts', "import { b } from '../../test/b.ts';", 'outside of src'],
  ['a process', 'builders/a.ts', "import { spawn } from 'node:child_process';", 'only engines may'],
  ['a process library', 'pipeline/a.ts', "import type { Options } from 'execa';", 'only engines may'],
  ['a socket', 'registry/auth.ts', "import http from 'node:http';", 'only net, registry/http'],
  ['the queue', 'service/worker/a.ts', "import { Queue } from 'bullmq';", 'only service/queue may'],
  ['the HTTP server', 'service/queue/a.ts', "import fastify from 'fastify';", 'only service/http may'],
  ['an unknown package', 'cli/a.ts', "import chalk from 'chalk';", 'not a dependency'],
  ['an unprefixed built-in', 'cli/a.ts', "import fs from 'fs';", 'not a dependency'],
  ['from no room', 'utils/a.ts', 'export const a = 1;', 'no room of the house'],
])('finds an import of %s', async (_, path, code, expected) => {
  expect(await verdict({ [path]: code })).toEqual([expect.stringContaining(expected)]);
});

test('finds a cycle, of types too', async () => {
  const files = {
    'oci/a.ts': "import type { B } from './b.ts';",
    'oci/b.ts': "import type { C } from './tar/c.ts';",
    'oci/tar/c.ts': "import type { A } from '../a.ts';",
  };
  expect(await verdict(files)).toEqual(['cycle: oci/a.ts -> oci/b.ts -> oci/tar/c.ts -> oci/a.ts']);
});

test('lets through what is allowed', async () => {
  const files = {
    'errors.ts': '',
    'oci/tar/a.ts': "import { e } from '../../errors.ts'; import { z } from 'zod';",
    'registry/http.ts': "import { request } from 'node:https';",
    'engines/a.ts': "import { execa } from 'execa'; import { spawn } from 'node:child_process';",
    'main.ts': "import('./cli/a.ts');",
    'cli/a.ts': "import type { A } from '../oci/tar/a.ts'; import { readFile } from 'node:fs/promises';",
  };
  expect(await verdict(files)).toEqual([]);
});
