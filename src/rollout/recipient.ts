import { DogwoodError } from '../errors.ts';

declare const brand: unique symbol;

/** Somebody's public age key, checked: whoever has the secret half can read what is sealed for it. */
export type Recipient = string & { readonly [brand]: 'Recipient' };

/**
 * Reads an age recipient: a native X25519 public key, `age1` and 58 letters (C2SP age.md, "The X25519 recipient type").
 *
 * Nothing that is refused is shown: it may be the secret key, given by mistake.
 *
 * @throws RECIPIENT_INVALID
 */
export async function parseRecipient(text: string): Promise<Recipient> {
  const trimmed = text.trim();
  const reason = refusal(trimmed);
  if (reason !== undefined) throw new DogwoodError('RECIPIENT_INVALID', reason.message, hinted(reason.hint));
  const { Encrypter } = await import('age-encryption');
  try {
    new Encrypter().addRecipient(trimmed);
  } catch {
    // The library's own words may quote the text.
    throw new DogwoodError('RECIPIENT_INVALID', 'a recipient has a wrong letter, or letters missing');
  }
  return trimmed as Recipient;
}

/** Every recipient once, in the order given. Throws RECIPIENT_INVALID. */
export async function parseRecipients(texts: readonly string[]): Promise<readonly Recipient[]> {
  return [...new Set(await Promise.all(texts.map(parseRecipient)))];
}

interface Refusal {
  readonly message: string;
  readonly hint?: string;
}

const hinted = (hint: string | undefined) => (hint === undefined ? {} : { hint });

function refusal(text: string): Refusal | undefined {
  if (/^age-secret-key-/i.test(text)) {
    return {
      message: 'a secret key was given where a recipient (a public key) belongs',
      hint: 'It may be in the history of your shell and in the list of processes now: make a new key, and give what `age-keygen -y KEYFILE` prints.',
    };
  }
  if (/^(?:ssh-|ecdsa-|sk-)/.test(text)) {
    return {
      message: 'an SSH key is no recipient here',
      hint: 'Make an age key with `age-keygen -o key.txt`; its public half begins with age1.',
    };
  }
  // age1pq1..., age1tag1..., age1NAME1...: the data part of bech32 has no 1, the human readable one may.
  if (/^age1[a-z0-9]+1/.test(text)) {
    return {
      message: 'a recipient of a kind that is not supported (post-quantum, or of a plugin)',
      hint: 'Give an X25519 key, as `age-keygen` makes without options: age1 and 58 letters.',
    };
  }
  return /^age1[a-z0-9]{58}$/.test(text) ? undefined : { message: 'that is no age recipient' };
}
