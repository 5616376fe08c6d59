import type { RetryPolicy } from '../../registry/http/retry.ts';
import type { Recipient } from '../../rollout/recipient.ts';
import type { FingerprintKey } from '../config/fingerprints.ts';
import type { Importer } from '../images/import-slug.ts';
import type { AccountNow } from '../plan/account-now.ts';

/** What the imports of all apps share. */
export interface ImportRun {
  readonly importer: Importer;
  readonly account: AccountNow;
  readonly folder: string;
  /** Whom secrets are sealed for; null leaves them out. */
  readonly recipients: readonly Recipient[] | null;
  /** Of the secrets' fingerprints. */
  readonly key: FingerprintKey;
  /** Waits until so many bytes more may be on their way. */
  readonly whenLight: <T>(bytes: number, work: () => Promise<T>) => Promise<T>;
  readonly isDryRun: boolean;
  readonly retry: RetryPolicy;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}
