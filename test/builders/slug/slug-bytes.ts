import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { DEFAULT_SLUG_LIMITS } from '../../../src/builders/slug/limits.ts';
import { archive, directory, file, type RawFields, symlink } from '../../oci/tar/raw-tar.ts';

/** Who owns the members of slugs here. */
export const OWNER = { uid: 57350, gid: 57350 } as const;

export const READING = { name: 'app.tgz', limits: DEFAULT_SLUG_LIMITS } as const;

export const folder = (name: string, fields: RawFields = {}) => directory(name, { ...OWNER, ...fields });
export const text = (name: string, content = 'x\n', fields: RawFields = {}) =>
  file(name, content, { ...OWNER, ...fields });
export const link = (name: string, target: string, fields: RawFields = {}) =>
  symlink(name, target, { ...OWNER, ...fields });

export const APP = folder('./app/');
export const PROCFILE = text('./app/Procfile', 'web: ./run\n');

/** A slug of these members. */
export const slugOf = (...members: readonly Buffer[]): Buffer => gzipSync(archive(...members));

/** The smallest slug that can be kept, with more members behind. */
export const keepable = (...more: readonly Buffer[]): Buffer => slugOf(APP, PROCFILE, ...more);

/** Bytes as a stream, cut into pieces of that size. */
export function streamOf(bytes: Uint8Array, chunk = bytes.length): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, index) =>
    bytes.subarray(index * chunk, (index + 1) * chunk),
  );
  return Readable.from(pieces, { objectMode: false });
}
