import type { Digest } from '../oci/digest.ts';
import { type Violation, validate } from '../oci/validate.ts';
import { openImage } from './places/open-image.ts';
import type { PipelineEnvironment } from './session/environment.ts';
import { withSession } from './session/session.ts';

/** `build validate --json`. */
export interface ValidateDocument {
  readonly schemaVersion: 1;
  readonly valid: boolean;
  readonly digest: Digest;
  readonly violations: readonly Violation[];
}

/** Checks every invariant of an image or index, layers included. What is wrong is in the document, all of it. */
export function validateImage(name: string, environment: PipelineEnvironment): Promise<ValidateDocument> {
  return withSession(environment, async (session) => {
    const { descriptor, from } = await openImage(name, 'local', session);
    const violations = await validate(from, descriptor, { signal: environment.signal });
    return { schemaVersion: 1, valid: violations.length === 0, digest: descriptor.digest, violations };
  });
}
