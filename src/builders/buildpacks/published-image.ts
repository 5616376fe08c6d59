import type { PackReport } from '../../engines/pack/report.ts';
import { DogwoodError } from '../../errors.ts';
import { bytesContent } from '../../oci/content.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { Image } from '../../oci/image.ts';
import { loadImage } from '../../oci/load.ts';
import type { Target } from '../../oci/target.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildContext } from '../builder.ts';

/** An image that pack has pushed. */
export interface PublishedImage {
  readonly image: Image;
  /** Where it can be read; what has been read of it is not asked for again. */
  readonly from: Target;
}

/** A look at what pack pushes. */
export interface PublishedLook {
  /** The exporter says that this is there, while it fills the caches: begins to look. */
  begin(digest: string): void;
  /** Pack is done and reports what it pushed. Throws ENGINE_FAILED where the registry does not have that. */
  finish(report: PackReport): Promise<PublishedImage>;
}

/**
 * Looks at manifest, config and whether each blob is there, each once. It takes a few turns to the registry, and most
 * of them fit in while pack tidies up; what counts is the digest of its report.
 */
export function lookAtPublished(
  plan: BuildPlan,
  context: Pick<BuildContext, 'sink' | 'signal'>,
): PublishedLook {
  let early: { readonly digest: string; readonly found: Promise<PublishedImage> } | undefined;
  return {
    begin(digest) {
      if (!isDigest(digest) || early?.digest === digest) return;
      const found = look(digest, plan, context);
      // Heard in `finish`, if it is what the report says.
      found.catch(() => {});
      early = { digest, found };
    },
    async finish({ digest }) {
      if (digest === undefined || !isDigest(digest)) throw absent(digest, context.sink);
      if (early?.digest !== digest) return await look(digest, plan, context);
      // Told a moment too early, it may have failed for want of what is there by now.
      return await early.found.catch(() => look(digest, plan, context));
    },
  };
}

async function look(
  digest: Digest,
  { platform }: BuildPlan,
  { sink, signal }: Pick<BuildContext, 'sink' | 'signal'>,
): Promise<PublishedImage> {
  signal.throwIfAborted();
  const descriptor = await sink.resolve(digest, signal);
  if (descriptor === undefined || descriptor.digest !== digest) throw absent(digest, sink);
  const image = await loadImage(sink, descriptor, { platform, signal });
  const { manifest, layers } = image;
  // The sink remembers: when the image is delivered nobody asks again.
  const parts = [descriptor, manifest.config, ...layers.map((layer) => layer.descriptor)];
  await Promise.all(parts.map((part) => sink.has(part, signal)));
  return { image, from: rememberingDocuments(sink, image) };
}

const absent = (digest: string | undefined, sink: Target): DogwoodError =>
  new DogwoodError(
    'ENGINE_FAILED',
    `pack says that it pushed ${digest ?? 'an image without a digest'}, which ${sink.name} does not have`,
  );

/** The target, but that manifest and config of one image are given as they were read. */
function rememberingDocuments(target: Target, image: Image): Target {
  const documents = new Map([
    [image.descriptor.digest, image.manifestBytes],
    [image.manifest.config.digest, image.configBytes],
  ]);
  return {
    ...target,
    async open(descriptor, options) {
      const bytes = documents.get(descriptor.digest);
      return bytes === undefined ? await target.open(descriptor, options) : await bytesContent(bytes).open();
    },
  };
}
