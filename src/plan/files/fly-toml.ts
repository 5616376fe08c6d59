import { z } from 'zod';
import type { HealthCheck, Mount, Project, Service, ServicePort } from '../project.ts';
import type { Sourced } from '../sourced.ts';
import { projectFile, readToml } from './document.ts';
import { parseDuration } from './duration.ts';

export const FLY_TOML = 'fly.toml';

/** Port that Fly takes when an http_service names none. */
const DEFAULT_PORT = 8080;
const HANDLERS = ['tls', 'http', 'proxy_proto'] as const;

const duration = z.union([z.string(), z.number()]).optional();
const processes = z.array(z.string()).optional();
const check = z.object({
  type: z.string().optional(),
  port: z.number().optional(),
  path: z.string().optional(),
  interval: duration,
  timeout: duration,
  grace_period: duration,
  processes,
});
type FlyCheck = z.infer<typeof check>;
const checks = z.array(check).default([]);
const mount = z.object({
  source: z.string().optional(),
  destination: z.string(),
  initial_size: z.union([z.string(), z.number()]).optional(),
  processes,
});

/** Fly's app configuration, as far as it says something of how the app is built and run. */
const schema = z.object({
  primary_region: z.string().optional(),
  build: z
    .object({
      builder: z.string().optional(),
      buildpacks: z.array(z.string()).default([]),
      dockerfile: z.string().optional(),
      'build-target': z.string().optional(),
      image: z.string().optional(),
    })
    .optional(),
  deploy: z.object({ release_command: z.string().optional(), release_command_timeout: duration }).optional(),
  env: z.record(z.string(), z.unknown()).default({}),
  processes: z.record(z.string(), z.string()).default({}),
  mounts: z.union([mount.transform((one) => [one]), z.array(mount)]).default([]),
  http_service: z.object({ internal_port: z.number().default(DEFAULT_PORT), processes, checks }).optional(),
  services: z
    .array(
      z.object({
        protocol: z.enum(['tcp', 'udp']).default('tcp'),
        internal_port: z.number().default(DEFAULT_PORT),
        processes,
        ports: z
          .array(
            z.object({
              port: z.number().optional(),
              start_port: z.number().optional(),
              end_port: z.number().optional(),
              handlers: z.array(z.string()).default([]),
            }),
          )
          .default([]),
        http_checks: checks,
        tcp_checks: checks,
      }),
    )
    .default([]),
  checks: z.record(z.string(), check).default({}),
});
type Fly = z.infer<typeof schema>;

const sourced = <T>(value: T): Sourced<T> => ({ value, from: FLY_TOML });
const maybe = <T>(value: T | undefined): Sourced<T> | undefined =>
  value === undefined ? undefined : sourced(value);

/** Reads fly.toml; unknown fields are Fly's business. Throws PROJECT_FILE_INVALID. */
export function parseFlyToml(content: string): Partial<Project> {
  const fly = readToml(schema, projectFile(FLY_TOML, content));
  const command = fly.deploy?.release_command;
  return {
    file: maybe(fly.build?.dockerfile),
    target: maybe(fly.build?.['build-target']),
    builder: maybe(fly.build?.builder),
    buildpacks: (fly.build?.buildpacks ?? []).map(sourced),
    processes: Object.fromEntries(
      Object.entries(fly.processes)
        .filter(([, value]) => value.trim() !== '')
        .map(([name, value]) => [name, sourced(value)]),
    ),
    services: servicesOf(fly).map(sourced),
    mounts: fly.mounts.flatMap((each) => mountsOf(each, fly)).map(sourced),
    healthChecks: checksOf(fly).map(sourced),
    release: maybe(
      command === undefined
        ? undefined
        : { command, timeout: parseDuration(fly.deploy?.release_command_timeout) },
    ),
    env: Object.keys(fly.env).map(sourced),
    regions: fly.primary_region === undefined ? [] : [sourced({ name: fly.primary_region })],
    problems:
      fly.build?.image === undefined
        ? []
        : [
            {
              message: `${FLY_TOML}: [build] image is passed over; hand the image over to take it as it is`,
              from: FLY_TOML,
              unreadable: false,
            },
          ],
  };
}

/** Without groups of its own an app has the one that Fly calls `app`, and everybody else `web`. */
function groupsOf(named: readonly string[] | undefined, fly: Fly): readonly string[] {
  const groups = Object.keys(fly.processes);
  if (groups.length === 0) return ['web'];
  return named === undefined || named.length === 0 ? groups.slice(0, 1) : named;
}

function servicesOf(fly: Fly): readonly Service[] {
  const http = fly.http_service;
  const public_ = { protocol: 'tcp', exposure: 'public' } as const;
  const first: readonly Service[] =
    http === undefined
      ? []
      : groupsOf(http.processes, fly).map((process) => ({
          ...public_,
          process,
          internalPort: http.internal_port,
          ports: [
            { port: 80, handlers: ['http'] },
            { port: 443, handlers: ['tls', 'http'] },
          ],
        }));
  const others = fly.services.flatMap((service) =>
    groupsOf(service.processes, fly).map(
      (process): Service => ({
        process,
        protocol: service.protocol,
        internalPort: service.internal_port,
        ports: service.ports.flatMap(portOf),
        exposure: service.ports.length === 0 ? 'private' : 'public',
      }),
    ),
  );
  return [...first, ...others];
}

function portOf({
  port,
  start_port,
  end_port,
  handlers,
}: Fly['services'][number]['ports'][number]): readonly ServicePort[] {
  const known: ServicePort['handlers'] = HANDLERS.filter((handler) => handlers.includes(handler));
  if (port !== undefined) return [{ port, handlers: known }];
  if (start_port === undefined || end_port === undefined) return [];
  return [{ port: { start: start_port, end: end_port }, handlers: known }];
}

function mountsOf(each: z.infer<typeof mount>, fly: Fly): readonly Mount[] {
  return groupsOf(each.processes, fly).map((process) => ({
    name: each.source ?? 'data',
    process,
    path: each.destination,
    size: each.initial_size === undefined ? null : String(each.initial_size),
  }));
}

function checksOf(fly: Fly): readonly HealthCheck[] {
  const make = (
    one: FlyCheck,
    kind: 'http' | 'tcp',
    port: number | undefined,
    groups: readonly string[] | undefined,
  ): readonly HealthCheck[] =>
    groupsOf(one.processes ?? groups, fly).map((process) => ({
      process,
      kind,
      value: kind === 'http' ? (one.path ?? '/') : null,
      port: one.port ?? port ?? null,
      interval: parseDuration(one.interval),
      timeout: parseDuration(one.timeout),
      grace: parseDuration(one.grace_period),
    }));
  const http = fly.http_service;
  return [
    ...(http?.checks ?? []).flatMap((one) => make(one, 'http', http?.internal_port, http?.processes)),
    ...fly.services.flatMap((service) => [
      ...service.http_checks.flatMap((one) => make(one, 'http', service.internal_port, service.processes)),
      ...service.tcp_checks.flatMap((one) => make(one, 'tcp', service.internal_port, service.processes)),
    ]),
    ...Object.values(fly.checks).flatMap((one) =>
      make(one, one.type === 'http' ? 'http' : 'tcp', undefined, undefined),
    ),
  ];
}
