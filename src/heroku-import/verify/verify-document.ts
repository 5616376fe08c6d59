/**
 * `verified`  everything is where the import left it, and as Heroku has it now
 * `drifted`   what was imported is whole, but Heroku has moved on: import again
 * `failed`    something of what was imported is missing or damaged
 */
export type VerifyStatus = 'verified' | 'drifted' | 'failed';

export interface VerifyCheck {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, in a sentence; no value of a variable. */
  readonly detail: string;
}

export interface VerifiedApp {
  readonly app: string;
  readonly status: VerifyStatus;
  readonly checks: readonly VerifyCheck[];
}

/** What `build heroku verify --json` prints. */
export interface VerifyDocument {
  readonly schemaVersion: 1;
  readonly apps: readonly VerifiedApp[];
  readonly totals: Readonly<Record<VerifyStatus, number>> & { readonly apps: number };
}

export function verifyDocument(apps: readonly VerifiedApp[]): VerifyDocument {
  const count = (status: VerifyStatus) => apps.filter((app) => app.status === status).length;
  return {
    schemaVersion: 1,
    apps,
    totals: {
      apps: apps.length,
      verified: count('verified'),
      drifted: count('drifted'),
      failed: count('failed'),
    },
  };
}
