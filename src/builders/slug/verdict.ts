import { z } from 'zod';
import { type Digest, isDigest } from '../../oci/digest.ts';

const digest = z.string().refine(isDigest) as unknown as z.ZodType<Digest, Digest>;

const verdict = z.strictObject({
  /** SHA-256 of the slug's own bytes. */
  digest,
  /** Bytes of the slug file. */
  size: z.number().int().positive(),
  /** SHA-256 of the tar inside; null where only canonical layers were made of the slug, which need it not. */
  diffId: digest.nullable(),
  /** Files, folders and links under app/. */
  members: z.number().int().positive(),
  /** Owner of every member when the slug may become the layer as it is, else null. */
  keep: z.strictObject({ uid: z.number().int(), gid: z.number().int() }).nullable(),
  /** Why it may not: the first member that would have to change, and what. */
  change: z.string().nullable(),
  /** Text of app/Procfile. */
  procfile: z.string().nullable(),
  /** What shows that Heroku made it: `.heroku`, `.profile.d`, `Procfile`. */
  signs: z.array(z.string()).readonly(),
});

/** What our own strict reader found out about a slug, kept so that the same slug is not inflated again. */
export type SlugVerdict = z.infer<typeof verdict>;

/** A layer made from a slug. */
const transcoded = z.strictObject({ digest, diffId: digest, size: z.number().int().positive() });
export type TranscodedLayer = z.infer<typeof transcoded>;

/** The stored value as a verdict; undefined when it is none that this version can read. */
export function readVerdict(value: unknown): SlugVerdict | undefined {
  return verdict.safeParse(value).data;
}

export function readTranscodedLayer(value: unknown): TranscodedLayer | undefined {
  return transcoded.safeParse(value).data;
}
