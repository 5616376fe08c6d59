import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { authority, issued } from '../helpers/certificate.ts';
import { describeWith } from '../helpers/engines.ts';
import { proxyForTest } from '../helpers/proxy.ts';
import { quirkRegistry } from '../helpers/quirk-registry/quirk-registry.ts';
import { putSmallImage } from '../helpers/small-image.ts';
import { temporaryFolder } from '../helpers/temp.ts';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');

/** The program in a process of its own, with the home folder and what is set. */
async function run(words: readonly string[], home: string, variables: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...words], {
    cwd: home,
    env: { PATH: process.env.PATH ?? '', HOME: home, DOGWOOD_HOME: join(home, 'dogwood'), ...variables },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [exitCode] = await ended;
  return { exitCode, stdout, stderr };
}

describeWith(['openssl'], 'the program', () => {
  /** A registry that is reached only through a proxy with a login, and talks only to clients with a certificate. */
  async function farRegistry() {
    const ca = await authority();
    const { key, cert } = await issued(ca, 'DNS:registry.example');
    const tls = { key, cert, requestCert: true, rejectUnauthorized: true, ca: ca.cert };
    const publicUrl = 'https://registry.example';
    const registry = await quirkRegistry({ tls, publicUrl });
    const image = await putSmallImage(registry.target('team/app'));
    await registry.target('team/app').tag(image.descriptor, 'v1');
    const proxy = await proxyForTest({
      names: { 'registry.example:443': registry.host },
      login: 'me:hunter2',
    });
    const home = await temporaryFolder();
    const config = async (lines: readonly string[]) => {
      await mkdir(join(home, '.config', 'dogwood'), { recursive: true });
      await writeFile(join(home, '.config', 'dogwood', 'config.toml'), lines.join('\n'));
    };
    const variables = { HTTPS_PROXY: proxy.url.replace('//', '//me:hunter2@') };
    return { ca, client: await issued(ca), image, proxy, home, config, variables };
  }

  const inspect = ['inspect', 'docker://registry.example/team/app:v1', '--json'];

  it('reaches a registry through a proxy with a client certificate, as the environment and its config file say', async () => {
    const { ca, client, image, home, config, variables, proxy } = await farRegistry();
    const host = '[hosts."registry.example"]';
    await config([host, `ca = "${ca.certPath}"`, `cert = "${client.certPath}"`, `key = "${client.keyPath}"`]);
    const { exitCode, stdout, stderr } = await run(inspect, home, variables);
    expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
    expect(stdout).toContain(image.descriptor.digest);
    expect(new Set(proxy.lines)).toEqual(new Set(['CONNECT registry.example:443']));
  });

  it('says what is missing, and how to give it', async () => {
    const { ca, home, config, variables } = await farRegistry();
    const failure = async (set = variables) => {
      const { exitCode, stdout, stderr } = await run(inspect, home, set);
      expect(stdout + stderr).not.toContain('hunter2');
      return {
        exitCode,
        ...(JSON.parse(stdout) as { error: { code: string; message: string; hint: string } }).error,
      };
    };
    expect(await failure()).toMatchObject({
      exitCode: 3,
      code: 'REGISTRY_TLS',
      message: expect.stringContaining('that is not trusted'),
      hint: expect.stringContaining('ca = "FILE" under [hosts."HOST"]'),
    });
    await config(['[hosts."registry.example"]', `ca = "${ca.certPath}"`]);
    expect(await failure()).toMatchObject({
      exitCode: 3,
      code: 'REGISTRY_TLS',
      message: expect.stringContaining('it wants a client certificate'),
    });
    expect(await failure({ HTTPS_PROXY: variables.HTTPS_PROXY.replace('hunter2', 'wrong') })).toMatchObject({
      exitCode: 3,
      code: 'PROXY_REFUSED',
      hint: expect.stringContaining('USER:PASSWORD'),
    });
    await config(['[hosts."registry.example"]', 'ca = "none.pem"']);
    expect(await failure()).toMatchObject({ exitCode: 2, code: 'CONFIG_INVALID' });
  });
});
