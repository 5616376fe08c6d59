import { DogwoodError } from '../errors.ts';

declare const brand: unique symbol;

/** Somebody's public age key, checked: whoever has the secret half can read what is sealed for it. */
export type Recipient = string & { readonly [brand]: 'Recipient' };

/**
 * Reads an age recipient (C2SP age.md): an X25519 key, `age1` and 58 letters, or a post-quantum one, `age1pq1` and 1952.
 *
 * Nothing that is refused is shown: it may be the secret key, given by mistake.
 *
 * @throws RECIPIENT_INVALID
 */
export async function parseRecipient(text: string): Promise<Recipient> {
  const trimmed = text.trim();
  const refused = refusal(trimmed);
  if (refused !== undefined) throw refused;
  const { Encrypter } = await import('age-encryption');
  try {
    new Encrypter().addRecipient(trimmed);
  } catch {
    // The library's own words may quote the text.
    throw invalid('a recipient has a wrong letter, or letters missing');
  }
  return trimmed as Recipient;
}

/**
 * Every recipient once, in the order given; all of one kind, as the `age` command wants it: what is sealed for both is no
 * safer than for the weaker.
 *
 * @throws RECIPIENT_INVALID
 */
export async function parseRecipients(texts: readonly string[]): Promise<readonly Recipient[]> {
  const recipients = [...new Set(await Promise.all(texts.map(parseRecipient)))];
  if (new Set(recipients.map((one) => one.startsWith(POST_QUANTUM))).size > 1) {
    throw invalid(
      'post-quantum recipients and others do not go together',
      'Give keys of one kind: all made with `age-keygen -pq`, or none.',
    );
  }
  return recipients;
}

const POST_QUANTUM = 'age1pq1';

const invalid = (message: string, hint?: string): DogwoodError =>
  new DogwoodError('RECIPIENT_INVALID', message, hint === undefined ? {} : { hint });

function refusal(text: string): DogwoodError | undefined {
  if (/^age-secret-key-/i.test(text)) {
    return invalid(
      'a secret key was given where a recipient (a public key) belongs',
      'Make a new key, for this one is in the history of your shell now (and in a log of npm, with npx); give what `age-keygen -y KEYFILE` prints.',
    );
  }
  if (/^(?:ssh-|ecdsa-|sk-)/.test(text)) {
    return invalid(
      'an SSH key is no recipient here',
      'Make an age key with `age-keygen -o key.txt`; its public half begins with age1.',
    );
  }
  if (/^age1[a-z0-9]{58}$/.test(text) || text.startsWith(POST_QUANTUM)) return undefined;
  // age1tag1..., age1yubikey1...: no letter of what is encoded is a 1, so that is a name.
  if (/^age1[a-z0-9-]+1/.test(text)) {
    return invalid(
      "a plugin's recipient is not supported",
      'Give a key that `age-keygen` or `age-keygen -pq` made; files can be sealed for several.',
    );
  }
  return invalid('that is no age recipient');
}
