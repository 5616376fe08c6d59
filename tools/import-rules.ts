/**
 * Who may import whom, from the ground up. Each room may import rooms on floors below its own, never a neighbour
 * on its floor and never one above. Type-only imports count: a type is a dependency of thought.
 * (dependency-cruiser cannot read TypeScript 7, which has no compiler API in JavaScript; hence these few lines.)
 */
export const FLOORS: readonly (readonly string[])[] = [
  ['errors'],
  ['log', 'net'],
  ['oci', 'engines'],
  ['source', 'plan', 'registry'],
  ['builders', 'attest', 'rollout'],
  ['pipeline'],
  ['heroku-import'],
  ['api'],
  ['service', 'cli'],
  ['main'],
];

/** One way to build each: none of them knows another. What two of them need lies beside them. */
const BUILDERS: ReadonlySet<string> = new Set(['buildpacks', 'dockerfile', 'image', 'nix', 'slug']);

/** Modules that only some places may import, and why. A place is a path below src, a folder or a file's stem. */
export const RESERVED: readonly {
  readonly modules: RegExp;
  readonly to: readonly string[];
  readonly why: string;
}[] = [
  { modules: /^bullmq$/, to: ['service/queue'], why: 'the queue is behind a port' },
  { modules: /^(fastify|@fastify\/.*)$/, to: ['service/http'], why: 'HTTP is one room of the service' },
  {
    modules: /^(node:child_process|node:cluster|execa|dockerode)$/,
    to: ['engines'],
    why: 'only engines starts programs or speaks to a daemon',
  },
  {
    modules: /^node:(http|https|http2|net|tls|dgram)$|^undici$/,
    to: ['net', 'registry/http', 'registry/server', 'service/http', 'engines/docker/api'],
    why: 'what a user named is reached through the outbound guard, and only servers listen',
  },
];

export interface ModuleImports {
  /** Path below src, with slashes: `oci/tar/reader.ts`. */
  readonly path: string;
  /** As written: `../errors.ts`, `node:fs`, `zod`. */
  readonly specifiers: readonly string[];
}

const room = (path: string): string => (path.split('/')[0] ?? '').replace(/\.ts$/, '');
const builderOf = (path: string): string | undefined => {
  const [room, folder] = path.split('/');
  return room === 'builders' && folder !== undefined && BUILDERS.has(folder) ? folder : undefined;
};
const floor = (name: string): number => FLOORS.findIndex((rooms) => rooms.includes(name));
const isRelative = (specifier: string): boolean => specifier.startsWith('.');

/** Every violation, one line each, naming the file, the import and the rule. */
export function importViolations(
  modules: readonly ModuleImports[],
  dependencies: ReadonlySet<string>,
): readonly string[] {
  const edges = modules.flatMap(({ path, specifiers }) => specifiers.map((to) => [path, to] as const));
  return [
    ...modules.filter(({ path }) => floor(room(path)) < 0).map(({ path }) => `${path}: no room of the house`),
    ...edges.flatMap(([from, to]) => (isRelative(to) ? inside(from, to) : outside(from, to, dependencies))),
    ...cycles(modules),
  ];
}

/** The path below src that a relative import means; undefined where it leaves src. */
export function resolveImport(from: string, specifier: string): string | undefined {
  const { pathname, hostname } = new URL(specifier, `file:///src/${from}`);
  return hostname === '' && pathname.startsWith('/src/') ? pathname.slice('/src/'.length) : undefined;
}

function inside(from: string, specifier: string): readonly string[] {
  const to = resolveImport(from, specifier);
  if (to === undefined) return [`${from} imports ${specifier}: outside of src`];
  const [here, there] = [room(from), room(to)];
  const [one, other] = [builderOf(from), builderOf(to)];
  if (one !== undefined && other !== undefined && one !== other) {
    return [`${from} imports ${to}: builder ${one} may not know builder ${other}`];
  }
  if (here === there || floor(here) > floor(there)) return [];
  return [`${from} imports ${to}: ${here} may not import ${there} (the same floor or one above)`];
}

function outside(from: string, specifier: string, dependencies: ReadonlySet<string>): readonly string[] {
  const stem = from.replace(/\.ts$/, '');
  const reserved = RESERVED.filter(
    ({ modules, to }) =>
      modules.test(specifier) && !to.some((place) => stem === place || from.startsWith(`${place}/`)),
  );
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const known = specifier.startsWith('node:') || dependencies.has(name);
  return [
    ...reserved.map(({ to, why }) => `${from} imports ${specifier}: only ${to.join(', ')} may (${why})`),
    ...(known ? [] : [`${from} imports ${specifier}: not a dependency (a built-in is written node:...)`]),
  ];
}

/** One line per cycle found by a depth-first walk; each file is walked once. */
function cycles(modules: readonly ModuleImports[]): readonly string[] {
  const graph = new Map(
    modules.map(({ path, specifiers }) => [
      path,
      specifiers.filter(isRelative).flatMap((specifier) => resolveImport(path, specifier) ?? []),
    ]),
  );
  const finished = new Set<string>();
  const found: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push(`cycle: ${[...trail.slice(start), path].join(' -> ')}`);
    if (start >= 0 || finished.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return found;
}
