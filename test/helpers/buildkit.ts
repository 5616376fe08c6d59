import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { onPath, TOOLS } from './engines.ts';
import { askFor } from './shared-things.ts';

/** Programs of the tools folder before those of the machine. */
export const TOOLS_PATH = `${join(TOOLS, 'bin')}${delimiter}/usr/bin${delimiter}/usr/sbin${delimiter}/bin${delimiter}/sbin`;

/** The run's own BuildKit daemon, started by the first test that asks. Gives the environment that finds it. */
export async function buildkitEngine(): Promise<{ readonly PATH: string; readonly BUILDKIT_HOST: string }> {
  return { PATH: TOOLS_PATH, BUILDKIT_HOST: await askFor('buildkit') };
}

/** The same daemon as a builder of buildx's; `folder` keeps its configuration. */
export async function buildxEngine(folder: string): Promise<Readonly<Record<string, string>>> {
  const address = await askFor('buildkit');
  const environment = { PATH: TOOLS_PATH, BUILDX_CONFIG: join(folder, 'buildx'), BUILDX_BUILDER: 'tests' };
  await mkdir(environment.BUILDX_CONFIG, { recursive: true });
  const words = ['create', '--name', 'tests', '--driver', 'remote', address];
  await execa(onPath('buildx') ?? 'buildx', words, { env: environment });
  return environment;
}

/** Buildah with a storage of its own in `folder`, without layers that would have to be mounted. */
export async function buildahEngine(folder: string): Promise<Readonly<Record<string, string>>> {
  const file = join(folder, 'storage.conf');
  const [root, run] = [join(folder, 'storage'), join(folder, 'storage-run')];
  await writeFile(file, `[storage]\ndriver = "vfs"\ngraphroot = "${root}"\nrunroot = "${run}"\n`);
  return { PATH: TOOLS_PATH, BUILDAH_ISOLATION: 'chroot', CONTAINERS_STORAGE_CONF: file };
}
