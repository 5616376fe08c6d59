import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { migrationPaths } from '../../../src/heroku-import/folder/migration-folder.ts';
import { cutOverSteps } from '../../../src/heroku-import/report/cut-over.ts';
import { makeReport } from '../../../src/heroku-import/report/make-report.ts';
import { reportPage } from '../../../src/heroku-import/report/page.ts';
import { type ReportFormat, runReport } from '../../../src/heroku-import/report/run-report.ts';
import { createFakeHost } from '../../cli/fake-host.ts';
import { describeWith } from '../../helpers/engines.ts';
import { type Oddity, SECRET_MARK } from '../../helpers/heroku/make-world.ts';
import { deploy, makeSlugFile, startMigration } from '../../helpers/heroku/migration.ts';
import { attribute, parsePage } from '../../helpers/page.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

const RECIPIENT = 'age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa';
const now = () => new Date(1_800_000_000_000);
const report = (folder: string, format: ReportFormat = 'html') =>
  runReport({ folder, format, output: undefined, now });

async function imported(apps = 4) {
  const odd: readonly Oddity[] = ['none', 'wrong-checksum', 'no-slug', 'none'];
  const migration = await startMigration({ apps, oddity: (index) => odd[index] ?? 'none' });
  await migration.run({ recipients: [RECIPIENT] });
  return migration;
}

/** What somebody with an evil mind would put wherever text may stand. */
const EVIL = `"><img src=x onerror=alert(1)>'</td><script>alert(1)</script>\`&lt;\u202e\u001b[2J`;

/** The texts of a document, each replaced where the field allows any. */
function poisoned(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return KEPT.has(key) ? value : EVIL;
  if (Array.isArray(value)) return value.map((one) => poisoned(one, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, poisoned(one, name)]));
}
const KEPT: ReadonlySet<string> = new Set(['status', 'digest', 'state', 'id', 'kind', 'fate', 'class']);

describeWith(['gnutar'], 'the report of a migration', () => {
  test('a page is whole, has nothing but what it says, and loads nothing', async () => {
    const { folder } = await imported();
    const page = parsePage(await report(folder));
    expect(page.problems).toEqual([]);
    expect(page.named('script', 'link', 'img', 'iframe', 'object', 'base', 'form')).toEqual([]);
    const addresses = page.elements.flatMap((one) => attribute(one, 'href') ?? attribute(one, 'src') ?? []);
    expect(addresses.every((address) => address.startsWith('#'))).toBe(true);
    const ids = page.elements.flatMap((one) => attribute(one, 'id') ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    expect(addresses.filter((address) => !ids.includes(address.slice(1)))).toEqual([]);
    expect(page.elements.flatMap((one) => attribute(one, 'style') ?? [])).toEqual([]);
  });

  test('headings go down one by one, tables have captions and heads', async () => {
    const { folder } = await imported();
    const page = parsePage(await report(folder));
    const levels = page.named('h1', 'h2', 'h3', 'h4').map(({ tagName }) => Number(tagName[1]));
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    for (const [index, level] of levels.entries()) expect(level - (levels[index - 1] ?? 0)).toBeLessThan(2);
    expect(page.named('table').length).toBe(page.named('caption').length);
    expect(page.named('th').every((cell) => attribute(cell, 'scope') !== undefined)).toBe(true);
    expect(attribute(page.named('html')[0] ?? fail(), 'lang')).toBe('en');
  });

  const fail = (): never => {
    throw new Error('no such element');
  };

  test('it tells of every app what moved, what did not, and what to do', async () => {
    const { folder, result, registry } = await imported();
    const text = await report(folder);
    const page = parsePage(text);
    const sections = page.text('details');
    expect(sections).toHaveLength(4);
    const { images, notCarried } = await result('app-0000');
    for (const words of [
      images[0].digest,
      `${registry.host}/heroku/app-0000:v2`,
      'bin/web',
      'runs before each rollout',
      'SECRET_KEY_BASE',
      'DATABASE_URL has to come with what replaces postgresql-app-0000',
      ...notCarried.flatMap(({ what, why, next }: Record<string, string>) => [what, why, next]),
    ]) {
      expect(sections[0]).toContain(words);
    }
    expect(sections[1]).toContain('SLUG_CHECKSUM');
    expect(sections[2]).toContain('its release has no slug');
    expect(page.text('dd').slice(0, 3)).toEqual([
      expect.stringContaining('2 of 4'),
      expect.stringMatching(/^2/),
      expect.stringMatching(/^\d+sealed with age/),
    ]);
    expect(text).not.toContain(SECRET_MARK);
  });

  test('drift and cut-over steps are shown', async () => {
    const migration = await startMigration({ apps: 2 });
    migration.become(deploy(migration.world(), 'app-0001', await makeSlugFile(3)));
    await migration.run();
    const document = await makeReport(migration.folder, now);
    const steps = [
      { what: 'switch maintenance mode on', why: 'so that nothing writes' },
      'point DNS',
      7,
      null,
    ];
    const cutOver = cutOverSteps(steps);
    const page = parsePage(
      reportPage({ ...document, apps: document.apps.map((app) => ({ ...app, cutOver })) }),
    );
    const [, section] = page.text('details');
    expect(section).toContain('its release was 2, and is 3');
    expect(section).toContain('switch maintenance mode onso that nothing writes');
    expect(section).toContain('point DNS');
    expect(page.text('main')[0]).toContain(
      'Apps that are not imported, and apps that changed since the plan',
    );
  });

  test('nothing that others wrote becomes markup, in text or in attributes', async () => {
    const { folder } = await imported();
    const clean = parsePage(await report(folder));
    const paths = migrationPaths(folder);
    const plan = JSON.parse(await readFile(paths.plan, 'utf8'));
    const evilPlan = poisoned(plan) as typeof plan;
    const apps = evilPlan.apps.map((app: object, index: number) => ({ ...app, app: plan.apps[index].app }));
    await writeFile(paths.plan, JSON.stringify({ ...evilPlan, apps }));
    for (const { app } of plan.apps) {
      const result = JSON.parse(await readFile(paths.result(app), 'utf8'));
      await writeFile(paths.result(app), JSON.stringify(poisoned(result)));
    }
    const text = await report(folder);
    const page = parsePage(text);
    expect(page.problems.filter((problem) => !problem.startsWith('duplicate'))).toEqual([]);
    expect(page.named('script', 'img')).toEqual([]);
    const attributes = new Set(page.elements.flatMap(({ attrs }) => attrs.map(({ name }) => name)));
    const known = new Set(clean.elements.flatMap(({ attrs }) => attrs.map(({ name }) => name)));
    expect([...attributes].filter((name) => !known.has(name))).toEqual([]);
    expect(page.text('details')[0]).toContain('"><img src=x onerror=alert(1)>');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not come through
    expect(text).not.toMatch(/[\u001b\u202e]/);
  });

  test('a table has a row for each app, and no cell that is a formula', async () => {
    const { folder, result } = await imported();
    const path = migrationPaths(folder).result('app-0000');
    const evil = ['=1+1', '+1', '-1', '@x', '\t=1', '\r=1', ' =1', '＝1', 'a "b", c'];
    await writeFile(
      path,
      JSON.stringify({ ...(await result('app-0000')), reason: '=cmd|x', warnings: evil }),
    );
    const rows = readCsv(await report(folder, 'csv'));
    expect(rows).toHaveLength(5);
    const [titles = [], first = []] = rows;
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([titles.length]));
    expect(first[titles.indexOf('reason')]).toBe("'=cmd|x");
    expect(first[titles.indexOf('warnings')]).toMatch(/^'=1\+1; .*a "b", c$/);
    expect(rows.flat().filter((cell) => /^\s*[=+\-@＝]/.test(cell))).toEqual([]);
  });

  /** RFC 4180. */
  function readCsv(text: string): string[][] {
    expect(text.endsWith('\r\n')).toBe(true);
    const rows: string[][] = [[]];
    for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
      rows.at(-1)?.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
      if (end === '\r\n') rows.push([]);
    }
    return rows.slice(0, -1);
  }

  test('the document is that of status, with details', async () => {
    const { folder } = await imported();
    const text = await report(folder, 'json');
    const document = JSON.parse(text);
    expect(document.totals).toMatchObject({ apps: 4, imported: 2, failed: 1, skipped: 1, images: 2 });
    expect(document.apps[0].variables.secrets).toContain('SECRET_KEY_BASE');
    expect(document.apps[0].processes.map(({ name }: { name: string }) => name)).toEqual([
      ...['web', 'worker'],
      ...['release', 'rake'],
    ]);
    expect(text).not.toContain(SECRET_MARK);
    expect(document).toEqual(JSON.parse(JSON.stringify(await makeReport(folder, now))));
  });

  async function build(...words: string[]) {
    const { host, texts } = createFakeHost({
      arguments: ['heroku', 'report', ...words],
      environment: { DOGWOOD_HOME: await temporaryFolder() },
      pipeline: { migrationReport: async () => runReport },
    });
    return { exitCode: await runProgram(host), ...texts };
  }

  test('the command writes a file whole, or to standard output', async () => {
    const { folder } = await imported(2);
    const out = await temporaryFolder();
    const file = join(out, 'report.html');
    const { exitCode, stdout } = await build(folder, '-o', file);
    expect([exitCode, stdout]).toEqual([0, `Report ${file}\n`]);
    expect(await readFile(file, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(out)).toEqual(['report.html']);
    expect((await build(folder)).stdout).toMatch(/^<!doctype html>/);
    expect((await build(folder, '--format', 'csv')).stdout).toMatch(/^"app","status"/);
    const refused = await build(folder, '-o', join(out, 'none', 'report.html'));
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('error[REPORT_UNWRITABLE]');
  });
});
