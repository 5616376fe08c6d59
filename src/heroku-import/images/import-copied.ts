import { DogwoodError } from '../../errors.ts';
import type { Image } from '../../oci/image.ts';
import { loadImage } from '../../oci/load.ts';
import { formatReference, parseReference } from '../../oci/reference.ts';
import type { Target } from '../../oci/target.ts';
import { distribute } from '../../pipeline/delivery/distribute.ts';
import { keptSource } from '../../pipeline/delivery/kept-source.ts';
import { imagePlatform } from '../../pipeline/describe.ts';
import { registryPlace } from '../../pipeline/places/open-places.ts';
import type { Session } from '../../pipeline/session/session.ts';
import type { AppState } from '../account/app-state.ts';
import { ociImageDocument } from '../api/documents.ts';
import type { AppImage } from '../folder/app-result.ts';
import { findReleased, type ReleasedImage } from './container-registry.ts';
import { counted } from './counted.ts';
import { appDestinations } from './destinations.ts';
import type { ImportedImages, Importer, ImportTold } from './import-slug.ts';

/**
 * A container-stack app: one image per process type, byte for byte from Heroku's registry, each the one that runs.
 *
 * @throws HEROKU_REGISTRY_UNKNOWN, HEROKU_IMAGE_GONE; what the registries throw
 */
export async function importContainer(
  state: AppState,
  importer: Importer,
  told: ImportTold,
): Promise<ImportedImages> {
  const { app } = state;
  const open = importer.openContainerRepository;
  if (open === undefined) {
    throw new DogwoodError('HEROKU_REGISTRY_UNKNOWN', `nobody said where the images of ${app.name} are`);
  }
  // All are looked for before the first is copied: an app comes whole, or its result says what is missing.
  const released: (ReleasedProcess & ReleasedImage)[] = [];
  const { processes, warnings } = releasedProcesses(state);
  for (const process of processes) {
    const repository = open(`${app.name}/${process.type}`);
    released.push({ ...process, ...(await findReleased(repository, process.config, told.signal)) });
  }
  const images: AppImage[] = [];
  let bytesRead = 0;
  for (const { type, command, image } of released) {
    const name = `${app.name}/${type}`;
    const from = countedTarget(open(name), (count) => {
      bytesRead += count;
    });
    const processes = { [type]: command };
    images.push(await copied({ state, name, process: type, processes, image, from }, importer, told));
  }
  return { images, bytesRead, warnings };
}

interface ReleasedProcess {
  readonly type: string;
  readonly command: string;
  /** Digest of the config of its image. */
  readonly config: string;
}

/** A process that runs nowhere may be left over from a release that had it; one that runs has an image. */
function releasedProcesses({ app, formation }: AppState) {
  const processes: ReleasedProcess[] = [];
  const warnings: string[] = [];
  for (const { type, command, quantity, docker_image } of formation) {
    if (docker_image) {
      processes.push({ type, command, config: docker_image.id.replace(/^(?:sha256:)?/, 'sha256:') });
    } else if (quantity === 0) {
      warnings.push(`the process ${type} has no image and runs nowhere: it is left out`);
    } else {
      throw new DogwoodError(
        'HEROKU_IMAGE_GONE',
        `${app.name}: Heroku names no image for its process ${type}`,
      );
    }
  }
  return { processes, warnings };
}

/**
 * A Fir app: its image, from a registry that somebody names, since the Platform API gives access to none.
 *
 * @throws HEROKU_PROTOCOL; what the registries throw
 */
export async function importFir(
  state: AppState,
  importer: Importer,
  told: ImportTold,
): Promise<ImportedImages> {
  const { app, release } = state;
  const id = release?.oci_image?.id;
  if (id === undefined || importer.firRegistry === undefined) {
    throw new DogwoodError('INTERNAL', 'a Fir app without an image or a registry');
  }
  // The API answers with a list (heroku.md section 0).
  const [found] = await importer.api.list(`/apps/${app.id}/oci-images/${id}`, ociImageDocument);
  if (found === undefined) throw new DogwoodError('HEROKU_PROTOCOL', `${app.name} has no image ${id}`);
  const reference = parseReference(`${importer.firRegistry}/${found.image_repo}@${found.digest}`);
  let bytesRead = 0;
  const from = countedTarget(importer.session.registry(reference, 'pull'), (count) => {
    bytesRead += count;
  });
  const descriptor = await from.resolve(found.digest, told.signal);
  if (descriptor === undefined) {
    throw new DogwoodError('HEROKU_IMAGE_GONE', `${formatReference(reference)} is not there`);
  }
  const image = await loadImage(from, descriptor, { signal: told.signal });
  const processes = Object.fromEntries(
    Object.entries(found.process_types).map(([name, { command, display_cmd }]) => [
      name,
      display_cmd ?? command,
    ]),
  );
  const made = await copied({ state, name: app.name, process: null, processes, image, from }, importer, told);
  return { images: [made], bytesRead, warnings: [] };
}

interface Copy {
  readonly state: AppState;
  /** Repository below the destinations' prefixes. */
  readonly name: string;
  readonly process: string | null;
  readonly processes: Readonly<Record<string, string>>;
  readonly image: Image;
  readonly from: Target;
}

async function copied(
  { state, name, process, processes, image, from }: Copy,
  importer: Importer,
  { emit, signal }: ImportTold,
): Promise<AppImage> {
  const { environment } = importer.session;
  const session: Session = { ...importer.session, environment: { ...environment, emit, signal } };
  const places = appDestinations(importer.destinations, name, state.release?.version ?? 0).map(
    ({ region, reference }) =>
      registryPlace({ region: region ?? null, reference: parseReference(reference) }, session),
  );
  const source = places.length > 1 ? keptSource(from, session.store) : from;
  const { digest, mediaType, size } = image.descriptor;
  return {
    process,
    digest,
    mediaType,
    size,
    user: image.config.config?.User || null,
    platforms: [imagePlatform(image)],
    processes,
    references: await distribute(source, image.descriptor, places, session, { isElsewhere: true }),
  };
}

/** Tells of the bytes that are read of it. */
function countedTarget(from: Target, onRead: (count: number) => void): Target {
  return {
    ...from,
    open: async (descriptor, options) => counted(await from.open(descriptor, options), onRead),
  };
}
