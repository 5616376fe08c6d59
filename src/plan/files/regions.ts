import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import { parseReference } from '../../oci/reference.ts';
import type { ProjectRegion } from '../project.ts';
import { REGION_NAME } from '../region-name.ts';

const name = z.string().regex(REGION_NAME, 'a region is letters, digits, _, - and .');

/** As Docker decides it: without a host it would be a name of Docker Hub, which nobody means here. */
const NAMES_HOST = /^(?:[^/]*[.:][^/]*|localhost)(?:\/|$)/i;

const prefix = z.string().superRefine((text, context) => {
  const fault = text === '' ? 'it is empty' : (hostFault(text) ?? referenceFault(`${text}/app`));
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

const repository = z.string().superRefine((text, context) => {
  const fault =
    text === ''
      ? 'it is empty'
      : (hostFault(text) ??
        (/[:@][^/]*$/.test(text)
          ? 'a repository without tag and digest; `-t REGION=:TAG` says the tag'
          : referenceFault(text)));
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

function hostFault(text: string): string | undefined {
  return NAMES_HOST.test(text)
    ? undefined
    : 'it begins with the host of the registry, as in registry.example/team';
}

function referenceFault(text: string): string | undefined {
  try {
    parseReference(text);
    return undefined;
  } catch (error) {
    if (error instanceof DogwoodError) return error.message;
    throw error;
  }
}

/** `regions` of dogwood.toml: names, or tables that also say where a region's image goes. */
export const projectRegions = z
  .array(
    z.union([
      name.transform((region): ProjectRegion => ({ name: region })),
      z.strictObject({ name, repository: repository.optional() }),
    ]),
  )
  .superRefine((regions, context) => {
    refuseTwice(regions, 'name', 'the region is there already', context);
    refuseTwice(regions, 'repository', 'another region has the same repository', context);
  })
  .default([]);

/** `[[regions]]` of the user's config file: what the registry of each region is, the nearest first. */
export const userRegions = z
  .array(z.strictObject({ name, registry: prefix }))
  .superRefine((regions, context) => {
    refuseTwice(regions, 'name', 'the region is there already', context);
    refuseTwice(regions, 'registry', 'another region has the same registry', context);
  })
  .default([]);

function refuseTwice<K extends string>(
  regions: readonly Readonly<Partial<Record<K, string | undefined>>>[],
  key: K,
  message: string,
  context: z.RefinementCtx,
): void {
  const seen = new Set<string>();
  for (const [index, region] of regions.entries()) {
    const value = region[key]?.toLowerCase();
    if (value === undefined) continue;
    if (seen.has(value)) context.addIssue({ code: 'custom', path: [index, key], message });
    seen.add(value);
  }
}
