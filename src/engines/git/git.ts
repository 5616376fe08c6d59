import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DogwoodError } from '../../errors.ts';
import { type ProcessResult, runProcess } from '../process.ts';
import {
  type GitCredentials,
  type GitProtocol,
  gitEnvironment,
  userCredentialSettings,
} from './environment.ts';
import { gitFailure } from './failure.ts';

/** A commit's history behind which no commit is looked for that a server does not hand out by name. */
const MAX_DEPTH = 1000;
/** Milliseconds that one fetch may take. */
const FETCH_MS = 10 * 60_000;
const LOCAL_MS = 5 * 60_000;
/** Where what was asked for is kept. */
const WANTED = 'refs/dogwood/source';

/** Where a commit is fetched from. */
export interface GitRemote {
  /** Without credentials: it is an argument of git. */
  readonly url: string;
  readonly protocol: GitProtocol;
  readonly host: string;
  readonly credentials: GitCredentials | undefined;
}

export interface GitOptions {
  /** Private and empty. */
  readonly folder: string;
  /** What engines may see of our environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** One commit, in a bare repository of our own. */
export interface FetchedCommit {
  /** Its full id. */
  readonly commit: string;
  /** Is there a file or folder of that path in it? */
  has(path: string, kind: 'blob' | 'tree'): Promise<boolean>;
  /** A file's text; undefined when there is none. At most 1 MiB of it. */
  readText(path: string): Promise<string | undefined>;
  /** Writes a tar archive of the commit, or of one folder of it (its members keep their whole paths). */
  writeArchive(file: string, folder: string | undefined): Promise<void>;
}

/**
 * Fetches one commit over the git CLI, without its history, into a new bare repository: no work tree, no hooks, no
 * templates, no submodules, no filters. A commit that the server does not give by its id is looked for in the last
 * 1,000 commits of every branch and tag.
 *
 * @param ref a branch, tag, `refs/...` or commit id that was checked to be no option; undefined is the default branch
 * Throws ENGINE_MISSING, GIT_UNREACHABLE, GIT_REPOSITORY_NOT_FOUND, GIT_DENIED, GIT_REF_NOT_FOUND, GIT_FAILED, TIMEOUT.
 */
export async function fetchCommit(
  remote: GitRemote,
  ref: string | undefined,
  options: GitOptions,
): Promise<FetchedCommit> {
  const { folder, variables, signal } = options;
  const repository = join(folder, 'repository');
  const subject = { repository: remote.url, host: remote.host, ref: ref ?? 'default branch' };
  const settings = await credentialSettings(remote, options);
  const env = gitEnvironment({ variables, protocol: remote.protocol, settings });
  const git = (args: readonly string[], timeoutMs = LOCAL_MS): Promise<ProcessResult> =>
    runProcess('git', ['--git-dir', repository, ...args], { cwd: folder, env, timeoutMs, signal });
  const must = async (args: readonly string[], timeoutMs?: number): Promise<ProcessResult> => {
    const result = await git(args, timeoutMs);
    if (result.exitCode !== 0) throw gitFailure(result.stderr, subject);
    return result;
  };
  const fetch = (depth: number, refspecs: readonly string[]): Promise<ProcessResult> =>
    must(
      [
        'fetch',
        '--quiet',
        `--depth=${depth}`,
        '--no-tags',
        '--no-recurse-submodules',
        '--',
        remote.url,
        ...refspecs,
      ],
      FETCH_MS,
    );

  await must(['init', '--quiet', '--bare', '--template=', '--', repository]);
  await keepEverything(repository);
  let wanted = WANTED;
  try {
    await fetch(1, [`+${ref ?? 'HEAD'}:${WANTED}`]);
  } catch (error) {
    if (!isMissingRef(error) || ref === undefined || !/^[0-9a-f]{7,64}$/.test(ref)) throw error;
    await fetch(MAX_DEPTH, ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*']);
    wanted = ref;
  } finally {
    await rm(credentialsFile(folder), { force: true });
  }
  const resolved = await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${wanted}^{commit}`]);
  if (resolved.exitCode !== 0) {
    throw new DogwoodError('GIT_REF_NOT_FOUND', `${subject.repository} has no commit ${subject.ref}`);
  }
  return fetched(resolved.stdout.trim(), git, must);
}

function fetched(
  commit: string,
  git: (args: readonly string[]) => Promise<ProcessResult>,
  must: (args: readonly string[]) => Promise<ProcessResult>,
): FetchedCommit {
  return {
    commit,
    async has(path, kind) {
      const { exitCode, stdout } = await git(['cat-file', '-t', `${commit}:${path}`]);
      return exitCode === 0 && stdout.trim() === kind;
    },
    async readText(path) {
      const { exitCode, stdout } = await git(['cat-file', 'blob', `${commit}:${path}`]);
      return exitCode === 0 ? stdout : undefined;
    },
    async writeArchive(file, folder) {
      const paths = folder === undefined ? [] : ['--', folder];
      await must(['archive', '--format=tar', `--output=${file}`, commit, ...paths]);
    },
  };
}

function isMissingRef(error: unknown): boolean {
  return error instanceof DogwoodError && error.code === 'GIT_REF_NOT_FOUND';
}

/** `export-ignore` and the like are for releases: what is built is what is committed. These win over the commit's own. */
async function keepEverything(repository: string): Promise<void> {
  await mkdir(join(repository, 'info'), { recursive: true });
  await writeFile(join(repository, 'info', 'attributes'), '* -export-ignore -export-subst\n');
}

const credentialsFile = (folder: string): string => join(folder, 'credentials');

/** Where git gets credentials: from the address, else from what the user has set up for git. */
async function credentialSettings(
  { protocol, credentials, url }: GitRemote,
  { folder, variables, signal }: GitOptions,
): Promise<readonly (readonly [string, string])[]> {
  if (protocol !== 'https' && protocol !== 'http') return [];
  if (credentials?.password !== undefined) {
    // git's own helper gives them to this host only, also where the host redirects to another.
    const file = credentialsFile(folder);
    const { host } = new URL(url);
    const user = `${encodeURIComponent(credentials.username)}:${encodeURIComponent(credentials.password)}`;
    await writeFile(file, `${protocol}://${user}@${host}\n`, { mode: 0o600 });
    return [
      ['credential.helper', ''],
      ['credential.helper', `store --file='${file.replaceAll("'", "'\\''")}'`],
    ];
  }
  const own = await userCredentialSettings(variables, folder, signal);
  if (credentials === undefined) return own;
  return [...own, [`credential.${new URL(url).origin}.username`, credentials.username]];
}
