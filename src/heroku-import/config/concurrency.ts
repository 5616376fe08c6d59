import type { AppState } from '../account/app-state.ts';
import { type DynoSize, dynoSize } from './dyno-sizes.ts';

/** What a slug's own profile script would have found out on a dyno, and finds out wrongly elsewhere. */
type Measure = (size: DynoSize, config: AppState['config']) => Readonly<Record<string, string>>;

/** A buildpack's last part of the name, and what a buildpack calls itself, to what its script measures. */
const MEASURES: ReadonlyMap<string, Measure> = new Map([
  ['nodejs', nodejs],
  ['python', python],
]);

/**
 * Variables that size a process by the memory of its dyno. The scripts that Heroku's buildpacks leave in a slug read
 * cgroup v1, which few machines still have, and then assume 512 MB (heroku-buildpack-nodejs, profile/WEB_CONCURRENCY.sh)
 * or set nothing (heroku-buildpack-python, vendor/WEB_CONCURRENCY.sh). What the app sets itself stays.
 *
 * @param sizeName of the dyno, as the formation has it
 */
export function sizedBy(state: AppState, sizeName: string | null): Readonly<Record<string, string>> {
  const size = sizeName === null ? undefined : dynoSize(sizeName);
  const measure = measureOf(state);
  return size === undefined || measure === undefined ? {} : measure(size, state.config);
}

/** Both scripts are .profile.d/WEB_CONCURRENCY.sh: the buildpack that comes last wins. */
function measureOf({ buildpacks, slug }: AppState): Measure | undefined {
  if (slug === undefined) return undefined;
  if (buildpacks.length === 0) {
    const detected = slug.buildpack_provided_description?.toLowerCase().replaceAll(/[^a-z]/g, '');
    return MEASURES.get(detected ?? '');
  }
  return buildpacks.map((name) => MEASURES.get(kindOf(name))).findLast((measure) => measure !== undefined);
}

/** `nodejs` of `heroku/nodejs`, of `https://github.com/heroku/heroku-buildpack-nodejs.git#v300`, of `.../nodejs.tgz`. */
function kindOf(buildpack: string): string {
  const [address = ''] = buildpack.toLowerCase().split(/[#?]/);
  const last = address.split(/[/:]/).at(-1) ?? '';
  return last.replace(/\.(?:git|tgz|tar\.gz)$/, '').replace(/^heroku-buildpack-/, '');
}

function nodejs(size: DynoSize, config: AppState['config']): Readonly<Record<string, string>> {
  const available = numberOf(config.MEMORY_AVAILABLE) ?? size.memory;
  // Larger dynos are for larger processes; a slug's own WEB_MEMORY counts.
  const each = numberOf(config.WEB_MEMORY) ?? (available > 16_384 ? 2048 : 512);
  return {
    ...('MEMORY_AVAILABLE' in config ? {} : { MEMORY_AVAILABLE: String(available) }),
    // An empty value counts as none there.
    ...(config.WEB_CONCURRENCY ? {} : { WEB_CONCURRENCY: String(atLeastOne(available / each)) }),
  };
}

function python(size: DynoSize, config: AppState['config']): Readonly<Record<string, string>> {
  // On shared processors a dyno sees all eight of the machine: memory is what bounds it.
  const processors = size.cpu === 1 ? 8 : size.cpu;
  const workers = Math.min(2 * processors + 1, size.memory / 256);
  return {
    DYNO_RAM: String(size.memory),
    ...('WEB_CONCURRENCY' in config ? {} : { WEB_CONCURRENCY: String(atLeastOne(workers)) }),
  };
}

const atLeastOne = (count: number): number => Math.max(1, Math.floor(count));

const numberOf = (value: string | null | undefined): number | undefined =>
  /^[1-9]\d{0,8}$/.test(value ?? '') ? Number(value) : undefined;
