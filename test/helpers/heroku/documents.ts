/** A world as the JSON documents of Heroku's published schema (variant 3.sdk). */
import { idOf } from './ids.ts';
import type {
  HerokuAddon,
  HerokuApp,
  HerokuAttachment,
  HerokuFormation,
  HerokuOciImage,
  HerokuPipeline,
  HerokuRelease,
  HerokuSlug,
  HerokuWorld,
} from './world.ts';

const named = (kind: string, name: string) => ({ id: idOf(`${kind} ${name}`), name });
const appRef = (app: HerokuApp) => ({ id: app.id, name: app.name });

export function appDocument(app: HerokuApp, world: HerokuWorld): Record<string, unknown> {
  const team = world.teams.find(({ name }) => name === app.team);
  const current = app.releases.find((release) => release.current);
  const slug = app.slugs.find(({ id }) => id === current?.slug);
  return {
    acm: app.domains.some(({ kind }) => kind === 'custom'),
    archived_at: null,
    base_image_name: app.generation === 'fir' ? 'heroku/heroku:24' : null,
    build_stack: named('stack', app.stack),
    buildpack_provided_description: slug?.buildpacks ?? null,
    buildpacks: null,
    created_at: app.createdAt,
    current_build_architecture: [],
    generation: app.generation,
    git_url: `https://git.heroku.com/${app.name}.git`,
    id: app.id,
    internal_routing: app.space === undefined ? null : false,
    maintenance: app.maintenance,
    name: app.name,
    owner: { email: ownerEmail(app, world), id: idOf(`owner ${app.team ?? world.account.id}`) },
    organization: team === undefined ? null : { id: team.id, name: team.name },
    team: team === undefined ? null : { id: team.id, name: team.name },
    region: named('region', app.region),
    released_at: current?.createdAt ?? null,
    repo_size: null,
    slug_size: slug?.size ?? null,
    space: app.space === undefined ? null : { ...named('space', app.space), shield: false },
    stack: named('stack', app.stack),
    updated_at: current?.createdAt ?? app.createdAt,
    web_url: `https://${app.name}-${idOf(app.name).slice(-12)}.herokuapp.com/`,
  };
}

function ownerEmail(app: HerokuApp, world: HerokuWorld): string {
  return app.team === undefined ? world.account.email : `${app.team}@herokumanager.com`;
}

/** As a team lists its apps: with `joined` and `locked`, and less of the rest. */
export function teamAppDocument(app: HerokuApp, world: HerokuWorld): Record<string, unknown> {
  const { acm: _acm, organization: _organization, team: _team, ...rest } = appDocument(app, world);
  const space = app.space === undefined ? null : named('space', app.space);
  const locked = app.access === 'locked';
  return { ...rest, space, team: { name: app.team }, joined: !locked, locked };
}

export function releaseDocument(release: HerokuRelease, app: HerokuApp, world: HerokuWorld) {
  const { slug, ociImage } = release;
  const artifacts = [
    ...(slug === null ? [] : [{ type: 'slug', id: slug }]),
    ...(ociImage === null ? [] : [{ type: 'oci-image', id: ociImage }]),
  ];
  return {
    addon_plan_names: world.addons.filter((addon) => addon.app === app.name).map(({ plan }) => plan),
    artifacts,
    app: appRef(app),
    created_at: release.createdAt,
    description: release.description,
    id: release.id,
    updated_at: release.createdAt,
    oci_image: ociImage === null ? null : { id: ociImage },
    slug: slug === null ? null : { id: slug },
    status: release.status,
    user: world.account,
    version: release.version,
    current: release.current,
    output_stream_url: null,
    eligible_for_rollback: release.status === 'succeeded',
  };
}

/** @param url where the archive can be read for a short time; undefined for a slug without a blob */
export function slugDocument(slug: HerokuSlug, url: string) {
  return {
    blob: { method: 'get', url },
    buildpack_provided_description: slug.buildpacks,
    checksum: slug.checksum,
    commit: slug.commit,
    commit_description: null,
    created_at: slug.createdAt,
    id: slug.id,
    process_types: slug.processTypes,
    size: slug.size,
    stack: named('stack', slug.stack),
    updated_at: slug.createdAt,
    deleted_at: slug.file === undefined ? slug.createdAt : null,
  };
}

export function formationDocument(formation: HerokuFormation, app: HerokuApp, withImages: boolean) {
  return {
    app: appRef(app),
    command: formation.command,
    created_at: app.createdAt,
    dyno_size: named('dyno size', formation.size),
    id: idOf(`formation ${app.name} ${formation.type}`),
    quantity: formation.quantity,
    size: formation.size,
    type: formation.type,
    updated_at: app.createdAt,
    ...(withImages && formation.dockerImage !== undefined && { docker_image: { id: formation.dockerImage } }),
  };
}

export function addonDocument(addon: HerokuAddon, world: HerokuWorld) {
  const app = appNamed(world, addon.app);
  return {
    actions: [],
    addon_service: named('service', addon.service),
    billing_entity: { ...appRef(app), type: 'app' },
    app: appRef(app),
    billed_price: { cents: 500, contract: false, metered: false, unit: 'month' },
    config_vars: addon.configVars,
    created_at: app.createdAt,
    id: addon.id,
    name: addon.name,
    plan: named('plan', addon.plan),
    provider_id: addon.id.slice(0, 8),
    provision_message: 'is being created',
    state: 'provisioned',
    updated_at: app.createdAt,
    web_url: null,
  };
}

export function attachmentDocument(attachment: HerokuAttachment, addon: HerokuAddon, world: HerokuWorld) {
  return {
    addon: { id: addon.id, name: addon.name, app: appRef(appNamed(world, addon.app)) },
    app: appRef(appNamed(world, attachment.app)),
    created_at: '2021-03-04T05:06:07Z',
    id: attachment.id,
    name: attachment.name,
    namespace: attachment.namespace,
    updated_at: '2021-03-04T05:06:07Z',
    web_url: null,
    log_input_url: null,
  };
}

/** Which attachment made a variable, and whether its value may be seen. */
export function settingsDocuments(app: HerokuApp, world: HerokuWorld) {
  return Object.entries(app.config).map(([key, value]) => {
    const owner = world.addons
      .flatMap(({ attachments }) => attachments)
      .find((attachment) => attachment.app === app.name && key === `${attachment.name}_URL`);
    return {
      attachment: owner === undefined ? null : { id: owner.id },
      key,
      value,
      masked: false,
      masking_supported: false,
      value_updated_at: app.createdAt,
    };
  });
}

export function domainDocuments(app: HerokuApp) {
  return app.domains.map(({ hostname, kind }) => ({
    acm_status: kind === 'custom' ? 'ok' : null,
    acm_status_reason: null,
    app: appRef(app),
    cname: kind === 'custom' ? `${idOf(hostname).slice(0, 12)}.herokudns.com` : null,
    created_at: app.createdAt,
    hostname,
    id: idOf(`domain ${hostname}`),
    kind,
    updated_at: app.createdAt,
    status: kind === 'custom' ? 'succeeded' : 'none',
    sni_endpoint: app.certificates.includes(hostname) ? sniRef(hostname) : null,
  }));
}

/** The schema wants at most 30 letters, so the host name is not in it. */
const sniRef = (hostname: string) => {
  const id = idOf(`sni ${hostname}`);
  return { id, name: `tyrannosaurus-${id.slice(0, 8)}` };
};

export function certificateDocuments(app: HerokuApp) {
  return app.certificates.map((hostname) => ({
    certificate_chain: '-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----',
    created_at: app.createdAt,
    ...sniRef(hostname),
    updated_at: app.createdAt,
    display_name: sniRef(hostname).name,
    domains: [idOf(`domain ${hostname}`)],
    app: appRef(app),
    ssl_cert: {
      'ca_signed?': true,
      cert_domains: [hostname],
      expires_at: '2031-01-01T00:00:00Z',
      issuer: '/CN=Example CA',
      'self_signed?': false,
      starts_at: '2021-01-01T00:00:00Z',
      subject: `/CN=${hostname}`,
      id: idOf(`certificate ${hostname}`),
    },
  }));
}

export function drainDocuments(app: HerokuApp) {
  return app.drains.map((url) => ({
    addon: null,
    app: appRef(app),
    created_at: app.createdAt,
    id: idOf(`drain ${url}`),
    token: `d.${idOf(`token ${url}`)}`,
    updated_at: app.createdAt,
    url,
  }));
}

export function webhookDocuments(app: HerokuApp) {
  return app.webhooks.map((url) => ({
    app: appRef(app),
    created_at: app.createdAt,
    id: idOf(`webhook ${url}`),
    include: ['api:release'],
    level: 'notify',
    updated_at: app.createdAt,
    url,
  }));
}

const FEATURES = ['runtime-dyno-metadata', 'http-session-affinity', 'preboot', 'http-end-to-end-encryption'];

export function featureDocuments(app: HerokuApp) {
  return FEATURES.map((name) => ({
    created_at: app.createdAt,
    description: `what ${name} does`,
    doc_url: `https://devcenter.heroku.com/articles/${name}`,
    enabled: app.features.includes(name),
    id: idOf(`feature ${name}`),
    name,
    state: 'general',
    updated_at: app.createdAt,
    display_name: name,
    feedback_email: 'feedback@example.com',
  }));
}

export function collaboratorDocuments(app: HerokuApp) {
  return app.collaborators.map((email) => ({
    app: appRef(app),
    created_at: app.createdAt,
    id: idOf(`collaborator ${app.name} ${email}`),
    permissions: [{ name: 'deploy', description: 'can deploy' }],
    role: 'member',
    updated_at: app.createdAt,
    user: { email, federated: false, id: idOf(`user ${email}`) },
  }));
}

export function buildpackDocuments(app: HerokuApp) {
  return app.buildpacks.map((text, ordinal) => ({ ordinal, buildpack: { url: text, name: text } }));
}

export function pipelineDocument(pipeline: HerokuPipeline, world: HerokuWorld) {
  return {
    created_at: '2021-03-04T05:06:07Z',
    id: pipeline.id,
    name: pipeline.name,
    owner: { id: world.account.id, type: 'user' },
    updated_at: '2021-03-04T05:06:07Z',
    generation: named('generation', 'cedar'),
  };
}

export function couplingDocuments(pipeline: HerokuPipeline, world: HerokuWorld) {
  return pipeline.couplings.map(({ id, app, stage }) => ({
    app: { id: appNamed(world, app).id },
    created_at: '2021-03-04T05:06:07Z',
    id,
    pipeline: { id: pipeline.id },
    stage,
    updated_at: '2021-03-04T05:06:07Z',
  }));
}

export function teamDocument(team: HerokuWorld['teams'][number]) {
  return {
    id: team.id,
    created_at: '2021-03-04T05:06:07Z',
    credit_card_collections: true,
    default: false,
    enterprise_account: null,
    identity_provider: null,
    membership_limit: 25,
    name: team.name,
    provisioned_licenses: false,
    role: 'admin',
    type: 'team',
    updated_at: '2021-03-04T05:06:07Z',
  };
}

/** The plural resource that answers an array with one image (the schema says so, and Heroku's own CLI reads [0]). */
export function ociImageDocuments(image: HerokuOciImage, app: HerokuApp) {
  return [
    {
      id: image.id,
      base_image_name: 'heroku/heroku:24',
      base_top_layer: `sha256:${'ab'.repeat(32)}`,
      commit: idOf(image.id).replaceAll('-', ''),
      commit_description: 'a change',
      image_repo: image.repository,
      digest: image.digest,
      stack: named('stack', 'cnb'),
      process_types: Object.fromEntries(
        Object.entries(image.processTypes).map(([name, command]) => [
          name,
          {
            name,
            display_cmd: command,
            command: `/cnb/process/${name}`,
            working_dir: '/workspace',
            default: name === 'web',
          },
        ]),
      ),
      buildpacks: [
        { id: 'heroku/nodejs', version: '3.2.1', homepage: 'https://github.com/heroku/buildpacks-nodejs' },
      ],
      created_at: app.createdAt,
      updated_at: app.createdAt,
      architecture: 'arm64',
    },
  ];
}

/** Gigabytes of memory, and compute units, of the sizes on sale (Dev Center, "Dyno Sizes"). */
const DYNO_SIZES = [
  ['Eco', 0.5, 1],
  ['Basic', 0.5, 1],
  ['Standard-1X', 0.5, 1],
  ['Standard-2X', 1, 2],
  ['Performance-M', 2.5, 12],
  ['Performance-L', 14, 50],
  ['Performance-L-RAM', 30, 24],
  ['Performance-XL', 62, 50],
  ['Performance-2XL', 126, 100],
] as const;

export function dynoSizeDocuments() {
  return DYNO_SIZES.map(([name, memory, compute]) => ({
    architecture: 'amd64',
    compute,
    can_autoscale: memory > 1,
    cost: { cents: 700, unit: 'month' },
    dedicated: memory > 1,
    precise_dyno_units: compute,
    id: idOf(`dyno size ${name}`),
    memory,
    name,
    private_space_only: false,
    generation: named('generation', 'cedar'),
    infrastructure_tier: 'production',
    product_dyno_tier: name.split('-')[0]?.toLowerCase(),
  }));
}

function appNamed(world: HerokuWorld, name: string): HerokuApp {
  const app = world.apps.find((one) => one.name === name);
  if (app === undefined) throw new Error(`no app ${name} in this world`);
  return app;
}
