import { asDogwoodError } from '../../errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { formatReference } from '../../oci/reference.ts';
import type { ResultReference } from '../../plan/result.ts';
import type { RegistryPlace } from '../places/place.ts';
import { resultError } from '../result-error.ts';
import type { PipelineEnvironment } from '../session/environment.ts';

type Counts = Pick<ResultReference, 'uploadedBytes' | 'skippedBytes'>;

/** What is told of one registry, as an event and in the result: the one is the other. */
export interface RegionReport {
  available(counts: Counts): ResultReference;
  failed(reason: unknown, counts: Counts): ResultReference;
}

/**
 * Says that the push to a registry begins, and later what became of it.
 *
 * `of` is how many registries there are in all, `transfer` what its progress is told as
 */
export function reportRegion(
  { region, reference: { registry, repository }, tag }: RegistryPlace,
  { digest }: Descriptor,
  { of, transfer }: { readonly of: number; readonly transfer: string },
  { emit, clock }: Pick<PipelineEnvironment, 'emit' | 'clock'>,
): RegionReport {
  const start = clock();
  const names = {
    region,
    reference: formatReference({ registry, repository, digest }),
    tag: formatReference({ registry, repository, tag }),
  };
  const tell = (outcome: Omit<ResultReference, keyof typeof names | 'milliseconds'>): ResultReference => {
    const { state, error, ...counts } = outcome;
    const milliseconds = Math.round(clock() - start);
    const told = { ...names, state, ...counts, milliseconds, error };
    emit({ type: 'region', transfer, of, ...told });
    return told;
  };
  emit({ type: 'region', transfer, of, ...names, state: 'started' });
  return {
    available: (counts) => tell({ state: 'available', ...counts, error: null }),
    failed: (reason, counts) =>
      tell({ state: 'failed', ...counts, error: resultError(asDogwoodError(reason), 'push') }),
  };
}
