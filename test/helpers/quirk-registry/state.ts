import { createHash, randomUUID } from 'node:crypto';

export interface Manifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

export interface Repository {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, Manifest>;
  readonly tags: Map<string, string>;
}

/** An upload under way. */
export interface Session {
  readonly id: string;
  readonly repository: string;
  readonly chunks: Buffer[];
  size: number;
  /** Where the first chunk ended; a stale Range goes no further. */
  firstEnd: number | undefined;
  /** The query that its last Location carried. */
  state: string;
}

export interface State {
  readonly repositories: Map<string, Repository>;
  readonly sessions: Map<string, Session>;
  /** What was seen by HEAD, as `repository digest`: for a collector that comes right after. */
  readonly seen: Set<string>;
}

export function createState(): State {
  return { repositories: new Map(), sessions: new Map(), seen: new Set() };
}

export function repositoryOf(state: State, name: string): Repository {
  const known = state.repositories.get(name);
  if (known !== undefined) return known;
  const fresh: Repository = { blobs: new Map(), manifests: new Map(), tags: new Map() };
  state.repositories.set(name, fresh);
  return fresh;
}

/** A repository to read from: what is not there is empty, and stays away. */
export function existing(state: State, name: string): Repository {
  return state.repositories.get(name) ?? repositoryOf(createState(), name);
}

export function openSession(state: State, repository: string): Session {
  const session = { id: randomUUID(), repository, chunks: [], size: 0, firstEnd: undefined, state: '' };
  state.sessions.set(session.id, session);
  return session;
}

export function digestAs(like: string, bytes: Uint8Array): string {
  const algorithm = like.startsWith('sha512:') ? 'sha512' : 'sha256';
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Every digest that a manifest or index names. */
export function namedBy({ bytes }: Manifest): { blobs: string[]; manifests: string[]; subject?: string } {
  const document = JSON.parse(bytes.toString('utf8')) as {
    config?: { digest: string };
    layers?: { digest: string; urls?: string[] }[];
    manifests?: { digest: string }[];
    subject?: { digest: string };
  };
  const blobs = [document.config, ...(document.layers ?? []).filter((layer) => layer.urls === undefined)];
  return {
    blobs: blobs.filter((one) => one !== undefined).map(({ digest }) => digest),
    manifests: (document.manifests ?? []).map(({ digest }) => digest),
    ...(document.subject && { subject: document.subject.digest }),
  };
}
