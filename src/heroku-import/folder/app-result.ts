import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Platform } from '../../oci/descriptor.ts';
import { type Digest, isDigest } from '../../oci/digest.ts';
import type { ResultReference } from '../../plan/result.ts';

/**
 * `imported`   its image is in the registries, its documents are written
 * `unchanged`  it is as the last import left it: nothing was moved or written
 * `skipped`    there is nothing to import (never deployed, Fir, not for this token): the reason says why
 * `failed`     it could not be imported this time
 */
const APP_STATUSES = ['imported', 'unchanged', 'skipped', 'failed'] as const;
export type AppStatus = (typeof APP_STATUSES)[number];

const digest = z.string().refine(isDigest) as unknown as z.ZodType<Digest, Digest>;
// Written by this program; what matters of a reference is looked at.
const reference = z.looseObject({
  region: z.string().nullable(),
  state: z.enum(['available', 'failed']),
  reference: z.string(),
  tag: z.string().nullable(),
}) as unknown as z.ZodType<ResultReference, ResultReference>;

const platform = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
}) satisfies z.ZodType<Platform>;

const image = z.object({
  /** Null for the one image of all processes. */
  process: z.string().nullable(),
  digest,
  mediaType: z.string(),
  /** Bytes of the manifest. */
  size: z.number(),
  user: z.string().nullable(),
  /** Absent: the one that Heroku's stacks are made for. */
  platforms: z.array(platform).readonly().optional(),
  processes: z.record(z.string(), z.string()),
  references: z.array(reference).readonly(),
});

const notCarried = z.object({ what: z.string(), why: z.string(), next: z.string() });

const cutOverStep = z.object({ title: z.string(), detail: z.string() });

const appResult = z.object({
  schemaVersion: z.literal(1),
  app: z.string(),
  /** Heroku's id. */
  id: z.string(),
  status: z.enum(APP_STATUSES),
  /** In a sentence. */
  reason: z.string(),
  /** Code of errors.ts; null unless it failed. */
  code: z.string().nullable(),
  /** Version of the release that was imported. */
  release: z.number().nullable(),
  /** One for a slug; one per process type on the container stack. */
  images: z.array(image).readonly(),
  /** Bytes that were read of its slug, or of its images at Heroku's registry: 0 when none had to be. */
  slugBytesRead: z.number(),
  /** The same fingerprint means the same state at Heroku, for the same registries and recipients. */
  fingerprint: z.string().nullable(),
  /** Secrets were left out, as --no-secrets asks for. */
  withoutSecrets: z.boolean().default(false),
  /** By name: keyed, so that a value is recognised and not told. */
  secrets: z.record(z.string(), z.string()),
  /** How it differs from plan.json, a sentence each. */
  drift: z.array(z.string()).readonly(),
  notCarried: z.array(notCarried).readonly(),
  warnings: z.array(z.string()).readonly(),
  /** What to do when it moves, in this order; empty for an app that does not. */
  cutOver: z.array(cutOverStep).readonly().default([]),
  /** RFC 3339, of the import that wrote this. */
  finishedAt: z.string(),
  milliseconds: z.number(),
});

/** `DIR/apps/<app>/result.json`: what became of one app. No secret's value, no signed address. */
export type AppResult = Readonly<z.infer<typeof appResult>>;
export type AppImage = Readonly<z.infer<typeof image>>;

/** What lies at a path: a result, or why it cannot be read, in a sentence; neither where there is nothing. */
export interface AppResultFile {
  readonly result?: AppResult | undefined;
  readonly trouble?: string | undefined;
}

/** Looks at an app's result without ever throwing: what is wrong with it is that app's trouble only. */
export async function lookAtAppResult(path: string): Promise<AppResultFile> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    return { trouble: code === undefined ? 'its result.json is damaged' : `its result.json: ${code}` };
  }
  const { success, data, error } = appResult.safeParse(document);
  if (success) return { result: data };
  const version = versioned.safeParse(document).data?.schemaVersion ?? 1;
  if (version > 1) return { trouble: `its result.json is of a newer version (${version}) than this program` };
  return { trouble: `its result.json is damaged: ${error.issues[0]?.path.join('.') || 'no document'}` };
}

const versioned = z.object({ schemaVersion: z.number() });

/** The result at a path; undefined where there is none, and where it is none that this version can read. */
export async function readAppResult(path: string): Promise<AppResult | undefined> {
  return (await lookAtAppResult(path)).result;
}
