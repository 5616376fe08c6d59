import { buffer } from 'node:stream/consumers';
import { compress } from '../../oci/compression/compress.ts';
import { bytesContent } from '../../oci/content.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { type Digest, digestOf } from '../../oci/digest.ts';
import type { ImageConfig } from '../../oci/documents.ts';
import type { Image } from '../../oci/image.ts';
import { loadImage } from '../../oci/load.ts';
import { MEDIA_TYPES } from '../../oci/media-types.ts';
import { createMemoryTarget } from '../../oci/stores/memory.ts';
import { viewTarget } from '../../oci/stores/view.ts';
import { tarStream } from '../../oci/tar/writer.ts';
import type { Target } from '../../oci/target.ts';
import { readImageProcesses } from '../../plan/processes.ts';
import type { LayerOrigin } from '../../plan/result.ts';
import { accountsOf, readBaseFacts } from '../app-image/base.ts';
import { putUserLayer } from '../app-image/launcher.ts';
import { namedAccounts } from '../app-image/user.ts';
import type { BuildContext, Built } from '../builder.ts';
import { asOciLayer, putDocument } from '../written-image.ts';
import { folderOf, type LaunchProcess, launchFiles } from './launch-layer.ts';
import { layerOrigins } from './metadata.ts';
import { type NewOwner, putOwnedLayer } from './owned-layer.ts';
import type { PublishedImage } from './published-image.ts';
import type { Wishes } from './wishes.ts';

const BUILD_LABEL = 'io.buildpacks.build.metadata';
const LIFECYCLE_LABEL = 'io.buildpacks.lifecycle.metadata';

interface ShapedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly origin: LayerOrigin | undefined;
  readonly createdBy?: string;
}

/**
 * The image as the project wants it: its processes under their own names, its user, and the app's files that user's
 * own. What the lifecycle made stays as it is but for that, so `pack rebase` goes on to work, and what it keeps in the
 * engine for the next build is not touched (docs/decisions/0014-user-and-processes.md).
 */
export async function shapeImage(
  { image, from }: PublishedImage,
  wishes: Wishes,
  context: BuildContext,
): Promise<Pick<Built, 'descriptor' | 'from' | 'origins' | 'processes'>> {
  const small = createMemoryTarget();
  const owner = newOwner(image, wishes);
  const origins = layerOrigins(image);
  const app = folderOf(image, 'CNB_APP_DIR', 'workspace');
  const layers = await Promise.all(
    image.layers.map(async (layer): Promise<ShapedLayer> => {
      const { descriptor, diffId } = layer;
      const origin = origins.get(descriptor.digest);
      if (owner === undefined || origin !== 'app')
        return { descriptor: asOciLayer(descriptor), diffId, origin };
      return { ...(await putOwnedLayer(layer, app, owner, context)), origin };
    }),
  );
  const launch = await launchLayer(image, wishes, small, context.signal);
  const account = owner && (await accountLayer({ image, from }, origins, owner, app, small, context));
  const added = [...(account ?? []), ...(launch?.layers ?? [])];
  const renamed = new Map(image.layers.map(({ diffId }, index) => [diffId, layers[index]?.diffId ?? diffId]));
  const config = await putDocument(
    shapedConfig(image.config, { wishes, app, owner, renamed, added, processes: launch?.processes }),
    MEDIA_TYPES.ociConfig,
    small,
    context.signal,
  );
  const all = [...layers, ...added];
  const { annotations } = image.manifest;
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config,
    layers: all.map(({ descriptor }) => descriptor),
    ...(annotations === undefined ? {} : { annotations }),
  };
  // Small things only are put there, and what they name lies elsewhere.
  const descriptor = await putDocument(manifest, MEDIA_TYPES.ociManifest, small, context.signal);
  const view = shapedView(image, layers, from, context.sink, small);
  const shaped = await loadImage(view, descriptor, { signal: context.signal });
  return {
    descriptor,
    from: view,
    origins: new Map(
      all.flatMap(({ descriptor: { digest }, origin }) => (origin ? [[digest, origin] as const] : [])),
    ),
    processes: readImageProcesses(shaped.config).commands,
  };
}

function newOwner({ config }: Image, { user }: Wishes): NewOwner | undefined {
  if (user === undefined || user.value === config.config?.User) return undefined;
  const [uid, gid] = user.value.split(':').map(Number);
  return uid === undefined ? undefined : { uid, gid };
}

async function launchLayer(image: Image, { processes }: Wishes, small: Target, signal: AbortSignal) {
  if (processes === undefined) return undefined;
  const before = Object.keys(readImageProcesses(image.config).commands);
  const files = await launchFiles(image, processes, before, signal);
  const tar = await buffer(tarStream(files.entries));
  const bytes = await buffer(compress([tar], { compression: 'gzip' }));
  const { descriptor } = await small.put(
    bytesContent(bytes),
    { mediaType: MEDIA_TYPES.ociLayerGzip, digest: digestOf(bytes), size: bytes.length },
    { signal },
  );
  const layer: ShapedLayer = {
    descriptor,
    diffId: digestOf(tar),
    origin: 'launch-config',
    createdBy: 'processes of dogwood.toml',
  };
  return { layers: [layer], processes: files.processes };
}

/** A name for the user, so that `whoami` and the like know one; none where the base's own files cannot be told. */
async function accountLayer(
  { image, from }: PublishedImage,
  origins: ReadonlyMap<Digest, LayerOrigin>,
  { uid, gid }: NewOwner,
  app: string,
  small: Target,
  { facts, signal }: BuildContext,
): Promise<readonly ShapedLayer[]> {
  const base = image.layers.filter(({ descriptor }) => origins.get(descriptor.digest) === 'base');
  // Remembered for all images over this base.
  const digest = digestOf(Buffer.from(base.map(({ diffId }) => diffId).join('\n')));
  const under = { ...image, layers: base, descriptor: { ...image.descriptor, digest } };
  const found = accountsOf(await readBaseFacts({ image: under, from, name: undefined }, facts, signal));
  const named = found && namedAccounts(found, { uid, gid: gid ?? 0 }, `/${app}`);
  if (named === undefined) return [];
  const layer = await putUserLayer(named, small, signal);
  return [{ ...layer, origin: 'user', createdBy: 'user of dogwood.toml' }];
}

interface Changes {
  readonly wishes: Wishes;
  /** Folder of the app, without the `/` at its beginning. */
  readonly app: string;
  readonly owner: NewOwner | undefined;
  /** diffIDs before and after. */
  readonly renamed: ReadonlyMap<Digest, Digest>;
  readonly added: readonly ShapedLayer[];
  readonly processes: readonly LaunchProcess[] | undefined;
}

function shapedConfig(config: ImageConfig, changes: Changes): ImageConfig {
  const { wishes, app, owner, renamed, added, processes } = changes;
  const { config: run, rootfs, history } = config;
  const created = config.created ?? undefined;
  const Labels = shapedLabels(run?.Labels ?? {}, changes);
  const first =
    processes?.find(({ type }) => type === 'web') ?? (processes?.length === 1 ? processes[0] : undefined);
  const env = (run?.Env ?? []).filter((line) => owner === undefined || !line.startsWith('HOME='));
  return {
    ...config,
    config: {
      ...run,
      Labels,
      // The home of another user is not theirs to write to.
      Env: owner === undefined ? env : [...env, `HOME=/${app}`],
      ...(wishes.user !== undefined && { User: wishes.user.value }),
      ...(processes !== undefined && {
        Entrypoint: [first === undefined ? '/cnb/lifecycle/launcher' : `/cnb/process/${first.type}`],
      }),
    },
    rootfs: {
      ...rootfs,
      diff_ids: [...rootfs.diff_ids.map((id) => renamed.get(id) ?? id), ...added.map(({ diffId }) => diffId)],
    },
    // Every layer has one entry, or none has.
    ...(history !== undefined &&
      history !== null && {
        history: [
          ...history,
          ...added.map(({ createdBy }) => ({
            ...(created !== undefined && { created }),
            created_by: createdBy ?? 'dogwood',
          })),
        ],
      }),
  };
}

/** The lifecycle's own, as far as they name what is another now. */
function shapedLabels(
  labels: Readonly<Record<string, string>>,
  { processes, renamed }: Changes,
): Record<string, string> {
  const build = labels[BUILD_LABEL];
  const lifecycle = labels[LIFECYCLE_LABEL];
  const replaced = [...renamed].filter(([before, after]) => before !== after);
  return {
    ...labels,
    ...(build !== undefined &&
      processes !== undefined && {
        [BUILD_LABEL]: JSON.stringify({
          ...JSON.parse(build),
          processes: processes.map(({ 'buildpack-id': buildpackID, ...process }) => ({
            ...process,
            buildpackID,
          })),
        }),
      }),
    ...(lifecycle !== undefined && {
      [LIFECYCLE_LABEL]: replaced.reduce(
        (text, [before, after]) => text.replaceAll(before, after),
        lifecycle,
      ),
    }),
  };
}

/** Layers that were written anew are in the sink, what we made is in memory, the rest where it was. */
function shapedView(
  image: Image,
  layers: readonly ShapedLayer[],
  from: Target,
  sink: Target,
  small: Target,
): Target {
  const before = new Set(image.layers.map(({ descriptor }) => descriptor.digest));
  const after = new Set(layers.map(({ descriptor }) => descriptor.digest));
  return viewTarget('the image built', ({ digest }) => {
    if (before.has(digest)) return from;
    return after.has(digest) ? sink : small;
  });
}
