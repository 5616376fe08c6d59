import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { createAllowList } from '../net/allow-list.ts';
import type { HostSettings } from '../net/settings.ts';
import { canonicalRegistry } from '../oci/reference.ts';

/** A registry as references have it: a name or an address, in small letters, with a port if need be. */
export const hostName = z
  .string()
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/,
    'a host is written as in references, such as registry.example or 10.0.0.5:5000',
  );

/** HOST[:PORT][/PREFIX]: what stands before the repository's name there. */
const mirror = z
  .string()
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:\/[a-z0-9._-]+)*$/,
    'a mirror is written HOST, HOST:PORT or HOST/PREFIX',
  );

const path = z.string().min(1);

/** One `[hosts."HOST"]`. */
const host = z
  .strictObject({
    ca: z
      .union([path, z.array(path)])
      .transform((paths) => [paths].flat())
      .default([]),
    cert: path.optional(),
    key: path.optional(),
    insecure: z.boolean().default(false),
    mirrors: z.array(mirror).default([]),
  })
  .superRefine(({ cert, key }, context) => {
    if ((cert === undefined) === (key === undefined)) return;
    const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    context.addIssue({
      code: 'custom',
      path: [given],
      message: `a client certificate needs ${missing}, too`,
    });
  });

export const hostsSchema = z.record(hostName, host).default({});

/** `allow-outbound`. */
export const allowSchema = z
  .array(
    z.string().superRefine((entry, context) => {
      try {
        createAllowList([entry]);
      } catch {
        context.addIssue({ code: 'custom', message: 'not a host, HOST:PORT or network such as 10.0.0.0/8' });
      }
    }),
  )
  .default([]);

/** The mirrors of each registry, under the name that references have for it. */
export function mirrorsOf(hosts: z.infer<typeof hostsSchema>): Readonly<Record<string, readonly string[]>> {
  const given = Object.entries(hosts).filter(([, { mirrors }]) => mirrors.length > 0);
  return Object.fromEntries(given.map(([name, { mirrors }]) => [canonicalRegistry(name), mirrors]));
}

/** Paths in the file at `path` are relative to its folder. */
export function hostSettings(
  hosts: z.infer<typeof hostsSchema>,
  path: string,
): Readonly<Record<string, HostSettings>> {
  const at = (file: string) => resolve(dirname(path), file);
  return Object.fromEntries(
    Object.entries(hosts).map(([name, { ca, cert, key }]) => [
      name,
      { ca: ca.map(at), cert: cert && at(cert), key: key && at(key) },
    ]),
  );
}
