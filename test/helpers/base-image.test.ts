import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { busyboxBase, debianBase } from './base-image.ts';
import { describeWith } from './engines.ts';
import { temporaryFolder } from './temp.ts';

describeWith(['busybox', 'umoci', 'bash', 'root'], 'the busybox base', ({ umoci }) => {
  test('is a layout that umoci unpacks, with the user, and the same each time', async () => {
    const folder = await temporaryFolder();
    const image = await busyboxBase(join(folder, 'base'));
    const umask = process.umask(0o077);
    const again = await busyboxBase(join(folder, 'again'));
    process.umask(umask);
    expect(again.digest).toBe(image.digest);
    execFileSync(umoci, ['unpack', '--image', `${image.layout}:latest`, join(folder, 'bundle')]);
    const rootfs = join(folder, 'bundle/rootfs');
    expect(
      execFileSync('chroot', [rootfs, '/bin/sh', '-c', 'cat /etc/passwd'], { encoding: 'utf8' }),
    ).toContain('heroku:x:1000:1000:');
    expect(execFileSync('stat', ['-c', '%a', join(rootfs, 'tmp')], { encoding: 'utf8' })).toBe('1777\n');
  });

  test('comes without that user', async () => {
    const image = await busyboxBase(join(await temporaryFolder(), 'base'), { user: false });
    const names = execFileSync('tar', ['-xOf', image.layers[0]?.path ?? '', 'etc/passwd'], {
      encoding: 'utf8',
    });
    expect(names).not.toContain('heroku');
  });
});

describeWith(['debian-base', 'skopeo'], 'the Debian base', ({ skopeo }) => {
  test('is a layout that skopeo reads', async () => {
    const folder = await temporaryFolder();
    const image = await debianBase(join(folder, 'base'));
    const raw = execFileSync(skopeo, ['inspect', '--raw', `oci:${image.layout}:latest`], {
      encoding: 'utf8',
      env: { ...process.env, HOME: folder },
    });
    expect(JSON.parse(raw).layers.map((layer: { digest: string }) => layer.digest)).toEqual(
      image.layers.map((layer) => layer.digest),
    );
  });
});
