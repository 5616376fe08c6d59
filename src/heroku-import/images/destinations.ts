import { DogwoodError } from '../../errors.ts';
import { parseReference } from '../../oci/reference.ts';
import { REGION_NAME } from '../../plan/region-name.ts';
import type { NamedDestination } from '../../plan/request.ts';

/** `--to [REGION=]REGISTRY/PREFIX`: images go to repositories below it. */
export interface ImportDestination {
  readonly region: string | undefined;
  /** REGISTRY/PREFIX */
  readonly prefix: string;
}

/** Throws USAGE, REFERENCE_INVALID. */
export function parseImportDestination(text: string): ImportDestination {
  const [, region, prefix = ''] = /^(?:([^=/:]+)=)?(.*)$/.exec(text) ?? [];
  if (region !== undefined && !REGION_NAME.test(region)) {
    throw new DogwoodError('USAGE', `--to ${text}: ${JSON.stringify(region)} is no region`);
  }
  const trimmed = prefix.replace(/^docker:\/\//, '').replace(/\/+$/, '');
  if (!/^[^/]+\/./.test(trimmed)) {
    throw new DogwoodError('USAGE', `--to ${JSON.stringify(text.slice(0, 160))} names no REGISTRY/PREFIX`, {
      hint: 'Write a registry and a prefix of repositories: --to fra=registry.example.com/heroku.',
    });
  }
  const { tag, digest } = parseReference(`${trimmed}/app`);
  if (tag !== undefined || digest !== undefined) {
    throw new DogwoodError('USAGE', `--to ${trimmed}: a prefix has no tag; images are tagged v<release>`);
  }
  return { region, prefix: trimmed };
}

/** Throws USAGE where two are one place, or two have one region. */
export function requireDifferent(destinations: readonly ImportDestination[]): void {
  for (const [index, one] of destinations.entries()) {
    const other = destinations
      .slice(0, index)
      .find(({ prefix, region }) => prefix === one.prefix || region === one.region);
    if (other !== undefined) {
      throw new DogwoodError(
        'USAGE',
        `--to ${other.prefix} and --to ${one.prefix}: two places need two regions`,
        {
          hint: 'Write --to REGION=REGISTRY/PREFIX, each region once.',
        },
      );
    }
  }
}

/** Where the image of an app goes, the nearest first; `REGISTRY/PREFIX/<app>[/<type>]:v<release>` (cli.md). */
export function appDestinations(
  destinations: readonly ImportDestination[],
  name: string,
  release: number,
): readonly NamedDestination[] {
  return destinations.map(({ region, prefix }) => ({ region, reference: `${prefix}/${name}:v${release}` }));
}
