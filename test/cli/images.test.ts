import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLocalStore } from '../../src/oci/stores/local.ts';
import { startCommand } from '../helpers/command.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

async function homeWithImage(): Promise<string> {
  const home = await temporaryFolder();
  using store = await openLocalStore(home, { now: () => 1_700_000_000_000 });
  await store.tag((await putSmallImage(store)).descriptor, 'app:v1');
  return home;
}

describe('build images', () => {
  it.each([
    ['certificate.pem', 'key.pem'],
    ['empty.pem', 'key.pem'],
  ])('serve names %s and %s where they are no pair', async (cert, key) => {
    const folder = await temporaryFolder();
    for (const name of ['certificate.pem', 'key.pem']) await writeFile(join(folder, name), 'no PEM');
    await writeFile(join(folder, 'empty.pem'), '');
    const files = ['--tls-cert', join(folder, cert), '--tls-key', join(folder, key)];
    const { exitCode, stdout, stderr } = await startCommand(
      ['images', 'serve', '--listen', '127.0.0.1:0', ...files],
      { home: await temporaryFolder() },
    );
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('error[CONFIG_INVALID]: certificate and key do not go together or are no PEM');
    expect(stderr).toContain(`${join(folder, cert)} and ${join(folder, key)}`);
  });

  it('lists for people and for programs, and removes', async () => {
    const home = await homeWithImage();
    const run = async (...words: readonly string[]) => await startCommand(['images', ...words], { home });
    const listed = await run('list');
    expect(listed.stdout).toMatch(
      /^NAME +DIGEST +SIZE +NAMED \(UTC\)\napp:v1 +sha256:[0-9a-f]{64} +[0-9.]+ k?B +2023-11-14 22:13$/,
    );
    expect(JSON.parse((await run('list', '--json')).stdout)).toMatchObject({
      schemaVersion: 1,
      images: [{ name: 'app:v1', updatedAt: '2023-11-14T22:13:20.000Z' }],
    });
    expect((await run('rm', 'app:v1')).stdout).toBe('Removed  app:v1');
    expect((await run('list')).stdout).toBe('The local store holds no image.');
    const again = await run('rm', 'app:v1', '--json');
    expect([again.exitCode, JSON.parse(again.stdout).error.code]).toEqual([1, 'IMAGE_NOT_FOUND']);
  });

  it.each([
    [[], 'there is no command behind images'],
    [['gc'], 'there is no build images gc'],
    [['rm'], "missing required argument 'NAME'"],
    [['serve', '--listen', 'nowhere'], '--listen "nowhere"'],
    [['serve', '--listen', '127.0.0.1:70000'], '--listen "127.0.0.1:70000"'],
    [['serve', '--listen', '0.0.0.0:0'], 'no token is asked for'],
    [['serve', '--tls-cert', 'x'], '--tls-cert and --tls-key belong together'],
    [['serve', '--token-file', join(import.meta.dirname, 'no-such-file')], 'no-such-file cannot be read'],
  ])('%j is wrong usage', async (words, message) => {
    const { exitCode, stdout, stderr } = await startCommand(['images', ...words], {
      home: await temporaryFolder(),
    });
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});
