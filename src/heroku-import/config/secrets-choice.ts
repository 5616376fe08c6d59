import { DogwoodError } from '../../errors.ts';
import type { AppPlan } from '../plan/plan-document.ts';
import type { SecretsMode } from './app-config.ts';

export interface SecretsChoice {
  readonly recipients: readonly string[];
  /** `--no-secrets` */
  readonly noSecrets: boolean;
}

/**
 * What becomes of secrets. Apps without any need no choice; where there are some, nobody but the user can say who may
 * read them, or that they stay behind.
 *
 * @throws SECRETS_UNDECIDED, USAGE for both at once
 */
export function requireSecretsChoice(
  apps: readonly AppPlan[],
  { recipients, noSecrets }: SecretsChoice,
): SecretsMode {
  if (noSecrets && recipients.length > 0)
    throw new DogwoodError('USAGE', '--recipient and --no-secrets contradict each other');
  if (noSecrets) return 'no-secrets';
  if (recipients.length > 0) return 'encrypt';
  const having = apps.filter(({ variables }) => variables.some((one) => one.class === 'secret'));
  const [first] = having;
  if (first === undefined) return 'encrypt';
  const others = having.length === 1 ? '' : ` and ${having.length - 1} more`;
  throw new DogwoodError('SECRETS_UNDECIDED', `there are secrets in ${first.app}${others}`);
}
