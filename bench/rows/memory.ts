import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, inFolder } from '../bench.ts';
import type { Result } from '../compare.ts';

export const MOST_MIB = 200;

/** How much memory each conversion ever has, for a slug of about 50 MB and, with --large, one of about 5 GB. */
export async function memoryRows(bench: Bench): Promise<Result[]> {
  const small = await bench.inputs.slug(bench.small ? 20 : 130);
  const large = bench.large ? await bench.inputs.slug(11_000) : undefined;
  const conversions: readonly (readonly [string, (folder: string) => readonly string[]])[] = [
    ['kept, to OCI layout', (folder) => ['-o', `oci:${join(folder, 'oci')}:v1`]],
    ['canonical gzip, to OCI layout', (folder) => canonicalTo(folder, 'gzip')],
    ['canonical zstd, to OCI layout', (folder) => canonicalTo(folder, 'zstd')],
  ];
  const results: Result[] = [];
  for (const [name, flags] of conversions) {
    results.push(await row(`peak memory: slug ${name}`, small, large, flags, bench));
  }
  const registry = await bench.registry();
  if (registry) {
    const repository = await registry.fresh();
    results.push(
      await row('peak memory: slug to registry', small, large, () => ['-t', `${repository}:v1`], bench),
    );
  }
  return results;
}

function canonicalTo(folder: string, compression: string): readonly string[] {
  return ['--layer', 'canonical', '--compression', compression, '-o', `oci:${join(folder, 'oci')}:v1`];
}

async function row(
  name: string,
  small: string,
  large: string | undefined,
  flags: (folder: string) => readonly string[],
  bench: Bench,
): Promise<Result> {
  const common = { row: name, peer: 'itself', goal: `< ${MOST_MIB} MiB, flat` };
  const little = await peak(small, flags, bench);
  const shown = `${await megabytes(small)} MB: ${little} MiB`;
  if (large === undefined) return { ...common, ours: shown, theirs: '5 GB: not measured', met: undefined };
  const much = await peak(large, flags, bench);
  return {
    ...common,
    ours: shown,
    theirs: `${await megabytes(large)} MB: ${much} MiB`,
    met: Math.max(little, much) < MOST_MIB,
  };
}

async function megabytes(path: string): Promise<number> {
  return Math.round((await stat(path)).size / 1e6);
}

function peak(slug: string, flags: (folder: string) => readonly string[], bench: Bench): Promise<number> {
  return inFolder(bench, async (folder) => {
    bench.log(`peak memory of ${slug}`);
    const args = [slug, '--base', 'scratch', '--limit', 'maxTotalBytes=64G', ...flags(folder)];
    return await peakOf(args, folder, bench);
  });
}

/** MiB that our program ever had. */
export async function peakOf(args: readonly string[], folder: string, bench: Bench): Promise<number> {
  const file = join(folder, 'peak');
  await bench.build(args, {
    node: ['--import', join(import.meta.dirname, '../peak-memory.ts')],
    environment: { BENCH_PEAK_FILE: file },
  });
  return Math.round(Number(await readFile(file, 'utf8')) / 1024);
}
