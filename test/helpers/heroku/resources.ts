/** Which document each address of the Platform API answers with. */
import {
  addonDocument,
  appDocument,
  attachmentDocument,
  buildpackDocuments,
  certificateDocuments,
  collaboratorDocuments,
  couplingDocuments,
  domainDocuments,
  drainDocuments,
  dynoSizeDocuments,
  featureDocuments,
  formationDocument,
  ociImageDocuments,
  pipelineDocument,
  releaseDocument,
  settingsDocuments,
  slugDocument,
  teamAppDocument,
  teamDocument,
  webhookDocuments,
} from './documents.ts';
import { idOf } from './ids.ts';
import type { HerokuApp, HerokuSlug, HerokuWorld } from './world.ts';

export interface ResourceRequest {
  readonly world: HerokuWorld;
  /** `3`, `3.sdk`, `3.docker-releases`. */
  readonly version: string;
  signSlug(slug: HerokuSlug): string;
}

/** What is found at an address, before pages are made of it. */
export type Found =
  | { readonly kind: 'document'; readonly schema: string; readonly document: unknown }
  | {
      readonly kind: 'list';
      readonly schema: string;
      readonly items: readonly Record<string, unknown>[];
      /** Fields that `Range` may order by; none is one page. */
      readonly fields: readonly string[];
    }
  | { readonly kind: 'refused'; readonly status: number; readonly id: string; readonly message: string };

type Resource = (request: ResourceRequest, parts: readonly string[]) => Found;

const list = (
  schema: string,
  items: readonly Record<string, unknown>[],
  fields: readonly string[] = [],
): Found => ({
  kind: 'list',
  schema,
  items,
  fields,
});
const document = (schema: string, found: unknown): Found => ({ kind: 'document', schema, document: found });
const missing = (what: string): Found => ({
  kind: 'refused',
  status: 404,
  id: 'not_found',
  message: `Couldn't find that ${what}.`,
});

function ofApp(
  find: (app: HerokuApp, request: ResourceRequest, parts: readonly string[]) => Found,
): Resource {
  return (request, parts) => {
    const app = request.world.apps.find(({ id, name }) => id === parts[0] || name === parts[0]);
    if (app === undefined) return missing('app');
    if (app.access === 'locked') {
      const message = 'You do not have access to the app. Join it first.';
      return { kind: 'refused', status: 403, id: 'forbidden', message };
    }
    return find(app, request, parts.slice(1));
  };
}

/** Fields of `Range`, as the schema declares them: only some lists are ordered by more than one. */
const APP_FIELDS = ['id', 'name', 'updated_at'];

const RESOURCES: readonly (readonly [RegExp, Resource])[] = [
  [/^\/account$/, ({ world }) => document('account', accountDocument(world))],
  [/^\/teams$/, ({ world }) => list('team', world.teams.map(teamDocument))],
  [
    /^\/teams\/([^/]+)\/apps$/,
    ({ world }, [team]) => {
      const found = world.teams.find(({ id, name }) => id === team || name === team);
      if (found === undefined) return missing('team');
      const apps = world.apps.filter((app) => app.team === found.name);
      return list(
        'team-app',
        apps.map((app) => teamAppDocument(app, world)),
        APP_FIELDS,
      );
    },
  ],
  [
    /^\/apps$/,
    ({ world }) => {
      const apps = world.apps.filter(({ access }) => access === 'full');
      return list(
        'app',
        apps.map((app) => appDocument(app, world)),
        APP_FIELDS,
      );
    },
  ],
  [
    /^\/users\/~\/apps$/,
    ({ world }) => {
      const apps = world.apps.filter(({ team }) => team === undefined);
      return list(
        'app',
        apps.map((app) => appDocument(app, world)),
        APP_FIELDS,
      );
    },
  ],
  [/^\/apps\/([^/]+)$/, ofApp((app, { world }) => document('app', appDocument(app, world)))],
  [
    /^\/apps\/([^/]+)\/releases$/,
    ofApp((app, { world }) =>
      list(
        'release',
        app.releases.map((release) => releaseDocument(release, app, world)),
        ['id', 'version'],
      ),
    ),
  ],
  [
    /^\/apps\/([^/]+)\/releases\/([^/]+)$/,
    ofApp((app, { world }, [wanted]) => {
      const release = app.releases.find(({ id, version }) => id === wanted || String(version) === wanted);
      return release === undefined
        ? missing('release')
        : document('release', releaseDocument(release, app, world));
    }),
  ],
  [
    /^\/apps\/([^/]+)\/slugs\/([^/]+)$/,
    ofApp((app, { signSlug }, [wanted]) => {
      const slug = app.slugs.find(({ id }) => id === wanted);
      return slug === undefined ? missing('slug') : document('slug', slugDocument(slug, signSlug(slug)));
    }),
  ],
  [
    /^\/apps\/([^/]+)\/oci-images\/([^/]+)$/,
    ofApp((app, _request, [wanted]) => {
      const image = app.ociImages.find(({ id, digest }) => id === wanted || digest === wanted);
      return image === undefined ? missing('oci image') : list('oci-image', ociImageDocuments(image, app));
    }),
  ],
  [
    /^\/apps\/([^/]+)\/config-vars$/,
    ofApp((app) => document('config-var/definitions/config_vars', app.config)),
  ],
  [
    /^\/apps\/([^/]+)\/config-vars-settings$/,
    ofApp((app, { world }) => list('config-vars-settings', settingsDocuments(app, world))),
  ],
  [
    /^\/apps\/([^/]+)\/formation$/,
    ofApp((app, { version }) => {
      const withImages = version.endsWith('docker-releases');
      return list(
        'formation',
        app.formation.map((one) => formationDocument(one, app, withImages)),
      );
    }),
  ],
  [/^\/apps\/([^/]+)\/domains$/, ofApp((app) => list('domain', domainDocuments(app)))],
  [/^\/apps\/([^/]+)\/sni-endpoints$/, ofApp((app) => list('sni-endpoint', certificateDocuments(app)))],
  [/^\/apps\/([^/]+)\/log-drains$/, ofApp((app) => list('log-drain', drainDocuments(app)))],
  [
    /^\/apps\/([^/]+)\/webhooks$/,
    ofApp((app) => list('app-webhook/definitions/app_webhook', webhookDocuments(app))),
  ],
  [/^\/apps\/([^/]+)\/features$/, ofApp((app) => list('app-feature', featureDocuments(app)))],
  [/^\/apps\/([^/]+)\/collaborators$/, ofApp((app) => list('collaborator', collaboratorDocuments(app)))],
  [
    /^\/apps\/([^/]+)\/buildpack-installations$/,
    ofApp((app) => list('buildpack-installation', buildpackDocuments(app))),
  ],
  [/^\/apps\/([^/]+)\/telemetry-drains$/, ofApp(() => list('telemetry-drain', []))],
  [
    /^\/addons$/,
    ({ world }) =>
      list(
        'add-on',
        world.addons.map((addon) => addonDocument(addon, world)),
        ['id'],
      ),
  ],
  [
    /^\/addon-attachments$/,
    ({ world }) => {
      const all = world.addons.flatMap((addon) =>
        addon.attachments.map((attachment) => attachmentDocument(attachment, addon, world)),
      );
      return list('add-on-attachment', all, ['id']);
    },
  ],
  [
    /^\/pipelines$/,
    ({ world }) =>
      list(
        'pipeline',
        world.pipelines.map((one) => pipelineDocument(one, world)),
      ),
  ],
  [
    /^\/pipeline-couplings$/,
    ({ world }) =>
      list(
        'pipeline-coupling',
        world.pipelines.flatMap((one) => couplingDocuments(one, world)),
      ),
  ],
  [/^\/spaces$/, () => list('space', [])],
  [/^\/dyno-sizes$/, () => list('dyno-size', dynoSizeDocuments())],
];

/** What a GET of a path finds. */
export function findResource(path: string, request: ResourceRequest): Found {
  for (const [pattern, resource] of RESOURCES) {
    const match = pattern.exec(path);
    if (match !== null) return resource(request, match.slice(1).map(decodeURIComponent));
  }
  return {
    kind: 'refused',
    status: 404,
    id: 'not_found',
    message: 'The requested API endpoint was not found.',
  };
}

function accountDocument({ account }: HerokuWorld) {
  const at = '2021-03-04T05:06:07Z';
  return {
    allow_tracking: true,
    beta: false,
    created_at: at,
    email: account.email,
    federated: false,
    id: account.id,
    identity_provider: null,
    last_login: at,
    name: null,
    sms_number: null,
    suspended_at: null,
    delinquent_at: null,
    two_factor_authentication: true,
    updated_at: at,
    verified: true,
    country_of_residence: null,
    default_organization: null,
    default_team: { id: idOf('team none'), name: 'none' },
  };
}
