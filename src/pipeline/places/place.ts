import type { Descriptor } from '../../oci/descriptor.ts';
import type { Reference } from '../../oci/reference.ts';
import type { Target } from '../../oci/target.ts';

/** A registry an image goes to. */
export interface RegistryPlace {
  readonly kind: 'registry';
  readonly region: string | null;
  readonly reference: Reference;
  readonly target: Target;
  readonly tag: string;
}

/** A store on this machine that takes blobs as they come. */
export interface StorePlace {
  readonly kind: 'store';
  readonly target: Target;
  readonly tag: string;
}

/** A file or an engine that takes whole images only. */
export interface WholePlace {
  readonly kind: 'whole';
  readonly label: string;
  /** Gives what was written: one image of an index, where the place holds no more. `onBytes` hears of bytes as they pass. */
  write(from: Target, descriptor: Descriptor, onBytes: (count: number) => void): Promise<Descriptor>;
}

export type Place = RegistryPlace | StorePlace | WholePlace;

/** The one place that can take blobs while they are built; undefined when they have to pass the local store. */
export function directPlace(places: readonly Place[]): RegistryPlace | StorePlace | undefined {
  const [only, ...others] = places;
  return only !== undefined && others.length === 0 && only.kind !== 'whole' ? only : undefined;
}
