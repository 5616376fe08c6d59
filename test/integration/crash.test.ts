import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openLayout } from '../../src/oci/stores/layout.ts';
import { validate } from '../../src/oci/validate.ts';
import { validateImage } from '../../src/pipeline/validate.ts';
import { keepable, text } from '../builders/slug/slug-bytes.ts';
import { busyboxBase } from '../helpers/base-image.ts';
import { buildOrThrow, startCommand } from '../helpers/command.ts';
import { describeWith } from '../helpers/engines.ts';
import { pipelineEnvironment } from '../helpers/pipeline.ts';
import { type RunningRegistry, startRegistry } from '../helpers/registry.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const MIB = 1024 * 1024;
/** 24 MiB that do not compress: dozens of events between beginning and end. */
const SLUG = keepable(text('./app/blob', randomBytes(18 * MIB).toString('latin1')));
const ROUNDS = 6;

let base: string;
let slug: string;

/** Files that only a run in progress has: temporary ones, what it keeps aside. */
function unfinished(...folders: readonly string[]): readonly string[] {
  const files = folders.flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }));
  return files.filter((name) => /\.tmp$|spool-/.test(name));
}

/** A build that tells of its events as they happen. */
function watch(words: readonly string[], home: string, feed = false) {
  const all = [...words, '--base', `oci:${base}`, '--progress', 'json', '--json'];
  const child = startCommand(all, { home, ...(feed ? { stdin: 'pipe' } : {}) });
  const events = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  /** Waits for an event; false when the run ended without it. */
  const until = async (wanted: (event: Event) => boolean): Promise<boolean> => {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.startsWith('{') && wanted(JSON.parse(next.value) as Event)) return true;
    }
    return false;
  };
  return { child, until };
}

interface Event {
  readonly type: string;
  readonly bytes?: number;
  readonly transfer?: string;
}

/** Kills a build at its n-th event; runs through where it has fewer. */
async function killAtEvent(n: number, words: readonly string[], home: string): Promise<void> {
  const { child, until } = watch(words, home);
  let seen = 0;
  await until(() => ++seen > n);
  child.kill('SIGKILL');
  await child;
}

const anyEvent = (): number => Math.floor(Math.random() * 40);

describeWith(['busybox'], 'a build that is killed', () => {
  beforeAll(async () => {
    const folder = await temporaryFolder();
    base = (await busyboxBase(join(folder, 'base'))).layout;
    slug = join(folder, 'app.tgz');
    await writeFile(slug, SLUG);
  });

  test('while it writes a layout leaves what is whole, and the next one succeeds', async () => {
    const folder = await temporaryFolder();
    for (let round = 0; round < ROUNDS; round++) {
      // Now with a store that knows the slug, now without.
      const home = join(folder, round % 2 === 0 ? `home-${round}` : 'home-0');
      const out = join(folder, `out-${round}`);
      await mkdir(home, { recursive: true });
      const words = [slug, '-o', `oci:${out}:v1`, '--layer', round % 3 === 0 ? 'canonical' : 'keep'];
      const at = anyEvent();
      await killAtEvent(at, words, home);
      await everythingIsValid(out, `killed at event ${at} of round ${round}`);
      const { image } = await buildOrThrow([...words, '--base', `oci:${base}`], { home });
      const layout = await openLayout(out);
      expect(await layout.resolve('v1')).toMatchObject({ digest: image.digest });
      await everythingIsValid(out, `after round ${round}`);
      expect(unfinished(out, home)).toEqual([]);
    }
  }, 90_000);

  describeWith(['registry'], 'while it pushes', () => {
    let registry: RunningRegistry;
    beforeAll(async () => {
      registry = await startRegistry({ kind: 'distribution3' });
    });
    afterAll(() => registry.stop());

    test('does no harm: the next one succeeds', async () => {
      const folder = await temporaryFolder();
      for (let round = 0; round < ROUNDS; round++) {
        const home = join(folder, round % 2 === 0 ? `home-${round}` : 'home-0');
        await mkdir(home, { recursive: true });
        const words = [slug, '-t', `${registry.host}/crash/${round}:v1`];
        const at = anyEvent();
        await killAtEvent(at, words, home);
        const { image } = await buildOrThrow([...words, '--base', `oci:${base}`], { home });
        const checked = await validateImage(
          `docker://${registry.host}/crash/${round}:v1`,
          pipelineEnvironment(join(folder, 'validate')),
        );
        expect(checked, `killed at event ${at}`).toMatchObject({
          valid: true,
          digest: image.digest,
          violations: [],
        });
        expect(unfinished(home)).toEqual([]);
      }
    }, 90_000);

    test('is interrupted: exit code 130, nothing aside, no upload session', async () => {
      const home = await temporaryFolder();
      const { child, until } = watch(['-', '-t', `${registry.host}/crash/interrupted:v1`], home, true);
      child.stdin?.write(SLUG.subarray(0, 8 * MIB));
      expect(await until(({ bytes = 0, transfer }) => transfer === 'slug' && bytes > 2 * MIB)).toBe(true);
      child.kill('SIGINT');
      const { exitCode, stdout } = await child;
      expect(exitCode).toBe(130);
      expect(JSON.parse(String(stdout))).toMatchObject({ status: 'failed', error: { code: 'CANCELLED' } });
      expect(await readdir(join(home, 'tmp'))).toEqual([]);
      const stored = await readdir(registry.storage, { recursive: true });
      const here = stored.filter((path) => path.includes('crash/interrupted'));
      expect(
        here.filter((path) => /_uploads\/.*\/(?:data|startedat)$|_layers.*[a-f0-9]{64}/.test(path)),
      ).toEqual([]);
    });
  });

  test('is interrupted while it writes a layout: nothing half-written', async () => {
    const home = await temporaryFolder();
    const out = join(home, 'out');
    const { child, until } = watch(['-', '-o', `oci:${out}`], home, true);
    child.stdin?.write(SLUG.subarray(0, 8 * MIB));
    expect(await until(({ bytes = 0, transfer }) => transfer === 'slug' && bytes > 2 * MIB)).toBe(true);
    child.kill('SIGINT');
    expect((await child).exitCode).toBe(130);
    expect(unfinished(home)).toEqual([]);
    expect(existsSync(out)).toBe(false);
  });
});

/** Whatever has the name of a digest has its content. */
async function blobsAreWhole(folder: string): Promise<void> {
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  for (const path of files.filter((name) => /\/sha256\/[a-f0-9]{64}$/.test(name))) {
    const hash = createHash('sha256').update(await readFile(join(folder, path)));
    expect(hash.digest('hex')).toBe(basename(path));
  }
}

async function everythingIsValid(path: string, when: string): Promise<void> {
  await blobsAreWhole(path);
  // It may have been killed before there was anything.
  const isLayout = await readFile(join(path, 'oci-layout')).then(
    () => true,
    () => false,
  );
  if (!isLayout) return;
  const layout = await openLayout(path);
  for (const { descriptor } of await layout.list())
    expect(await validate(layout, descriptor), when).toEqual([]);
}

describeWith(['busybox', 'registry'], 'a registry that dies in the middle of an upload', () => {
  test('is named with exit code 3, and the next run completes', async () => {
    const [home, storage] = [await temporaryFolder(), await temporaryFolder()];
    const registry = await startRegistry({ kind: 'distribution3', storage });
    const where = `${registry.host}/crash/registry:v1`;
    const { child, until } = watch(['-', '-t', where], home, true);
    child.stdin?.write(SLUG.subarray(0, 8 * MIB));
    expect(await until(({ bytes = 0, transfer }) => transfer === 'slug' && bytes > 2 * MIB)).toBe(true);
    await registry.kill();
    child.stdin?.end(SLUG.subarray(8 * MIB));
    const { exitCode, stdout } = await child;
    expect(exitCode).toBe(3);
    const { error } = JSON.parse(String(stdout));
    expect(error.code).toBe('REGISTRY_UNREACHABLE');
    expect(error.message).toContain(registry.host);
    expect(unfinished(home)).toEqual([]);

    const again = await startRegistry({ kind: 'distribution3', storage, port: registry.port });
    try {
      const { image } = await buildOrThrow([slug, '-t', where, '--base', `oci:${base}`], { home });
      const checked = await validateImage(`docker://${where}`, pipelineEnvironment(join(home, 'validate')));
      expect(checked).toMatchObject({ valid: true, digest: image.digest });
    } finally {
      await again.stop();
      await registry.stop();
    }
  }, 60_000);
});

describeWith(['busybox', 'tmpfs', 'registry'], 'a full disk', ({ tmpfs }) => {
  let disk: string;
  beforeEach(async () => {
    disk = join(await temporaryFolder(), 'disk');
    await mkdir(disk);
    execFileSync(tmpfs, ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
  });
  afterEach(() => {
    execFileSync('umount', ['--lazy', disk]);
  });

  describe('is named with exit code 3 and nothing is half-written', () => {
    const cases = [
      ['a layout', (path: string) => [slug, '-o', `oci:${path}/out`], false],
      [
        'a transcoded layout',
        (path: string) => [slug, '-o', `oci:${path}/out`, '--compression', 'none'],
        false,
      ],
      ['an oci-archive', (path: string) => [slug, '-o', `oci-archive:${path}/out.tar`], false],
      ['a docker-archive', (path: string) => [slug, '-o', `docker-archive:${path}/out.tar`], false],
      ['the local store', () => [slug], true],
      ['standard input kept aside', (path: string) => ['-', '-o', `oci:${path}/../elsewhere`], true],
    ] as const;

    test.each(cases)('%s', async (_what, words, homeIsThere) => {
      const home = homeIsThere ? disk : join(disk, '../home');
      await mkdir(home, { recursive: true });
      const all = [...words(disk), '--base', `oci:${base}`, '--json'];
      const { exitCode, stdout, stderr } = await startCommand(all, {
        home,
        input: all[0] === '-' ? SLUG : '',
      });
      expect(exitCode, stderr).toBe(3);
      expect(JSON.parse(stdout)).toMatchObject({
        status: 'failed',
        error: { code: 'DISK_FULL', step: expect.any(String) },
      });
      expect(unfinished(disk, home)).toEqual([]);
      expect(readdirSync(disk).filter((name) => name.endsWith('.tar'))).toEqual([]);
      await blobsAreWhole(disk);
      const out = join(disk, 'out');
      await everythingIsValid(out, 'on the full disk');
    });
  });
});
