import { DogwoodError } from '../errors.ts';
import type { Recipient } from './recipient.ts';

/**
 * Seals values so that the recipients can read them and nobody else: a binary age file (age-encryption.org/v1).
 *
 * Inside is one JSON object, `{"NAME": "value"}`, in UTF-8, with a final newline, which `age -d -i KEYFILE` prints.
 * Names and values survive exactly: what is no Unicode (half of a surrogate pair) is a `\u` escape. Sealing the same
 * values again gives other bytes. The file does not say who made it: the rollout document carries its digest.
 *
 * @throws SECRETS_UNDECIDED without a recipient
 */
export async function sealSecrets(
  values: Readonly<Record<string, string>>,
  recipients: readonly Recipient[],
): Promise<Uint8Array> {
  if (recipients.length === 0)
    throw new DogwoodError('SECRETS_UNDECIDED', 'there is nobody to seal them for');
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(`${JSON.stringify(values)}\n`);
}
