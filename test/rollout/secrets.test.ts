import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRecipients } from '../../src/rollout/recipient.ts';
import { sealSecrets } from '../../src/rollout/secrets.ts';
import { describeWith, onPath } from '../helpers/engines.ts';
import { temporaryFolder } from '../helpers/temp.ts';

/** What others lose: an .env file, a shell, `docker --env-file`, a JavaScript object, UTF-8. */
const ODD = {
  EMPTY: '',
  SPACES: '  two on both sides  ',
  PEM: '-----BEGIN PRIVATE KEY-----\nMIIE\r\nabc=\n-----END PRIVATE KEY-----\n',
  NEWLINES_ONLY: '\n\n',
  SHELL: '$HOME `id` $(id) "quoted" \\ \'single\' a=b # no comment ! ; & | > ~ * \t',
  JSON: '{"a":["\\u0000"],"b":null}',
  UNICODE: 'Grüße, 世界 🌲 \u202e\ufeff\u2028\u0001\u007f',
  HALF_A_PAIR: 'a\ud83cb',
  EQUALS: '==a==b==',
  '2FA_ISSUER': 'leading digit',
  '007': 'only digits',
  lower_case: 'x',
  constructor: 'a name that objects have',
  LONG: 'x'.repeat(100_000),
  NUMBER_LIKE: '1e999',
} as const;

async function identity() {
  const secret = await generateX25519Identity();
  return { secret, recipients: await parseRecipients([await identityToRecipient(secret)]) };
}

async function openWith(secret: string, sealed: Uint8Array): Promise<unknown> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(secret);
  return JSON.parse(await decrypter.decrypt(sealed, 'text'));
}

describe('sealSecrets', () => {
  test('whatever names and values there are, they come back exactly', async () => {
    const { secret, recipients } = await identity();
    const text = fc.string({ unit: 'binary', maxLength: 200 });
    const anyText = fc.oneof(
      text,
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(anyText, anyText), async (values) => {
        const opened = await openWith(secret, await sealSecrets(values, recipients));
        expect(Object.entries(opened as object).sort()).toEqual(Object.entries(values).sort());
      }),
      { numRuns: 200, seed: 11 },
    );
  });

  test('a name that every object has is a name like others', async () => {
    const { secret, recipients } = await identity();
    const values = JSON.parse('{"__proto__":"x","toString":"y"}') as Record<string, string>;
    const opened = await openWith(secret, await sealSecrets(values, recipients));
    expect(JSON.stringify(opened)).toBe('{"__proto__":"x","toString":"y"}');
  });

  test('the same values sealed again are other bytes, and none of a value is among them', async () => {
    const { recipients } = await identity();
    const once = Buffer.from(await sealSecrets({ A: 'hunter2' }, recipients));
    const again = Buffer.from(await sealSecrets({ A: 'hunter2' }, recipients));
    expect(once.equals(again)).toBe(false);
    expect(once.includes('hunter2')).toBe(false);
    expect(once.subarray(0, 22).toString()).toBe('age-encryption.org/v1\n');
  });

  test('without a recipient there is nothing to seal', async () => {
    await expect(sealSecrets({ A: 'hunter2' }, [])).rejects.toMatchObject({ code: 'SECRETS_UNDECIDED' });
  });
});

describeWith(['age'], 'the age command', ({ age }) => {
  async function newKey(options: readonly string[] = []) {
    const file = join(await temporaryFolder(), 'key.txt');
    await execa(onPath('age-keygen') ?? 'age-keygen', [...options, '-o', file]);
    const { stdout } = await execa(onPath('age-keygen') ?? 'age-keygen', ['-y', file]);
    return { file, recipient: stdout };
  }

  const decrypt = async (key: string, sealed: Uint8Array) => {
    const path = join(await temporaryFolder(), 'secrets.age');
    await writeFile(path, sealed);
    return execa(age, ['-d', '-i', key, path], { stripFinalNewline: false, reject: false });
  };

  test.each([
    ['an X25519 key', []],
    ['a post-quantum key', ['-pq']],
  ])('opens the file with %s, and has every odd value exactly', async (_, options) => {
    const key = await newKey(options);
    const { stdout, exitCode } = await decrypt(
      key.file,
      await sealSecrets(ODD, await parseRecipients([key.recipient])),
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual(ODD);
    expect(stdout.endsWith('}\n')).toBe(true);
  });

  test('every one of several recipients opens it, and nobody else', async () => {
    const [first, second, stranger] = [await newKey(), await newKey(), await newKey()];
    const recipients = await parseRecipients([first.recipient, `  ${second.recipient}\n`, first.recipient]);
    expect(recipients).toHaveLength(2);
    const sealed = await sealSecrets({ A: 'b' }, recipients);
    expect((await decrypt(first.file, sealed)).stdout).toBe('{"A":"b"}\n');
    expect((await decrypt(second.file, sealed)).stdout).toBe('{"A":"b"}\n');
    expect((await decrypt(stranger.file, sealed)).exitCode).not.toBe(0);
  });

  test('a changed byte anywhere is noticed', async () => {
    const key = await newKey();
    const sealed = Buffer.from(await sealSecrets({ A: 'b' }, await parseRecipients([key.recipient])));
    for (const at of [30, sealed.length - 40, sealed.length - 1]) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect((await decrypt(key.file, changed)).exitCode).not.toBe(0);
    }
  });
});
