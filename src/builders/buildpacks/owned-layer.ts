import { compress } from '../../oci/compression/compress.ts';
import { decompress } from '../../oci/compression/decompress.ts';
import { madeOf } from '../../oci/content.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { createDigester, type Digest, type Digester } from '../../oci/digest.ts';
import type { Layer } from '../../oci/image.ts';
import { layerCompression, ociLayerType } from '../../oci/media-types.ts';
import { readTar } from '../../oci/tar/members.ts';
import { type TarWriterEntry, tarStream } from '../../oci/tar/writer.ts';
import type { BuildContext } from '../builder.ts';

/** Undefined leaves what a member has. */
export interface NewOwner {
  readonly uid: number;
  readonly gid: number | undefined;
}

export interface OwnedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/**
 * The layer with another owner of everything in a folder, in the sink. The compression stays; a compressed layer of
 * whatever kind is compressed anew.
 *
 * @param folder without a `/` at its beginning
 */
export async function putOwnedLayer(
  layer: Layer,
  folder: string,
  owner: NewOwner,
  { sink, signal }: Pick<BuildContext, 'sink' | 'signal'>,
): Promise<OwnedLayer> {
  const compression = layerCompression(layer.descriptor.mediaType) ?? 'none';
  let diff: Digester = createDigester();
  const open = async () => {
    const stream = await layer.open(signal);
    const digester = createDigester();
    diff = digester;
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const chunk of tarStream(owned())) {
        digester.update(chunk);
        yield chunk;
      }
    }
    async function* owned(): AsyncGenerator<TarWriterEntry> {
      for await (const { entry, content } of readTar(decompress(stream, compression), {
        rules: 'image-layer',
      })) {
        const { path, type, mode, mtime, linkTarget } = entry;
        const isInside = path === folder || path.startsWith(`${folder}/`);
        yield {
          path,
          type,
          mode,
          mtime: Math.max(0, mtime),
          uid: isInside ? owner.uid : entry.uid,
          gid: isInside ? (owner.gid ?? entry.gid) : entry.gid,
          linkTarget,
          ...(type === 'file' && { size: entry.size, content }),
        };
      }
    }
    return madeOf(stream, compress(hashed(), { compression, signal }));
  };
  const { descriptor } = await sink.put(
    { open, reopenable: true },
    { mediaType: ociLayerType(compression) },
    { signal },
  );
  return { descriptor, diffId: diff.digest() };
}
