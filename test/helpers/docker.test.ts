import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { busyboxBase } from './base-image.ts';
import { type Docker, dockerEngine } from './docker.ts';
import { describeWith } from './engines.ts';
import { temporaryFolder } from './temp.ts';

describeWith(['docker', 'busybox'], 'the private Docker daemon', () => {
  let engine: Docker;
  beforeAll(async () => {
    engine = await dockerEngine();
    const { layers } = await busyboxBase(join(await temporaryFolder(), 'base'));
    await engine.docker('import', layers[0]?.path ?? '', 'docker-test/busybox');
  });

  test('runs a container and publishes its port on loopback', async () => {
    const serve = 'mkdir /www && echo hello > /www/index.html && exec httpd -f -p 8080 -h /www';
    const run = ['run', '-d', '--name', 'docker-test-web', '-p', '127.0.0.1::8080', 'docker-test/busybox'];
    await engine.docker(...run, 'sh', '-c', serve);
    const address = await engine.docker('port', 'docker-test-web', '8080');
    await expect.poll(() => body(`http://${address}/`), { timeout: 20_000 }).toBe('hello\n');
  });

  test('has no hand on the firewall and is one for all who ask', async () => {
    expect((await dockerEngine()).socket).toBe(engine.socket);
    expect(await engine.docker('network', 'inspect', 'bridge')).not.toContain('"docker0"');
  });
});

async function body(url: string): Promise<string> {
  const response = await fetch(url).catch(() => undefined);
  return (await response?.text()) ?? '';
}
