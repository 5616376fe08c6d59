/** Base images for slugs, made by debootstrap or of a static busybox and packed by GNU tar; see `layout.ts`. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { engineOrThrow } from './engines.ts';
import { type HandMadeImage, type HandMadeLayer, measureLayer, writeHandMadeLayout } from './layout.ts';
import { runFolder } from './shared-things.ts';

export interface BaseImageOptions {
  /** The user of Heroku's stack images, `heroku` 1000:1000, in /etc/passwd and /etc/group. Default true. */
  readonly user?: boolean | undefined;
  /** The config's own `config` object; default a PATH. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n';
const GROUP = 'root:x:0:\nnogroup:x:65534:\n';
const HEROKU_PASSWD = 'heroku:x:1000:1000:Heroku:/home/heroku:/bin/bash\n';
const HEROKU_GROUP = 'heroku:x:1000:\n';
const APPLETS =
  'sh cat chmod cp echo env false grep head httpd id kill ls mkdir mv nc printf rm sed sleep sort stat tail test touch true uname wc wget whoami';

/** Debian 12 with bash, coreutils, perl-base and CA certificates (80 MB); needs the engine `debian-base`. */
export async function debianBase(layout: string, options: BaseImageOptions = {}): Promise<HandMadeImage> {
  const root = await measureLayer(engineOrThrow('debian-base'));
  const heroku = await layerOf('heroku-user', {
    'etc/passwd': PASSWD + HEROKU_PASSWD,
    'etc/group': GROUP + HEROKU_GROUP,
  });
  const layers = options.user === false ? [root] : [root, heroku];
  return await writeHandMadeLayout(layout, layers, options.config ?? { Env: [PATH] });
}

/** A static busybox and nothing else (2 MB): /bin/sh, but no bash; needs the engine `busybox`. */
export async function busyboxBase(layout: string, options: BaseImageOptions = {}): Promise<HandMadeImage> {
  const withUser = options.user !== false;
  const files = {
    'etc/passwd': PASSWD + (withUser ? HEROKU_PASSWD : ''),
    'etc/group': GROUP + (withUser ? HEROKU_GROUP : ''),
  };
  const busybox = engineOrThrow('busybox');
  const layer = await layerOf(withUser ? 'busybox-user' : 'busybox', files, async (root) => {
    for (const folder of ['bin', 'tmp', 'root', 'usr/bin'])
      await mkdir(join(root, folder), { recursive: true });
    await copyFile(busybox, join(root, 'bin/busybox'));
    for (const applet of APPLETS.split(' ')) await symlink('busybox', join(root, 'bin', applet));
    await symlink('/bin/env', join(root, 'usr/bin/env'));
  });
  return await writeHandMadeLayout(layout, [layer], options.config ?? { Env: [PATH] });
}

/** A gzip layer of these files, packed by GNU tar with fixed times and owners. */
async function layerOf(
  name: string,
  files: Readonly<Record<string, string>>,
  more: (root: string) => Promise<void> = async () => {},
): Promise<HandMadeLayer> {
  const home = await mkdtemp(join(runFolder(), `base-${name}-`));
  const root = join(home, 'root');
  await mkdir(join(root, 'etc'), { recursive: true });
  for (const [path, content] of Object.entries(files)) await writeFile(join(root, path), content);
  await more(root);
  await execa('chmod', ['-R', 'u=rwX,go=rX', root]); // whatever the umask is here
  if (existsSync(join(root, 'tmp'))) await execa('chmod', ['1777', join(root, 'tmp')]);
  const tar = join(home, 'layer.tar');
  const fixed = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  await execa('tar', ['-C', root, ...fixed, '-cf', tar, ...(await topLevel(root))]);
  await execa('gzip', ['--no-name', tar]);
  return await measureLayer(`${tar}.gz`);
}

/** Without `./` itself: a layer need not say who owns the root. */
async function topLevel(root: string): Promise<readonly string[]> {
  const { stdout } = await execa('ls', ['-A', root]);
  return stdout.split('\n').sort();
}
