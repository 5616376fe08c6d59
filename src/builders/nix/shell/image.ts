import type { Descriptor } from '../../../oci/descriptor.ts';
import { MEDIA_TYPES } from '../../../oci/media-types.ts';
import type { Target } from '../../../oci/target.ts';
import type { AppImageParts } from '../../app-image/assemble.ts';
import { asOciLayer, putDocument } from '../../written-image.ts';

const DEFAULT_PATH = '/app/bin:/app:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Writes config and manifest of an image whose base has no shell: `web` is its command, taken apart at white space, or
 * handed to /bin/sh where it needs a shell.
 */
export async function assembleBare(
  parts: AppImageParts,
  into: Target,
  signal: AbortSignal,
): Promise<Descriptor> {
  const created = new Date(parts.epoch * 1000).toISOString().replace('.000Z', 'Z');
  const base = parts.base?.config;
  const config = await putDocument(
    {
      created,
      architecture: parts.platform.architecture,
      os: parts.platform.os,
      ...(parts.platform.variant === undefined ? {} : { variant: parts.platform.variant }),
      config: {
        User: `${parts.owner.uid}:${parts.owner.gid}`,
        Env: environment(base?.config?.Env ?? [], parts.env),
        ...(parts.processes.web === undefined ? {} : { Entrypoint: argumentsOf(parts.processes.web) }),
        WorkingDir: '/app',
        ...(Object.keys(parts.labels).length > 0 ? { Labels: parts.labels } : {}),
      },
      rootfs: {
        type: 'layers',
        diff_ids: [...(base?.rootfs.diff_ids ?? []), ...parts.added.map(({ diffId }) => diffId)],
      },
      history: [
        ...(parts.base?.layers ?? []).map(() => ({ created_by: 'base image' })),
        ...parts.added.map(({ createdBy }) => ({ created, created_by: createdBy })),
      ],
    },
    MEDIA_TYPES.ociConfig,
    into,
    signal,
  );
  const layers = [...(parts.base?.layers ?? []), ...parts.added].map(({ descriptor }) =>
    asOciLayer(descriptor),
  );
  return await putDocument(
    { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers },
    MEDIA_TYPES.ociManifest,
    into,
    signal,
  );
}

function environment(base: readonly string[], env: Readonly<Record<string, string>>): readonly string[] {
  const pairs = base.map((line): [string, string] => {
    const sign = line.indexOf('=');
    return [line.slice(0, sign), line.slice(sign + 1)];
  });
  const all = new Map([['PATH', DEFAULT_PATH], ...pairs, ...Object.entries(env), ['HOME', '/app']] as [
    string,
    string,
  ][]);
  return [...all].map(([name, value]) => `${name}=${value}`);
}

/** Quotes, variables, pipes and the like are for a shell. */
function argumentsOf(command: string): readonly string[] {
  return /[^\w\s./:=@%,+-]/.test(command) ? ['/bin/sh', '-c', command] : command.trim().split(/\s+/);
}
