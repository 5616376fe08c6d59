import pLimit from 'p-limit';
import type { Descriptor } from './descriptor.ts';
import {
  documentMediaType,
  documentProblems,
  type ImageConfig,
  type Manifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
} from './documents.ts';
import { isIndexType, isManifestOrIndexType, isManifestType, MEDIA_TYPES } from './media-types.ts';
import { formatPlatform, isAttestation } from './platform.ts';
import type { Target } from './target.ts';
import { checkOpaque, readUnchecked } from './validate/blob.ts';
import { configViolations, historyViolations, platformViolations } from './validate/config.ts';
import { checkLayer } from './validate/layer.ts';
import type { Violation } from './validate/violation.ts';

export type { Violation } from './validate/violation.ts';

export interface ValidateOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Layers read at once; each keeps a core busy. */
const CONCURRENCY = 2;
const MAX_DEPTH = 8;

interface Check {
  readonly target: Target;
  readonly signal: AbortSignal | undefined;
  readonly limit: <T>(work: () => Promise<T>) => Promise<T>;
  /** A layer that several images share is read once. */
  readonly layers: Map<string, Promise<Violation[]>>;
}

/**
 * Checks every invariant of image-spec that an image or index has to keep: identity of all bytes, the form of the
 * documents, what they say about each other, and the content of the layers against it. Blobs are streamed.
 *
 * Gives everything that is wrong, in the order of the documents; an empty list for a valid image. Throws only where
 * the target itself fails.
 */
export async function validate(
  target: Target,
  descriptor: Descriptor,
  options: ValidateOptions = {},
): Promise<Violation[]> {
  const check: Check = { target, signal: options.signal, limit: pLimit(CONCURRENCY), layers: new Map() };
  return await checkNode(check, descriptor, 0);
}

async function checkNode(check: Check, descriptor: Descriptor, depth: number): Promise<Violation[]> {
  const { target, signal } = check;
  const { mediaType, digest } = descriptor;
  if (!isManifestOrIndexType(mediaType)) {
    const message = `${mediaType} is neither a manifest nor an index`;
    return [
      { code: 'MEDIA_TYPE_UNKNOWN', where: digest, message },
      ...(await check.limit(() => checkOpaque(target, descriptor, digest, signal))),
    ];
  }
  const kind = isIndexType(mediaType) ? 'index' : 'manifest';
  const where = `${kind} ${digest}`;
  if (depth > MAX_DEPTH) {
    return [{ code: 'NESTED_TOO_DEEP', where, message: `indexes are nested deeper than ${MAX_DEPTH}` }];
  }
  const { bytes, violations } = await readUnchecked(target, descriptor, where, signal);
  if (bytes === undefined) return [...violations];
  const problems = documentProblems(kind, bytes);
  if (problems.length > 0) {
    return [
      ...violations,
      ...problems.map((message): Violation => ({ code: 'DOCUMENT_INVALID', where, message })),
    ];
  }
  const typed = mediaTypeViolations(descriptor, bytes, where);
  if (typed.some((violation) => violation.code === 'DOCUMENT_INVALID')) return [...violations, ...typed];
  const inner =
    kind === 'index'
      ? await checkIndex(check, bytes, where, depth)
      : await checkManifest(check, descriptor, parseManifest(bytes), where);
  return [...violations, ...typed, ...inner];
}

/** image-spec manifest.md and image-index.md, mediaType; Docker's schema 2 always has it. */
function mediaTypeViolations(descriptor: Descriptor, bytes: Uint8Array, where: string): Violation[] {
  const stated = documentMediaType(bytes);
  if (stated === descriptor.mediaType) return [];
  const message = `its descriptor says ${descriptor.mediaType}, the document ${stated}`;
  const isOtherKind = isIndexType(stated) !== isIndexType(descriptor.mediaType);
  const isReadable = isManifestOrIndexType(stated) && !isOtherKind;
  return [{ code: isReadable ? 'MEDIA_TYPE_WRONG' : 'DOCUMENT_INVALID', where, message }];
}

async function checkIndex(
  check: Check,
  bytes: Uint8Array,
  where: string,
  depth: number,
): Promise<Violation[]> {
  const { manifests } = parseIndex(bytes);
  const seen = new Set<string>();
  const violations: Violation[] = [];
  for (const entry of manifests) {
    const platform = entry.platform ? formatPlatform(entry.platform) : '';
    const key = `${entry.digest} ${platform}`;
    if (seen.has(key)) {
      violations.push({ code: 'INDEX_DUPLICATE', where, message: `${key.trim()} is listed several times` });
    }
    seen.add(key);
  }
  const once = new Map(
    manifests.map((entry) => [`${entry.digest} ${JSON.stringify(entry.platform)}`, entry]),
  );
  for (const entry of once.values()) violations.push(...(await checkNode(check, entry, depth + 1)));
  return violations;
}

async function checkManifest(
  check: Check,
  descriptor: Descriptor,
  manifest: Manifest,
  where: string,
): Promise<Violation[]> {
  const { target, signal, limit } = check;
  const { config, layers } = manifest;
  const isImage = config.mediaType === MEDIA_TYPES.ociConfig || config.mediaType === MEDIA_TYPES.dockerConfig;
  const configWhere = `config ${config.digest}`;
  const read = isImage
    ? await readConfig(check, config, configWhere)
    : { violations: await limit(() => checkOpaque(target, config, configWhere, signal)), config: undefined };
  // Provenance and SBOMs in an index call themselves images of no platform; their layers are JSON.
  const isOpaque = !isImage || isAttestation(descriptor) || read.config?.os === 'unknown';
  const diffIds = isOpaque ? [] : (read.config?.rootfs.diff_ids ?? []);
  const layerChecks = layers.map((layer, i) => {
    const layerWhere = `layer ${i + 1} of ${layers.length} (${layer.digest})`;
    if (isOpaque) return limit(() => checkOpaque(target, layer, layerWhere, signal));
    return checkLayerOnce(check, layer, diffIds[i], layerWhere);
  });
  // Nothing runs on when one of them fails.
  await Promise.allSettled(layerChecks);
  const layerViolations = (await Promise.all(layerChecks)).flat();
  return [
    ...(isOpaque ? [] : mixViolations(descriptor, manifest, where)),
    ...read.violations,
    ...(read.config && !isOpaque ? agreementViolations(descriptor, manifest, read.config, configWhere) : []),
    ...layerViolations,
  ];
}

async function readConfig(
  { target, signal }: Check,
  descriptor: Descriptor,
  where: string,
): Promise<{ violations: Violation[]; config: ImageConfig | undefined }> {
  const { bytes, violations } = await readUnchecked(target, descriptor, where, signal);
  if (bytes === undefined) return { violations: [...violations], config: undefined };
  const problems = documentProblems('config', bytes);
  if (problems.length > 0) {
    const invalid = problems.map((message): Violation => ({ code: 'DOCUMENT_INVALID', where, message }));
    return { violations: [...violations, ...invalid], config: undefined };
  }
  return { violations: [...violations], config: parseImageConfig(bytes) };
}

/** What manifest, config and index say about each other, and the config's own fields. */
function agreementViolations(
  descriptor: Descriptor,
  manifest: Manifest,
  config: ImageConfig,
  where: string,
): Violation[] {
  const violations = configViolations(config, where);
  const layers = manifest.layers.length;
  const diffIds = config.rootfs.diff_ids.length;
  if (layers !== diffIds) {
    const message = `the manifest has ${layers} layers, the config ${diffIds} diff_ids`;
    violations.push({ code: 'LAYER_COUNT', where, message });
  }
  violations.push(...historyViolations(config, layers, where));
  if (descriptor.platform) violations.push(...platformViolations(config, descriptor.platform, where));
  return violations;
}

/** Registries and daemons refuse or misread a manifest of the one family with parts of the other (image-spec #1150). */
function mixViolations(descriptor: Descriptor, manifest: Manifest, where: string): Violation[] {
  const isDocker = (mediaType: string): boolean => mediaType.startsWith('application/vnd.docker.');
  const own = isManifestType(descriptor.mediaType) && isDocker(descriptor.mediaType);
  const parts = [manifest.config, ...manifest.layers];
  const foreign = new Set(parts.map((part) => part.mediaType).filter((type) => isDocker(type) !== own));
  if (foreign.size === 0) return [];
  const message = `a manifest of ${own ? 'Docker' : 'OCI'} type names ${[...foreign].join(', ')}`;
  return [{ code: 'MEDIA_TYPES_MIXED', where, message }];
}

function checkLayerOnce(
  { target, signal, limit, layers }: Check,
  descriptor: Descriptor,
  diffId: ImageConfig['rootfs']['diff_ids'][number] | undefined,
  where: string,
): Promise<Violation[]> {
  const key = `${descriptor.digest} ${descriptor.mediaType} ${descriptor.size} ${diffId}`;
  const known = layers.get(key);
  if (known !== undefined) return known.then(() => []);
  const checked = limit(() => checkLayer(target, { descriptor, diffId, where }, signal));
  layers.set(key, checked);
  return checked;
}
