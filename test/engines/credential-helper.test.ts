import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCredentialHelper } from '../../src/engines/credential-helper.ts';
import { temporaryFolder } from '../helpers/temp.ts';

async function helperNamed(name: string, script: string, timeout?: number) {
  const folder = await temporaryFolder();
  const path = join(folder, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return createCredentialHelper({ env: { PATH: `${folder}:/usr/bin:/bin` }, timeout });
}

describe('createCredentialHelper', () => {
  it('writes the server to standard input and gives back what the helper says', async () => {
    const run = await helperNamed('echo', 'printf "%s:" "$1"; cat');
    expect(await run('echo', 'https://a.example')).toEqual({ exitCode: 0, stdout: 'get:https://a.example' });
  });

  it('gives back a failure as it is', async () => {
    const run = await helperNamed('none', 'cat >/dev/null; echo "credentials not found"; exit 3');
    expect(await run('none', 'a.example')).toEqual({ exitCode: 3, stdout: 'credentials not found\n' });
  });

  it.each([
    ['is not there', 'missing', 'exit 0', /docker-credential-missing/],
    ['is a path', '../echo', 'exit 0', /no name of a helper/],
    ['does not end', 'stuck', 'exec sleep 60', /longer than/],
    ['says too much', 'loud', 'head -c 200000 /dev/zero', /more than/],
  ])('refuses a helper that %s', async (_what, name, script, message) => {
    const run = await helperNamed(name === 'stuck' || name === 'loud' ? name : 'other', script, 300);
    await expect(run(name, 'a.example')).rejects.toMatchObject({
      code: 'CREDENTIALS_UNREADABLE',
      message: expect.stringMatching(message),
    });
  });
});
