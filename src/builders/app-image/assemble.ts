import type { Descriptor, Platform } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { HistoryEntry, ImageConfig, RunConfig } from '../../oci/documents.ts';
import type { Image } from '../../oci/image.ts';
import { MEDIA_TYPES } from '../../oci/media-types.ts';
import type { Target } from '../../oci/target.ts';
import { canonicalJson } from '../../plan/build-plan.ts';
import { PROCESSES_LABEL } from '../../plan/processes.ts';
import { asOciLayer, putDocument } from '../written-image.ts';
import { LAUNCHER_PATH } from './launcher.ts';
import type { Owner } from './user.ts';

/** A layer we add, with its line in the history. */
export interface AddedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly createdBy: string;
}

export interface AppImageParts {
  /** Undefined for scratch. */
  readonly base: Image | undefined;
  /** HOST/REPOSITORY[:TAG] of the base, where it came from a registry; a path on this machine says nothing to others. */
  readonly baseName: string | undefined;
  readonly added: readonly AddedLayer[];
  readonly platform: Platform;
  readonly owner: Owner;
  readonly processes: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  readonly epoch: number;
}

// Container runtimes act on labels with these beginnings (CVE-2026-53488): they are never passed on.
const RESERVED_LABEL = /^(?:io\.kubernetes\.|io\.containerd\.|io\.cri-containerd|cdi\.k8s\.io|org\.criu)/;

export function isReservedLabel(name: string): boolean {
  return RESERVED_LABEL.test(name) || name === PROCESSES_LABEL;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function environment(base: RunConfig | undefined, env: Readonly<Record<string, string>>): string[] {
  const variables = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  for (const line of base?.Env ?? []) {
    const equals = line.indexOf('=');
    if (equals > 0) variables.set(line.slice(0, equals), line.slice(equals + 1));
  }
  for (const [name, value] of Object.entries(env)) variables.set(name, value);
  variables.set('HOME', '/app');
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** What the user gave and our own. None of the base: its title, version and licence would be said of this image. */
function labels(parts: AppImageParts): Record<string, string> {
  return { ...parts.labels, [PROCESSES_LABEL]: canonicalJson(parts.processes) };
}

function history(parts: AppImageParts, created: string): HistoryEntry[] {
  const inherited = parts.base?.config.history ?? [];
  const layers = parts.base?.layers.length ?? 0;
  const described = inherited.filter((entry) => !entry.empty_layer).length;
  // Every layer has one entry (image-spec config.md): some tools write no history at all.
  const missing = Array.from({ length: Math.max(0, layers - described) }, () => ({
    created_by: 'base image',
  }));
  return [
    ...(described > layers ? [] : inherited),
    ...(described > layers ? Array.from({ length: layers }, () => ({ created_by: 'base image' })) : missing),
    ...parts.added.map(({ createdBy }) => ({ created, created_by: createdBy })),
  ];
}

function imageConfig(parts: AppImageParts): ImageConfig {
  const created = new Date(parts.epoch * 1000).toISOString().replace('.000Z', 'Z');
  const base = parts.base?.config;
  return {
    created,
    architecture: parts.platform.architecture,
    os: parts.platform.os,
    ...(parts.platform.variant === undefined ? {} : { variant: parts.platform.variant }),
    config: {
      ...(base?.config?.StopSignal === undefined ? {} : { StopSignal: base.config.StopSignal }),
      User: `${parts.owner.uid}:${parts.owner.gid}`,
      Env: environment(base?.config ?? undefined, parts.env),
      Entrypoint: [LAUNCHER_PATH],
      ...('web' in parts.processes ? { Cmd: ['web'] } : {}),
      WorkingDir: '/app',
      Labels: labels(parts),
    },
    rootfs: {
      type: 'layers',
      diff_ids: [...(base?.rootfs.diff_ids ?? []), ...parts.added.map(({ diffId }) => diffId)],
    },
    history: history(parts, created),
  };
}

function annotations(parts: AppImageParts): Record<string, string> {
  return {
    ...(parts.base ? { 'org.opencontainers.image.base.digest': parts.base.descriptor.digest } : {}),
    ...(parts.base && parts.baseName ? { 'org.opencontainers.image.base.name': parts.baseName } : {}),
  };
}

/**
 * Writes config and manifest into a target and gives the manifest's descriptor. Both are canonical JSON, so the same
 * parts always have the same digest.
 */
export async function assembleImage(
  parts: AppImageParts,
  into: Target,
  signal: AbortSignal,
): Promise<Descriptor> {
  const config = await putDocument(imageConfig(parts), MEDIA_TYPES.ociConfig, into, signal);
  const notes = annotations(parts);
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config,
    layers: [
      ...(parts.base?.layers ?? []).map(({ descriptor }) => asOciLayer(descriptor)),
      ...parts.added.map(({ descriptor }) => asOciLayer(descriptor)),
    ],
    ...(Object.keys(notes).length > 0 ? { annotations: notes } : {}),
  };
  return putDocument(manifest, MEDIA_TYPES.ociManifest, into, signal);
}
