import type { Variable } from '../config/config-vars.ts';
import type { NotCarried } from '../cut-over/not-carried.ts';

/** What becomes of an app. */
export type Fate =
  /** Its slug becomes an image, without a rebuild. */
  | 'slug'
  /** Its images are copied from Heroku's registry, one per process type. */
  | 'container'
  /** Fir: copied where a registry can be reached, else only reported. */
  | 'fir'
  /** Nothing to import: never deployed, or its slug is gone. */
  | 'nothing'
  /** The token may not see into it. */
  | 'closed';

/** `DIR/plan.json`: what an import would do. No value of a variable and no signed address is in it. */
export interface MigrationPlan {
  readonly schemaVersion: 1;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The API that was asked. */
  readonly api: string;
  readonly apps: readonly AppPlan[];
  readonly totals: {
    readonly apps: number;
    readonly byFate: Readonly<Record<Fate, number>>;
    /** Bytes of different slugs. */
    readonly slugBytes: number;
    readonly secrets: number;
  };
  /** What the import takes of the account's calls. */
  readonly forecast: { readonly calls: number; readonly milliseconds: number; readonly remaining: number };
}

export interface AppPlan {
  readonly app: string;
  readonly id: string;
  readonly team: string | null;
  readonly region: string;
  readonly stack: string;
  readonly fate: Fate;
  /** Why, in a sentence. */
  readonly reason: string;
  /** Version of the release that runs. */
  readonly release: number | null;
  readonly slug: {
    readonly id: string;
    readonly checksum: string | null;
    readonly size: number | null;
    readonly stack: string;
    readonly commit: string | null;
  } | null;
  readonly processes: readonly ProcessPlan[];
  readonly variables: readonly Variable[];
  readonly domains: readonly string[];
  readonly buildpacks: readonly string[];
  readonly maintenance: boolean;
  readonly notCarried: readonly NotCarried[];
  readonly warnings: readonly string[];
}

export interface ProcessPlan {
  readonly name: string;
  readonly command: string;
  /** `service` runs all the time, `release` before a rollout, `one-off` when somebody asks. */
  readonly kind: 'service' | 'release' | 'one-off';
  readonly replicas: number;
  readonly dynoSize: string | null;
  /** MiB; null where the size is not known. */
  readonly memory: number | null;
}
