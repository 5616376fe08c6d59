import { z } from 'zod';
import { DEFAULT_SLUG_LIMITS } from '../builders/slug/limits.ts';
import type { NetworkSettings } from '../net/settings.ts';
import { readToml } from '../plan/files/document.ts';
import { userRegions } from '../plan/files/regions.ts';
import type { RegionRegistry } from '../plan/request.ts';
import { parseSize } from './flag-values.ts';
import { allowSchema, hostName, hostSettings, hostsSchema, mirrorsOf } from './user-config-hosts.ts';

/** What the user's config file says (docs/configuration.md). */
export interface UserConfig {
  /** Stack name to image. */
  readonly stacks: Readonly<Record<string, string>>;
  readonly insecureRegistries: readonly string[];
  /** Certificates by host. */
  readonly hosts: NetworkSettings['hosts'];
  /** By registry, where to pull from first. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** What servers may lead to; see `createAllowList`. */
  readonly allowOutbound: readonly string[];
  /** Limits of the archive reader, by name. */
  readonly limits: Readonly<Record<string, number>>;
  /** The nearest first. */
  readonly regions: readonly RegionRegistry[];
}

const LIMIT_NAMES = Object.keys(DEFAULT_SLUG_LIMITS);

const limit = z.union([
  z.number().int().positive(),
  z.string().transform((text, context) => {
    const size = parseSize(text);
    if (size !== undefined) return size;
    context.addIssue({ code: 'custom', message: 'expected a number, or one with k, M or G behind it' });
    return z.NEVER;
  }),
]);

const schema = z.strictObject({
  stacks: z.record(z.string().min(1), z.string().min(1)).default({}),
  'insecure-registries': z.array(hostName).default([]),
  'allow-outbound': allowSchema,
  hosts: hostsSchema,
  limits: z
    .record(z.string(), limit)
    .superRefine((limits, context) => {
      for (const name of Object.keys(limits)) {
        if (LIMIT_NAMES.includes(name)) continue;
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `no such limit; there are ${LIMIT_NAMES.join(', ')}`,
        });
      }
    })
    .default({}),
  regions: userRegions,
});

/** The config file's text, checked. Throws CONFIG_INVALID naming `path`, the line and what is wrong there. */
export function parseUserConfig(text: string, path: string): UserConfig {
  const {
    stacks,
    limits,
    regions,
    hosts,
    'insecure-registries': insecureRegistries,
    'allow-outbound': allowOutbound,
  } = readToml(schema, { path, text, code: 'CONFIG_INVALID' });
  const insecure = Object.keys(hosts).filter((name) => hosts[name]?.insecure);
  return {
    stacks,
    limits,
    insecureRegistries: [...insecureRegistries, ...insecure],
    hosts: hostSettings(hosts, path),
    mirrors: mirrorsOf(hosts),
    allowOutbound,
    regions,
  };
}
