/** Slugs for tests, packed by GNU tar and gzip as Heroku's producers do, never by our own writer. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { nodeApp, nodeRedApp, pythonApp, shellApp } from './slug-apps.ts';

/** `node`: engine gnutar; `python`: and python3; `node-red`: and node-red. The first two are HTTP servers. */
export type SlugShape = 'shell' | 'node' | 'python' | 'node-red' | 'empty';

export interface SlugOptions {
  /** Owner of every member; default 57350, as a dyno shows it. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** How members are named. Default `./app/x`, as Heroku's own slugs are. */
  readonly names?: './app/x' | 'app/x' | './app/./x' | './x' | undefined;
  /** Paths below the app whose members belong to 1234:1234; they come last in the archive. */
  readonly otherOwner?: readonly string[] | undefined;
  /** GNU tar's --format; default `gnu`. */
  readonly format?: 'gnu' | 'posix' | 'ustar' | undefined;
  /** Default 1: tests look at the bytes inside. */
  readonly gzipLevel?: number | undefined;
  /** Changes to the tree before it is packed (setuid bits, other files). */
  readonly modify?: ((app: string) => Promise<void>) | undefined;
}

export interface MadeSlug {
  /** The `.tgz`. */
  readonly path: string;
  /** The tree it was packed from. */
  readonly app: string;
}

const shapes: Readonly<Record<SlugShape, (app: string) => Promise<void>>> = {
  shell: shellApp,
  node: nodeApp,
  python: pythonApp,
  'node-red': nodeRedApp,
  empty: async () => {},
};

/** Makes a slug below `folder`. The same shape and options give the same bytes. */
export async function makeSlug(
  folder: string,
  shape: SlugShape,
  options: SlugOptions = {},
): Promise<MadeSlug> {
  await mkdir(folder, { recursive: true });
  const home = await mkdtemp(join(folder, `slug-${shape}-`));
  const app = join(home, 'app');
  await mkdir(app);
  await shapes[shape](app);
  await options.modify?.(app);
  return { path: await packSlug(home, options), app };
}

/** Packs `home/app` as `home/slug.tgz`. */
export async function packSlug(home: string, options: SlugOptions = {}): Promise<string> {
  const { uid = 57350, gid = uid, otherOwner = [], format = 'gnu', gzipLevel = 1 } = options;
  const tar = join(home, 'slug.tar');
  const common = ['--sort=name', '--mtime=@1700000000', '--numeric-owner', `--format=${format}`];
  // Without their times, which differ from run to run.
  if (format === 'posix') common.push('--pax-option=delete=atime,delete=ctime');
  const { start, member, transform } = naming(options.names ?? './app/x', home);
  const excluded = otherOwner.map((path) => `--exclude=${member(path)}`);
  const env = { LC_ALL: 'C' };
  const owned = [`--owner=${uid}`, `--group=${gid}`];
  await execa(
    'tar',
    ['-C', start, ...common, ...owned, '--anchored', ...excluded, ...transform, '-cf', tar, member('')],
    { env },
  );
  if (otherOwner.length > 0) {
    const other = ['--owner=1234', '--group=1234', ...transform, '-rf', tar];
    await execa('tar', ['-C', start, ...common, ...other, ...otherOwner.map(member)], { env });
  }
  await execa('gzip', ['--no-name', '--force', `-${gzipLevel}`, '--suffix', '.gz', tar]);
  const path = join(home, 'slug.tgz');
  await execa('mv', [`${tar}.gz`, path]);
  return path;
}

interface Naming {
  /** Folder that tar starts in. */
  readonly start: string;
  /** What tar is told to pack, for a path below the app. */
  readonly member: (path: string) => string;
  readonly transform: readonly string[];
}

function naming(names: NonNullable<SlugOptions['names']>, home: string): Naming {
  const below = (prefix: string) => (path: string) => (path === '' ? prefix : `${prefix}/${path}`);
  switch (names) {
    case './app/x':
      return { start: home, member: below('./app'), transform: [] };
    case 'app/x':
      return { start: home, member: below('app'), transform: [] };
    case './app/./x':
      // S: the targets of symbolic links stay as they are.
      return { start: join(home, 'app'), member: below('.'), transform: ['--transform=s,^\\.,./app/.,S'] };
    case './x':
      return { start: join(home, 'app'), member: below('.'), transform: [] };
  }
}
