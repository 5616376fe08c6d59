import { DogwoodError } from '../errors.ts';
import type { Descriptor, Platform } from './descriptor.ts';

const ARCHITECTURES: ReadonlyMap<string, { architecture: string; variant?: string }> = new Map([
  ['x86_64', { architecture: 'amd64' }],
  ['x86-64', { architecture: 'amd64' }],
  ['x64', { architecture: 'amd64' }],
  ['i386', { architecture: '386' }],
  ['ia32', { architecture: '386' }],
  ['aarch64', { architecture: 'arm64' }],
  ['armhf', { architecture: 'arm', variant: 'v7' }],
  ['armel', { architecture: 'arm', variant: 'v6' }],
]);

/** What an architecture without a variant means; the variant a platform of that kind has at least. */
const DEFAULT_VARIANT: ReadonlyMap<string, number> = new Map([
  ['amd64', 1],
  ['arm', 7],
  ['arm64', 8],
]);

/**
 * Reads `OS/ARCHITECTURE[/VARIANT]`, with the names that `uname -m` prints understood.
 *
 * @throws USAGE
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  const [os, architecture, variant] = parts;
  if (
    !os ||
    !architecture ||
    parts.length > 3 ||
    parts.some((part) => !/^[a-z0-9][a-z0-9._-]*$/.test(part))
  ) {
    throw new DogwoodError('USAGE', `not a platform: ${JSON.stringify(text.slice(0, 100))}`, {
      hint: 'Write it as OS/ARCHITECTURE[/VARIANT], for example linux/arm64.',
    });
  }
  return normalisePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

export function formatPlatform(platform: Platform): string {
  const variant = platform.variant ? `/${platform.variant}` : '';
  return `${platform.os}/${platform.architecture}${variant}`;
}

/** One spelling per platform: Go's names, and no variant where it is the one every such machine has. */
export function normalisePlatform(platform: Platform): Platform {
  const known = ARCHITECTURES.get(platform.architecture.toLowerCase());
  const architecture = known?.architecture ?? platform.architecture.toLowerCase();
  const given = platform.variant?.toLowerCase() || known?.variant;
  const { variant: _, ...rest } = platform;
  const number = given === undefined ? undefined : variantNumber(given);
  const usual = number !== undefined && number === DEFAULT_VARIANT.get(architecture);
  const variant = given === undefined || usual ? undefined : number === undefined ? given : `v${number}`;
  return {
    ...rest,
    os: platform.os.toLowerCase(),
    architecture,
    ...(variant === undefined ? {} : { variant }),
  };
}

/** The platform of containers on this machine: always Linux, also where Docker runs in a virtual machine. */
export function hostPlatform(architecture: string = process.arch): Platform {
  return normalisePlatform({ os: 'linux', architecture });
}

/** BuildKit hangs provenance and SBOMs into an index as manifests for no platform. */
export function isAttestation(descriptor: Descriptor): boolean {
  const { platform, annotations } = descriptor;
  return (
    (platform?.os === 'unknown' && platform.architecture === 'unknown') ||
    annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
  );
}

/** Can a machine of the wanted platform run it? `linux/arm/v7` runs v6, `linux/amd64` does not run v3. */
export function platformMatches(offered: Platform, wanted: Platform): boolean {
  return matchRank(offered, wanted) !== undefined;
}

/**
 * The entry of an index to use on a platform: the one with the closest variant. Without a wish the only image there
 * is, or else the one for this machine. Entries that state no platform are taken only when nothing else is there.
 *
 * @throws PLATFORM_NOT_FOUND with what is there
 */
export function choosePlatform(
  entries: readonly Descriptor[],
  wanted: Platform | undefined,
  what: string,
): Descriptor {
  const images = entries.filter((entry) => !isAttestation(entry));
  const [only] = images;
  if (only !== undefined && images.length === 1 && (wanted === undefined || only.platform === undefined)) {
    return only;
  }
  const platform = wanted ?? hostPlatform();
  let best: { entry: Descriptor; rank: number } | undefined;
  for (const entry of images) {
    const rank = entry.platform === undefined ? undefined : matchRank(entry.platform, platform);
    if (rank !== undefined && (best === undefined || rank > best.rank)) best = { entry, rank };
  }
  if (best !== undefined) return best.entry;
  const there = images.map((entry) => (entry.platform ? formatPlatform(entry.platform) : 'unstated'));
  throw new DogwoodError(
    'PLATFORM_NOT_FOUND',
    `${what} has nothing for ${formatPlatform(platform)}; it has ${[...new Set(there)].join(', ') || 'no image'}`,
  );
}

/** Higher is closer; undefined when it does not run there. */
function matchRank(offered: Platform, wanted: Platform): number | undefined {
  const [offer, want] = [normalisePlatform(offered), normalisePlatform(wanted)];
  if (offer.os !== want.os || offer.architecture !== want.architecture) return undefined;
  if (offer.variant === want.variant) return Number.MAX_SAFE_INTEGER;
  const usual = DEFAULT_VARIANT.get(want.architecture);
  const has = offer.variant === undefined ? usual : variantNumber(offer.variant);
  const may = want.variant === undefined ? usual : variantNumber(want.variant);
  return has !== undefined && may !== undefined && has <= may ? has : undefined;
}

function variantNumber(variant: string): number | undefined {
  const digits = /^v?([0-9]{1,2})$/.exec(variant)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
