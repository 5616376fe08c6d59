import { createHmac, randomBytes } from 'node:crypto';
import { DogwoodError } from '../../errors.ts';
import type { BuildContext } from '../builder.ts';
import { renameSecrets, secretMounts } from './secret-mounts.ts';
import type { Dockerfile } from './stages.ts';

/** A secret with its value. */
export interface ReadSecret {
  readonly id: string;
  readonly value: Uint8Array;
}

/** BuildKit's own limit. */
const MAX_SECRET_BYTES = 500 * 1024;
const KEY_KIND = 'dockerfile-secrets';

/** The values of the secrets that were asked for. Throws USAGE, SECRET_UNREADABLE, LIMIT_EXCEEDED. */
export async function readSecrets(
  context: Pick<BuildContext, 'request' | 'readSecret'>,
): Promise<readonly ReadSecret[]> {
  return Promise.all(
    context.request.secrets.map(async (source) => {
      const value = await context.readSecret(source);
      if (value.length > MAX_SECRET_BYTES) {
        throw new DogwoodError(
          'LIMIT_EXCEEDED',
          `the secret ${source.id} has ${value.length} bytes, more than ${MAX_SECRET_BYTES}`,
          { hint: 'BuildKit takes no larger secrets; a step can fetch more with a small one.' },
        );
      }
      return { id: source.id, value };
    }),
  );
}

/** Throws SECRET_MISSING for a step that needs a secret that was not given. */
export function checkRequired(dockerfile: Dockerfile, given: readonly { readonly id: string }[]): void {
  const known = new Set(given.map(({ id }) => id));
  const missing = secretMounts(dockerfile).find(
    ({ id, required }) => required && !id.includes('$') && !known.has(id),
  );
  if (missing === undefined) return;
  throw new DogwoodError(
    'SECRET_MISSING',
    `line ${missing.instruction.line + 1} of the Dockerfile needs the secret ${missing.id}`,
    { hint: `Give it with --secret id=${missing.id},src=FILE or --secret id=${missing.id},env=NAME.` },
  );
}

export interface PreparedSecrets {
  /** The Dockerfile with the names below. */
  readonly text: string;
  readonly secrets: readonly ReadSecret[];
  /** By the names that the engine sees; for what it says. */
  readonly shown: ReadonlyMap<string, string>;
}

/**
 * Makes the secrets ready for an engine. One that recognises steps by the names of their secrets gets each under its
 * name and a keyed hash of its value. The key is this store's own and never leaves it, so that nobody can try values
 * against what an engine or a shared cache has seen.
 *
 * A name with a variable in it cannot be changed; such a step sees the secret under its own name.
 */
export async function prepareSecrets(
  dockerfile: Dockerfile,
  secrets: readonly ReadSecret[],
  rename: boolean,
  context: Pick<BuildContext, 'facts' | 'request'>,
): Promise<PreparedSecrets> {
  if (secrets.length === 0) return { text: dockerfile.text, secrets, shown: new Map() };
  const key = rename ? await storeKey(context) : undefined;
  const names = new Map(
    secrets.map(({ id, value }) => [
      id,
      key === undefined ? id : nameFor(key, context.request.tenant, id, value),
    ]),
  );
  const text = renameSecrets(dockerfile, secretMounts(dockerfile), names);
  if (!rename) return { text, secrets, shown: new Map() };
  return {
    text,
    secrets: [...secrets, ...secrets.map(({ id, value }) => ({ id: names.get(id) ?? id, value }))],
    shown: new Map([...names].map(([id, name]) => [name, id])),
  };
}

function nameFor(key: Uint8Array, tenant: string, id: string, value: Uint8Array): string {
  const hash = createHmac('sha256', key);
  for (const part of [tenant, '\0', id, '\0', value]) hash.update(part);
  return `${id}-${hash.digest('hex').slice(0, 32)}`;
}

/** Made once and kept in the local store. */
async function storeKey({ facts }: Pick<BuildContext, 'facts'>): Promise<Buffer> {
  const kept = await facts.verdicts.get(KEY_KIND, 'key');
  if (typeof kept === 'string' && /^[0-9a-f]{64}$/.test(kept)) return Buffer.from(kept, 'hex');
  const key = randomBytes(32);
  await facts.verdicts.put(KEY_KIND, 'key', key.toString('hex'));
  return key;
}
