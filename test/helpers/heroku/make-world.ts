import { commitOf, idOf } from './ids.ts';
import {
  type HerokuAddon,
  type HerokuApp,
  type HerokuPipeline,
  type HerokuRelease,
  type HerokuSlug,
  type HerokuWorld,
  PLAIN_APP,
} from './world.ts';

/** A slug's archive, as `makeSlug` packs it. */
export interface SlugFile {
  readonly file: string;
  readonly sha256: string;
  readonly size: number;
  readonly processTypes: Readonly<Record<string, string>>;
}

/** What is odd about an app; most have nothing. */
const ODDITIES = [
  'none',
  /** The newest release failed: an older one runs. */
  'failed-latest',
  /** Rolled back: an older slug runs under a newer version. */
  'rolled-back',
  /** Never deployed. */
  'no-slug',
  'container',
  'fir',
  /** In a team's list, not joined. */
  'locked',
  'no-checksum',
  'wrong-checksum',
  /** The slug's blob is gone. */
  'no-blob',
  'maintenance',
] as const;
export type Oddity = (typeof ODDITIES)[number];

export interface WorldOptions {
  readonly apps: number;
  readonly teams?: number | undefined;
  readonly slugs: readonly SlugFile[];
  /** Config digests of images in the container registry. */
  readonly images?: readonly string[] | undefined;
  /** By default one app in ten is odd, each oddity in turn. */
  readonly oddity?: ((index: number) => Oddity) | undefined;
}

/** The value of every secret variable holds this, so that a test can look for it wherever it must not be. */
export const SECRET_MARK = 'hunter2-never-shown';

/** An account with many apps, the same for the same options. */
export function makeWorld(options: WorldOptions): HerokuWorld {
  const teams = Array.from({ length: options.teams ?? 3 }, (_, index) => named(`team-${index + 1}`));
  const oddity = options.oddity ?? everyTenth;
  const apps = Array.from({ length: options.apps }, (_, index) => {
    // A quarter is the account's own; a locked one is always in a team.
    const odd = oddity(index);
    const own = index % 4 === 0 && odd !== 'locked';
    return makeApp(index, odd, own ? undefined : teams[index % teams.length]?.name, options);
  });
  return {
    account: { id: idOf('account'), email: 'owner@example.com' },
    teams,
    apps,
    addons: makeAddons(apps),
    pipelines: makePipelines(apps),
  };
}

const named = (name: string) => ({ id: idOf(name), name });

function everyTenth(index: number): Oddity {
  return index % 10 === 9
    ? (ODDITIES[1 + (Math.floor(index / 10) % (ODDITIES.length - 1))] ?? 'none')
    : 'none';
}

function makeApp(index: number, odd: Oddity, team: string | undefined, options: WorldOptions): HerokuApp {
  const name = `app-${String(index).padStart(4, '0')}`;
  const file = options.slugs[index % options.slugs.length];
  if (file === undefined) throw new Error('a world needs a slug');
  const slug = makeSlugDocument(name, odd, file);
  const releases = makeReleases(name, odd, slug);
  const image = odd === 'fir' ? makeOciImage(name) : undefined;
  const hasSlug = odd !== 'container' && odd !== 'fir' && odd !== 'no-slug';
  const commands = hasSlug ? file.processTypes : odd === 'no-slug' ? {} : { web: 'node server.js' };
  return {
    ...PLAIN_APP,
    id: idOf(name),
    name,
    team,
    region: index % 5 === 0 ? 'eu' : 'us',
    generation: odd === 'fir' ? 'fir' : 'cedar',
    stack: odd === 'container' ? 'container' : odd === 'fir' ? 'cnb' : slug.stack,
    maintenance: odd === 'maintenance',
    access: odd === 'locked' ? 'locked' : 'full',
    releases,
    slugs: hasSlug ? [slug] : [],
    ociImages: image === undefined ? [] : [image],
    formation: Object.entries(commands)
      .filter(([type]) => !['release', 'console', 'rake'].includes(type))
      .map(([type, command]) => ({
        type,
        command,
        quantity: type === 'web' ? 2 : 1,
        size: type === 'web' ? 'Standard-2X' : 'Basic',
        dockerImage: odd === 'container' ? options.images?.[index % (options.images.length || 1)] : undefined,
      })),
    config: makeConfig(name, index),
    domains: [
      { hostname: `${name}.herokuapp.com`, kind: 'heroku' },
      ...(index % 3 === 0 ? [{ hostname: `www.${name}.example.com`, kind: 'custom' as const }] : []),
    ],
    certificates: index % 6 === 0 ? [`www.${name}.example.com`] : [],
    drains: index % 7 === 0 ? [`https://user:${SECRET_MARK}@logs.example.com/${name}`] : [],
    webhooks: index % 11 === 0 ? [`https://hooks.example.com/${name}`] : [],
    features: index % 2 === 0 ? ['runtime-dyno-metadata'] : [],
    collaborators: index % 5 === 0 ? ['dev@example.com'] : [],
    buildpacks: hasSlug ? ['heroku/nodejs'] : [],
  };
}

function makeSlugDocument(name: string, odd: Oddity, file: SlugFile): HerokuSlug {
  const checksum =
    odd === 'no-checksum' ? null : `SHA256:${odd === 'wrong-checksum' ? '0'.repeat(64) : file.sha256}`;
  return {
    id: idOf(`slug ${name}`),
    commit: commitOf(name),
    stack: 'heroku-24',
    processTypes: file.processTypes,
    checksum,
    size: file.size,
    file: odd === 'no-blob' ? undefined : file.file,
    buildpacks: 'Node.js',
    createdAt: '2026-01-02T03:04:05Z',
  };
}

function makeReleases(name: string, odd: Oddity, slug: HerokuSlug): readonly HerokuRelease[] {
  const release = (version: number, more: Partial<HerokuRelease>): HerokuRelease => ({
    id: idOf(`release ${name} ${version}`),
    version,
    status: 'succeeded',
    current: false,
    description: `Deploy ${commitOf(name).slice(0, 8)}`,
    slug: slug.id,
    ociImage: null,
    createdAt: `2026-01-0${version}T03:04:05Z`,
    ...more,
  });
  const first = release(1, { slug: null, description: 'Initial release' });
  switch (odd) {
    case 'no-slug':
      return [release(1, { slug: null, description: 'Initial release', current: true })];
    case 'failed-latest':
      return [first, release(2, { current: true }), release(3, { status: 'failed' })];
    case 'rolled-back':
      return [
        first,
        release(2, {}),
        release(3, {}),
        release(4, { current: true, description: 'Rollback to v2' }),
      ];
    case 'container':
      return [first, release(2, { slug: null, current: true, description: 'Deployed web' })];
    case 'fir':
      return [first, release(2, { slug: null, ociImage: idOf(`image ${name}`), current: true })];
    default:
      return [first, release(2, { current: true })];
  }
}

function makeOciImage(name: string) {
  return {
    id: idOf(`image ${name}`),
    digest: `sha256:${idOf(`digest ${name}`).replaceAll('-', '').repeat(2)}`,
    repository: `${idOf(name)}/builds`,
    processTypes: { web: 'node server.js' },
  };
}

/** Plain, secret, an add-on's, and the shapes of values that others lose. */
function makeConfig(name: string, index: number): Record<string, string> {
  return {
    LOG_LEVEL: 'info',
    SECRET_KEY_BASE: `${SECRET_MARK}-${name}`,
    ...(index % 2 === 0 && { DATABASE_URL: `postgres://u:${SECRET_MARK}@db.example.com:5432/${name}` }),
    ...(index % 8 === 0 && {
      PEM: `-----BEGIN PRIVATE KEY-----\n${SECRET_MARK}\n-----END PRIVATE KEY-----\n`,
      EMPTY: '',
      GREETING: 'Grüße, 世界 🌲',
      '2FA_ISSUER': 'leading digit',
      SHELL_WORDS: '$HOME `id` "quoted" \\ \'single\' a=b',
    }),
    ...(index % 16 === 0 && { LD_PRELOAD: '/app/lib/x.so', BASH_ENV: '/app/.env.sh', PORT: '1234' }),
  };
}

/** Every second app has a database; every tenth shares that of the app before it. */
function makeAddons(apps: readonly HerokuApp[]): readonly HerokuAddon[] {
  return apps
    .filter((app) => 'DATABASE_URL' in app.config && app.access === 'full')
    .map((app, index) => {
      const shared = index % 5 === 4 ? apps[apps.indexOf(app) + 1] : undefined;
      const attach = (to: string, name: string) => ({
        id: idOf(`attachment ${app.name} ${to} ${name}`),
        app: to,
        name,
        namespace: null,
      });
      return {
        id: idOf(`addon ${app.name}`),
        name: `postgresql-${app.name}`,
        app: app.name,
        service: 'heroku-postgresql',
        plan: 'heroku-postgresql:essential-0',
        configVars: ['DATABASE_URL'],
        attachments: [
          attach(app.name, 'DATABASE'),
          ...(shared?.access === 'full' ? [attach(shared.name, 'SHARED_DATABASE')] : []),
        ],
      };
    });
}

/** Apps in threes: staging, production, and one alone. */
function makePipelines(apps: readonly HerokuApp[]): readonly HerokuPipeline[] {
  const open = apps.filter(({ access }) => access === 'full');
  return open.flatMap((staging, index) => {
    const production = open[index + 1];
    if (index % 3 !== 0 || production === undefined) return [];
    const name = `pipeline-${index / 3}`;
    return [
      {
        ...named(name),
        couplings: [
          { id: idOf(`coupling ${staging.name}`), app: staging.name, stage: 'staging' },
          { id: idOf(`coupling ${production.name}`), app: production.name, stage: 'production' },
        ],
      },
    ];
  });
}
