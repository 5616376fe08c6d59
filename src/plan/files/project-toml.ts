import { z } from 'zod';
import type { Project } from '../project.ts';
import type { Sourced } from '../sourced.ts';
import { projectFile, readToml } from './document.ts';

export const PROJECT_TOML = 'project.toml';

const buildpack = z.object({
  id: z.string().optional(),
  version: z.string().optional(),
  uri: z.string().optional(),
});
const env = z.array(z.object({ name: z.string() })).default([]);

const filters = {
  builder: z.string().optional(),
  include: z.array(z.string()).optional(),
  exclude: z.array(z.string()).optional(),
};
const notBoth = {
  path: ['exclude'],
  message: 'include and exclude cannot both be given',
};
const hasOne = ({ include, exclude }: { include?: unknown; exclude?: unknown }): boolean =>
  include === undefined || exclude === undefined;

/** Buildpacks project descriptor, 0.2 (`[io.buildpacks]`) and 0.1 (`[build]`); other tables are others' business. */
const schema = z.object({
  _: z.object({ 'schema-version': z.string().optional() }).optional(),
  io: z
    .object({
      buildpacks: z
        .object({
          ...filters,
          group: z.array(buildpack).default([]),
          build: z.object({ env }).optional(),
          env: z.object({ build: env }).optional(),
        })
        .refine(hasOne, notBoth)
        .optional(),
    })
    .optional(),
  build: z
    .object({ ...filters, buildpacks: z.array(buildpack).default([]), env })
    .refine(hasOne, notBoth)
    .optional(),
});

/** What a project descriptor says to buildpacks. */
export interface ProjectDescriptor {
  readonly builder: string | undefined;
  /** Each as pack takes it: a URI, or ID[@VERSION]. */
  readonly buildpacks: readonly string[];
  /** Patterns as in .gitignore; at most one of the two is there. */
  readonly include: readonly string[] | undefined;
  readonly exclude: readonly string[] | undefined;
  /** Names of the variables that buildpacks see. */
  readonly env: readonly string[];
  /** Has it anything for buildpacks at all? Other tools keep a project.toml, too. */
  readonly isForBuildpacks: boolean;
  /** It has `[io.buildpacks]` and does not say that it is of schema 0.2: pack then passes the table over. */
  readonly hasUnreadTable: boolean;
}

/** Reads project.toml. Throws PROJECT_FILE_INVALID: no TOML, a field of another kind, include beside exclude. */
export function parseProjectToml(content: string): ProjectDescriptor {
  const document = readToml(schema, projectFile(PROJECT_TOML, content));
  // As pack has it: a descriptor that does not say its version is of 0.1, whatever tables it has.
  const isOld = (document._?.['schema-version'] ?? '0.1') === '0.1';
  const current = isOld ? undefined : document.io?.buildpacks;
  const old = isOld ? document.build : undefined;
  const table = current ?? old;
  return {
    builder: table?.builder,
    buildpacks: (current?.group ?? old?.buildpacks ?? []).flatMap(({ id, version, uri }) => {
      if (uri !== undefined) return [uri];
      return id === undefined ? [] : [version === undefined ? id : `${id}@${version}`];
    }),
    include: table?.include,
    exclude: table?.exclude,
    env: (current?.build?.env ?? current?.env?.build ?? old?.env ?? []).map(({ name }) => name),
    isForBuildpacks: table !== undefined,
    hasUnreadTable: isOld && document.io?.buildpacks !== undefined,
  };
}

/** The descriptor's part of a project. */
export function projectOfDescriptor(descriptor: ProjectDescriptor): Partial<Project> {
  const { builder, buildpacks, env: names } = descriptor;
  const sourced = <T>(value: T): Sourced<T> => ({ value, from: PROJECT_TOML });
  return {
    builder: builder === undefined ? undefined : sourced(builder),
    buildpacks: buildpacks.map(sourced),
    env: names.map(sourced),
    problems: descriptor.hasUnreadTable
      ? [
          {
            message: `${PROJECT_TOML}: [io.buildpacks] is passed over without [_] schema-version = "0.2"`,
            from: PROJECT_TOML,
            unreadable: false,
          },
        ]
      : [],
  };
}
