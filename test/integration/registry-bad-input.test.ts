import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { openLayout } from '../../src/oci/stores/layout.ts';
import { selfSigned } from '../helpers/certificate.ts';
import { startCommand } from '../helpers/command.ts';
import { describeWith } from '../helpers/engines.ts';
import { type QuirkRegistry, quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import type { Quirks } from '../helpers/quirk-registry/quirks.ts';
import { freePort } from '../helpers/registry.ts';
import { putSmallImage, tarOf } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const PASSWORD = 'hunter2-is-secret';
const login = { users: { me: PASSWORD } };

/** Runs a command that fails: its code, exit code and message; no secret anywhere, and a hint. */
async function failing(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const home = await temporaryFolder();
  const { exitCode, stdout, stderr } = await startCommand([...words, '--json'], { home, env });
  const document = JSON.parse(stdout) as {
    readonly error?: { code: ErrorCode; message: string; hint: string };
  };
  if (document.error === undefined) throw new Error(`it did not fail: ${stdout}`);
  const { code, message, hint } = document.error;
  expect(hint).not.toBe('');
  expect(stdout + stderr).not.toContain(PASSWORD);
  expect(stdout + stderr).not.toContain(Buffer.from(`me:${PASSWORD}`).toString('base64'));
  expect({ code, exitCode }).toEqual({ code, exitCode: ERRORS[code].exitCode });
  return { code, exitCode, message, hint };
}

/** An image as a layout, to be sent somewhere. */
async function image(): Promise<string> {
  const layout = await temporaryFolder();
  const target = await openLayout(layout, { create: true });
  const { descriptor } = await putSmallImage(target);
  await target.tag(descriptor, 'v1');
  return `oci:${layout}:v1`;
}

/** A Docker config that logs in to a registry. */
async function dockerConfig(host: string, password: string): Promise<string> {
  const folder = join(await temporaryFolder(), 'docker');
  await mkdir(folder);
  const auth = Buffer.from(`me:${password}`).toString('base64');
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  return folder;
}

async function holding(registry: QuirkRegistry, files: Record<string, string> = { a: 'b' }): Promise<void> {
  const target = registry.target('team/app');
  const { descriptor } = await putSmallImage(target, { layers: [await tarOf(files)] });
  await target.tag(descriptor, 'v1');
}

const app = ({ host }: { readonly host: string }, tag = 'v1') => `docker://${host}/team/app:${tag}`;

describe('a registry that is not there', () => {
  it('has a name that nobody knows', async () => {
    // RFC 6761 section 6.4. Where there is no name server, that is what it says.
    const found = await failing(['inspect', 'docker://no-such-host.invalid/app']);
    expect(found).toMatchObject({ code: 'REGISTRY_UNREACHABLE', exitCode: 3 });
    expect(found.message).toMatch(/no such host|name server does not answer/);
  });

  it('refuses the connection', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const found = await failing(['push', await image(), app({ host })]);
    expect(found).toMatchObject({ code: 'REGISTRY_UNREACHABLE', exitCode: 3 });
    expect(found.message).toContain(`${host}: connection refused`);
  });
});

describeWith(['openssl'], 'a registry whose certificate nobody vouches for', () => {
  it('is not spoken to', async () => {
    const registry = await quirkRegistry({ tls: await selfSigned() });
    const found = await failing(['push', await image(), app(registry)]);
    expect(found).toMatchObject({ code: 'REGISTRY_TLS', exitCode: 3 });
    expect(found.message).toContain('signed by itself');
    expect(found.hint).toMatch(/insecure|certificate|\bca\b/i);
    expect(registry.requests).toEqual([]);
  });
});

describe('a host that is no registry', () => {
  it('answers everything with a web page', async () => {
    const registry = await quirkRegistry({ quirks: { webPage: true } });
    const found = await failing(['inspect', app(registry)]);
    expect(found).toMatchObject({ code: 'REGISTRY_PROTOCOL', exitCode: 3 });
    expect(found.message).toContain('web page');
  });

  it('answers errors with web pages', async () => {
    const registry = await quirkRegistry({ quirks: { htmlErrors: true, quota: 0 } });
    const found = await failing(['push', await image(), app(registry)]);
    expect(found.message).not.toContain('<');
    expect(found).toMatchObject({ code: 'REGISTRY_DENIED', exitCode: 4 });
  });
});

describe.each(['basic', 'token'] as const)('credentials that are wrong or missing (%s)', (kind) => {
  const auth = { kind, ...login };

  it('are told by where they came from', async () => {
    const registry = await quirkRegistry({ auth });
    await holding(registry);
    const wrong = await dockerConfig(registry.host, `${PASSWORD}-not`);
    const found = await failing(['inspect', app(registry)], { DOCKER_CONFIG: wrong });
    expect(found).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED', exitCode: 4 });
    expect(found.message).toContain(join(wrong, 'config.json'));
  });

  it('are told by where they were looked for', async () => {
    const registry = await quirkRegistry({ auth });
    const folder = join(await temporaryFolder(), 'none');
    const found = await failing(['push', await image(), app(registry)], { DOCKER_CONFIG: folder });
    expect(found).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED', exitCode: 4 });
    expect(found.message).toContain(`no credentials for ${registry.host}`);
    expect(found.message).toContain(folder);
    expect(found.hint).toContain('docker login');
  });

  it('may not do what was asked of them', async () => {
    const may = (_user: string | undefined, _repository: string, action: string) => action === 'pull';
    const registry = await quirkRegistry({ auth: { ...auth, may } });
    const known = await dockerConfig(registry.host, PASSWORD);
    const found = await failing(['push', await image(), app(registry)], { DOCKER_CONFIG: known });
    expect(['REGISTRY_DENIED', 'REGISTRY_UNAUTHORIZED']).toContain(found.code);
    expect(found.exitCode).toBe(4);
    expect(found.message).toContain(join(known, 'config.json'));
  });
});

/** What a registry says no to: what was asked, what it is called then, and a word of the message. */
const REFUSALS: readonly (readonly [
  string,
  Quirks,
  'inspect' | 'push' | 'copy from',
  ErrorCode,
  number,
  RegExp,
])[] = [
  ['a repository that does not exist', {}, 'inspect', 'IMAGE_NOT_FOUND', 1, /team\/app/],
  [
    'a repository that is not made by a push',
    { noCreate: true },
    'push',
    'IMAGE_NOT_FOUND',
    1,
    /does not exist/,
  ],
  ['a tag that may not move', { p19: 'strict' }, 'push', 'TAG_IMMUTABLE', 1, /v1.*immutable/],
  ['a quota that is used up', { quota: 1 }, 'push', 'REGISTRY_FULL', 3, /configured upper limit/],
  ['bytes that are others', { corrupt: true }, 'copy from', 'DIGEST_MISMATCH', 1, /sha256:/],
];

describe('a registry that refuses', () => {
  it.each(REFUSALS)('%s', { timeout: 60_000 }, async (what, quirks, how, code, exitCode, says) => {
    const registry = await quirkRegistry({ quirks });
    if (!what.startsWith('a repository')) await holding(registry);
    const words = {
      inspect: ['inspect', app(registry)],
      push: ['push', await image(), app(registry)],
      'copy from': ['copy', app(registry), `oci:${await temporaryFolder()}:v1`],
    };
    const found = await failing(words[how]);
    expect(found).toMatchObject({ code, exitCode });
    expect(found.message).toMatch(says);
  });
});

describe('an answer that never ends', () => {
  it.each([
    ['manifest', 'endless-headers', 'REGISTRY_PROTOCOL'],
    ['manifest', 'endless-body', 'SIZE_MISMATCH'],
    ['token', 'endless-body', 'REGISTRY_PROTOCOL'],
    ['blob', 'endless-body', 'SIZE_MISMATCH'],
    ['manifest', 'drip', 'TIMEOUT'],
    ['upload', 'headers', 'TIMEOUT'],
  ] as const)('%s: %s', async (on, how, code) => {
    const auth = { kind: 'token', ...login } as const;
    const registry = await quirkRegistry({ quirks: { neverEnds: { on, how } }, auth });
    await holding(registry, { noise: randomBytes(100_000).toString('hex') });
    const env = { DOCKER_CONFIG: await dockerConfig(registry.host, PASSWORD) };
    const layout = `oci:${await temporaryFolder()}:v1`;
    const words = on === 'upload' ? ['push', await image(), app(registry)] : ['copy', app(registry), layout];
    const found = await failing([...words, '--timeout', code === 'TIMEOUT' ? '2s' : '25s'], env);
    expect(found.code).toBe(code);
  });
});
