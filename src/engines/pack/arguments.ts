/** What `pack build` is asked for. Values of variables are no part of it: they never stand in an argument list. */
export interface PackBuildOptions {
  /** Folder of the application. */
  readonly path: string;
  readonly builder: string;
  /** Run every phase in the builder's own container, with the registry's and the engine's credentials in reach. */
  readonly trustBuilder: boolean;
  readonly pullPolicy: 'always' | 'if-not-present' | 'never';
  /** Undefined leaves the builder's own. */
  readonly runImage?: string | undefined;
  /** Instead of the builder's own order: ids, paths, URLs or images. */
  readonly buildpacks: readonly string[];
  /** Path of a project.toml that is not at the root of the application. */
  readonly descriptor?: string | undefined;
  /** Names of variables whose values are in the environment of pack itself. */
  readonly env: readonly string[];
  /** A file of NAME=VALUE lines, for variables that pack itself would listen to. */
  readonly envFile?: string | undefined;
  /** Names of volumes; undefined lets pack name them after the image. */
  readonly buildCache?: string | undefined;
  readonly launchCache?: string | undefined;
  /** Push the image to the registry that its name begins with, instead of into the engine. */
  readonly publish?: boolean | undefined;
  /** Registries (HOST[:PORT]) that may be spoken to in plain HTTP. */
  readonly insecureRegistries?: readonly string[] | undefined;
  /** Volumes of `detect` and `build`, as NAME:PATH[:OPTIONS]. */
  readonly volumes?: readonly string[] | undefined;
  /** The image of the last build, whose layers are used again; need not be there. With `publish`, of that registry. */
  readonly previousImage?: string | undefined;
  readonly clearCache: boolean;
  /** Docker network of the phases; undefined makes pack create one, which it leaves behind when it is cancelled. */
  readonly network?: string | undefined;
  /** os/architecture[/variant]. */
  readonly platform?: string | undefined;
  /** `created` of the image, in seconds since 1970. */
  readonly creationTime?: number | undefined;
  /** Where report.toml is left. */
  readonly reportFolder: string;
}

/** The arguments of `pack build IMAGE`. */
export function packBuildArguments(image: string, options: PackBuildOptions): readonly string[] {
  return [
    ...['build', image, '--path', options.path, '--builder', options.builder],
    ...['--pull-policy', options.pullPolicy, '--docker-host', 'inherit', '--no-color'],
    ...(options.publish === true ? ['--publish'] : []),
    ...(options.insecureRegistries ?? []).flatMap((host) => ['--insecure-registry', host]),
    ...(options.volumes ?? []).flatMap((name) => ['--volume', name]),
    ...(options.trustBuilder ? ['--trust-builder'] : []),
    ...flag('--run-image', options.runImage),
    ...options.buildpacks.flatMap((buildpack) => ['--buildpack', csvField(buildpack)]),
    ...flag('--descriptor', options.descriptor),
    ...options.env.flatMap((name) => ['--env', name]),
    ...flag('--env-file', options.envFile),
    ...volume('build', options.buildCache),
    ...volume('launch', options.launchCache),
    ...flag('--previous-image', options.previousImage),
    ...(options.clearCache ? ['--clear-cache'] : []),
    ...flag('--network', options.network),
    ...flag('--platform', options.platform),
    ...flag('--creation-time', options.creationTime?.toString()),
    ...['--report-output-dir', options.reportFolder],
  ];
}

const flag = (name: string, value: string | undefined): readonly string[] =>
  value === undefined ? [] : [name, value];

const volume = (type: string, name: string | undefined): readonly string[] =>
  name === undefined ? [] : ['--cache', `type=${type};format=volume;name=${name}`];

/** pack takes a list of buildpacks as one line of CSV. */
const csvField = (text: string): string => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
