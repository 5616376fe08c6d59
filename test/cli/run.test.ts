import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectDocker, type DockerEngine } from '../../src/engines/docker/engine.ts';
import { debianBase } from '../helpers/base-image.ts';
import { buildOrThrow, MAIN } from '../helpers/command.ts';
import { type Docker, dockerEngine } from '../helpers/docker.ts';
import { describeWith, REPOSITORY } from '../helpers/engines.ts';

describeWith(['docker', 'debian-base'], 'build run', () => {
  let folder: string;
  let docker: Docker;
  let engine: DockerEngine;
  let imageId: string;
  const children: ChildProcessWithoutNullStreams[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dogwood-run-'));
    docker = await dockerEngine();
    engine = await connectDocker(docker.environment.DOCKER_HOST);
    const base = join(folder, 'base');
    await debianBase(base);
    const slug = join(REPOSITORY, 'fixtures/slug-hello/slug.tgz');
    const words = [slug, '--base', `oci:${base}`, '--label', `test.run=${folder}`];
    imageId = (await buildOrThrow(words, { home: folder })).config.digest;
  }, 120_000);

  afterAll(async () => {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
    const left = await containers();
    if (left !== '') await docker.docker('rm', '-f', ...left.split('\n'));
    if (imageId !== undefined) await docker.docker('rmi', '-f', imageId);
    await rm(folder, { recursive: true, force: true });
  });

  function start(words: readonly string[], environment: Record<string, string> = {}) {
    const child = spawn(process.execPath, [MAIN, 'run', ...words], {
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        DOGWOOD_HOME: folder,
        ...docker.environment,
        ...environment,
      },
    });
    children.push(child);
    const texts = { stdout: '', stderr: '' };
    const waiting: (() => void)[] = [];
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        texts[name] += text;
        for (const look of waiting) look();
      });
    }
    const ended = once(child, 'close').then(([code]) => ({ exitCode: code as number | null, ...texts }));
    /** The first match in what is printed; fails when the program ends without it. */
    const printed = (name: 'stdout' | 'stderr', pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(texts[name]);
          if (match) resolve(match);
        };
        waiting.push(look);
        look();
        void ended.then((end) => reject(new Error(`ended without ${pattern}: ${JSON.stringify(end)}`)));
      });
    return { child, ended, printed };
  }

  const containers = () => docker.docker('ps', '-aq', '--filter', `label=test.run=${folder}`);

  test('web answers at the address that is printed, ends by a signal, and leaves no container', async () => {
    const { child, ended, printed } = start(['slug', '--env', 'DYNO=web.1']);
    const [address] = await printed('stderr', /http:\/\/127\.0\.0\.1:[0-9]+/);
    await printed('stdout', /listening on 8080/);
    expect(await (await fetch(address)).text()).toBe('Hello from web.1\n');
    child.kill('SIGTERM');
    const { exitCode, stdout } = await ended;
    expect(stdout).toContain('stopping\n');
    expect(exitCode).toBe(0);
    expect(await containers()).toBe('');
  });

  test('a command: its input, its two outputs and its exit code', async () => {
    const script = 'read line; echo "got $line $A $B"; echo oops >&2; cat; exit 7';
    await writeFile(join(folder, 'x.env'), 'B="two words"');
    const words = ['slug', '--env', 'A', '--env-file', join(folder, 'x.env'), '--', 'bash', '-c', script];
    const { child, ended } = start(words, { A: 'ours' });
    child.stdin.end('first\nsecond\nthird\n');
    expect(await ended).toEqual({
      exitCode: 7,
      stdout: 'got first ours two words\nsecond\nthird\n',
      stderr: 'oops\n',
    });
    expect(await containers()).toBe('');
  });

  test('much output arrives whole, to a slow reader too', async () => {
    const { child, ended } = start(['slug', '--', 'bash', '-c', 'head -c 3000000 /dev/zero | tr "\\0" x']);
    child.stdin.end();
    child.stdout.pause();
    setImmediate(() => child.stdout.resume());
    const { exitCode, stdout } = await ended;
    expect(exitCode).toBe(0);
    expect(stdout.length).toBe(3_000_000);
  });

  test('a second signal ends what does not heed the first', async () => {
    const { child, ended, printed } = start([
      'slug',
      '--',
      'bash',
      '-c',
      'trap "" INT TERM; echo up; sleep 1000',
    ]);
    await printed('stdout', /up/);
    child.kill('SIGINT');
    child.kill('SIGTERM');
    const { exitCode, stderr } = await ended;
    expect(stderr).toContain('error[CANCELLED]');
    expect(exitCode).toBe(130);
    expect(await containers()).toBe('');
  });

  test('at a terminal the application gets one, of the same size', async () => {
    // `script` of util-linux, which every Debian has, makes the terminal.
    const words = [
      process.execPath,
      MAIN,
      'run',
      'slug',
      '--',
      "'test -t 0 && test -t 1 && until stty size | grep -q 33.99; do :; done; stty size'",
    ];
    const child = spawn('script', ['-qec', `stty rows 33 cols 99; ${words.join(' ')}`, '/dev/null'], {
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        DOGWOOD_HOME: folder,
        SHELL: '/bin/sh',
        ...docker.environment,
      },
    });
    children.push(child);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const [code] = await once(child, 'close');
    expect(output).toContain('33 99');
    expect(code).toBe(0);
  });

  test('what cannot be started is said by its name', async () => {
    const base = start([`oci:${join(folder, 'base')}`]);
    expect(await base.ended).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('error[PROCESS_INVALID]: the image does not say what to run'),
    });
    const port = start(['slug', '--env', 'PORT=abc']);
    expect(await port.ended).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('the variable PORT "abc"'),
    });
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const number = typeof address === 'object' ? String(address?.port) : '';
    const busy = start(['slug', '--env', 'PORT=', '--port', number]);
    expect(await busy.ended).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(/error\[ENGINE_FAILED\].*in use\nhint: Choose another --port/),
    });
    taken.close();
    expect(await containers()).toBe('');
  });

  test('a process type that is not there is named with those that are', async () => {
    const { child, ended } = start(['slug', 'clock']);
    child.stdin.end();
    const { exitCode, stderr } = await ended;
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      'error[PROCESS_INVALID]: the image has no process type clock\nhint: It has web, worker.',
    );
  });

  test('an image goes out as a docker-archive and comes in again', async () => {
    expect(await engine.imageId(imageId)).toBe(imageId);
    const archive = await engine.exportImage(imageId);
    await docker.docker('rmi', '-f', imageId);
    expect(await engine.imageId(imageId)).toBeUndefined();
    expect(await engine.loadImage(archive)).toEqual([imageId]);
    expect(await engine.imageId(imageId)).toBe(imageId);
  });
});
