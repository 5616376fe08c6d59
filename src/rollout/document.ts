/**
 * The rollout document (rollout.md): what a runtime gets once an image is where it will run. Never a secret's value.
 *
 * Strict: in a document that is handed to us an unknown field is an error.
 */
import { z } from 'zod';
import { type Digest, isDigest } from '../oci/digest.ts';
import { isProcessType } from '../plan/procfile.ts';

const text = z.string().min(1);
const count = z.int().min(0);
const digest = z.string().refine(isDigest, 'no digest') as unknown as z.ZodType<Digest, Digest>;
const processName = z.string().refine(isProcessType, 'no process type');
/** Variables as Heroku allows them: no `=` and no NUL is all that every runtime can promise. */
const variableName = z.string().regex(/^[^=\0]+$/);
const variables = z.record(variableName, z.string());
const platform = z.strictObject({ os: text, architecture: text, variant: text.optional() });

const location = z.strictObject({
  region: text.nullable(),
  /** HOST/REPOSITORY@DIGEST */
  reference: text,
  state: z.enum(['available', 'uploading', 'failed']),
});

/** One image in every place it lies; the digest is its only identity. */
const image = z.strictObject({
  digest,
  mediaType: text,
  platforms: z.array(platform),
  /** Bytes of the manifest or index. */
  size: count,
  locations: z.array(location),
  attestations: z.array(text).optional(),
});

const process = z.strictObject({
  /** Only where the process has an image of its own. */
  image: image.optional(),
  /** Absent keeps the image's entrypoint. */
  command: z.array(text).optional(),
  args: z.array(z.string()).optional(),
  /** UID or UID:GID, numeric. */
  user: z
    .string()
    .regex(/^\d+(?::\d+)?$/)
    .optional(),
  replicas: count,
  /** Processors, and MiB. */
  resources: z
    .strictObject({ cpu: z.number().positive().optional(), memory: z.int().positive().optional() })
    .optional(),
  restart: z.enum(['always', 'on-failure', 'never']).optional(),
  /** Seconds. */
  stop: z.strictObject({ signal: text.optional(), timeout: z.number().positive().optional() }).optional(),
  /** Five fields of cron. */
  schedule: text.optional(),
  env: variables.optional(),
});

const service = z.strictObject({
  process: processName,
  protocol: z.enum(['tcp', 'udp']),
  internalPort: z.int().min(1).max(65_535),
  ports: z.array(
    z.strictObject({
      port: z.union([z.int().min(1).max(65_535), z.strictObject({ start: z.int(), end: z.int() })]),
      handlers: z.array(z.enum(['tls', 'http', 'proxy_proto'])),
    }),
  ),
  exposure: z.enum(['public', 'private']),
  address: z.enum(['shared', 'dedicated', 'anycast']).optional(),
  concurrency: count.optional(),
});

const secret = z.strictObject({
  name: variableName,
  /** Where its value travels: a file beside the document. */
  ref: text,
  /** Another value has another version. */
  version: text,
});

const identity = z.strictObject({
  /** ULID. */
  id: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/),
  revision: z.int().positive(),
  app: text,
  tenant: text,
  environment: text,
  release: count,
  /** Id of the document before; null for the first. */
  supersedes: text.nullable(),
  idempotencyKey: text,
  /** RFC 3339. */
  createdAt: text,
});

const config = z.strictObject({
  env: variables,
  secrets: z.array(secret),
  /** The age file with the secrets' values, by the name that `ref` has; null where there are none. */
  ciphertext: z.strictObject({ ref: text, digest }).nullable(),
  /** Variables that belong to something outside, which has to be there first; no value of theirs travels. */
  external: z.array(z.strictObject({ name: variableName, from: text })).optional(),
});

export const rolloutDocument = z.strictObject({
  schemaVersion: z.literal(1),
  identity,
  image,
  processes: z.record(processName, process),
  services: z.array(service),
  /** Run once before the processes are replaced; without volumes. Seconds. */
  release: z
    .strictObject({
      /** Only where the command has an image of its own, which then starts by itself. */
      image: image.optional(),
      command: text,
      timeout: z.number().positive().optional(),
    })
    .optional(),
  /** Commands that somebody runs by hand: a console, a task. */
  oneOff: z.record(processName, z.strictObject({ args: z.array(z.string()) })).optional(),
  config,
  regions: z.strictObject({ placements: z.array(text), primary: text.nullable() }).optional(),
});

export type Rollout = z.infer<typeof rolloutDocument>;
export type RolloutImage = z.infer<typeof image>;
export type RolloutProcess = z.infer<typeof process>;
