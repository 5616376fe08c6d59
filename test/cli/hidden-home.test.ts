import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { describeWith } from '../helpers/engines.ts';
import { temporaryFolder } from '../helpers/temp.ts';

/** What a user other than the owner of the home finds there: the settings, or the code of the failure. */
async function foundBySomebodyElse(home: string): Promise<unknown> {
  const script = `
    const root = process.argv[2];
    const { readUserConfig } = await import(root + '/src/cli/user-config.ts');
    await import(root + '/src/cli/user-config-schema.ts');
    const { registryCredentials } = await import(root + '/src/registry/auth/stored-credentials.ts');
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
    const told = (work) => work.then((value) => value ?? 'nobody', (error) => error.code);
    const config = await told(readUserConfig(process.argv[1] + '/config.toml'));
    const credentials = registryCredentials([{ kind: 'file', path: process.argv[1] + '/config.json' }], () => { throw new Error('no helper'); });
    console.log(JSON.stringify([config, await told(credentials.find('r.example'))]));`;
  const root = join(import.meta.dirname, '../..');
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    script,
    home,
    root,
  ]);
  return JSON.parse(stdout);
}

describeWith(['root'], 'a home of somebody else', () => {
  test('is none when it cannot be entered, and what can be seen in it has to be readable', async () => {
    const folder = await temporaryFolder();
    const home = join(folder, 'home');
    await mkdir(home);
    for (const path of [dirname(folder), folder]) await chmod(path, 0o755);
    for (const name of ['config.toml', 'config.json']) {
      await writeFile(join(home, name), name === 'config.json' ? '{}' : '', { mode: 0o600 });
    }
    await chmod(home, 0o700);
    expect(await foundBySomebodyElse(home)).toEqual([
      {
        stacks: {},
        insecureRegistries: [],
        hosts: {},
        mirrors: {},
        allowOutbound: [],
        limits: {},
        regions: [],
      },
      'nobody',
    ]);
    await chmod(home, 0o755);
    expect(await foundBySomebodyElse(home)).toEqual(['CONFIG_INVALID', 'CREDENTIALS_UNREADABLE']);
  });
});
