import { copyFile, cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, inFolder } from '../bench.ts';
import { startBuildkit } from '../buildkit.ts';
import { compare, type Result } from '../compare.ts';
import { findProgram, run } from '../programs.ts';

const DOCKERFILE = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY modules /app/modules
RUN find /app -type f -exec sha256sum {} + > /app/sums
RUN tar -C /app -c modules | gzip > /app/modules.tgz
`;

/** What we add to a Dockerfile's build by BuildKit: nothing is remembered, and both reach one image of the same bytes. */
export async function dockerfileRows(bench: Bench): Promise<Result[]> {
  const folder = await bench.folder();
  const buildkit = await startBuildkit(folder);
  const busybox = findProgram('busybox');
  if (buildkit === undefined || busybox === undefined) return [];
  try {
    const app = join(folder, 'app');
    const modules = join(import.meta.dirname, '../../node_modules');
    const parts = bench.small
      ? ['zod']
      : ['typescript', '@biomejs', 'zod', '@types', 'rolldown', '@rolldown', 'vitest', 'vite'];
    for (const part of parts) {
      await cp(join(modules, part), join(app, 'modules', part), { recursive: true }).catch(() => {});
    }
    await copyFile(busybox, join(app, 'busybox'));
    await writeFile(join(app, 'Dockerfile'), DOCKERFILE);
    const cold = (build: (target: string) => Promise<number>) => () =>
      inFolder(bench, async (target) => {
        await buildkit.prune();
        await bench.settle();
        return build(target);
      });
    const bare = ['--addr', buildkit.address, 'build', '--frontend', 'dockerfile.v0', '--progress', 'plain'];
    const inputs = ['--local', `context=${app}`, '--local', `dockerfile=${app}`];
    return await compare(
      {
        row: 'Dockerfile by BuildKit, cold',
        ours: cold(async (target) => {
          const words = [app, '--engine', 'buildkit', '-o', `oci:${join(target, 'oci')}:v1`];
          return (await bench.build(words, { environment: buildkit.environment })).seconds;
        }),
        peers: [
          {
            name: 'buildctl build, the same output',
            goal: 1.05,
            run: cold(async (target) => {
              const output = `type=oci,rewrite-timestamp=true,dest=${join(target, 'image.tar')}`;
              const words = [
                ...bare,
                ...inputs,
                '--opt',
                'build-arg:SOURCE_DATE_EPOCH=0',
                '--output',
                output,
              ];
              return (await run(buildkit.buildctl, words)).seconds;
            }),
          },
        ],
      },
      bench.rounds,
    );
  } finally {
    await buildkit.stop();
  }
}
