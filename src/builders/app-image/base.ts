import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import { decompress } from '../../oci/compression/decompress.ts';
import type { Layer } from '../../oci/image.ts';
import { layerCompression } from '../../oci/media-types.ts';
import type { TarEntry } from '../../oci/tar/entry.ts';
import { readTar } from '../../oci/tar/members.ts';
import { TAR_READER_VERSION } from '../../oci/tar/reader.ts';
import type { Facts, ResolvedImage } from '../builder.ts';
import type { Accounts } from './user.ts';

const baseFacts = z.strictObject({
  /** Empty where the base has none; null where it is a link, as Nix makes it, or anything else that is no file. */
  passwd: z.string().nullable(),
  group: z.string().nullable(),
  /** What lies at /app. */
  app: z.enum(['absent', 'directory', 'other']),
  /** Is there a bash at /bin/bash, which starts the launcher? */
  bash: z.boolean(),
});

/** What the slug builder must know of a base image; found once per base digest and then remembered. */
export type BaseFacts = z.infer<typeof baseFacts>;

/** A base of nothing. */
export const SCRATCH_FACTS: BaseFacts = { passwd: '', group: '', app: 'absent', bash: false };

const FACT = 'base-files';
/** Raised when what is found out about a base changes, so that nobody goes by what an older version found. */
const FACTS_VERSION = 1;
const MAX_ACCOUNT_BYTES = 4 * 1024 * 1024;

/** Reads what matters out of the base's layers, topmost first, unless an earlier run has. */
export async function readBaseFacts(
  base: ResolvedImage,
  facts: Facts,
  signal: AbortSignal,
): Promise<BaseFacts> {
  const key = `${base.image.descriptor.digest} reader ${TAR_READER_VERSION} facts ${FACTS_VERSION}`;
  const known = baseFacts.safeParse(await facts.verdicts.get(FACT, key)).data;
  if (known) return known;
  const found = new Map<string, string>();
  for (const layer of base.image.layers.toReversed()) await readLayer(layer, found, signal);
  const result: BaseFacts = {
    passwd: content(found, 'etc/passwd'),
    group: content(found, 'etc/group'),
    app: appKind(found.get('app')),
    bash: BASH_PATHS.some((path) => (found.get(path) ?? GONE) !== GONE),
  };
  await facts.verdicts.put(FACT, key, result);
  return result;
}

/** The account files of a base; undefined where they cannot be read, and so not be written anew either. */
export function accountsOf({ passwd, group }: BaseFacts): Accounts | undefined {
  return passwd === null || group === null ? undefined : { passwd, group };
}

// Debian and Ubuntu merged /bin into /usr/bin; the file is found under either name.
const BASH_PATHS = ['bin/bash', 'usr/bin/bash'];
const ACCOUNT_PATHS = ['etc/passwd', 'etc/group'];
const WANTED = new Set(['app', ...BASH_PATHS, ...ACCOUNT_PATHS]);
const GONE = 'gone';
const TYPE = 'type:';
const TEXT = 'text:';

function content(found: ReadonlyMap<string, string>, path: string): string | null {
  const value = found.get(path) ?? GONE;
  if (value === GONE) return '';
  return value.startsWith(TEXT) ? value.slice(TEXT.length) : null;
}

function appKind(value: string | undefined): BaseFacts['app'] {
  if (value === undefined || value === GONE) return 'absent';
  return value === `${TYPE}directory` ? 'directory' : 'other';
}

/** The wanted paths that a whiteout entry takes away from the layers below (image-spec layer.md, whiteouts). */
function removedBy(path: string): readonly string[] {
  const slash = path.lastIndexOf('/') + 1;
  const name = path.slice(slash);
  if (name === '.wh..wh..opq') return [...WANTED].filter((wanted) => wanted.startsWith(path.slice(0, slash)));
  if (!name.startsWith('.wh.')) return [];
  const target = path.slice(0, slash) + name.slice('.wh.'.length);
  return [...WANTED].filter((wanted) => wanted === target || wanted.startsWith(`${target}/`));
}

/** Adds what this layer says of the wanted paths, where no layer above said anything. */
async function readLayer(layer: Layer, found: Map<string, string>, signal: AbortSignal): Promise<void> {
  const compression = layerCompression(layer.descriptor.mediaType);
  if (compression === undefined) {
    throw new DogwoodError(
      'BASE_UNUSABLE',
      `layer ${layer.descriptor.digest} of the base has type ${layer.descriptor.mediaType}`,
    );
  }
  const here = new Map<string, string>();
  const removed = new Set<string>();
  const stream = await layer.open(signal);
  for await (const member of readTar(decompress(stream, compression), { rules: 'image-layer' })) {
    const { path } = member.entry;
    for (const wanted of removedBy(path)) removed.add(wanted);
    if (WANTED.has(path)) here.set(path, await describe(member.entry, member.content));
  }
  for (const [path, value] of here) if (!found.has(path)) found.set(path, value);
  for (const path of removed) if (!found.has(path)) found.set(path, GONE);
}

async function describe(entry: TarEntry, bytes: AsyncIterable<Uint8Array>): Promise<string> {
  if (!ACCOUNT_PATHS.includes(entry.path) || entry.type !== 'file') return `${TYPE}${entry.type}`;
  if (entry.size > MAX_ACCOUNT_BYTES) {
    throw new DogwoodError('BASE_UNUSABLE', `/${entry.path} of the base is ${entry.size} bytes`);
  }
  return `${TEXT}${(await buffer(bytes)).toString('utf8')}`;
}
