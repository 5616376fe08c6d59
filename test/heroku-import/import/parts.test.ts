import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { interruptedRun, openJournal, readJournal } from '../../../src/heroku-import/folder/journal.ts';
import { parseImportDestination, requireDifferent } from '../../../src/heroku-import/images/destinations.ts';
import { oneByOne, weightLimit } from '../../../src/heroku-import/import/limits.ts';
import { driftOf } from '../../../src/heroku-import/plan/drift.ts';
import type { AppPlan } from '../../../src/heroku-import/plan/plan-document.ts';
import { temporaryFolder } from '../../helpers/temp.ts';

test('a destination is a registry and a prefix, of a region or of none', () => {
  expect(parseImportDestination('fra=r.example.com:5000/a/b')).toEqual({
    region: 'fra',
    prefix: 'r.example.com:5000/a/b',
  });
  expect(parseImportDestination('127.0.0.1:5000/heroku/')).toEqual({
    region: undefined,
    prefix: '127.0.0.1:5000/heroku',
  });
});

test.each([
  ['r.example.com'],
  ['fra='],
  [''],
  ['fra=r.example.com/'],
  ['bad region=r.example.com/a'],
  ['r.example.com/UPPER'],
  ['r.example.com/a:v1'],
  [`r.example.com/a@sha256:${'ab'.repeat(32)}`],
])('%j is no destination', (text) => {
  expect(() => parseImportDestination(text)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^(?:USAGE|REFERENCE_INVALID)$/) }),
  );
});

test('two destinations are two places of two regions', () => {
  const same = [
    { region: 'a', prefix: 'r/x' },
    { region: 'b', prefix: 'r/x' },
  ];
  expect(() => requireDifferent(same)).toThrow(/two regions/);
  expect(() =>
    requireDifferent([
      { region: undefined, prefix: 'r/x' },
      { region: undefined, prefix: 'r/y' },
    ]),
  ).toThrow();
  requireDifferent([
    { region: 'a', prefix: 'r/x' },
    { region: 'b', prefix: 'r/y' },
  ]);
});

test('a journal is read to its last whole line, and written on behind a torn one', async () => {
  const path = join(await temporaryFolder(), 'journal.ndjson');
  expect(await readJournal(path)).toEqual([]);
  const entry = { at: '2026-01-01T00:00:00Z', run: 'r', event: 'run-started', asked: 'x' } as const;
  const first = await openJournal(path);
  await first.write(entry);
  await first.close();
  await appendFile(path, '{"at":"2026-01-01T00:00:01Z","run":"r","event":"app-fini');
  expect(await readJournal(path)).toEqual([entry]);
  const second = await openJournal(path);
  const done = {
    at: '2026-01-01T00:00:02Z',
    run: 'r',
    event: 'app-finished',
    app: 'a',
    status: 'imported',
  } as const;
  await second.write(done);
  await second.close();
  expect(await readJournal(path)).toEqual([entry, done]);
  await writeFile(path, 'no json at all\n{"event":"unknown"}\n');
  expect(await readJournal(path)).toEqual([]);
});

test('an import goes on only when it was asked for the same and did not come to its end', () => {
  const at = '2026-01-01T00:00:00Z';
  const run = (run: string, asked: string, ...apps: readonly (readonly [string, string])[]) => [
    { at, run, event: 'run-started' as const, asked },
    ...apps.map(([app, status]) => ({ at, run, event: 'app-finished' as const, app, status })),
  ];
  const broken = run('1', 'x', ['a', 'imported'], ['b', 'failed'], ['c', 'skipped']);
  expect(interruptedRun([], 'x')).toBeUndefined();
  expect(interruptedRun(broken, 'y')).toBeUndefined();
  expect([...(interruptedRun(broken, 'x')?.finished ?? [])]).toEqual(['a', 'c']);
  const resumed = [...broken, ...run('1', 'x', ['b', 'imported'])];
  expect([...(interruptedRun(resumed, 'x')?.finished ?? [])].sort()).toEqual(['a', 'b', 'c']);
  expect(interruptedRun([...resumed, { at, run: '1', event: 'run-finished' }], 'x')).toBeUndefined();
});

test('no more than so much is on its way at once, in order; what is too heavy goes alone', async () => {
  const limit = weightLimit(10);
  let [now, most] = [0, 0];
  const order: number[] = [];
  const work = (weight: number) =>
    limit(weight, async () => {
      order.push(weight);
      now += weight;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= weight;
    });
  await Promise.all([4, 4, 4, 25, 1, 9].map(work));
  expect(order).toEqual([4, 4, 4, 25, 1, 9]);
  expect(most).toBe(25);
  await expect(limit(10, () => Promise.reject(new Error('x')))).rejects.toThrow('x');
  await work(10);
});

test('work under one key goes one after the other, whatever became of the first', async () => {
  const run = oneByOne();
  const order: string[] = [];
  const slow = run('a', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    order.push('first');
    throw new Error('broken');
  });
  const others = [run('a', async () => order.push('second')), run('b', async () => order.push('other'))];
  await expect(slow).rejects.toThrow('broken');
  await Promise.all(others);
  expect(order).toEqual(['other', 'first', 'second']);
});

test('drift is told in sentences, and nothing of a value', () => {
  const plan: AppPlan = {
    app: 'a',
    id: '1',
    team: null,
    region: 'us',
    stack: 'heroku-24',
    fate: 'slug',
    reason: '',
    release: 2,
    slug: { id: 's', checksum: null, size: 1, stack: 'heroku-24', commit: null },
    processes: [{ name: 'web', command: 'x', kind: 'service', replicas: 1, dynoSize: null, memory: null }],
    variables: [{ name: 'A', class: 'secret', rule: '', addon: null, sharedWith: [], warnings: [] }],
    domains: ['old.example.com'],
    buildpacks: [],
    maintenance: false,
    notCarried: [],
    warnings: [],
  };
  expect(driftOf(plan, plan)).toEqual([]);
  const [web] = plan.processes;
  const now: AppPlan = {
    ...plan,
    release: 3,
    maintenance: true,
    domains: ['new.example.com'],
    processes: web === undefined ? [] : [{ ...web, replicas: 4 }],
    variables: [{ name: 'B', class: 'plain', rule: '', addon: null, sharedWith: [], warnings: [] }],
  };
  expect(driftOf(plan, now)).toEqual([
    'its release was 2, and is 3',
    'maintenance mode was false, and is true',
    'the process web has changed',
    'the variable A is gone',
    'the variable B is new',
    'the domain old.example.com is gone',
    'the domain new.example.com is new',
  ]);
});
