import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BuildEvent } from '../../src/plan/events.ts';
import type { ResultReference } from '../../src/plan/result.ts';
import { keepable, text } from '../builders/slug/slug-bytes.ts';
import { buildkitEngine } from '../helpers/buildkit.ts';
import { startCommand } from '../helpers/command.ts';
import { describeWith } from '../helpers/engines.ts';
import { recordingProxy } from '../helpers/recording-proxy.ts';
import { freePort, type RunningRegistry, startRegistry } from '../helpers/registry.ts';
import { temporaryFolder } from '../helpers/temp.ts';

interface Document {
  readonly image: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly references: readonly ResultReference[];
  readonly error?: { readonly code: string; readonly message: string };
}

/** A folder with a slug of its own, as no other test has it, and the command that works there. */
async function workplace() {
  const home = await temporaryFolder();
  const slug = join(home, 'shop.tgz');
  await writeFile(slug, keepable(text('./app/x', randomBytes(40_000).toString('hex'))));
  const run = async (words: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const options = { home: join(home, 'home'), env: { XDG_CONFIG_HOME: home, ...env }, cwd: home };
    const { exitCode, stdout, stderr } = await startCommand(words, options);
    return { exitCode, stdout, stderr };
  };
  const json = async (words: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const ended = await run([...words, '--json', '--progress', 'json'], env);
    const events = ended.stderr
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as BuildEvent);
    return { ...ended, document: JSON.parse(ended.stdout) as Document, events };
  };
  const name = `regions/${home.split('-').at(-1)?.toLowerCase()}`;
  return { home, slug, name, run, json };
}

const states = ({ references }: Document) => references.map(({ region, state }) => `${region} ${state}`);
const sizes = ({ uploadedBytes, skippedBytes }: ResultReference) => [uploadedBytes, skippedBytes];

let registries: [RunningRegistry, RunningRegistry];
async function startBoth() {
  const start = () => startRegistry({ kind: 'distribution3' });
  registries = await Promise.all([start(), start()]);
}
const stopBoth = () => Promise.all(registries.map((registry) => registry.stop()));

/** The digest that a tag stands for in a registry. */
async function digestIn(host: string, repository: string, tag: string): Promise<string | null> {
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const url = `http://${host}/v2/${repository}/manifests/${tag}`;
  const answer = await fetch(url, { method: 'HEAD', headers: { accept } });
  return answer.headers.get('docker-content-digest');
}

describeWith(['registry'], 'several regions', () => {
  beforeAll(startBoth);
  afterAll(stopBoth);

  test('one is down: the others are complete, exit code 3, and push sends what is missing', async () => {
    const { slug, name, run, json } = await workplace();
    const [near, far] = await Promise.all(registries.map((registry) => recordingProxy(registry)));
    const down = await freePort();
    const places = [`down=127.0.0.1:${down}/${name}:v1`];
    places.push(`near=${near?.host}/${name}:v1`, `far=${far?.host}/${name}:v1`);
    const build = [slug, '--base', 'scratch', ...places.flatMap((place) => ['-t', place])];

    const first = await json(build);
    expect(first.exitCode).toBe(3);
    expect(states(first.document)).toEqual(['down failed', 'near available', 'far available']);
    const [dead, whole, other] = first.document.references as [
      ResultReference,
      ResultReference,
      ResultReference,
    ];
    expect(dead).toMatchObject({ error: { code: 'REGISTRY_UNREACHABLE', step: 'push' } });
    expect(sizes(dead)).toEqual([0, 0]);
    expect(sizes(whole)).toEqual(sizes(other));
    // The last chunk of a request may be counted by us alone, so what the proxies saw is the measure.
    expect(near?.uploaded()).toBe(whole.uploadedBytes);
    expect(far?.uploaded()).toBe(other.uploadedBytes);
    const { digest } = first.document.image;
    for (const { host } of registries) expect(await digestIn(host, name, 'v1')).toBe(digest);
    const told = first.events.flatMap((event) =>
      event.type === 'region' ? [`${event.region} ${event.state}`] : [],
    );
    expect(told.filter((line) => line.endsWith('started'))).toHaveLength(3);
    expect(told).toContain('down failed');

    expect((await run([...build, '--quorum', '4'])).exitCode).toBe(2);
    const people = await run([...build, '--progress', 'plain', '--quorum', '2']);
    expect(people.exitCode).toBe(0);
    expect(people.stdout).toContain(`Failed     down: 127.0.0.1:${down}/${name}:v1 (REGISTRY_UNREACHABLE: `);
    expect(people.stderr).toMatch(/^push: near available \(0 B sent, \S+ kB there already, \S+ s\)$/m);
    expect(people.stderr).toMatch(/^push: down failed after /m);

    const sent = [near?.uploaded(), far?.uploaded()];
    const revived = await startRegistry({ kind: 'distribution3', port: down });
    try {
      const mend = /^Mend it with {2}build (push .*)$/m.exec(people.stdout)?.[1]?.split(' ') ?? [];
      expect(mend).toEqual(['push', `local:${digest}`, `down=127.0.0.1:${down}/${name}:v1`]);
      const mended = await json([...mend, ...places.slice(1)]);
      expect(mended.exitCode).toBe(0);
      expect(states(mended.document)).toEqual(['down available', 'near available', 'far available']);
      expect(mended.document.references.map(sizes)).toEqual([
        [whole.uploadedBytes, 0],
        [0, whole.uploadedBytes],
        [0, whole.uploadedBytes],
      ]);
      expect([near?.uploaded(), far?.uploaded()]).toEqual(sent);
      expect(await digestIn(revived.host, name, 'v1')).toBe(digest);
    } finally {
      await revived.stop();
    }
  });

  test('one that refuses the manifest has the blobs, says so, and gets only the manifest later', async () => {
    const { slug, name, json } = await workplace();
    let refuses = true;
    const [near, far] = registries;
    const proxy = await recordingProxy(far, ({ method, url = '' }, answer) => {
      if (!refuses || method !== 'PUT' || !url.includes('/manifests/')) return false;
      answer.writeHead(403).end();
      return true;
    });
    const places = [`near=${near.host}/${name}:v1`, `far=${proxy.host}/${name}:v1`];
    const built = await json([slug, '--base', 'scratch', ...places.flatMap((place) => ['-t', place])]);
    expect(built.exitCode).toBe(3);
    const [whole, part] = built.document.references as [ResultReference, ResultReference];
    expect(part).toMatchObject({ state: 'failed', error: { code: 'REGISTRY_DENIED' } });
    const blobs = proxy.uploaded();
    expect(part.uploadedBytes).toBe(blobs);
    refuses = false;
    const mended = await json(['push', `local:${built.document.image.digest}`, ...places]);
    expect(mended.exitCode).toBe(0);
    expect(mended.document.references.map(sizes)).toEqual([
      [0, whole.uploadedBytes],
      [(whole.uploadedBytes ?? 0) - blobs, blobs],
    ]);
    expect(proxy.uploaded()).toBe(whole.uploadedBytes);
  });

  test('from one registry into two: fetched once, and only what is missing', async () => {
    const { slug, name, json } = await workplace();
    const [source, target] = await Promise.all(registries.map((registry) => recordingProxy(registry)));
    const other = await startRegistry({ kind: 'distribution3' });
    try {
      const image = `${source?.host}/${name}:v1`;
      const built = await json([slug, '--base', 'scratch', '-t', image]);
      const places = [`near=${target?.host}/${name}:v1`, `far=${other.host}/${name}:v1`];
      const before = source?.lines().length;
      const pushed = await json(['push', `docker://${image}`, ...places]);
      expect(states(pushed.document)).toEqual(['near available', 'far available']);
      const fetched = source
        ?.lines()
        .slice(before)
        .filter((line) => line.startsWith('GET') && line !== 'GET /v2/');
      expect(fetched).toHaveLength(new Set(fetched).size);
      expect(fetched?.length).toBeGreaterThan(2);
      expect(await digestIn(other.host, name, 'v1')).toBe(built.document.image.digest);
    } finally {
      await other.stop();
    }
  });

  test('none can be reached: one error names them all', async () => {
    const { slug, name, json } = await workplace();
    const ports = [await freePort(), await freePort()];
    const tags = ports.flatMap((port, index) => ['-t', `r${index}=127.0.0.1:${port}/${name}`]);
    const { exitCode, document } = await json([slug, '--base', 'scratch', ...tags]);
    expect(exitCode).toBe(3);
    expect(document.error).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(document.error?.message).toMatch(/^no registry has the image: r0: .*; r1: /);
  });

  test('two repositories and three tags of one registry: each blob is sent once', async () => {
    const { slug, name, json } = await workplace();
    const proxy = await recordingProxy(registries[0]);
    const one = `${proxy.host}/${name}/one`;
    const tags = [`${one}:v1`, `${one}:latest`, `${proxy.host}/${name}/two:v1`];
    const { exitCode, document } = await json([slug, '--base', 'scratch', ...tags.flatMap((t) => ['-t', t])]);
    expect(exitCode).toBe(0);
    expect(document.references.map(({ tag }) => tag)).toEqual(tags);
    const [first, second, third] = document.references as [ResultReference, ResultReference, ResultReference];
    expect(second.uploadedBytes).toBe(0);
    // Blobs are mounted from the first; a manifest is always put.
    expect(third.skippedBytes).toBeGreaterThan(40_000);
    expect((third.uploadedBytes ?? 0) + (third.skippedBytes ?? 0)).toBe(first.uploadedBytes);
    const layers = proxy.lines().filter((line) => line.startsWith('PUT') && line.includes('/blobs/uploads/'));
    const blobs = new Set(document.layers?.map(({ digest }) => digest)).size + 1;
    expect(layers).toHaveLength(blobs);
    expect(proxy.lines().filter((line) => line.includes('from='))).toHaveLength(blobs);
  });

  test('the config file says where regions are, and -t :TAG pushes to them', async () => {
    const { home, slug, name, json, run } = await workplace();
    const [fra, iad] = registries;
    await mkdir(join(home, 'dogwood'));
    const config = (regions: readonly (readonly [string, string])[]) =>
      writeFile(
        join(home, 'dogwood/config.toml'),
        regions.map(([region, host]) => `[[regions]]\nname = "${region}"\nregistry = "${host}"\n`).join(''),
      );
    await config([
      ['fra', `${fra.host}/${name}`],
      ['iad', `${iad.host}/${name}`],
    ]);
    const build = [slug, '--base', 'scratch'];
    const alone = await json(build);
    expect(alone.document.references).toEqual([]);
    const pushed = await json([...build, '-t', ':v2']);
    expect(pushed.document.references.map(({ region, tag }) => [region, tag])).toEqual([
      ['fra', `${fra.host}/${name}/shop:v2`],
      ['iad', `${iad.host}/${name}/shop:v2`],
    ]);
    const later = await json(['push', 'shop', 'iad=:v3']);
    expect(later.document.references).toMatchObject([
      { region: 'iad', tag: `${iad.host}/${name}/shop:v3`, uploadedBytes: 0 },
    ]);
    expect(await digestIn(iad.host, `${name}/shop`, 'v3')).toBe(pushed.document.image.digest);
    const unknown = await run(['push', 'shop', 'syd=:v3']);
    expect([unknown.exitCode, unknown.stderr]).toEqual([
      2,
      expect.stringContaining('error[USAGE]: REF "syd=:v3": no registry is configured for this region'),
    ]);
    await config([
      ['fra', fra.host],
      ['fra', iad.host],
    ]);
    const bad = await run(build);
    expect(bad.exitCode).toBe(2);
    expect(bad.stderr).toContain('config.toml:5: regions.1.name: the region is there already');
  });
});

describeWith(['registry', 'buildkit'], 'a project with regions', () => {
  beforeAll(startBoth);
  afterAll(stopBoth);

  test('is pushed to those that have a registry, and says so of the others', async () => {
    const { home, name, run, json } = await workplace();
    const [fra, iad] = registries;
    const app = join(home, 'app');
    await mkdir(app);
    await writeFile(join(app, 'Dockerfile'), 'FROM scratch\nCOPY x /x\n');
    await writeFile(join(app, 'x'), name);
    const table = (region: string, host: string) =>
      `[[regions]]\nname = "${region}"\nrepository = "${host}/${name}"\n`;
    const regions = `${table('fra', fra.host)}${table('iad', iad.host)}[[regions]]\nname = "syd"\n`;
    await writeFile(join(app, 'dogwood.toml'), regions);
    const env = await buildkitEngine();

    const plan = await run(['plan', app], env);
    expect(plan.stdout).toMatch(/^ {2}fra {2}127\.0\.0\.1:\S+:latest +\(dogwood\.toml\)$/m);
    expect(plan.stdout).toMatch(/^ {2}syd {2}placement only: no registry is configured for it +\(dogwood/m);

    const { exitCode, document, events } = await json([app], env);
    expect(exitCode).toBe(0);
    expect(states(document)).toEqual(['fra available', 'iad available']);
    for (const { host } of registries) {
      expect(await digestIn(host, name, 'latest')).toBe(document.image.digest);
    }
    expect(events).toContainEqual({
      type: 'note',
      step: 'plan',
      message: 'region syd has no registry here: nothing is pushed there',
    });
    const kept = await json([app, '-o', `oci:${home}/out`], env);
    expect(kept.document.references).toEqual([]);
  });
});
