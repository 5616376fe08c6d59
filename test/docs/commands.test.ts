/**
 * Runs what the documentation shows. The `sh`, `bash` and `console` blocks of a page run in order, as one script,
 * in a copy of the repository; of `console` blocks the lines after `$ `. A comment on the line before a block says
 * what is special about it:
 *
 *   <!-- needs: docker registry -->   engines (helpers/engines.ts). With `registry`, one is started in the place of
 *                                     registry.example; with `docker`, the run's own daemon is used.
 *   <!-- not run: REASON -->          shown only; to be used sparingly.
 *
 * Commands in RUN_BY_CI are what `.ci/run` does in a fresh clone; here they are left out.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { documentation, type Fence, type Page } from '../../tools/markdown.ts';
import { dockerEngine } from '../helpers/docker.ts';
import { describeWith, ENGINES, type EngineName, REPOSITORY } from '../helpers/engines.ts';
import { startRegistry } from '../helpers/registry.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const RUN_BY_CI = ['npm ci', 'npm run check', 'npm test', '.ci/engines', '.ci/run'];
const PLACEHOLDER = 'registry.example';
const LIMIT_MS = 120_000;

const isShell = ({ language }: Fence): boolean => ['sh', 'bash', 'console'].includes(language);
const reasonNotToRun = ({ directive }: Fence): string | undefined => directive.match(/^not run: (.+)/)?.[1];

function needs({ directive }: Fence): readonly EngineName[] {
  const names = directive.match(/^needs: (.+)/)?.[1]?.split(/[\s,]+/) ?? [];
  return names.map((name) => {
    if (!(name in ENGINES)) throw new Error(`no engine is called ${name}`);
    return name as EngineName;
  });
}

/** The commands of a block without those that `.ci/run` runs. */
function commands({ language, body }: Fence): string {
  const lines = body.split('\n');
  const typed = language === 'console' ? lines.flatMap((line) => line.match(/^\$ (.*)/)?.[1] ?? []) : lines;
  return typed
    .map((line) =>
      line
        .split(' && ')
        .filter((command) => !RUN_BY_CI.includes(command.replace(/\s+#.*/, '').trim()))
        .join(' && '),
    )
    .join('\n');
}

/** A folder that looks like the repository, in which commands may leave what they make. */
async function copyOfRepository(): Promise<string> {
  const copy = await temporaryFolder();
  // Whoever tried the README has its images here: through a link the commands would change those, and find them.
  const isLeftOver = (name: string) =>
    name.endsWith('.tar') || existsSync(join(REPOSITORY, name, 'oci-layout'));
  const names = readdirSync(REPOSITORY).filter((name) => name !== '.git' && !isLeftOver(name));
  for (const name of names) await symlink(join(REPOSITORY, name), join(copy, name));
  return copy;
}

async function run(page: Page, fences: readonly Fence[]): Promise<void> {
  const engines = new Set(fences.flatMap(needs));
  const folder = await copyOfRepository();
  const home = await temporaryFolder();
  let script = `set -euo pipefail\n${fences.map(commands).join('\n')}\n`;
  const env: Record<string, string> = {
    HOME: home,
    DOGWOOD_HOME: join(home, 'dogwood'),
    DOCKER_CONFIG: join(home, 'docker'),
    PATH: `${join(REPOSITORY, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
    npm_config_offline: 'true',
  };
  await mkdir(join(home, 'docker'));
  if (engines.has('registry')) {
    const registry = await startRegistry({ kind: 'distribution3' });
    onTestFinished(() => registry.stop());
    script = script.replaceAll(PLACEHOLDER, registry.host);
  }
  if (engines.has('docker')) env.DOCKER_HOST = (await dockerEngine()).environment.DOCKER_HOST;
  await writeFile(join(home, 'script.sh'), script);
  const { exitCode, all } = await execa('bash', ['-x', join(home, 'script.sh')], {
    ...{ cwd: folder, env, all: true, reject: false, stdin: 'ignore', timeout: LIMIT_MS },
  });
  expect(exitCode, `${page.path}:\n${all}`).toBe(0);
}

const isRun = (fence: Fence): boolean => isShell(fence) && reasonNotToRun(fence) === undefined;

for (const page of documentation(REPOSITORY)) {
  const shown = page.fences.filter((fence) => isRun(fence) && commands(fence).trim() !== '');
  const plain = shown.filter((fence) => needs(fence).length === 0);
  const engines = new Set(shown.flatMap(needs));
  if (plain.length > 0) {
    describeWith(['bash'], `the commands of ${page.path}`, () => {
      test('work as shown, in order', () => run(page, plain), LIMIT_MS);
    });
  }
  if (engines.size > 0) {
    describeWith(['bash', ...engines], `the commands of ${page.path}, with those that need engines`, () => {
      test('work as shown, in order', () => run(page, shown), LIMIT_MS);
    });
  }
}

describe('what the tests of the documentation leave out', () => {
  test('is what .ci/run does', () => {
    const script = readFileSync(join(REPOSITORY, '.ci/run'), 'utf8');
    const others = RUN_BY_CI.filter((command) => command !== '.ci/run');
    expect(others.filter((command) => !script.includes(command))).toEqual([]);
  });

  test('is only the commands, not what stands beside them', () => {
    const fence = { line: 1, directive: '' };
    const body = '$ npm ci && npx build app\nsome output\n$ npm test   # everything';
    expect(commands({ ...fence, language: 'console', body })).toBe('npx build app\n');
    expect(commands({ ...fence, language: 'sh', body: 'npm ci && npm test\nls | wc -l' })).toBe(
      '\nls | wc -l',
    );
  });
});
