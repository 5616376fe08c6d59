/**
 * Makes dist/ of src/, in one move: whoever runs the old program meanwhile never meets half of the new one. With
 * `--if-stale` only where a source is newer, for npx runs `prepare` too before it starts the command of the package
 * it stands in.
 *
 * The program is bundled: a file for each command and what commands share. Finding and reading four hundred modules
 * one by one was a third of what a short run takes. Types are checked by `npm run check:types`, not here.
 */
import {
  copyFileSync,
  existsSync,
  globSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { rolldown } from 'rolldown';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

/** Few runs need it, and it brings a native part. */
const EXTERNAL = ['dockerode'];

const changed = (path: string): number => statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

function isStale(): boolean {
  const made = changed('dist/main.cjs');
  return ['package-lock.json', 'tools/compile.ts', ...globSync('src/**', { cwd: ROOT })].some(
    (path) => changed(path) > made,
  );
}

/** The licences of what is bundled, as they ask to be passed on. */
function licences(modules: readonly string[]): string {
  const packages = new Set(
    modules.flatMap((path) => path.match(/.*\/node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
  );
  const texts = [...packages].sort().map((folder) => {
    const file = globSync('{LICENSE,LICENCE,license}*', { cwd: folder })[0];
    const name = folder.slice(folder.lastIndexOf('/node_modules/') + '/node_modules/'.length);
    return `${name}\n\n${file === undefined ? 'see its package' : readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

async function compile(): Promise<void> {
  const fresh = `${DIST}-${process.pid}`;
  const bundle = await rolldown({ input: join(ROOT, 'src/main.ts'), platform: 'node', external: EXTERNAL });
  try {
    const { output } = await bundle.write({
      dir: fresh,
      format: 'cjs',
      strict: true,
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name]-[hash].cjs',
      // What commands share with the start: else they would ask main.cjs for it, which runs the program.
      codeSplitting: { groups: [{ name: 'start', tags: ['$initial'], test: /[\\/]src[\\/](?!main\.ts)/ }] },
    });
    const modules = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
    writeFileSync(join(fresh, 'LICENCES.txt'), licences(modules));
    // What lies beside a source and is read at run time has to lie beside the bundle.
    for (const path of globSync('src/**/*.sh', { cwd: ROOT }))
      copyFileSync(join(ROOT, path), join(fresh, basename(path)));
    if (existsSync(DIST)) rmSync(DIST, { recursive: true });
    renameSync(fresh, DIST);
  } finally {
    await bundle.close();
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (!process.argv.includes('--if-stale') || isStale()) await compile();
