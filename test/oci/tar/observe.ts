import { createHash } from 'node:crypto';
import type { TarEntry } from '../../../src/oci/tar/entry.ts';
import { createTarReader, type TarReaderOptions } from '../../../src/oci/tar/reader.ts';

export interface Observed {
  readonly entry: TarEntry;
  readonly content: Buffer;
  readonly ended: boolean;
}

/** Everything the reader tells about an archive, given to it in pieces of these sizes (over and over). */
export function observe(
  bytes: Uint8Array,
  options: TarReaderOptions = {},
  sizes: readonly number[] = [bytes.length || 1],
): Observed[] {
  const seen: { entry: TarEntry; content: Buffer; ended: boolean }[] = [];
  const last = () => seen.at(-1) ?? { content: Buffer.alloc(0), ended: false };
  const reader = createTarReader(
    {
      entry: (entry) => seen.push({ entry, content: Buffer.alloc(0), ended: false }),
      data: (piece) => {
        last().content = Buffer.concat([last().content, piece]);
      },
      endEntry: () => {
        last().ended = true;
      },
    },
    options,
  );
  for (let position = 0, turn = 0; position < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
    // A copy: the reader must not depend on the chunk staying as it is.
    const chunk = Uint8Array.from(bytes.subarray(position, position + size));
    reader.write(chunk);
    chunk.fill(0xaa);
    position += size;
  }
  reader.end();
  return seen;
}

export function paths(observed: readonly Observed[]): string[] {
  return observed.map(({ entry }) => entry.path);
}

/** One line for each member, as other readers' listings are brought to. */
export function listing(observed: readonly Observed[]): string[] {
  return observed.map(({ entry, content }) => {
    const hash = entry.type === 'file' ? createHash('sha256').update(content).digest('hex') : '';
    return JSON.stringify([entry.path, entry.type, entry.size, entry.linkTarget ?? '', hash]);
  });
}
