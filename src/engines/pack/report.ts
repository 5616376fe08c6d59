import { parse } from 'smol-toml';
import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';

/** What the exporter says it made (platform specification, report.toml). */
export interface PackReport {
  readonly tags: readonly string[];
  /** `sha256:...` of the config, when the image went into an engine. */
  readonly imageId: string | undefined;
  /** `sha256:...` of the manifest, when it went to a registry. */
  readonly digest: string | undefined;
}

const report = z.object({
  image: z.object({
    tags: z.array(z.string()).default([]),
    'image-id': z.string().optional(),
    digest: z.string().optional(),
  }),
});

/** Reads a report.toml. Throws ENGINE_FAILED when it is none. */
export function parsePackReport(text: string): PackReport {
  const { image } = readReport(text);
  const id = image['image-id'];
  return {
    tags: image.tags,
    // Written with and without its algorithm, depending on the lifecycle.
    imageId: id === undefined ? undefined : id.replace(/^(?=[0-9a-f]{64}$)/, 'sha256:'),
    digest: image.digest,
  };
}

function readReport(text: string): z.infer<typeof report> {
  try {
    return report.parse(parse(text));
  } catch (cause) {
    throw new DogwoodError('ENGINE_FAILED', 'the report that pack left cannot be read', { cause });
  }
}
