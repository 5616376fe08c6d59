import { z } from 'zod';
import { DogwoodError } from '../errors.ts';
import type { Descriptor } from './descriptor.ts';
import { type Digest, isDigest } from './digest.ts';
import { isIndexType, isManifestType, MEDIA_TYPES } from './media-types.ts';

/** Largest manifest, index or config that is read; distribution-spec expects registries to take 4 MiB. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

const digest = z.string().refine(isDigest, 'not a digest') as unknown as z.ZodType<Digest, Digest>;
const annotations = z.record(z.string(), z.string());
const platform = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
  'os.version': z.string().optional(),
  'os.features': z.array(z.string()).optional(),
});

const descriptor = z.looseObject({
  mediaType: z.string().min(1),
  digest,
  size: z.number().int().nonnegative(),
  annotations: annotations.optional(),
  platform: platform.optional(),
  artifactType: z.string().optional(),
  data: z.string().optional(),
  urls: z.array(z.string()).optional(),
}) as unknown as z.ZodType<Descriptor>;

/** Go tools write null for an empty list: BuildKit does for a Dockerfile of `FROM scratch` without a file in it. */
const listOf = <T>(item: z.ZodType<T>) =>
  z
    .array(item)
    .nullable()
    .transform((list): T[] => list ?? []);

const manifest = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: descriptor,
  layers: listOf(descriptor),
  subject: descriptor.optional(),
  annotations: annotations.optional(),
});

const index = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  manifests: z.array(descriptor),
  subject: descriptor.optional(),
  annotations: annotations.optional(),
});

const history = z.looseObject({
  created: z.string().optional(),
  created_by: z.string().optional(),
  author: z.string().optional(),
  comment: z.string().optional(),
  empty_layer: z.boolean().optional(),
});

// Docker and Go tools write null for an empty list or map.
const emptyObject = z.record(z.string(), z.object({}).loose());
const runConfig = z.looseObject({
  User: z.string().optional(),
  ExposedPorts: emptyObject.nullish(),
  Env: z.array(z.string()).nullish(),
  Entrypoint: z.array(z.string()).nullish(),
  Cmd: z.array(z.string()).nullish(),
  Volumes: emptyObject.nullish(),
  WorkingDir: z.string().optional(),
  Labels: annotations.nullish(),
  StopSignal: z.string().optional(),
});

const imageConfig = z.looseObject({
  created: z.string().nullish(),
  author: z.string().optional(),
  architecture: z.string(),
  os: z.string(),
  variant: z.string().optional(),
  config: runConfig.nullish(),
  rootfs: z.looseObject({ type: z.literal('layers'), diff_ids: listOf(digest) }),
  history: z.array(history).nullish(),
});

/** image-spec manifest.md, and Docker's schema 2. Fields we do not know are kept. */
export type Manifest = z.infer<typeof manifest>;
/** image-spec image-index.md, and Docker's manifest list. */
export type ImageIndexDocument = z.infer<typeof index>;
/** image-spec config.md. */
export type ImageConfig = z.infer<typeof imageConfig>;
export type RunConfig = z.infer<typeof runConfig>;
export type HistoryEntry = z.infer<typeof history>;

function parseJson(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > MAX_DOCUMENT_BYTES) {
    throw new DogwoodError(
      'MANIFEST_INVALID',
      `${what} is ${bytes.length} bytes; at most ${MAX_DOCUMENT_BYTES} are read`,
    );
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DogwoodError('MANIFEST_INVALID', `${what} is not JSON`, { cause });
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join('.') || 'document';
  throw new DogwoodError('MANIFEST_INVALID', `${what}: ${where}: ${issue?.message ?? 'invalid'}`);
}

/** One document that claims to be both lets two readers see two images (CVE-2021-41190). */
function refuseConfusion(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) return;
  if ('manifests' in value && ('layers' in value || 'config' in value || 'fsLayers' in value)) {
    throw new DogwoodError('MANIFEST_INVALID', `${what} is a manifest and an index at once`);
  }
}

const SCHEMAS = { manifest, index, config: imageConfig } as const;

/** Everything that is wrong with the form of a document; empty when its parser accepts it. */
export function documentProblems(kind: keyof typeof SCHEMAS, bytes: Uint8Array): string[] {
  let value: unknown;
  try {
    value = parseJson(bytes, kind);
    if (kind !== 'config') refuseConfusion(value, kind);
  } catch (error) {
    return [(error as Error).message];
  }
  const issues = SCHEMAS[kind].safeParse(value).error?.issues ?? [];
  return issues.map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}`);
}

export function parseManifest(bytes: Uint8Array, what = 'manifest'): Manifest {
  const value = parseJson(bytes, what);
  refuseConfusion(value, what);
  const parsed = check(manifest, value, what);
  if (parsed.mediaType !== undefined && !isManifestType(parsed.mediaType)) {
    throw new DogwoodError('MANIFEST_INVALID', `${what}: mediaType ${parsed.mediaType} is no image manifest`);
  }
  return parsed;
}

export function parseIndex(bytes: Uint8Array, what = 'index'): ImageIndexDocument {
  const value = parseJson(bytes, what);
  refuseConfusion(value, what);
  const parsed = check(index, value, what);
  if (parsed.mediaType !== undefined && !isIndexType(parsed.mediaType)) {
    throw new DogwoodError('MANIFEST_INVALID', `${what}: mediaType ${parsed.mediaType} is no image index`);
  }
  return parsed;
}

export function parseImageConfig(bytes: Uint8Array, what = 'image config'): ImageConfig {
  return check(imageConfig, parseJson(bytes, what), what);
}

/** The media type a manifest or index document has, from its own field or, for old ones, from its shape. */
export function documentMediaType(bytes: Uint8Array, what = 'manifest'): string {
  const value = parseJson(bytes, what);
  refuseConfusion(value, what);
  if (typeof value !== 'object' || value === null)
    throw new DogwoodError('MANIFEST_INVALID', `${what} is no object`);
  if ('mediaType' in value && typeof value.mediaType === 'string') return value.mediaType;
  return 'manifests' in value ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.ociManifest;
}
