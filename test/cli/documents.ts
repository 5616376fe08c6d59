import { z } from 'zod';

/** The failure document of cli.md, to the letter. */
export const failureDocument = z.strictObject({
  schemaVersion: z.literal(1),
  status: z.literal('failed'),
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    hint: z.string(),
    step: z.string().nullable(),
  }),
});

const digest = z.string().regex(/^sha256:[a-f0-9]{64}$/);
const platform = z.strictObject({ os: z.string(), architecture: z.string(), variant: z.string().optional() });
const layer = z.strictObject({
  digest,
  diffId: digest,
  mediaType: z.string(),
  size: z.number().int(),
  origin: z.string(),
});
const reference = z.strictObject({
  region: z.string().nullable(),
  state: z.enum(['available', 'failed']),
  reference: z.string(),
  tag: z.string().nullable(),
  uploadedBytes: z.number().int().nullable(),
  skippedBytes: z.number().int().nullable(),
  milliseconds: z.number().int(),
  error: failureDocument.shape.error.nullable(),
});

/** The result document of cli.md, to the letter. */
export const resultDocument = z.strictObject({
  schemaVersion: z.literal(1),
  status: z.literal('succeeded'),
  strategy: z.string(),
  image: z.strictObject({
    digest,
    mediaType: z.string(),
    size: z.number().int(),
    platform: platform.optional(),
  }),
  platforms: z.array(
    z.strictObject({ platform, digest, config: z.strictObject({ digest }), layers: z.array(layer) }),
  ),
  config: z.strictObject({ digest }).optional(),
  layers: z.array(layer).optional(),
  processes: z.record(z.string(), z.string()),
  slug: z.strictObject({ layer: z.enum(['kept', 'transcoded']), reason: z.string().nullable() }).optional(),
  references: z.array(reference),
  timings: z.strictObject({ detect: z.number(), build: z.number(), push: z.number(), total: z.number() }),
  warnings: z.array(z.strictObject({ code: z.string(), message: z.string() })),
});

/** The plan document of cli.md; the plan itself is its own. */
export const planDocument = z.strictObject({
  schemaVersion: z.literal(1),
  strategy: z.string(),
  candidates: z
    .array(
      z.strictObject({
        strategy: z.string(),
        chosen: z.boolean(),
        reason: z.string().min(1),
        evidence: z.array(z.string()),
      }),
    )
    .length(5),
  plan: z.looseObject({ schemaVersion: z.literal(1) }),
  planDigest: digest,
  destinations: z
    .array(
      z.strictObject({
        region: z.string().nullable(),
        reference: z.string().nullable(),
        from: z.string().min(1),
      }),
    )
    .min(1),
});
