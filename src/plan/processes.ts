import { z } from 'zod';
import type { ImageConfig } from '../oci/documents.ts';

/** Label that holds an image's process types and their commands as JSON. */
export const PROCESSES_LABEL = 'dogwood.processes';

const processes = z.record(z.string(), z.string());

/** The process types an image says it has; none for images that others made. */
export function readProcesses(config: ImageConfig): Readonly<Record<string, string>> {
  const label = config.config?.Labels?.[PROCESSES_LABEL];
  if (label === undefined) return {};
  try {
    return processes.parse(JSON.parse(label));
  } catch {
    // Anyone may set a label of that name; what cannot be read is not ours.
    return {};
  }
}
