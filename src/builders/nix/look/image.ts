import type { NixOutput } from '../../../plan/nix-plan.ts';

/** An attribute that seems to be an image. */
export interface NixImage {
  /** Path as `nix build` or `nix-build -A` takes it; null is the file's own value. */
  readonly attribute: string | null;
  readonly output: NixOutput | 'nix2container';
}

/** What a derivation says of itself without being built. */
export interface DerivationFacts {
  readonly name: string | null;
  readonly imageName: string | null;
  readonly isExe: boolean;
  /** It has the copy programs that nix2container hangs on its images. */
  readonly copyTo: boolean;
}

/** How an image comes out of a derivation; undefined where it is no image (nixpkgs pkgs/build-support/docker). */
export function imageOutput({
  name,
  imageName,
  isExe,
  copyTo,
}: DerivationFacts): NixImage['output'] | undefined {
  if (copyTo || /^image-.*\.json$/.test(name ?? '')) return 'nix2container';
  if (imageName !== null) return isExe || /^stream-/.test(name ?? '') ? 'stream' : 'archive';
  return /^docker-image-.*\.tar(?:\.gz|\.zst)?$/.test(name ?? '') ? 'archive' : undefined;
}

/** What people call the one image of a project, lower case. */
const WELL_KNOWN: ReadonlySet<string> = new Set([
  'dockerimage',
  'docker-image',
  'docker_image',
  'docker',
  'image',
  'ociimage',
  'oci-image',
  'container',
  'containerimage',
  'container-image',
]);

/** Is it called as people call the one image of a project, or a flake's default? */
export function isWellKnown(attribute: string | null): boolean {
  const name = lastName(attribute).toLowerCase();
  return name === 'default' || WELL_KNOWN.has(name);
}

const lastName = (attribute: string | null): string => /[^.]*$/.exec(attribute ?? '')?.[0] ?? '';

export type Choice =
  | { readonly kind: 'one'; readonly image: NixImage; readonly why: string }
  | { readonly kind: 'several'; readonly images: readonly NixImage[] };

/**
 * The image that is meant, of at least one: the only one, the flake's `default`, or the only one with a name that
 * people give to the image of a project. What nix2container makes counts only where there is nothing else.
 */
export function chooseImage(images: readonly NixImage[]): Choice | undefined {
  const usable = images.filter(({ output }) => output !== 'nix2container');
  const candidates = usable.length > 0 ? usable : images;
  const [first, second] = candidates;
  if (first === undefined) return undefined;
  if (second === undefined) return { kind: 'one', image: first, why: 'the only image' };
  const standard = candidates.filter(({ attribute }) => lastName(attribute) === 'default');
  if (standard.length === 1 && standard[0])
    return { kind: 'one', image: standard[0], why: 'the default of several images' };
  const known = candidates.filter(({ attribute }) => WELL_KNOWN.has(lastName(attribute).toLowerCase()));
  if (known.length === 1 && known[0])
    return { kind: 'one', image: known[0], why: 'of several images the one with an image’s usual name' };
  return { kind: 'several', images: candidates };
}
