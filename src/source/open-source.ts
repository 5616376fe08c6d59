import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { DogwoodError } from '../errors.ts';
import { stampFile } from '../oci/stores/local-index.ts';
import { spool } from '../oci/stores/spool.ts';
import type { TempFiles } from '../oci/stores/temp-files.ts';
import { openGitSource } from './git.ts';
import { type GitAddress, localGitAddress, parseGitAddress } from './git-address.ts';
import { type RemoteAnswer, remoteContent } from './remote.ts';
import type { ArchiveSource, Source } from './source.ts';
import { openTree } from './tree.ts';

const READ_BYTES = 1024 * 1024;

/** Transports whose name after the colon is an image (skopeo's words). */
const IMAGE_TRANSPORT = /^(?:local|oci|oci-archive|docker-archive|docker-daemon|docker):/;

/** Does a source name an image with its transport? */
export function isImageSource(text: string): boolean {
  return IMAGE_TRANSPORT.test(text);
}

export interface SourceEnvironment {
  readonly stdin: Readable;
  /** For what must be kept aside. */
  readonly temp: TempFiles;
  /** GETs an http(s) URL; throws FETCH_*. */
  readonly openUrl: (url: string, signal: AbortSignal) => Promise<RemoteAnswer>;
  /** A new, empty, private folder that is removed with the run. */
  readonly makeFolder: () => Promise<string>;
  /** What engines may see of our environment. */
  readonly engineVariables: Readonly<Record<string, string>>;
  /** Is told what somebody may want to know of a source that was opened well. */
  readonly note: (message: string) => void;
  readonly signal: AbortSignal;
}

/**
 * What the user named, ready to be looked at: a bare word is a path, `-` standard input, http(s) an archive by URL,
 * what is written as a Git address a commit, and an image has its transport (cli.md, SOURCE).
 * Throws USAGE, SOURCE_NOT_FOUND, SOURCE_UNREADABLE, SOURCE_UNSUPPORTED, GIT_*.
 */
export async function openSource(text: string, environment: SourceEnvironment): Promise<Source> {
  if (text === '') {
    throw new DogwoodError('USAGE', 'the source is empty', {
      hint: 'Write `.` for the current folder; a shell variable in its place may not be set.',
    });
  }
  if (text === '-') return openStandardInput(environment);
  if (isImageSource(text)) return { kind: 'image', name: text, reference: text };
  const address = parseGitAddress(text);
  if (address !== undefined) return fetchSource(address, environment);
  if (/^https?:\/\//.test(text)) return openRemote(text, environment);
  if (text.startsWith('heroku:')) {
    throw new DogwoodError('SOURCE_UNSUPPORTED', 'nobody here can ask Heroku', {
      hint: 'Hand over a slug, an image archive or an image with its transport.',
    });
  }
  return (await openLocalRepository(text, environment)) ?? openPath(text);
}

async function fetchSource(address: GitAddress, environment: SourceEnvironment): Promise<Source> {
  return openGitSource(address, {
    folder: await environment.makeFolder(),
    variables: environment.engineVariables,
    signal: environment.signal,
    note: environment.note,
  });
}

/** `PATH.git#REF:DIR`, and a bare repository: its files are in its commits. */
async function openLocalRepository(
  text: string,
  environment: SourceEnvironment,
): Promise<Source | undefined> {
  const [, path, fragment] = /^([^#]*\.git\/?)(?:#(.*))?$/.exec(text) ?? [];
  if (path === undefined || !(await isRepository(resolve(path)))) return undefined;
  return fetchSource(localGitAddress(resolve(path), fragment ?? ''), environment);
}

/** gitrepository-layout(5): what git itself asks for. */
async function isRepository(path: string): Promise<boolean> {
  const found = await Promise.all(
    ['HEAD', 'objects', 'refs'].map((name) => stat(join(path, name)).catch(() => undefined)),
  );
  return found.every((entry) => entry !== undefined);
}

async function openPath(text: string): Promise<Source> {
  const path = resolve(text);
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') {
      throw new DogwoodError('SOURCE_NOT_FOUND', `there is no file or folder ${text}`, { cause });
    }
    throw new DogwoodError('SOURCE_UNREADABLE', `${text} cannot be read: ${cause.code ?? cause.message}`, {
      cause,
    });
  });
  if (found.isDirectory()) {
    return { kind: 'tree', name: basename(path), tree: await openTree(path), dispose: async () => {} };
  }
  if (!found.isFile()) {
    throw new DogwoodError('SOURCE_UNREADABLE', `${text} is neither a file nor a folder`, {
      hint: 'Pipe it in with `-` as the source.',
    });
  }
  return openFile(text, path, found.size);
}

async function openFile(text: string, path: string, size: number): Promise<ArchiveSource> {
  const unreadable = (cause: NodeJS.ErrnoException): never => {
    throw new DogwoodError('SOURCE_UNREADABLE', `${text} cannot be read: ${cause.code ?? cause.message}`, {
      cause,
    });
  };
  return {
    kind: 'archive',
    name: basename(path),
    stamp: await stampFile(path),
    size,
    content: {
      reopenable: true,
      async open() {
        const file = await open(path, 'r').catch(unreadable);
        return createReadStream(path, { fd: file, highWaterMark: READ_BYTES });
      },
    },
    async head(limit) {
      const file = await open(path, 'r').catch(unreadable);
      try {
        // A single read may give less than there is.
        const wanted = Buffer.alloc(Math.min(limit, size));
        let length = 0;
        while (length < wanted.length) {
          const { bytesRead } = await file.read(wanted, length, wanted.length - length, length);
          if (bytesRead === 0) break;
          length += bytesRead;
        }
        return wanted.subarray(0, length);
      } finally {
        await file.close();
      }
    },
    dispose: async () => {},
  };
}

async function openStandardInput(environment: SourceEnvironment): Promise<ArchiveSource> {
  const kept = await spool(environment.stdin, environment.temp);
  return {
    kind: 'archive',
    name: 'standard input',
    stamp: undefined,
    size: undefined,
    content: { reopenable: true, open: async () => kept.open() },
    head: (limit) => readHead(kept.open(), limit),
    dispose: () => kept.dispose(),
  };
}

async function openRemote(url: string, environment: SourceEnvironment): Promise<ArchiveSource> {
  const address = URL.parse(url);
  if (address === null) {
    throw new DogwoodError('USAGE', 'the source is no valid address', {
      hint: 'Write it as https://HOST/PATH; spaces and the like are percent-encoded.',
    });
  }
  const { origin, pathname } = address;
  const remote = await remoteContent(() => environment.openUrl(url, environment.signal));
  return {
    kind: 'archive',
    // A presigned URL's query is a credential: it never leaves this function.
    name: `${origin}${pathname}`,
    stamp: undefined,
    size: remote.size,
    content: remote,
    head: remote.head,
    dispose: remote.dispose,
  };
}

/** The first `limit` bytes of a stream, which is then closed. */
async function readHead(stream: Readable, limit: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit);
}
