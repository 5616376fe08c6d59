import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { builders } from '../../../src/builders/index.ts';
import { detect } from '../../../src/pipeline/detect.ts';
import { planContext } from '../../../src/pipeline/plan.ts';
import { withSession } from '../../../src/pipeline/session/session.ts';
import { buildRequest, pipelineEnvironment } from '../../helpers/pipeline.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { archive } from '../../oci/tar/raw-tar.ts';
import { APP, folder, keepable, PROCFILE, slugOf, text } from './slug-bytes.ts';

/** What is found out about a file of these bytes. */
async function detected(bytes: Uint8Array, changes = {}) {
  const home = await temporaryFolder();
  const path = join(home, 'app.tgz');
  await writeFile(path, bytes);
  const environment = pipelineEnvironment(join(home, 'home'));
  const { strategy, candidates } = await withSession(environment, async (session) => {
    const request = buildRequest(path, changes);
    return await detect(await session.openSource(path), request, builders, planContext(session, request));
  });
  return { ...candidates.find((candidate) => candidate.strategy === 'slug'), strategy };
}

/** More than is looked at beforehand, and it cannot be compressed. */
const ballast = text('./app/ballast.bin', randomBytes(700_000).toString('latin1'));

describe('a slug is recognised', () => {
  test.each([
    ['./app/x', slugOf(APP, PROCFILE)],
    ['app/x', slugOf(folder('app/'), text('app/Procfile'))],
    ['./app/./x', slugOf(folder('./app/./'), text('./app/./Procfile'))],
    ['behind an entry for the root', slugOf(folder('./'), folder('./app/'), PROCFILE)],
    ['without an entry for the folder', slugOf(text('app/Procfile'))],
  ])('whatever its members are called: %s', async (_what, slug) => {
    expect(await detected(slug)).toMatchObject({
      strategy: 'slug',
      chosen: true,
      evidence: ['app/Procfile'],
    });
  });

  test.each([
    ['.heroku', text('./app/.heroku/node/bin/node')],
    ['.profile.d', text('./app/.profile.d/nodejs.sh')],
    ['Procfile', PROCFILE],
  ])('by %s', async (sign, member) => {
    const found = await detected(slugOf(APP, text('./app/package.json', '{}'), member));
    expect(found).toMatchObject({ strategy: 'slug', evidence: [`app/${sign}`] });
  });

  test('late in a large archive', async () => {
    const slug = slugOf(APP, ballast, text('./app/.heroku/x'));
    expect(slug.length).toBeGreaterThan(512 * 1024);
    expect(await detected(slug)).toMatchObject({ strategy: 'slug', evidence: ['app/.heroku'] });
  });

  test('by its metadata, without a sign inside', async () => {
    const found = await detected(slugOf(APP, text('./app/x')), { slug: { stack: 'heroku-24' } });
    expect(found).toMatchObject({ strategy: 'slug', evidence: ['slug metadata'] });
  });
});

describe('it is no slug', () => {
  test.each([
    [
      'a source folder that is called app',
      slugOf(APP, text('./app/package.json', '{}')),
      /no sign of Heroku/,
    ],
    ['a large one', slugOf(APP, ballast, text('./app/package.json')), /no sign of Heroku/],
    ['a Procfile further down', slugOf(APP, text('./app/sub/Procfile')), /no sign of Heroku/],
    ['a folder that begins like a sign', slugOf(APP, text('./app/.heroku-x/y')), /no sign of Heroku/],
    ['a source tarball', slugOf(text('shop/Procfile'), text('shop/.heroku/x')), /outside app/],
    ['an empty tar', slugOf(), /no sign of Heroku/],
    ['zstd', zstdCompressSync(archive(APP, PROCFILE)), /is zstd/],
    ['a bare tar', archive(APP, PROCFILE), /not compressed/],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /not compressed/],
  ])('%s', async (_what, bytes, reason) => {
    const found = await detected(bytes);
    // Another strategy may take it: some of these are tarballs of sources.
    expect(found.strategy).not.toBe('slug');
    expect(found).toMatchObject({
      chosen: false,
      reason: expect.stringMatching(reason),
    });
  });

  test('but asked for, it is taken', async () => {
    const found = await detected(slugOf(APP, text('./app/x')), { strategy: 'slug' });
    expect(found).toMatchObject({ strategy: 'slug', reason: expect.stringContaining('--strategy') });
  });

  test.each([
    ['a damaged one', Buffer.concat([keepable().subarray(0, 40), randomBytes(100)]), 'GZIP_INVALID'],
    ['one cut short before its sign', slugOf(APP, ballast, PROCFILE).subarray(0, 400_000), 'GZIP_INVALID'],
    ['no tar inside', gzipSync('hello '.repeat(1000)), 'TAR_HEADER_INVALID'],
    ['an empty file', Buffer.alloc(0), 'SOURCE_UNSUPPORTED'],
  ])('%s is told apart from a source', async (_what, bytes, code) => {
    await expect(detected(bytes)).rejects.toMatchObject({ code });
  });
});
