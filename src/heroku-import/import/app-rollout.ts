import { DogwoodError } from '../../errors.ts';
import { digestOf } from '../../oci/digest.ts';
import { canonicalJson } from '../../plan/build-plan.ts';
import type { Rollout, RolloutImage, RolloutProcess } from '../../rollout/document.ts';
import { rolloutDocument } from '../../rollout/document.ts';
import { ulidOf } from '../../rollout/ulid.ts';
import type { AppState } from '../account/app-state.ts';
import { type AppConfig, WEB_PORT } from '../config/app-config.ts';
import { DYNO_PLATFORM, dynoSize } from '../config/dyno-sizes.ts';
import type { AppImage } from '../folder/app-result.ts';
import { SECRETS_FILE } from '../folder/migration-folder.ts';
import type { AppPlan, Fate, ProcessPlan } from '../plan/plan-document.ts';

export interface RolloutParts {
  readonly state: AppState;
  readonly plan: AppPlan;
  /** One with `process: null`, or one per process type. */
  readonly images: readonly AppImage[];
  readonly config: AppConfig;
  /** Versions of the secrets, by name (fingerprints.ts). */
  readonly versions: Readonly<Record<string, string>>;
  /** The age file; null where there are no secrets. */
  readonly sealed: Rollout['config']['ciphertext'];
  /** Who can read it. */
  readonly recipients: readonly string[];
  readonly tenant: string;
  /** `production`; the stage, in a pipeline. */
  readonly environment: string;
  readonly now: Date;
  /** The document of the import before this. */
  readonly previous?: Rollout | undefined;
}

/** An hour, as at Heroku (Dev Center, "Release Phase"). Seconds. */
const RELEASE_TIMEOUT = 3600;
/** Heroku gives a process so long between SIGTERM and SIGKILL. Seconds. */
const STOP_TIMEOUT = 30;

/**
 * What a runtime gets of an imported app. The same state, for the same recipients, gives the same `identity.id` and
 * `idempotencyKey`, whenever it is imported; only regions make a new revision of it. No secret's value is in it.
 */
export function rolloutOf(parts: RolloutParts): Rollout {
  const content = contentOf(parts);
  return rolloutDocument.parse({ schemaVersion: 1, identity: identityOf(parts, content), ...content });
}

type Content = Omit<Rollout, 'schemaVersion' | 'identity'>;

function contentOf({ plan, images, config, versions, sealed }: RolloutParts): Content {
  const services = plan.processes.filter(({ kind }) => kind === 'service');
  const release = plan.processes.find(({ kind }) => kind === 'release');
  const releaseImage = release === undefined ? undefined : imageOfProcess(images, release.name);
  const oneOff = plan.processes.filter(({ kind }) => kind === 'one-off');
  const main = mainImage(images);
  return {
    image: imageOf(main),
    processes: Object.fromEntries(
      services.map((process) => [process.name, processOf(process, plan.fate, images, main, config)]),
    ),
    services: services
      .filter(({ name }) => name === 'web')
      .map(({ name }) => ({
        process: name,
        protocol: 'tcp',
        internalPort: WEB_PORT,
        ports: [
          { port: 80, handlers: ['http'] },
          { port: 443, handlers: ['tls', 'http'] },
        ],
        exposure: 'public',
      })),
    ...(release !== undefined && {
      release: {
        command: release.command,
        timeout: RELEASE_TIMEOUT,
        ...(releaseImage !== undefined && { image: imageOf(releaseImage) }),
      },
    }),
    ...(oneOff.length > 0 && {
      oneOff: Object.fromEntries(oneOff.map(({ name }) => [name, { args: [name] }])),
    }),
    config: {
      env: config.env,
      secrets: Object.keys(config.secrets)
        .sort()
        .map((name) => ({
          name,
          ref: sealed?.ref ?? SECRETS_FILE,
          version: versions[name] ?? unversioned(name),
        })),
      ciphertext: sealed,
      external: [...config.external],
    },
    regions: regionsOf(main),
  };
}

function unversioned(name: string): never {
  throw new DogwoodError('INTERNAL', `the secret ${name} has no version`);
}

/** Of the container stack, the image that answers requests. */
function mainImage(images: readonly AppImage[]): AppImage {
  const main =
    images.find(({ process }) => process === null) ??
    images.find(({ process }) => process === 'web') ??
    images.find(({ process }) => process !== 'release') ??
    images[0];
  if (main === undefined) throw new DogwoodError('INTERNAL', 'a rollout needs an image');
  return main;
}

const imageOfProcess = (images: readonly AppImage[], name: string): AppImage | undefined =>
  images.find(({ process }) => process === name);

function imageOf({ digest, mediaType, size, platforms, references }: AppImage): RolloutImage {
  return {
    digest,
    mediaType,
    platforms: [...(platforms ?? [DYNO_PLATFORM])],
    size,
    locations: references.map(({ region, reference, state }) => ({ region, reference, state })),
  };
}

function processOf(
  { name, replicas, dynoSize: sizeName }: ProcessPlan,
  fate: Fate,
  images: readonly AppImage[],
  main: AppImage,
  { processEnv }: AppConfig,
): RolloutProcess {
  const own = imageOfProcess(images, name);
  const user = (own ?? main).user;
  const size = sizeName === null ? undefined : dynoSize(sizeName);
  const env = processEnv[name] ?? {};
  return {
    ...(own !== undefined && { image: imageOf(own) }),
    // An image of its own has its own command; the slug's launcher takes the process type.
    ...(own === undefined && startOf(name, fate)),
    // A name means something in the image only.
    ...(user !== null && /^\d+(?::\d+)?$/.test(user) && { user }),
    replicas,
    ...(size !== undefined && { resources: { cpu: size.cpu, memory: size.memory } }),
    restart: 'always',
    stop: { signal: 'SIGTERM', timeout: STOP_TIMEOUT },
    ...(Object.keys(env).length > 0 && { env }),
  };
}

/** Buildpacks have made the image of a Fir app, with a program per process type (buildpacks spec, platform.md). */
function startOf(name: string, fate: Fate): Pick<RolloutProcess, 'command' | 'args'> {
  return fate === 'fir' ? { command: [`/cnb/process/${name}`] } : { args: [name] };
}

function regionsOf({ references }: AppImage): NonNullable<Rollout['regions']> {
  // Wanted everywhere; where it can start already, its locations say.
  const placements = references.flatMap(({ region }) => region ?? []);
  return { placements, primary: placements[0] ?? null };
}

function identityOf(
  { state, recipients, tenant, environment, now, previous }: RolloutParts,
  content: Content,
): Rollout['identity'] {
  const { app, release } = state;
  const who = { app: app.name, tenant, environment, release: release?.version ?? 0 };
  const id = ulidOf(
    Date.parse(release?.created_at ?? '') || 0,
    canonicalJson({ id: app.id, who, recipients: recipients.toSorted(), content: withoutPlaces(content) }),
  );
  const isSame = previous !== undefined && previous.identity.id === id;
  const moved = isSame && canonicalJson(placesOf(previous)) !== canonicalJson(placesOf(content));
  const revision = isSame ? previous.identity.revision + (moved ? 1 : 0) : 1;
  return {
    id,
    revision,
    ...who,
    supersedes: isSame ? previous.identity.supersedes : (previous?.identity.id ?? null),
    idempotencyKey: digestOf(canonicalJson({ id, revision, places: placesOf(content) })),
    createdAt: isSame ? previous.identity.createdAt : now.toISOString(),
  };
}

/** Where images lie, and the bytes of the age file, which differ each time it is sealed, are not what a document is about. */
function withoutPlaces({ image, processes, release, config, regions: _, ...rest }: Content): unknown {
  const placeless = ({ locations: _locations, ...one }: RolloutImage) => one;
  return {
    ...rest,
    image: placeless(image),
    processes: Object.fromEntries(
      Object.entries(processes).map(([name, process]) => [
        name,
        { ...process, image: process.image && placeless(process.image) },
      ]),
    ),
    release: release && { ...release, image: release.image && placeless(release.image) },
    config: { ...config, ciphertext: null },
  };
}

function placesOf({ image, processes, release }: Omit<Content, 'config'>): unknown {
  return [image, release?.image, ...Object.values(processes).map((one) => one.image)].map(
    (one) => one?.locations ?? null,
  );
}
