import { existsSync } from 'node:fs';
import { readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { slugBuilder } from '../../../src/builders/slug/index.ts';
import { knownVerdict } from '../../../src/builders/slug/layer.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { loadImage } from '../../../src/oci/load.ts';
import { openLayout } from '../../../src/oci/stores/layout.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';
import { validate } from '../../../src/oci/validate.ts';
import { runBuild } from '../../../src/pipeline/build.ts';
import { planContext } from '../../../src/pipeline/plan.ts';
import type { PipelineEnvironment } from '../../../src/pipeline/session/environment.ts';
import { withSession } from '../../../src/pipeline/session/session.ts';
import type { BuildRequest } from '../../../src/plan/request.ts';
import type { SucceededBuild } from '../../../src/plan/result.ts';
import { openSource } from '../../../src/source/open-source.ts';
import { type Handler, serve } from '../../helpers/http-server.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { putSmallImage, tarOf } from '../../helpers/small-image.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { archive, file, hardlink } from '../../oci/tar/raw-tar.ts';
import { APP, folder, keepable, link, OWNER, PROCFILE, READING, slugOf, text } from './slug-bytes.ts';

let home: string;
beforeEach(async () => {
  home = await temporaryFolder();
});

const CHANGED = slugOf(APP, PROCFILE, text('./app/x', 'setuid', { mode: 0o4755 }));

async function slugFile(bytes: Uint8Array, name = 'app.tgz'): Promise<string> {
  const path = join(home, name);
  await writeFile(path, bytes);
  return path;
}

async function build(
  source: string,
  changes: Partial<BuildRequest> = {},
  more: Partial<PipelineEnvironment> = {},
) {
  const environment = pipelineEnvironment(join(home, 'home'), more);
  const result = await runBuild(
    buildRequest(source, { base: 'scratch', output: `oci:${home}/out:v1`, ...changes }),
    environment,
  );
  return { result, events: environment.events };
}

async function built(...words: Parameters<typeof build>): Promise<SucceededBuild> {
  const { result } = await build(...words);
  if (result.status === 'failed') throw new Error(`${result.error.code}: ${result.error.message}`);
  return result;
}

const slugLayer = (result: SucceededBuild) => result.layers?.find(({ origin }) => origin === 'slug');

async function imageOf(result: SucceededBuild) {
  const layout = await openLayout(join(home, 'out'));
  const descriptor = await layout.resolve(result.image.digest);
  if (descriptor === undefined) throw new Error('the image is not in the layout');
  expect(await validate(layout, descriptor)).toEqual([]);
  return await loadImage(layout, descriptor, {});
}

describe('a slug that needs no change', () => {
  test('is the layer, byte for byte', async () => {
    const slug = keepable(text('./app/x', 'content'));
    const result = await built(await slugFile(slug));
    expect(slugLayer(result)).toMatchObject({
      digest: digestOf(slug),
      size: slug.length,
      diffId: digestOf(archive(APP, PROCFILE, text('./app/x', 'content'))),
    });
    const image = await imageOf(result);
    expect(image.config.config?.User).toBe('57350:57350');
    expect(await buffer(await (image.layers.at(-1) as (typeof image.layers)[0]).open())).toEqual(slug);
    expect(result.processes).toEqual({ web: './run' });
  });

  test.each([
    ['gzip', 'gzip', {}],
    ['gzip', 'asked for', { layer: 'canonical' }],
    ['zstd', 'in zstd', { compression: 'zstd' }],
    ['none', 'without compression', { compression: 'none' }],
    ['gzip', 'with mounts', { hasMounts: true }],
  ] as const)('is transcoded where it has to be (%s, %s)', async (kind, what, changes) => {
    const kept = what === 'gzip';
    const result = await built(await slugFile(keepable()), changes);
    const image = await imageOf(result);
    expect(image.config.config?.User).toBe(kept ? '57350:57350' : '1000:1000');
    expect(slugLayer(result)?.mediaType).toBe(
      `application/vnd.oci.image.layer.v1.tar${kind === 'none' ? '' : `+${kind}`}`,
    );
    const bytes = await buffer(await (image.layers.at(-1) as (typeof image.layers)[0]).open());
    if (kind === 'zstd') expect(digestOf(zstdDecompressSync(bytes))).toBe(slugLayer(result)?.diffId);
    if (kind === 'none') expect(slugLayer(result)?.diffId).toBe(slugLayer(result)?.digest);
  });
});

test('a slug of which only a canonical layer was made is read again to be kept, and known from then on', async () => {
  const slug = keepable(text('./app/x', 'content'));
  const path = await slugFile(slug);
  await built(path, { layer: 'canonical' });
  const expected = { digest: digestOf(slug), diffId: digestOf(gunzipSync(slug)) };
  expect(slugLayer(await built(path))).toMatchObject(expected);
  await built(path, { layer: 'canonical', rebuild: true });
  expect(slugLayer(await built(path))).toMatchObject(expected);
});

describe('a slug that has to change', () => {
  test('is transcoded, and says why', async () => {
    const { result, events } = await build(await slugFile(CHANGED));
    expect(result.status).toBe('succeeded');
    const notes = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
    expect(notes).toEqual(['the slug was transcoded: ./app/x is setuid or setgid']);
    await imageOf(result as SucceededBuild);
  });

  test('is refused where it must be kept, and says why', async () => {
    const { result } = await build(await slugFile(CHANGED), { layer: 'keep' });
    expect(result).toMatchObject({
      status: 'failed',
      error: {
        code: 'SLUG_NOT_KEEPABLE',
        message: expect.stringContaining('./app/x is setuid'),
        step: 'build',
      },
    });
    expect(await leftovers()).toEqual([]);
    // Also once it is known.
    await built(await slugFile(CHANGED));
    expect((await build(await slugFile(CHANGED), { layer: 'keep' })).result).toMatchObject({
      error: { code: 'SLUG_NOT_KEEPABLE' },
    });
  });
});

/** Everything but the bare layout and the store's index. */
async function leftovers(): Promise<readonly string[]> {
  const files = await readdir(home, { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1))
    .filter(
      (path) => !/^(?:app\.tgz|home\/index\.sqlite.*|out\/(?:oci-layout|index\.json|.*\.lock))$/.test(path),
    );
}

describe('the same slug again', () => {
  /** Builds through the builder itself, counting how often the slug is opened. */
  async function counted(source: string, changes: Partial<BuildRequest> = {}) {
    const environment = pipelineEnvironment(join(home, 'home'));
    return await withSession(environment, async (session) => {
      const opened = await session.openSource(source);
      if (opened.kind !== 'archive') throw new Error('no archive');
      let opens = 0;
      const open = () => {
        opens += 1;
        return opened.content.open();
      };
      const content = { ...opened.content, open };
      const spied = { ...opened, content };
      const request = buildRequest(source, { base: 'scratch', ...changes });
      const context = planContext(session, request);
      const { emit, logger } = environment;
      const plan = await slugBuilder.plan(spied, request, context);
      const { temp, makeFolder, hold, store: sink } = session;
      const readSecret = async () => new Uint8Array();
      const alternatives = async () => [];
      const run = {
        ...context,
        source: spied,
        request,
        temp,
        makeFolder,
        hold,
        readSecret,
        alternatives,
        sink,
        emit,
        logger,
      };
      const image = await slugBuilder.build(plan, run);
      return { digest: image.descriptor.digest, opens };
    });
  }

  test.each([
    ['kept', keepable(), {}, 1],
    ['asked to be transcoded', keepable(), { layer: 'canonical' }, 1],
    ['that has to change', CHANGED, {}, 2],
    ['in zstd', CHANGED, { compression: 'zstd' }, 1],
  ] as const)('is neither read nor inflated (%s)', async (_what, bytes, changes, first) => {
    const path = await slugFile(bytes);
    const cold = await counted(path, changes);
    expect(cold.opens).toBe(first);
    expect(await counted(path, changes)).toEqual({ digest: cold.digest, opens: 0 });
    // A copy under another name is the same slug.
    const copy = await slugFile(bytes, 'copy.tgz');
    expect(await counted(copy, changes)).toEqual({ digest: cold.digest, opens: 0 });
    // Other limits were not checked, and a rebuild forgets.
    expect((await counted(path, { ...changes, limits: { maxMembers: 100 } })).opens).toBeGreaterThan(0);
    expect(await counted(path, { ...changes, rebuild: true })).toEqual(cold);
  });

  test('is hashed once: afterwards its stat record is enough', async () => {
    const path = await slugFile(keepable());
    await counted(path);
    const temp = createTempFiles(home);
    const signal = new AbortController().signal;
    const openUrl = () => Promise.reject(new Error('no network'));
    const makeFolder = temporaryFolder;
    const note = () => {};
    const io = { stdin: Readable.from([]), temp, openUrl, makeFolder, engineVariables: {}, note, signal };
    const source = await openSource(path, io);
    if (source.kind !== 'archive') throw new Error('no archive');
    // Some seconds from now: a file that changed a moment ago could change again unseen.
    using store = await openLocalStore(join(home, 'home'), { now: () => Date.now() + 5_000 });
    const { verdicts, fileDigests } = store;
    const asked: string[] = [];
    const get = (kind: string, key: string) => {
      asked.push(kind);
      return verdicts.get(kind, key);
    };
    const facts = { fileDigests, verdicts: { ...verdicts, get } };
    const first = await knownVerdict(source, READING, facts, signal);
    expect(first?.digest).toBe(digestOf(keepable()));
    expect(asked).toEqual(['slug-size', 'slug']);
    expect(await knownVerdict(source, READING, facts, signal)).toEqual(first);
    expect(asked).toEqual(['slug-size', 'slug', 'slug']);
  });

  test('changed under the same path is another slug', async () => {
    const path = await slugFile(keepable(text('./app/x', 'one')));
    const time = new Date(Date.now() - 60_000);
    await utimes(path, time, time);
    const one = await counted(path);
    // Same name, same size, same time.
    const other = await slugFile(keepable(text('./app/x', 'two')), 'other.tgz');
    await rename(other, path);
    await utimes(path, time, time);
    const two = await counted(path);
    expect(two.digest).not.toBe(one.digest);
    expect(two.opens).toBe(1);
  });
});

describe('one pass', () => {
  const pieces = (bytes: Buffer) =>
    Readable.from([bytes.subarray(0, 10), bytes.subarray(10)], { objectMode: false });

  test.each([
    ['kept', keepable()],
    ['transcoded', CHANGED],
  ])('over standard input gives the image of the file (%s)', async (_what, bytes) => {
    const fromFile = await built(await slugFile(bytes));
    const fromInput = await built('-', { strategy: 'slug' }, { stdin: pieces(bytes) });
    expect(fromInput.image.digest).toBe(fromFile.image.digest);
    expect(await readdir(join(home, 'home/tmp'))).toEqual([]);
    await imageOf(fromInput);
  });

  const answering = (bytes: Buffer, times: number): Handler => {
    let asked = 0;
    return (_request, response) => {
      asked += 1;
      if (asked > times) return response.writeHead(403).end('expired');
      return response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    };
  };

  test('over a URL, which is asked once', async () => {
    const slug = keepable();
    const server = await serve(answering(slug, 1));
    const result = await built(`${server.url}/app.tgz?Signature=secret`);
    expect(slugLayer(result)?.digest).toBe(digestOf(slug));
    expect(server.requests).toHaveLength(1);
  });

  test('over a URL that has expired when it is asked again', async () => {
    const server = await serve(answering(CHANGED, 1));
    const { code, message } = await build(`${server.url}/app.tgz?Signature=secret`).then(
      () => ({ code: 'none', message: '' }),
      (error) => error,
    );
    expect(code).toBe('FETCH_DENIED');
    expect(message).toContain('403');
    expect(message).not.toContain('secret');
    expect(await leftovers()).toEqual([]);
  });

  test('over a URL that may be asked again', async () => {
    const server = await serve(answering(CHANGED, 2));
    const result = await built(`${server.url}/app.tgz`);
    expect(result.image.digest).toBe((await built(await slugFile(CHANGED))).image.digest);
    expect(server.requests).toHaveLength(2);
  });
});

describe('what stands below', () => {
  test('a base with a heroku user owns the transcoded app; no layer for names is needed', async () => {
    const base = await openLayout(join(home, 'base'), { create: true });
    const passwd = {
      'etc/passwd': 'heroku:x:1234:1235::/:\n',
      'etc/group': 'heroku:x:1235:\n',
      'bin/bash': '',
    };
    const { descriptor } = await putSmallImage(base, { layers: [await tarOf(passwd)] });
    await base.tag(descriptor, 'latest');
    const result = await built(await slugFile(CHANGED), { base: `oci:${home}/base` });
    expect(result.layers?.map(({ origin }) => origin)).toEqual(['base', 'launcher', 'slug']);
    expect((await imageOf(result)).config.config?.User).toBe('1234:1235');
    expect(result.warnings).toEqual([]);
    const kept = await built(await slugFile(keepable()), { base: `oci:${home}/base` });
    expect(kept.layers?.map(({ origin }) => origin)).toEqual(['base', 'user', 'launcher', 'slug']);
  });

  test('account files that are links are left as they are', async () => {
    const base = await openLayout(join(home, 'base'), { create: true });
    const accounts = [link('etc/passwd', '/nix/passwd'), link('etc/group', '/nix/group'), file('bin/bash')];
    const { descriptor } = await putSmallImage(base, { layers: [archive(...accounts)] });
    await base.tag(descriptor, 'latest');
    const result = await built(await slugFile(keepable()), { base: `oci:${home}/base` });
    expect(result.layers?.map(({ origin }) => origin)).toEqual(['base', 'launcher', 'slug']);
    expect(result.warnings.map(({ code }) => code)).toContain('BASE_ACCOUNTS_UNREADABLE');
  });

  test('a base whose /app is a link is refused', async () => {
    const base = await openLayout(join(home, 'base'), { create: true });
    const { descriptor } = await putSmallImage(base, { layers: [archive(link('app', 'workspace'))] });
    await base.tag(descriptor, 'latest');
    expect((await build(await slugFile(keepable()), { base: `oci:${home}/base` })).result).toMatchObject({
      status: 'failed',
      error: { code: 'BASE_UNUSABLE' },
    });
  });

  test('warns: nothing can start, an old stack, no process', async () => {
    const slug = slugOf(APP, text('./app/.heroku/x'));
    const { warnings } = await built(await slugFile(slug), { stack: 'heroku-20' });
    expect(warnings.map(({ code }) => code)).toEqual([
      'STACK_END_OF_LIFE',
      'BASE_WITHOUT_SHELL',
      'NO_PROCESS',
    ]);
    expect(warnings[0]?.message).toContain('2025-04-30');
    expect(
      (await built(await slugFile(slug), { stack: 'heroku-24', processes: { web: 'x' } })).warnings,
    ).toHaveLength(1);
  });
});

test('what is remembered of a slug names the version of all that decided it', async () => {
  await built(await slugFile(CHANGED));
  using index = new DatabaseSync(join(home, 'home/index.sqlite'));
  const keys = Object.fromEntries(
    index
      .prepare('SELECT kind, key FROM verdicts')
      .all()
      .map(({ kind, key }) => [kind, key]),
  );
  expect(keys.slug).toMatch(/ reader \d+ rules \d+ \{.*"maxRatio"/);
  expect(keys['slug-layer']).toMatch(/ reader \d+ rules \d+ .* transcoder \d+ owner 1000:1000 gzip blocks-/);
});

describe('hostile or broken slugs leave nothing', () => {
  const many = Array.from({ length: 20 }, (_, index) => text(`./app/${index}`));
  const rows: readonly (readonly [string, Buffer, string, Partial<BuildRequest>?])[] = [
    ['a path out of it', keepable(file('app/../../etc/passwd')), 'TAR_PATH_UNSAFE'],
    ['an absolute path', keepable(file('/etc/passwd')), 'TAR_PATH_UNSAFE'],
    ['a file through a link', keepable(link('./app/l', '/etc'), file('./app/l/passwd')), 'TAR_LINK_UNSAFE'],
    ['a hard link to nothing', keepable(hardlink('./app/h', './app/none', OWNER)), 'TAR_LINK_UNSAFE'],
    [
      'a hard link to what is left out',
      keepable(text('etc/x'), hardlink('./app/h', 'etc/x')),
      'TAR_LINK_UNSAFE',
    ],
    ['a device', keepable(file('./app/null', '', { type: '3', ...OWNER })), 'TAR_DEVICE'],
    ['a whiteout', keepable(text('./app/.wh.x')), 'TAR_WHITEOUT'],
    ['a path twice', keepable(text('./app/Procfile')), 'TAR_DUPLICATE'],
    ['an app that is a link', slugOf(link('./app', '/etc'), PROCFILE), 'SLUG_UNRECOGNISED'],
    ['only that link', slugOf(link('./app', '/etc')), 'SLUG_UNRECOGNISED'],
    ['an app that is a file', slugOf(text('./app')), 'SLUG_UNRECOGNISED'],
    ['nothing under app/', slugOf(text('./src/x')), 'SLUG_UNRECOGNISED'],
    ['an empty slug', slugOf(), 'SLUG_EMPTY'],
    ['an empty slug of 29 bytes', gzipSync(Buffer.alloc(1024), { level: 9 }), 'SLUG_EMPTY'],
    ['a file of nothing', Buffer.alloc(0), 'GZIP_INVALID'],
    ['half a slug', keepable(...many).subarray(0, 200), 'GZIP_INVALID'],
    [
      'data behind the archive',
      gzipSync(Buffer.concat([archive(APP, PROCFILE), text('x')])),
      'TAR_TRAILING_DATA',
    ],
    ['data behind the file', Buffer.concat([keepable(), Buffer.from('x')]), 'GZIP_TRAILING_DATA'],
    ['too many members', keepable(...many), 'LIMIT_EXCEEDED', { limits: { maxMembers: 10 } }],
    ['too many bytes', keepable(...many), 'LIMIT_EXCEEDED', { limits: { maxTotalBytes: 4096 } }],
    [
      'too large a member',
      keepable(text('./app/x', '12345')),
      'LIMIT_EXCEEDED',
      { limits: { maxMemberBytes: 8 } },
    ],
    ['a bomb', gzipSync(Buffer.concat([archive(APP, PROCFILE), Buffer.alloc(100 << 20)])), 'LIMIT_EXCEEDED'],
    [
      'a Procfile with an impossible name',
      slugOf(APP, text('./app/Procfile', `${'w'.repeat(200)}: x\n`)),
      'PROCESS_INVALID',
    ],
  ];

  test.each(rows.map(([what, ...row]) => ({ what, row })))(
    '$what',
    async ({ row: [bytes, code, changes = {}] }) => {
      const path = await slugFile(bytes);
      for (const layer of ['auto', 'canonical'] as const) {
        const { result, events } = await build(path, { strategy: 'slug', layer, ...changes });
        expect(result).toMatchObject({ status: 'failed', error: { code, step: 'build' } });
        expect(events.at(-1)).toEqual({ type: 'result', result });
        expect(existsSync(join(home, 'out'))).toBe(false);
        expect(await leftovers()).toEqual([]);
      }
    },
  );
});

test('a folder is no slug, whoever asks', async () => {
  const { result } = await build(home, { strategy: 'slug' });
  expect(result).toMatchObject({ status: 'failed', error: { code: 'SLUG_UNRECOGNISED' } });
});

test('a folder member of the root keeps its own place', async () => {
  const result = await built(await slugFile(slugOf(folder('./'), APP, PROCFILE)), { strategy: 'slug' });
  expect(slugLayer(result)?.digest).not.toBe(digestOf(slugOf(folder('./'), APP, PROCFILE)));
});
