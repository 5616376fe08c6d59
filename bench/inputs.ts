import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import { findProgram } from './programs.ts';

const MIB = 1024 * 1024;
/** In the names of the files, so that a change here makes new ones. */
const VERSION = 1;

/** What applications consist of, from what this machine has: a runtime, packages of JavaScript, data, binaries. */
const MATERIAL = [process.execPath, join(import.meta.dirname, '../node_modules'), '/usr/share', '/usr/lib'];

export interface Inputs {
  /** What was asked for so far, with its size. */
  describe(): Promise<string>;
  /** A slug that can be kept as it is, of about so many MB of content. */
  slug(megabytes: number): Promise<string>;
  /** So many of them that differ. */
  slugs(count: number, megabytes: number): Promise<readonly string[]>;
  /** A docker-archive as Nix's dockerTools stream it: uncompressed, `<sha256>/layer.tar` first, manifest.json last. */
  dockerArchive(megabytes: number, layers: number): Promise<string>;
  /** A source tree with a Dockerfile and so many small files, a hundred to a folder. */
  tree(files: number): Promise<string>;
}

/** Inputs are made once and kept in `folder`. The same machine and sizes give the same bytes. */
export function createInputs(folder: string, log: (line: string) => void): Inputs {
  const used = new Set<string>();
  const kept = async (name: string, make: (path: string) => Promise<void>): Promise<string> => {
    const path = join(folder, name);
    used.add(path);
    if (await exists(path)) return path;
    log(`making ${name}`);
    await mkdir(folder, { recursive: true });
    await make(`${path}.part`);
    await rename(`${path}.part`, path);
    return path;
  };
  return {
    async describe() {
      const sizes = [...used].map(async (path) => {
        return `${basename(path)} (${Math.round((await stat(path)).size / 1e6)} MB)`;
      });
      return (await Promise.all(sizes)).join(', ');
    },
    slug: (megabytes) =>
      kept(`slug-${megabytes}-${VERSION}.tgz`, (path) => writeSlug(path, megabytes * 1_000_000)),
    async slugs(count, megabytes) {
      const folder = await kept(`slugs-${count}-${megabytes}-${VERSION}`, async (path) => {
        await mkdir(path, { recursive: true });
        for (let number = 0; number < count; number++) {
          await writeSlug(join(path, `${number}.tgz`), megabytes * 1_000_000, number);
        }
      });
      return Array.from({ length: count }, (_, number) => join(folder, `${number}.tgz`));
    },
    dockerArchive: (megabytes, layers) =>
      kept(`docker-archive-${megabytes}-${layers}-${VERSION}.tar`, (path) =>
        writeDockerArchive(path, (megabytes * 1_000_000) / layers, layers),
      ),
    tree: (files) => kept(`tree-${files}-${VERSION}`, (path) => writeTree(path, files)),
  };
}

async function writeTree(root: string, files: number): Promise<void> {
  const perFolder = 100;
  await mkdir(root, { recursive: true });
  for (let folder = 0; folder < files / perFolder; folder++) {
    const path = join(root, `part-${folder % 20}`, `module-${folder}`);
    await mkdir(path, { recursive: true });
    for (let file = 0; file < perFolder; file++)
      await writeFile(join(path, `file-${file}.js`), '// nothing\n');
  }
  await writeFile(join(root, 'Dockerfile'), 'FROM scratch\nCOPY . /\n');
}

interface File {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  readonly mode: number;
}

/** Files of the material, in order, until there are `bytes` of them; again from the start where that is too little. */
async function* material(bytes: number): AsyncGenerator<File> {
  let left = bytes;
  for (let round = 0; left > 0; round++) {
    for (const [part, root] of MATERIAL.entries()) {
      for await (const path of filesUnder(root)) {
        const { size, mode } = await stat(path);
        const taken = Math.min(size, left);
        if (taken > 0)
          yield {
            path,
            name: `copy-${round}/part-${part}/${relative(dirname(root), path)}`,
            size: taken,
            mode: mode & 0o755,
          };
        left -= taken;
        if (left <= 0) return;
      }
    }
  }
}

async function* filesUnder(root: string): AsyncGenerator<string> {
  if ((await stat(root)).isFile()) {
    yield root;
    return;
  }
  const entries = await readdir(root, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else if (entry.isFile()) yield path;
  }
}

/** Writes entries with their folders in front of them, all of one owner, as a dyno's are. */
function entryWriter(tar: Pack, start: string) {
  const folders = new Set<string>();
  const owner = { uid: 57350, gid: 57350, mtime: new Date(1_700_000_000_000) };
  const folder = (name: string): void => {
    if (folders.has(name)) return;
    if (name.includes('/')) folder(dirname(name));
    folders.add(name);
    tar.entry({ name: `${start}${name}/`, type: 'directory', mode: 0o755, ...owner });
  };
  return {
    text(name: string, text: string) {
      folder(dirname(name));
      tar.entry({ name: `${start}${name}`, mode: 0o644, ...owner }, text);
    },
    async file(name: string, { path, size, mode }: File) {
      folder(dirname(name));
      const entry = tar.entry({ name: `${start}${name}`, size, mode, ...owner });
      await pipeline(createReadStream(path, { end: size - 1, highWaterMark: MIB }), entry);
    },
  };
}

async function writeSlug(path: string, bytes: number, number = 0): Promise<void> {
  const tar = pack();
  // Beyond a few hundred MB nobody wants to wait for one thread.
  const pigz = bytes > 1e9 ? findProgram('pigz') : undefined;
  const gzip = spawn(pigz ?? 'gzip', pigz ? ['-1', '-n'] : ['-6', '-n'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(gzip, 'exit');
  const written = Promise.all([pipeline(tar, gzip.stdin), pipeline(gzip.stdout, createWriteStream(path))]);
  const entries = entryWriter(tar, './');
  entries.text('app/.profile.d/bench.sh', 'export BENCH=1\n');
  if (number > 0) entries.text('app/number', `${number}\n`);
  entries.text('app/Procfile', 'web: node server.js\n');
  for await (const file of material(bytes)) await entries.file(`app/${file.name}`, file);
  tar.finalize();
  await written;
  if ((await ended)[0] !== 0) throw new Error('gzip failed');
}

async function writeDockerArchive(path: string, layerBytes: number, count: number): Promise<void> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(path));
  const digests: string[] = [];
  const files = material(Number.POSITIVE_INFINITY);
  for (let layer = 0; layer < count; layer++) {
    const bytes = await layerTar(files, layerBytes);
    const digest = createHash('sha256').update(bytes).digest('hex');
    tar.entry({ name: `${digest}/layer.tar`, mode: 0o644 }, bytes);
    digests.push(digest);
  }
  const config = JSON.stringify(
    {
      created: '1970-01-01T00:00:01+00:00',
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/bin/sh'] },
      rootfs: { diff_ids: digests.map((digest) => `sha256:${digest}`), type: 'layers' },
      history: digests.map(() => ({ created: '1970-01-01T00:00:01+00:00', comment: 'store paths: []' })),
    },
    null,
    4,
  );
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  tar.entry({ name: configName }, config);
  const layers = digests.map((digest) => `${digest}/layer.tar`);
  tar.entry(
    { name: 'manifest.json' },
    JSON.stringify([{ Config: configName, RepoTags: ['bench:latest'], Layers: layers }]),
  );
  tar.finalize();
  await written;
}

/** A layer of the next files, until it is full. */
async function layerTar(files: AsyncGenerator<File>, bytes: number): Promise<Buffer> {
  const tar = pack();
  const collected = buffer(tar);
  const entries = entryWriter(tar, '');
  for (let left = bytes; left > 0; ) {
    const next = await files.next();
    if (next.done) break;
    const size = Math.min(next.value.size, left);
    await entries.file(`nix/store/${next.value.name}`, { ...next.value, size });
    left -= size;
  }
  tar.finalize();
  return await collected;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
