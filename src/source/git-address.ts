import type { GitRemote } from '../engines/git/git.ts';
import { DogwoodError } from '../errors.ts';

/** A source in a Git repository: `https://HOST/PATH.git#REF:DIR`, `git@HOST:PATH#REF:DIR`, `ssh://`, `file://`. */
export interface GitAddress {
  readonly remote: GitRemote;
  /** Branch, tag, `refs/...` or commit; undefined is the default branch. */
  readonly ref: string | undefined;
  /** Folder below the root of the repository, without slashes at its ends; undefined is the root. */
  readonly folder: string | undefined;
  /** The repository's own name, without `.git`. */
  readonly name: string;
}

const SCP = /^(?:([A-Za-z0-9._-]+)@)([A-Za-z0-9][A-Za-z0-9.-]*):(?!\/\/)(.+)$/;
const HINT = 'Write it as https://HOST/PATH.git#REF:FOLDER or git@HOST:PATH#REF:FOLDER.';

/** Reads a Git address; undefined when the text is none. Throws USAGE for one that cannot be right. */
export function parseGitAddress(text: string): GitAddress | undefined {
  const hash = text.indexOf('#');
  const [address, fragment] = hash === -1 ? [text, ''] : [text.slice(0, hash), text.slice(hash + 1)];
  const remote = parseRemote(address);
  if (remote === undefined) return undefined;
  return gitAddress(remote, fragment);
}

/** A repository of this machine, by its absolute path; `fragment` is what stood behind `#`. Throws USAGE. */
export function localGitAddress(path: string, fragment: string): GitAddress {
  return gitAddress({ url: path, protocol: 'file', host: 'this machine', credentials: undefined }, fragment);
}

function gitAddress(remote: GitRemote, fragment: string): GitAddress {
  const colon = fragment.indexOf(':');
  const [ref, folder] = colon === -1 ? [fragment, ''] : [fragment.slice(0, colon), fragment.slice(colon + 1)];
  return {
    remote,
    ref: ref === '' ? undefined : checkRef(ref),
    folder: checkFolder(folder),
    name: repositoryName(remote.url),
  };
}

function parseRemote(address: string): GitRemote | undefined {
  if (/^git:\/\//.test(address)) {
    throw wrong('git:// says neither who answers nor what was changed on the way', 'Use https:// or ssh://.');
  }
  if (/^ssh:\/\//.test(address)) return sshRemote(address);
  if (/^file:\/\//.test(address)) return fileRemote(address);
  if (/^https?:\/\//.test(address)) return httpRemote(address);
  const scp = SCP.exec(address);
  if (scp === null || address.includes('://')) return undefined;
  return { url: address, protocol: 'ssh', host: scp[2] ?? '', credentials: undefined };
}

function sshRemote(address: string): GitRemote {
  const url = parseUrl(address);
  if (url.password !== '')
    throw wrong('ssh takes no password from an address', 'Use a key, or an agent with one.');
  // A host or user that looks like an option would become one of ssh's.
  if (/^-/.test(url.hostname) || /^-/.test(decodeURIComponent(url.username)) || url.hostname === '') {
    throw wrong('the source names no host');
  }
  return { url: address, protocol: 'ssh', host: url.hostname, credentials: undefined };
}

function fileRemote(address: string): GitRemote {
  const url = parseUrl(address);
  if (url.hostname !== '') throw wrong('a file:// address has no host', 'Write it as file:///PATH.');
  return { url: address, protocol: 'file', host: 'this machine', credentials: undefined };
}

/** Archives come from https addresses as well: what ends in `.git` is a repository. */
function httpRemote(address: string): GitRemote | undefined {
  const url = URL.parse(address);
  if (url === null || !/\.git\/?$/.test(url.pathname)) return undefined;
  if (url.search !== '')
    throw wrong('a Git address has no query', 'Credentials go in front of the host: USER:TOKEN@.');
  const { username, password } = url;
  url.username = '';
  url.password = '';
  return {
    url: url.href,
    protocol: url.protocol === 'https:' ? 'https' : 'http',
    host: url.host,
    credentials:
      username === ''
        ? undefined
        : {
            username: decodeURIComponent(username),
            password: password === '' ? undefined : decodeURIComponent(password),
          },
  };
}

function parseUrl(address: string): URL {
  const url = URL.parse(address);
  if (url === null) throw wrong('the source is no valid address');
  return url;
}

/** git-check-ref-format(1); a leading dash would be an option. The address is not shown: it may hold a secret. */
function checkRef(ref: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const isBad = /^[-/.+]|[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$|\.lock(?:\/|$)/.test(ref);
  if (!isBad && ref !== '@') return ref;
  throw wrong(`${JSON.stringify(ref.slice(0, 80))} is no branch, tag or commit`);
}

function checkFolder(folder: string): string | undefined {
  const segments = folder.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..') || folder.includes('\0')) {
    throw wrong(`the folder ${JSON.stringify(folder.slice(0, 80))} leaves the repository`);
  }
  return segments.length === 0 ? undefined : segments.join('/');
}

function repositoryName(url: string): string {
  const path = url.replace(/\/+$/, '').replace(/\/\.git$/, '');
  return (
    path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf(':')) + 1).replace(/\.git$/, '') || 'source'
  );
}

function wrong(message: string, hint = HINT): DogwoodError {
  return new DogwoodError('USAGE', message, { hint });
}
