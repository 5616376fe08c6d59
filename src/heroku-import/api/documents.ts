/** The documents of Heroku's Platform API as far as an import reads them (schema variant 3.sdk). */
import { z } from 'zod';

const named = z.object({ id: z.string(), name: z.string() });
const reference = z.object({ id: z.string() });

export const appDocument = z.object({
  id: z.string(),
  name: z.string(),
  generation: z.string().default('cedar'),
  maintenance: z.boolean().default(false),
  region: named,
  stack: named,
  space: named.nullish(),
  team: z.object({ name: z.string() }).nullish(),
  locked: z.boolean().default(false),
  joined: z.boolean().default(true),
  web_url: z.string().nullish(),
});

export const releaseDocument = z.object({
  id: z.string(),
  version: z.number().int(),
  status: z.enum(['expired', 'failed', 'pending', 'succeeded']),
  current: z.boolean(),
  created_at: z.string(),
  description: z.string().nullish(),
  slug: reference.nullish(),
  oci_image: reference.nullish(),
});

export const slugDocument = z.object({
  id: z.string(),
  // Signed, and so a secret: it is in no plan, log or report.
  blob: z.object({ url: z.string() }),
  /** `Node.js`, `Ruby/Rails`: what the last buildpack called itself. */
  buildpack_provided_description: z.string().nullish(),
  checksum: z.string().nullish(),
  commit: z.string().nullish(),
  process_types: z.record(z.string(), z.string()),
  size: z.number().nullish(),
  stack: named,
  deleted_at: z.string().nullish(),
});

export const formationDocument = z.object({
  type: z.string(),
  command: z.string(),
  quantity: z.number().int(),
  size: z.string(),
  docker_image: reference.nullish(),
});

// zod passes over `__proto__`; Heroku takes no name that begins with two of them.
export const configVars = z.record(z.string(), z.string().nullable());

export const addonDocument = z.object({
  id: z.string(),
  name: z.string(),
  app: named,
  addon_service: named,
  plan: named,
  config_vars: z.array(z.string()),
});

export const attachmentDocument = z.object({
  id: z.string(),
  name: z.string(),
  namespace: z.string().nullish(),
  app: named,
  addon: z.object({ id: z.string(), name: z.string(), app: named }),
});

export const domainDocument = z.object({
  hostname: z.string(),
  kind: z.enum(['heroku', 'custom']),
  acm_status: z.string().nullish(),
  sni_endpoint: z.object({ name: z.string() }).nullish(),
});

/** Address and token of a drain are secrets: its host is all that is kept. */
export const drainDocument = z.object({ id: z.string(), url: z.string(), addon: z.unknown() });

export const webhookDocument = z.object({ id: z.string(), url: z.string(), include: z.array(z.string()) });

export const featureDocument = z.object({ name: z.string(), enabled: z.boolean() });

export const collaboratorDocument = z.object({ user: z.object({ email: z.string() }) });

export const buildpackDocument = z.object({ buildpack: z.object({ url: z.string(), name: z.string() }) });

const firProcess = z.object({ command: z.string(), display_cmd: z.string().nullish() });

export const ociImageDocument = z.object({
  id: z.string(),
  digest: z.string(),
  image_repo: z.string(),
  process_types: z.record(z.string(), firProcess),
});

export const pipelineDocument = named;

export const couplingDocument = z.object({ app: reference, pipeline: reference, stage: z.string() });

export const teamDocument = named;

export type HerokuApp = z.infer<typeof appDocument>;
export type Release = z.infer<typeof releaseDocument>;
export type Slug = z.infer<typeof slugDocument>;
export type Formation = z.infer<typeof formationDocument>;
export type Addon = z.infer<typeof addonDocument>;
export type Attachment = z.infer<typeof attachmentDocument>;
export type Domain = z.infer<typeof domainDocument>;
