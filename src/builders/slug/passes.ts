import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import type { DecoderUse } from '../../oci/compression/decoder.ts';
import { gunzipStrict } from '../../oci/compression/gzip-framing.ts';
import { madeOf } from '../../oci/content.ts';
import { createDigester, type Digest } from '../../oci/digest.ts';
import { createTarReader, type TarHandler } from '../../oci/tar/reader.ts';
import { createSlugInspector, type Inspection } from './inspector.ts';
import type { SlugLimits } from './limits.ts';

/** Compressed bytes that may wait for the inflater. */
const AHEAD_BYTES = 2 * 1024 * 1024;

/** One pass over a slug, for each time it is opened. */
export interface KeepPass {
  /** The slug's bytes, unchanged. Ends well only when the whole slug was read and may be kept. */
  readonly stream: Readable;
  /** Why it may not be kept, once that is known. */
  change(): string | undefined;
  /** After the stream ended well. */
  verdict(): Promise<Inspection & { readonly diffId: Digest }>;
}

/** Ends a pass early: the slug is fine, but its bytes cannot be the layer. Never leaves this folder. */
class MustChange extends Error {}

/** Limits and a name for messages. */
export interface SlugReading {
  readonly name: string;
  readonly limits: SlugLimits;
}

/**
 * Passes a slug on, byte for byte, while a second branch inflates it and puts it through the strict reader. The
 * consumer sees the end of the stream only after the verdict, so an upload can be called off.
 */
export function keepPass(source: Readable, reading: SlugReading): KeepPass {
  const branch = new PassThrough({ highWaterMark: AHEAD_BYTES });
  const inspector = createSlugInspector();
  let change: string | undefined;
  const stopAt = (reason: string | undefined): void => {
    if (reason === undefined) return;
    change = reason;
    throw new MustChange(reason);
  };

  const inspection = (async () => {
    const diff = createDigester();
    const reader = createTarReader(inspector, { limits: reading.limits });
    const member = gunzipStrict(branch, { maxRatio: reading.limits.maxRatio, lent: true });
    for await (const bytes of member.output) {
      diff.update(bytes);
      reader.write(bytes);
      stopAt(inspector.change);
    }
    reader.end();
    const found = inspector.finish(reading.name);
    stopAt(inspector.change);
    stopAt(member.framing().singleMember ? undefined : 'the file has more than one gzip member');
    return { ...found, diffId: diff.digest() };
  })();
  let failure: { readonly error: unknown } | undefined;
  inspection.catch((error: unknown) => {
    failure = { error };
    branch.destroy();
  });

  async function* through(): AsyncGenerator<Buffer> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      if (failure) throw failure.error;
      if (!branch.write(chunk)) await Promise.race([once(branch, 'drain'), inspection]);
      yield chunk;
    }
    branch.end();
    await inspection;
  }

  return {
    stream: madeOf(source, through(), 1024 * 1024),
    change: () => change,
    verdict: () => inspection,
  };
}

export interface InflatePass {
  /** The tar inside, in step with the inspection; each piece is valid until the next one is asked for when lent. */
  readonly tar: AsyncIterable<Uint8Array>;
  /** After `tar` has ended. */
  verdict(): Inspection & { readonly digest: Digest; readonly size: number };
}

/**
 * Inflates a slug and puts it through the strict reader, telling `also` of every entry and its bytes. For the
 * transcoder: the verdict comes from the same pass. The tar inside is not hashed, it becomes no layer.
 */
export function inflatePass(
  source: Readable,
  reading: SlugReading,
  also: TarHandler,
  { lent = false }: DecoderUse = {},
): InflatePass {
  const inspector = createSlugInspector();
  const slug = createDigester();
  let verdict: (Inspection & { digest: Digest; size: number }) | undefined;

  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      slug.update(chunk);
      yield chunk;
    }
  }

  async function* tar(): AsyncGenerator<Uint8Array> {
    const reader = createTarReader(
      {
        entry(entry, placement) {
          inspector.entry(entry, placement);
          also.entry(entry, placement);
        },
        data(bytes) {
          inspector.data(bytes);
          also.data(bytes);
        },
        endEntry: () => also.endEntry?.(),
      },
      { limits: reading.limits },
    );
    const member = gunzipStrict(hashed(), { maxRatio: reading.limits.maxRatio, lent });
    for await (const bytes of member.output) {
      reader.write(bytes);
      yield bytes;
    }
    reader.end();
    const found = inspector.finish(reading.name);
    const several = member.framing().singleMember ? undefined : 'the file has more than one gzip member';
    verdict = {
      ...found,
      keep: several === undefined ? found.keep : null,
      change: found.change ?? several ?? null,
      digest: slug.digest(),
      size: slug.size,
    };
  }

  return {
    tar: tar(),
    verdict() {
      if (!verdict) throw new Error('the slug was not read to its end');
      return verdict;
    },
  };
}
