import { Readable } from 'node:stream';
import { DogwoodError } from '../../errors.ts';
import { gunzipStrict } from '../../oci/compression/gzip-framing.ts';
import { sniffCompression } from '../../oci/compression/sniff.ts';
import { createTarReader } from '../../oci/tar/reader.ts';
import { type Finding, rejected } from '../../plan/detection.ts';
import type { BuildRequest } from '../../plan/request.ts';
import type { ArchiveSource, Source } from '../../source/source.ts';
import type { PlanContext } from '../builder.ts';
import { createSlugInspector } from './inspector.ts';
import { knownVerdict } from './layer.ts';
import type { SlugReading } from './passes.ts';

/** Read before the whole archive is: most slugs show a sign early, and a URL need not be asked twice. */
const HEAD_BYTES = 256 * 1024;

const accepted = (signs: readonly string[]): Finding => ({
  applies: true,
  reason: 'a gzip tar with everything under app/ and signs of Heroku in it',
  evidence: signs.map((sign) => (sign.startsWith('slug ') ? sign : `app/${sign}`)),
});

/**
 * Is this a Heroku slug? A gzip tar whose members are under app/, with something in it that only Heroku leaves; a
 * tarball of a source folder that happens to be called app is none. Throws what the strict reader refuses.
 */
export async function detectSlug(
  source: Source,
  request: BuildRequest,
  reading: SlugReading,
  context: PlanContext,
): Promise<Finding> {
  if (source.kind !== 'archive')
    return rejected(
      `a slug is one file, ${source.name} is ${source.kind === 'tree' ? 'a folder' : 'an image'}`,
    );
  const head = await source.head(HEAD_BYTES);
  const compression = sniffCompression(head);
  if (compression !== 'gzip')
    return rejected(
      `a slug is a gzip tar, this file is ${compression === 'none' ? 'not compressed' : compression}`,
    );
  if (request.slug !== undefined) return accepted(['slug metadata']);
  const known = await knownVerdict(source, reading, context.facts, context.signal);
  if (known && known.signs.length > 0) return accepted(known.signs);
  return scan(source, head, reading);
}

async function scan(source: ArchiveSource, head: Uint8Array, reading: SlugReading): Promise<Finding> {
  const isWhole = head.length < HEAD_BYTES;
  const early = await look(Readable.from([head], { objectMode: false }), reading, !isWhole);
  return (
    early ??
    (await look(await source.content.open(), reading, false)) ??
    rejected('it has no sign of Heroku in it')
  );
}

/** Reads until the answer is known; undefined when a head was not enough. */
async function look(bytes: Readable, reading: SlugReading, isHead: boolean): Promise<Finding | undefined> {
  const inspector = createSlugInspector();
  const reader = createTarReader(inspector, { limits: reading.limits });
  try {
    for await (const chunk of gunzipStrict(bytes, { maxRatio: reading.limits.maxRatio, lent: true }).output) {
      reader.write(chunk);
      if (inspector.outside > 0) return rejected('members lie outside app/');
      if (inspector.signs.length > 0) return accepted(inspector.signs);
    }
    if (!isHead) reader.end();
  } catch (error) {
    // The head ends in the middle of the gzip member: of course it is cut short.
    if (isHead && error instanceof DogwoodError && error.code === 'GZIP_INVALID') return undefined;
    throw error;
  } finally {
    bytes.destroy();
  }
  return rejected(
    'it has no sign of Heroku in it (.heroku, .profile.d, a Procfile); --strategy slug takes it all the same',
  );
}
