import type { Built, Facts, PlanContext } from '../../builders/builder.ts';
import type { HttpClient } from '../../net/http.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import { loadImage } from '../../oci/load.ts';
import { buildOpened } from '../../pipeline/build-opened.ts';
import type { Session } from '../../pipeline/session/session.ts';
import type { Emit } from '../../plan/events.ts';
import { type BuildRequest, PLAIN_REQUEST } from '../../plan/request.ts';
import type { AppState } from '../account/app-state.ts';
import type { HerokuApi } from '../api/client.ts';
import type { Release, Slug } from '../api/documents.ts';
import { DYNO_PLATFORM } from '../config/dyno-sizes.ts';
import type { AppImage } from '../folder/app-result.ts';
import type { OpenContainerRepository } from './container-registry.ts';
import { appDestinations, type ImportDestination } from './destinations.ts';
import { slugSource } from './slug-source.ts';

/** What the imports of all apps share. */
export interface Importer {
  readonly api: HerokuApi;
  /** For the slug store: it knows no token. */
  readonly http: HttpClient;
  readonly session: Session;
  readonly resolveImage: PlanContext['resolveImage'];
  readonly destinations: readonly ImportDestination[];
  /** `--base STACK=IMAGE`, and the config file's. */
  readonly stackImages: Readonly<Record<string, string>>;
  /** Heroku's registry; undefined where nobody said which that is. */
  readonly openContainerRepository: OpenContainerRepository | undefined;
  /** `--fir-registry`: a registry that holds the images of Fir apps. */
  readonly firRegistry: string | undefined;
  /** Slugs with the same bytes go one after the other: the second finds them read, and there. */
  readonly oneByOne: <T>(key: string, work: () => Promise<T>) => Promise<T>;
}

/** Of one app's import. */
export interface ImportTold {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface ImportedImages {
  readonly images: readonly AppImage[];
  /** Bytes that came from Heroku. */
  readonly bytesRead: number;
  readonly warnings: readonly string[];
}

/**
 * The image of an app's slug, over the slug's own stack, in every region. A slug that was read before and lies in the
 * registry moves no byte.
 *
 * @throws what the slug builder and the registries throw
 */
export async function importSlug(
  state: AppState & { readonly release: Release; readonly slug: Slug },
  importer: Importer,
  { emit, signal }: ImportTold,
): Promise<ImportedImages> {
  const { app, slug } = state;
  let bytesRead = 0;
  const asked = slugSource({
    api: importer.api,
    http: importer.http,
    path: `/apps/${app.id}`,
    app: app.name,
    slug,
    signal,
    onRead: (count) => {
      bytesRead += count;
    },
  });
  const { facts } = importer.session;
  // Of one without a checksum, what it was when we read it: what a slug's id names never changes.
  const source = {
    ...asked,
    digest: asked.digest ?? readDigest(await facts.verdicts.get(SLUG_DIGEST, slug.id)),
  };
  const request = slugRequest(state, importer);
  const { built, references, warnings } = await importer.oneByOne(source.digest ?? slug.id, () =>
    buildOpened(source, request, importer.session, { resolveImage: importer.resolveImage, emit, signal }),
  );
  if (source.digest === undefined) await rememberDigest(built, slug.id, facts);
  const { digest, mediaType, size } = built.descriptor;
  const { config } = await loadImage(built.from, built.descriptor, { signal });
  const image: AppImage = {
    process: null,
    digest,
    mediaType,
    size,
    user: config.config?.User ?? null,
    processes: built.processes,
    references,
  };
  return { images: [image], bytesRead, warnings: warnings.map(({ message }) => message) };
}

const SLUG_DIGEST = 'heroku-slug';

const readDigest = (value: unknown): Digest | undefined =>
  typeof value === 'string' && isDigest(value) ? value : undefined;

/** A slug that was kept is a layer as it is. */
async function rememberDigest({ origins, slug }: Built, id: string, facts: Facts): Promise<void> {
  const kept = slug?.layer === 'kept' ? [...origins].find(([, origin]) => origin === 'slug') : undefined;
  if (kept !== undefined) await facts.verdicts.put(SLUG_DIGEST, id, kept[0]);
}

/** No label and no variable: apps that run the same slug have the same image. */
function slugRequest(
  { app, release, slug }: AppState & { readonly release: Release; readonly slug: Slug },
  { destinations, stackImages }: Importer,
): BuildRequest {
  return {
    ...PLAIN_REQUEST,
    source: app.name,
    strategy: 'slug',
    platform: DYNO_PLATFORM,
    destinations: appDestinations(destinations, app.name, release.version),
    stackImages,
    slug: { stack: slug.stack.name, processTypes: slug.process_types },
  };
}
