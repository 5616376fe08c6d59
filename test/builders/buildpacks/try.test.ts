import { beforeAll, expect, test } from 'vitest';
import { execa } from 'execa';
import { testApp, testBuilder, type TestBuilder } from '../../helpers/buildpacks-builder.ts';
import { describeWith } from '../../helpers/engines.ts';
import { dockerEngine } from '../../helpers/docker.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
describeWith(['docker', 'busybox', 'pack', 'lifecycle'], 'try', ({ pack }) => {
  let b: TestBuilder;
  beforeAll(async () => { console.time('builder'); b = await testBuilder('try'); console.timeEnd('builder'); });
  const run = async (app: string, ...more: string[]) => {
    const t = performance.now();
    const r = await execa(pack, ['build', 'dogwood.local/build/x:latest', '--path', app, '--builder', b.builder, '--pull-policy', 'if-not-present', '--docker-host', 'inherit', '--no-color', ...more], { env: b.environment, extendEnv: false, reject: false, all: true });
    console.log(more.join(' '), 'rc', r.exitCode, performance.now() - t, '\n' + r.all);
    return r;
  };
  test('x', async () => {
    const rep = await temporaryFolder();
    await run(await testApp(), '--trust-builder', '--report-output-dir', rep, '--creation-time', '0');
    console.log((await execa('cat', [rep + '/report.toml'])).stdout);
    await run(await testApp(), '--report-output-dir', rep, '--creation-time', '0', '--verbose');
    for (const m of ['detect-error', 'fail', 'bad-slice']) await run(await testApp(m), '--trust-builder');
    await run(await temporaryFolder(), '--trust-builder');
    await run(await testApp(), '--builder', 'nope/nope');
    const { docker } = await dockerEngine();
    console.log(await docker('image', 'inspect', 'dogwood.local/build/x'));
    console.log(await docker('image', 'history', 'dogwood.local/build/x'), await docker('image', 'ls'), await docker('volume', 'ls'), await docker('network', 'ls'), await docker('ps', '-a'));
  }, 200_000);
});
