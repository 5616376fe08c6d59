import type { Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import type { DecoderUse } from '../../oci/compression/decoder.ts';
import { createDigester, type Digester } from '../../oci/digest.ts';
import type { TarEntry } from '../../oci/tar/entry.ts';
import type { TarHandler } from '../../oci/tar/reader.ts';
import { createTarWriter } from '../../oci/tar/writer.ts';
import type { Owner } from '../app-image/user.ts';
import { isInApp } from './inspector.ts';
import { createOutputBlocks, type OutputBlocks } from './output-blocks.ts';
import { type InflatePass, inflatePass, type SlugReading } from './passes.ts';

/** Part of the key under which transcoded layers are remembered: raised when the same slug gives other bytes. */
export const TRANSCODER_VERSION = 1;

export interface Transcoding {
  /** The canonical tar, uncompressed. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Digest of the canonical tar, after the output has ended. */
  readonly diff: Digester;
  readonly pass: InflatePass;
}

/** Writes the canonical form of each entry as it is read. */
function canonicalHandler(owner: Owner, output: OutputBlocks): TarHandler {
  const writer = createTarWriter();
  let copying = false;
  let padding = 0;

  const write = (entry: TarEntry): void => {
    const isFile = entry.type === 'file';
    output.add(
      writer.header({
        path: entry.path,
        type: entry.type,
        mode: entry.type === 'symlink' ? 0o777 : entry.mode & 0o1777,
        mtime: Math.max(0, entry.mtime),
        ...owner,
        size: isFile ? entry.size : 0,
        linkTarget: entry.linkTarget,
      }),
    );
    padding = isFile ? entry.size : 0;
  };

  /** The `count` innermost folders above a member, which nothing before it named. */
  const addFolders = (path: string, count: number, template: TarEntry): void => {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (count > 1) addFolders(parent, count - 1, template);
    write({ ...template, path: parent, type: 'directory', mode: 0o755, linkTarget: undefined });
  };

  return {
    entry(entry, placement) {
      copying = false;
      if (!isInApp(entry.path)) return;
      if (entry.type === 'hardlink' && !isInApp(entry.linkTarget ?? '')) {
        // What lies outside is left out, so a runtime would link to the base's own file of that name.
        throw new DogwoodError(
          'TAR_LINK_UNSAFE',
          `the hard link ${entry.rawPath} names ${entry.linkTarget}, which lies outside app/`,
        );
      }
      if (placement === undefined) throw new Error('a slug is read by the strict rules');
      if (placement.newParents > 0) addFolders(entry.path, placement.newParents, entry);
      if (entry.type === 'directory') {
        // A folder that was needed by its content before it came keeps the form it was given then.
        if (placement.followsContent) return;
        write(entry.path === 'app' ? { ...entry, mode: entry.mode | 0o700 } : entry);
        return;
      }
      write(entry);
      copying = entry.type === 'file';
    },
    data(bytes) {
      if (copying) output.add(bytes);
    },
    endEntry() {
      if (copying) output.add(writer.padding(padding));
      copying = false;
    },
  };
}

/**
 * Rewrites a slug entry by entry: only app/, canonical headers, one owner, no setuid; a folder that the archive left
 * out is added before what lies in it, since a runtime would make it as root. Order and times are the slug's own.
 * The output throws what the strict reader refuses, and TAR_LINK_UNSAFE for a hard link to what is left out.
 *
 * @param lent the consumer is done with each piece of the output when it asks for the next, so memory is used again
 */
export function transcode(
  source: Readable,
  reading: SlugReading,
  owner: Owner,
  { lent = false }: DecoderUse = {},
): Transcoding {
  const blocks = createOutputBlocks(lent);
  const diff = createDigester();
  const pass = inflatePass(source, reading, canonicalHandler(owner, blocks), { lent });

  async function* output(): AsyncGenerator<Uint8Array> {
    for await (const _ of pass.tar) yield* drained();
    blocks.add(createTarWriter().trailer());
    yield* drained();
  }

  function* drained(): Generator<Uint8Array> {
    for (const bytes of blocks.take()) {
      diff.update(bytes);
      yield bytes;
    }
  }

  return { output: output(), diff, pass };
}
