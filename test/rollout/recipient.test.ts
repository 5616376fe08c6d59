import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { expect, test } from 'vitest';
import { DogwoodError } from '../../src/errors.ts';
import { parseRecipient, parseRecipients } from '../../src/rollout/recipient.ts';

/** Of nobody; from age's own documentation. */
const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';

test('a public key is taken, with white space around it', async () => {
  expect(await parseRecipient(RECIPIENT)).toBe(RECIPIENT);
  expect(await parseRecipient(` ${RECIPIENT}\n`)).toBe(RECIPIENT);
  const hybrid = await identityToRecipient(await generateHybridIdentity());
  expect(await parseRecipient(hybrid)).toBe(hybrid);
});

async function refusal(text: string): Promise<DogwoodError> {
  const error: unknown = await parseRecipient(text).catch((thrown: unknown) => thrown);
  if (!(error instanceof DogwoodError)) throw new Error(`not refused: ${text}`);
  return error;
}

test('a secret key given by mistake is refused, and shown nowhere', async () => {
  for (const secret of [
    await generateX25519Identity(),
    (await generateX25519Identity()).toLowerCase(),
    await generateHybridIdentity(),
    `  ${await generateX25519Identity()}\n`,
    'AGE-SECRET-KEY-1',
  ]) {
    const error = await refusal(secret);
    expect(error).toMatchObject({ code: 'RECIPIENT_INVALID', kind: { exitCode: 2, fault: 'user' } });
    expect(error.message).toContain('secret key');
    const told = [error.message, error.hint, error.stack, JSON.stringify(error), String(error.cause)].join(
      '\n',
    );
    const data = secret.trim().slice('AGE-SECRET-KEY-'.length);
    if (data.length > 1) expect(told.toLowerCase()).not.toContain(data.toLowerCase());
  }
});

test.each([
  ['', 'no age recipient'],
  ['hunter2', 'no age recipient'],
  ['age1', 'no age recipient'],
  [`${RECIPIENT} ${RECIPIENT}`, 'no age recipient'],
  [RECIPIENT.slice(0, -1), 'no age recipient'],
  [RECIPIENT.toUpperCase(), 'no age recipient'],
  // One letter is another: the checksum of bech32.
  [RECIPIENT.replace('ql3', 'ql4'), 'wrong letter'],
  ['age1pq1abc', 'wrong letter'],
  ['age1tag1qwerty', 'plugin'],
  ['age1yubikey1qwerty', 'plugin'],
  ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA a@b', 'SSH key'],
  ['ecdsa-sha2-nistp256 AAAA', 'SSH key'],
])('%j is refused', async (text, why) => {
  const error = await refusal(text);
  expect(error.code).toBe('RECIPIENT_INVALID');
  expect(error.message).toContain(why);
  if (text.length > 4) expect(`${error.message} ${error.hint}`).not.toContain(text);
});

test('post-quantum keys and others do not go together', async () => {
  const hybrid = await identityToRecipient(await generateHybridIdentity());
  await expect(parseRecipients([RECIPIENT, hybrid])).rejects.toMatchObject({ code: 'RECIPIENT_INVALID' });
  expect(await parseRecipients([hybrid, hybrid])).toEqual([hybrid]);
  expect(await parseRecipients([])).toEqual([]);
});
