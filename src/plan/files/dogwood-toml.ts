import { z } from 'zod';
import { isProcessType } from '../procfile.ts';
import { DOGWOOD_TOML, NUMERIC_USER, type Project } from '../project.ts';
import type { Sourced } from '../sourced.ts';
import { projectFile, readToml } from './document.ts';
import { projectRegions } from './regions.ts';

/** What a folder can be built with. A slug or an image is one file, and its content says so. */
const TREE_STRATEGIES = ['dockerfile', 'nix', 'buildpacks'] as const;

const text = z.string().min(1, 'it is empty');
const seconds = z.number().positive();
const portNumber = z.int().min(1).max(65_535);
const process = text.refine(isProcessType, 'a process type is letters, digits, - and _').default('web');
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable is letters, digits and _');
/** A path below the root; what leads out of it is found when it is opened, and this sooner. */
const path = text.refine(
  (value) => !value.startsWith('/') && !value.split('/').includes('..'),
  'a path below the folder of dogwood.toml',
);

const range = z
  .strictObject({ start: portNumber, end: portNumber })
  .refine(({ start, end }) => start <= end, 'it ends before it starts');
const port = z.strictObject({
  port: z.union([portNumber, range]),
  handlers: z.array(z.enum(['tls', 'http', 'proxy_proto'])).default([]),
});

const schema = z.strictObject({
  strategy: z.enum(TREE_STRATEGIES).optional(),
  file: path.optional(),
  target: text.optional(),
  builder: text.optional(),
  buildpacks: z.array(text).default([]),
  base: text.optional(),
  stack: text.optional(),
  user: text.regex(NUMERIC_USER, 'a user is UID or UID:GID, in numbers').optional(),
  attribute: text.optional(),
  build: z.strictObject({ command: text, shell: path.optional(), output: path }).optional(),
  processes: z
    .record(
      z.string().refine(isProcessType, 'a process type is letters, digits, - and _'),
      z.union([text, z.strictObject({ command: text, replicas: z.int().min(0).optional() })]),
    )
    .default({}),
  services: z
    .array(
      z.strictObject({
        process,
        protocol: z.enum(['tcp', 'udp']).default('tcp'),
        internalPort: portNumber,
        ports: z.array(port).default([]),
        exposure: z.enum(['public', 'private']).default('public'),
      }),
    )
    .default([]),
  mounts: z
    .array(
      z.strictObject({
        name: text,
        process,
        path: text.refine((value) => value.startsWith('/'), 'an absolute path of the image'),
        size: text.optional(),
      }),
    )
    .default([]),
  healthChecks: z
    .array(
      z
        .strictObject({
          process,
          kind: z.enum(['http', 'tcp', 'exec']),
          path: text.optional(),
          command: text.optional(),
          port: portNumber.optional(),
          interval: seconds.optional(),
          timeout: seconds.optional(),
          grace: seconds.optional(),
        })
        .refine(({ kind, command }) => (kind === 'exec') === (command !== undefined), {
          path: ['command'],
          message: 'an exec check has a command, and no other check does',
        })
        .refine(({ kind, path: value }) => kind === 'http' || value === undefined, {
          path: ['path'],
          message: 'only an http check has a path',
        }),
    )
    .default([]),
  release: z
    .union([
      text.transform((command) => ({ command, timeout: undefined })),
      z.strictObject({ command: text, timeout: seconds.optional() }),
    ])
    .optional(),
  env: z.array(variable).default([]),
  regions: projectRegions,
});

const sourced = <T>(value: T): Sourced<T> => ({ value, from: DOGWOOD_TOML });
const maybe = <T>(value: T | undefined): Sourced<T> | undefined =>
  value === undefined ? undefined : sourced(value);

/** Reads dogwood.toml, our own file: what is not in the schema is an error. Throws PROJECT_FILE_INVALID. */
export function parseDogwoodToml(content: string): Partial<Project> {
  const { build, processes, healthChecks, mounts, release, ...rest } = readToml(
    schema,
    projectFile(DOGWOOD_TOML, content),
  );
  const commands = Object.entries(processes).map(
    ([name, value]) => [name, typeof value === 'string' ? { command: value } : value] as const,
  );
  return {
    strategy: maybe(rest.strategy),
    file: maybe(rest.file),
    target: maybe(rest.target),
    builder: maybe(rest.builder),
    buildpacks: rest.buildpacks.map(sourced),
    base: maybe(rest.base),
    stack: maybe(rest.stack),
    user: maybe(rest.user),
    attribute: maybe(rest.attribute),
    shellBuild: maybe(build && { command: build.command, shell: build.shell ?? null, output: build.output }),
    processes: Object.fromEntries(commands.map(([name, { command }]) => [name, sourced(command)])),
    replicas: Object.fromEntries(
      commands.flatMap(([name, value]) =>
        'replicas' in value && value.replicas !== undefined ? [[name, sourced(value.replicas)]] : [],
      ),
    ),
    services: rest.services.map(sourced),
    mounts: mounts.map((mount) => sourced({ ...mount, size: mount.size ?? null })),
    healthChecks: healthChecks.map(({ path: url, command, ...check }) =>
      sourced({
        process: check.process,
        kind: check.kind,
        value: command ?? url ?? null,
        port: check.port ?? null,
        interval: check.interval ?? null,
        timeout: check.timeout ?? null,
        grace: check.grace ?? null,
      }),
    ),
    release: maybe(release && { command: release.command, timeout: release.timeout ?? null }),
    env: rest.env.map(sourced),
    regions: rest.regions.map(sourced),
  };
}
