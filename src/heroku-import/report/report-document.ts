import type { RolloutProcess } from '../../rollout/document.ts';
import type { AppImage } from '../folder/app-result.ts';
import type { LastRun } from '../folder/read-migration.ts';
import type { AppStatusEntry, StatusDocument } from '../folder/status-document.ts';
import type { CutOverStep } from './cut-over.ts';

/** A process type of an app, as it will run. */
export interface ProcessReport {
  readonly name: string;
  readonly kind: 'service' | 'release' | 'one-off';
  /** Null where the image has its own. */
  readonly command: string | null;
  readonly replicas: number;
  readonly resources: RolloutProcess['resources'] | null;
  /** UID or UID:GID. */
  readonly user: string | null;
}

/** One app in a report: its status, and everything that can be said of it without a secret's value. */
export interface AppReport extends AppStatusEntry {
  readonly id: string;
  readonly team: string | null;
  /** Heroku's. */
  readonly region: string;
  readonly stack: string;
  /** Of a failure. */
  readonly code: string | null;
  readonly images: readonly AppImage[];
  readonly processes: readonly ProcessReport[];
  readonly variables: {
    /** Names in the rollout document, with their values there. */
    readonly plain: readonly string[];
    /** Names in the age file. */
    readonly secrets: readonly string[];
    /** What an add-on has to bring. */
    readonly external: readonly { readonly name: string; readonly from: string }[];
  };
  readonly warnings: readonly string[];
  readonly drift: readonly string[];
  readonly cutOver: readonly CutOverStep[];
  /** RFC 3339; null where no import is done with it. */
  readonly finishedAt: string | null;
  readonly milliseconds: number | null;
}

/** `report --format json`: the document of `status`, with details. */
export interface ReportDocument extends Omit<StatusDocument, 'apps' | 'totals'> {
  /** RFC 3339. */
  readonly createdAt: string;
  readonly plan: { readonly createdAt: string | null; readonly api: string };
  readonly run: Omit<LastRun, 'importing'>;
  readonly apps: readonly AppReport[];
  readonly totals: StatusDocument['totals'] & {
    readonly images: number;
    readonly secrets: number;
    readonly notCarried: number;
    readonly warnings: number;
    readonly drifted: number;
    /** Bytes of slugs that did not have to be read from Heroku. */
    readonly savedBytes: number;
  };
}
