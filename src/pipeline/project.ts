import type { PlanContext } from '../builders/builder.ts';
import { limitsWith } from '../builders/slug/limits.ts';
import { DogwoodError } from '../errors.ts';
import { sniffCompression } from '../oci/compression/sniff.ts';
import { readProjectFiles } from '../plan/files/read-project.ts';
import { DOGWOOD_TOML, EMPTY_PROJECT, type Project } from '../plan/project.ts';
import type { BuildRequest } from '../plan/request.ts';
import { foreignFile } from '../source/foreign-file.ts';
import { HEAD_BYTES, isTar } from '../source/is-tar.ts';
import type { ArchiveSource, Source } from '../source/source.ts';
import { openTree, type Tree } from '../source/tree.ts';
import { unpackArchive } from '../source/unpack.ts';
import type { Session } from './session/session.ts';

/** Opens the source's tree and reads the project's own files, each once a run. */
export function projectReader(
  session: Session,
  request: BuildRequest,
): Pick<PlanContext, 'openTree' | 'readProject'> {
  let tree: Promise<Tree | undefined> | undefined;
  let project: Promise<Project> | undefined;
  const treeOf = (source: Source): Promise<Tree | undefined> => {
    tree ??= openSourceTree(source, session, request);
    return tree;
  };
  return {
    openTree: treeOf,
    readProject(source) {
      project ??= treeOf(source).then(async (found) => {
        if (found === undefined) return EMPTY_PROJECT;
        await refuseOddDogwoodToml(found);
        return await readProjectFiles((path) => found.readText(path), request);
      });
      return project;
    },
  };
}

async function openSourceTree(
  source: Source,
  session: Session,
  request: BuildRequest,
): Promise<Tree | undefined> {
  if (source.kind === 'image') return undefined;
  if (source.kind === 'tree') return source.tree;
  const head = await source.head(HEAD_BYTES);
  refuseCompression(source, head);
  if (!isTar(head)) return refuseForeign(source, head);
  const root = await unpackArchive(source, await session.makeFolder(), {
    limits: limitsWith(request.limits),
    signal: session.environment.signal,
  });
  return openTree(root, nameOf(source));
}

/** Whoever made it wanted it to be heard. Throws PROJECT_FILE_INVALID. */
async function refuseOddDogwoodToml(tree: Tree): Promise<void> {
  const found = await tree.stat(DOGWOOD_TOML);
  if (found === undefined || found.kind === 'file') return;
  const what = { folder: 'is a folder', link: 'is a link that leads out of the source', other: 'is no file' };
  throw new DogwoodError('PROJECT_FILE_INVALID', `${DOGWOOD_TOML} ${what[found.kind]}`);
}

/** Throws SOURCE_UNSUPPORTED for a file that everybody knows, and nobody here can build. */
function refuseForeign({ name }: ArchiveSource, head: Uint8Array): undefined {
  const foreign = foreignFile(head);
  if (foreign === undefined) return undefined;
  throw new DogwoodError('SOURCE_UNSUPPORTED', `${name} is ${foreign.what}`, { hint: foreign.hint });
}

/** `app-1.2.tar.gz` is called `app-1.2`. */
function nameOf({ name }: ArchiveSource): string {
  return name.slice(name.lastIndexOf('/') + 1).replace(/\.(?:tar(?:\.(?:gz|zst))?|tgz|tzst)$/, '') || name;
}

/** Throws SOURCE_UNSUPPORTED for a file whose compression is known and not read. */
function refuseCompression({ name }: ArchiveSource, head: Uint8Array): void {
  const compression = sniffCompression(head);
  if (['none', 'gzip', 'zstd'].includes(compression)) return;
  throw new DogwoodError('SOURCE_UNSUPPORTED', `${name} is compressed with ${compression}`, {
    hint: 'Pack it with gzip or zstd, or not at all.',
  });
}
