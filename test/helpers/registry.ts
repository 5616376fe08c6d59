import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { engineOrThrow } from './engines.ts';

/**
 * `distribution3` is built from its Go module, `docker-registry` is Debian's 2.8. `crane` (its `registry serve`) and
 * `olareg` have neither TLS nor logins here.
 */
export type RegistryKind = 'distribution3' | 'docker-registry' | 'crane' | 'olareg';

export interface RegistryOptions {
  readonly kind: RegistryKind;
  readonly auth?: { readonly htpasswd: { readonly username: string; readonly password: string } } | TokenAuth;
  /** PEM files. */
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    /** Authorities of the client certificates that it wants. */
    readonly clientcas?: readonly string[];
  };
  /** An existing folder to keep blobs in, so that a registry can be killed and started again. */
  readonly storage?: string;
  /** Listen here rather than on a free port. */
  readonly port?: number;
}

interface TokenAuth {
  readonly token: {
    readonly realm: string;
    readonly service: string;
    readonly issuer: string;
    readonly rootCertificate: string;
  };
}

export interface RunningRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  readonly port: number;
  /** Folder of its blobs. */
  readonly storage: string;
  /** Ends it like a crash; its storage stays. */
  kill(): Promise<void>;
  /** Ends it and removes what it stored. */
  stop(): Promise<void>;
}

/** A real registry on a free loopback port, ready to answer. */
export async function startRegistry(options: RegistryOptions): Promise<RunningRegistry> {
  for (let attempt = 1; ; attempt += 1) {
    const started = await tryStart(options, options.port ?? (await freePort()));
    if (started !== undefined) return started;
    // Somebody else took the port between asking for it and using it.
    if (attempt === 3) throw new Error(`${options.kind} does not start`);
  }
}

async function tryStart(options: RegistryOptions, port: number): Promise<RunningRegistry | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'dogwood-registry-'));
  const storage = options.storage ?? join(folder, 'storage');
  const [program, ...args] = commandOf(options, port, storage, folder);
  const child = spawn(program, args, {
    stdio: 'ignore',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  });
  // A run that ends in the middle of a test takes its registries along.
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  const kill = async () => {
    process.off('exit', onExit);
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
  };
  const stop = async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  if (await ready(child, options, port)) return { host: `127.0.0.1:${port}`, port, storage, kill, stop };
  await stop();
  return undefined;
}

function commandOf(
  options: RegistryOptions,
  port: number,
  storage: string,
  folder: string,
): readonly [string, ...string[]] {
  const address = `127.0.0.1:${port}`;
  mkdirSync(storage, { recursive: true });
  switch (options.kind) {
    case 'crane':
      return [engineOrThrow('crane'), 'registry', 'serve', '--address', address, '--disk', storage];
    case 'olareg': {
      const where = ['--addr', '127.0.0.1', '--port', `${port}`, '--dir', storage];
      return [engineOrThrow('olareg'), 'serve', ...where, '--api-delete', '--api-blob-delete'];
    }
    default: {
      const config = join(folder, 'config.json');
      // YAML is a superset of JSON.
      writeFileSync(config, JSON.stringify(registryConfig(options, port, storage, folder)));
      const program = options.kind === 'distribution3' ? 'registry' : 'docker-registry';
      return [engineOrThrow(program), 'serve', config];
    }
  }
}

function registryConfig(options: RegistryOptions, port: number, storage: string, folder: string): unknown {
  const { auth, tls } = options;
  return {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `127.0.0.1:${port}`, secret: 'test', ...(tls && { tls }) },
    ...(auth && { auth: authConfig(auth, folder) }),
  };
}

function authConfig(auth: NonNullable<RegistryOptions['auth']>, folder: string): unknown {
  if ('token' in auth) {
    const { realm, service, issuer, rootCertificate } = auth.token;
    return {
      token: { realm, service, issuer, rootcertbundle: rootCertificate, signingalgorithms: ['ES256'] },
    };
  }
  const { username, password } = auth.htpasswd;
  const file = join(folder, 'htpasswd');
  // -C 4: the cheapest bcrypt, for this is checked with every request.
  const line = execFileSync(engineOrThrow('htpasswd'), ['-niB', '-C', '4', username], { input: password });
  writeFileSync(file, line);
  return { htpasswd: { realm: 'test', path: file } };
}

async function ready(child: ChildProcess, options: RegistryOptions, port: number): Promise<boolean> {
  const deadline = Date.now() + 10_000;
  while (child.exitCode === null && Date.now() < deadline) {
    if (await answers(options, port)) return child.exitCode === null;
    await wait(20);
  }
  return false;
}

function answers(options: RegistryOptions, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const address = { host: '127.0.0.1', port, path: '/v2/', agent: false };
    const request =
      options.tls === undefined ? http.get(address) : https.get({ ...address, rejectUnauthorized: false });
    request.once('response', (response) => {
      response.destroy();
      resolve(true);
    });
    // One that wants a client certificate is there, too.
    request.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code?.endsWith('ALERT_CERTIFICATE_REQUIRED') === true);
    });
  });
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
