/** An account at Heroku as the Platform API shows it, in the field's own words; `documents.ts` writes it as JSON. */

export interface Named {
  readonly id: string;
  readonly name: string;
}

export interface HerokuSlug {
  readonly id: string;
  readonly commit: string | null;
  readonly stack: string;
  /** Merged by Heroku from the Procfile and the buildpacks' defaults. */
  readonly processTypes: Readonly<Record<string, string>>;
  /** `SHA256:<hex>` of the archive; null where the uploader gave none; may be wrong. */
  readonly checksum: string | null;
  /** Compressed bytes. */
  readonly size: number | null;
  /** The archive; undefined for a slug whose blob is gone. */
  readonly file: string | undefined;
  readonly buildpacks: string | null;
  readonly createdAt: string;
}

export interface HerokuRelease {
  readonly id: string;
  readonly version: number;
  readonly status: 'expired' | 'failed' | 'pending' | 'succeeded';
  readonly current: boolean;
  readonly description: string;
  /** Null for container and Fir apps, and before the first deploy. */
  readonly slug: string | null;
  /** Fir. */
  readonly ociImage: string | null;
  readonly createdAt: string;
}

export interface HerokuFormation {
  readonly type: string;
  readonly command: string;
  readonly quantity: number;
  /** Name of a dyno size: `Basic`, `Standard-2X`. */
  readonly size: string;
  /** The config digest of the released image, on the container stack. */
  readonly dockerImage?: string | undefined;
}

export interface HerokuDomain {
  readonly hostname: string;
  readonly kind: 'heroku' | 'custom';
}

export interface HerokuAddon extends Named {
  /** The app that pays: another app may be attached too. */
  readonly app: string;
  /** `heroku-postgresql`. */
  readonly service: string;
  /** `heroku-postgresql:essential-0`. */
  readonly plan: string;
  readonly configVars: readonly string[];
  readonly attachments: readonly HerokuAttachment[];
}

export interface HerokuAttachment {
  readonly id: string;
  readonly app: string;
  /** `DATABASE`: its variable is DATABASE_URL. */
  readonly name: string;
  readonly namespace: string | null;
}

export interface HerokuPipeline extends Named {
  readonly couplings: readonly {
    readonly id: string;
    readonly app: string;
    readonly stage: 'test' | 'review' | 'development' | 'staging' | 'production';
  }[];
}

export interface HerokuApp extends Named {
  /** Name of the team; undefined is the account's own app. */
  readonly team: string | undefined;
  readonly space: string | undefined;
  readonly generation: 'cedar' | 'fir';
  readonly region: 'us' | 'eu';
  readonly stack: string;
  readonly maintenance: boolean;
  /** `locked`: the team's list shows it, its details are 403 until one joins. */
  readonly access: 'full' | 'locked';
  /** Oldest first. */
  readonly releases: readonly HerokuRelease[];
  readonly slugs: readonly HerokuSlug[];
  readonly ociImages: readonly HerokuOciImage[];
  readonly formation: readonly HerokuFormation[];
  readonly config: Readonly<Record<string, string>>;
  readonly domains: readonly HerokuDomain[];
  /** Hostnames of certificates of the app's own. */
  readonly certificates: readonly string[];
  /** Addresses; each is a secret. */
  readonly drains: readonly string[];
  readonly webhooks: readonly string[];
  /** Names of those switched on. */
  readonly features: readonly string[];
  readonly collaborators: readonly string[];
  /** Addresses or registry names, in order. */
  readonly buildpacks: readonly string[];
  readonly createdAt: string;
}

export interface HerokuOciImage {
  readonly id: string;
  readonly digest: string;
  readonly repository: string;
  readonly processTypes: Readonly<Record<string, string>>;
}

export interface HerokuWorld {
  readonly account: { readonly id: string; readonly email: string };
  readonly teams: readonly Named[];
  readonly apps: readonly HerokuApp[];
  readonly addons: readonly HerokuAddon[];
  readonly pipelines: readonly HerokuPipeline[];
}

/** What an app that nobody says more about has. */
export const PLAIN_APP = {
  team: undefined,
  space: undefined,
  generation: 'cedar',
  region: 'us',
  stack: 'heroku-24',
  maintenance: false,
  access: 'full',
  releases: [],
  slugs: [],
  ociImages: [],
  formation: [],
  config: {},
  domains: [],
  certificates: [],
  drains: [],
  webhooks: [],
  features: [],
  collaborators: [],
  buildpacks: [],
  createdAt: '2021-03-04T05:06:07Z',
} as const satisfies Omit<HerokuApp, 'id' | 'name'>;
