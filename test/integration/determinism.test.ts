import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { debianBase } from '../helpers/base-image.ts';
import { type BuildDocument, buildOrThrow, MAIN } from '../helpers/command.ts';
import { describeWith } from '../helpers/engines.ts';
import { knots } from '../helpers/slug-apps.ts';
import { makeSlug } from '../helpers/slugs.ts';
import { temporaryFolder } from '../helpers/temp.ts';

describeWith(['gnutar', 'debian-base', 'bash'], 'the same slug', ({ bash }) => {
  let folder: string;
  let slug: string;
  let words: readonly string[];
  beforeAll(async () => {
    folder = await temporaryFolder();
    // Compressed in several blocks, so that their number and order could matter.
    const modify = async (app: string) => {
      await knots(app);
      await execa('cp', [process.execPath, join(app, 'bin/node')]);
      await execa('truncate', ['--size', '20M', join(app, 'bin/node')]);
    };
    slug = (await makeSlug(folder, 'shell', { modify })).path;
    const base = (await debianBase(join(folder, 'base'))).layout;
    words = ['--base', `oci:${base}`, '--label', 'z=1', '--label', 'a=2', '--env', 'B=1', '--env', 'A=2'];
  });

  const home = async (): Promise<string> => {
    const path = join(await temporaryFolder(), 'home');
    await mkdir(path);
    return path;
  };

  /** What an image is made of; where it went and how long it took is left out. */
  const parts = ({ image, config, layers }: BuildDocument) => ({ image, config, layers });

  test.each([
    ['kept', []],
    ['transcoded to gzip', ['--layer', 'canonical']],
    ['transcoded to zstd', ['--compression', 'zstd']],
    ['transcoded without compression', ['--compression', 'none']],
  ] as const)('%s, gives the same digest on another day in another place', async (_what, how) => {
    const [one, two, three] = [await home(), await home(), await home()];
    const all = [...words, ...how, '--json'];
    const plain = await buildOrThrow([slug, ...words, ...how, '-o', `oci:${one}/out`], { home: one });

    // Another folder, time zone, locale, umask, number of threads; a copy with other times, by a relative name.
    await execa('cp', [slug, join(two, 'copy.tar.gz')]);
    const script = `umask 0077 && exec "$0" "$@"`;
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: two,
      DOGWOOD_HOME: join(two, 'deep/er'),
      DOCKER_CONFIG: two,
      TZ: 'Pacific/Apia',
      LC_ALL: 'tr_TR.UTF-8',
      UV_THREADPOOL_SIZE: '1',
    };
    const other = await execa(
      bash,
      ['-c', script, process.execPath, MAIN, 'copy.tar.gz', ...all, '-o', 'oci:out:tag'],
      { cwd: two, env, extendEnv: false },
    );
    expect(parts(JSON.parse(other.stdout))).toEqual(parts(plain));

    // Through standard input in uneven pieces, into the local store.
    const piped = execa(process.execPath, [MAIN, '-', ...all], {
      env: { ...env, HOME: three, DOGWOOD_HOME: three, UV_THREADPOOL_SIZE: '9' },
      extendEnv: false,
    });
    for await (const chunk of createReadStream(slug, { highWaterMark: 77_777 })) {
      piped.stdin.write(chunk);
      await turn();
    }
    piped.stdin.end();
    expect(parts(JSON.parse((await piped).stdout))).toEqual(parts(plain));
  });

  test('another time is another image, if asked for', async () => {
    const built = async (epoch: string) => {
      const path = await home();
      const env = epoch === '' ? {} : { SOURCE_DATE_EPOCH: epoch };
      return (await buildOrThrow([slug, ...words, '-o', `oci:${path}/out`], { home: path, env })).image
        .digest;
    };
    expect(await built('0')).toBe(await built(''));
    expect(await built('1700000000')).not.toBe(await built(''));
  });
});
