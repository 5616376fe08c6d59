import { execFileSync, spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { serve, type TestServer } from './http-server.ts';
import { temporaryFolder } from './temp.ts';

/** A repository with a work tree, made by git itself; every commit has the same author and time. */
export interface GitRepository {
  readonly folder: string;
  /** Runs git in it and gives what it says. */
  git(...args: string[]): string;
  /** Commits all that lies in the folder; gives the commit's id. */
  commit(): string;
}

export async function gitRepository(program: string): Promise<GitRepository> {
  const folder = await temporaryFolder();
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.com',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.com',
    GIT_AUTHOR_DATE: '2024-01-02T03:04:05Z',
    GIT_COMMITTER_DATE: '2024-01-02T03:04:05Z',
  };
  const git = (...args: string[]): string =>
    execFileSync(program, args, { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  git('init', '--quiet', '--initial-branch=main');
  return {
    folder,
    git,
    commit() {
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '--message=x');
      return git('rev-parse', 'HEAD').trim();
    },
  };
}

/** Serves a repository as `/repo.git` by git's own CGI program, to those who say `user:secret` where asked for. */
export async function serveRepository(
  program: string,
  repository: GitRepository,
  options: { readonly password?: string } = {},
): Promise<TestServer> {
  return serve((request, response) => {
    const wanted = `Basic ${Buffer.from(`user:${options.password}`).toString('base64')}`;
    if (options.password !== undefined && request.headers.authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    return runBackend(program, repository, request, response);
  });
}

/** CGI as RFC 3875 has it, as far as git uses it. */
function runBackend(
  program: string,
  { folder }: GitRepository,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const child = spawn(program, ['http-backend'], {
    env: {
      PATH: process.env.PATH ?? '',
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      PATH_INFO: url.pathname.replace(/^\/repo\.git/, '/.git'),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: String(request.headers['content-encoding'] ?? ''),
      REMOTE_USER: 'user',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    child.on('close', () => {
      const output = Buffer.concat(chunks);
      const end = output.indexOf('\r\n\r\n');
      const headers = output
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => line.split(/: (.*)/s));
      const status = headers.find(([name]) => name === 'Status')?.[1];
      response.writeHead(
        status === undefined ? 200 : Number(status.slice(0, 3)),
        Object.fromEntries(headers.filter(([name]) => name !== 'Status')),
      );
      response.end(output.subarray(end + 4));
      resolve();
    });
  });
}

/** A bare copy, as a host has it. */
export async function bareCopy(program: string, { folder }: GitRepository): Promise<string> {
  const path = join(await temporaryFolder(), 'shop.git');
  execFileSync(program, ['clone', '--quiet', '--bare', folder, path], { stdio: 'ignore' });
  return path;
}
