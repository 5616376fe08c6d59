import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectDocker } from '../../src/engines/docker/engine.ts';
import { debianBase } from '../helpers/base-image.ts';
import { type BuildDocument, buildOrThrow } from '../helpers/command.ts';
import { contractApp } from '../helpers/contract-app.ts';
import { type Docker, dockerEngine } from '../helpers/docker.ts';
import { describeWith, onPath } from '../helpers/engines.ts';
import { LIST_TREE, listTree, readTree, type TreeEntry } from '../helpers/file-tree.ts';
import { type RunningRegistry, startRegistry } from '../helpers/registry.ts';
import { knots } from '../helpers/slug-apps.ts';
import { type MadeSlug, makeSlug } from '../helpers/slugs.ts';
import { temporaryFolder } from '../helpers/temp.ts';

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | undefined;
}

describeWith(
  ['docker', 'registry', 'debian-base', 'gnutar', 'bash', 'root'],
  'slugs in Docker',
  ({ gnutar }) => {
    let engine: Docker;
    let registry: RunningRegistry;
    let folder: string;
    let base: string;

    beforeAll(async () => {
      folder = await temporaryFolder();
      [engine, registry] = await Promise.all([dockerEngine(), startRegistry({ kind: 'distribution3' })]);
      base = (await debianBase(join(folder, 'base'))).layout;
    });
    afterAll(() => registry.stop());

    /** Builds with the command line straight into the registry; Docker then pulls it by digest. */
    async function pulled(
      slug: string,
      ...flags: readonly string[]
    ): Promise<{ image: string; built: BuildDocument }> {
      const tag = `${registry.host}/apps:${Math.random().toString(36).slice(2)}`;
      const words = [slug, '--strategy', 'slug', '--base', `oci:${base}`, '-t', tag, ...flags];
      const built = await buildOrThrow(words, { home: join(folder, 'home') });
      const image = built.references[0]?.reference ?? '';
      await engine.docker('pull', '--quiet', image);
      return { image, built };
    }

    async function run(
      options: readonly string[],
      image: string,
      words: readonly string[],
      input = '',
    ): Promise<Ran> {
      const all = ['run', '--rm', ...options, image, ...words];
      const how = { env: engine.environment, reject: false, stripFinalNewline: false, input } as const;
      const { stdout, stderr, exitCode } = await execa(onPath('docker') ?? 'docker', all, how);
      // The client's own words about the machine; nothing here needs a way out of it.
      const said = stderr.replace(/^WARNING: IPv4 forwarding is disabled\. Networking will not work\.\n/, '');
      return { stdout, stderr: said, exitCode };
    }

    /** /app of an image as an engine unpacked it; no process of the app has run. */
    async function treeIn(image: string): Promise<Readonly<Record<string, TreeEntry>>> {
      const asRoot = ['--user', '0', '--workdir', '/app', '--entrypoint', '/bin/bash'];
      const { stdout, stderr } = await run(asRoot, image, ['-c', LIST_TREE]);
      expect(stderr).toBe('');
      return readTree(stdout);
    }

    async function treeOf(slug: MadeSlug): Promise<Readonly<Record<string, TreeEntry>>> {
      const root = join(await temporaryFolder(), 'unpacked');
      await mkdir(root);
      execFileSync(gnutar, ['-xzpf', slug.path, '--numeric-owner', '-C', root]);
      return listTree(join(root, 'app'));
    }

    /** A web process that was started with a port of this machine; polls until it answers. */
    async function startWeb(image: string, name: string, ...options: readonly string[]): Promise<string> {
      const published = ['-p', '127.0.0.1::8080', '--name', name];
      await engine.docker('run', '-d', ...published, ...options, image);
      const url = `http://${await engine.docker('port', name, '8080')}/`;
      const answers = async () => (await fetch(url).catch(() => undefined))?.status;
      await expect.poll(answers, { timeout: 30_000, interval: 100 }).toBe(200);
      return url;
    }

    describe('a Node application', () => {
      let slug: MadeSlug;
      let kept: { image: string; built: BuildDocument };

      beforeAll(async () => {
        slug = await makeSlug(folder, 'node');
        kept = await pulled(slug.path);
      });

      test('is kept: the layer is the slug and unpacks to what GNU tar makes of it', async () => {
        const digest = execFileSync('sha256sum', [slug.path], { encoding: 'utf8' }).slice(0, 64);
        expect(kept.built.layers.at(-1)).toMatchObject({ digest: `sha256:${digest}`, origin: 'slug' });
        const [inside, expected] = [await treeIn(kept.image), await treeOf(slug)];
        expect(Object.keys(inside).length).toBeGreaterThan(40);
        expect(inside).toEqual(expected);
        expect(Object.values(inside).every(({ uid, gid }) => uid === 57350 && gid === 57350)).toBe(true);
      });

      test('answers HTTP, with the contract of a dyno around it', async () => {
        const url = await startWeb(kept.image, 'contract-web', '-e', 'DATABASE_URL=postgres://db/x y');
        const answer = (await (await fetch(url)).json()) as Answer;
        expect(answer).toMatchObject({
          cwd: '/app',
          uid: 57350,
          gid: 57350,
          user: { username: 'u57350', homedir: '/app' },
          env: { HOME: '/app', DYNO: 'web.1', PORT: '8080', DATABASE_URL: 'postgres://db/x y' },
          paths: '/app/public\n',
        });
        // What the profile scripts make of it; the last ones come after one that returns at its top level.
        expect(answer.env).toMatchObject({
          NODE_ENV: 'production',
          SEEN: '-seen',
          LAST_WORD: 'profile after -seen',
        });
        expect((await fetch(`${url}write`)).status).toBe(200);
        const before = performance.now();
        await engine.docker('stop', '--time', '20', 'contract-web');
        expect(performance.now() - before).toBeLessThan(10_000);
        expect(await engine.docker('logs', 'contract-web')).toBe(
          'profile says hello\nlistening on 8080\nterminating',
        );
        expect(await engine.docker('inspect', '-f', '{{.State.ExitCode}}', 'contract-web')).toBe('0');
      });

      test('starts another process type', async () => {
        const { stdout, exitCode } = await run([], kept.image, ['worker']);
        expect(stdout).toBe('profile says hello\ntwo words|and $HOME\ndone in /app\n');
        expect(exitCode).toBe(0);
      });
    });

    describe('a slug with everything an unpacker can get wrong', () => {
      let slug: MadeSlug;
      beforeAll(async () => {
        const modify = async (app: string) => {
          await knots(app);
          await chmod(join(app, 'bin/serve'), 0o6755);
        };
        slug = await makeSlug(folder, 'shell', { modify, otherOwner: ['bin/work'], names: './app/./x' });
      });

      test.each(['gzip', 'none'])(
        'is transcoded (%s): the same tree, but for owner and setuid',
        async (kind) => {
          const { image } = await pulled(slug.path, '--compression', kind, '--layer', 'canonical');
          const expected = Object.entries(await treeOf(slug)).map(([path, entry]) => [
            path,
            { ...entry, uid: 1000, gid: 1000, mode: entry.mode.replace(/^6(?=...$)/, '') },
          ]);
          expect(withoutFolderTimes(await treeIn(image))).toEqual(
            withoutFolderTimes(Object.fromEntries(expected)),
          );
          const show = 'whoami; id -un; touch new && stat -c %U new';
          expect((await run([], image, ['--', show])).stdout).toBe('heroku\nheroku\nheroku\n');
        },
      );
    });

    describe('the start contract', () => {
      let image: string;
      const oneOff = (command: string, ...options: readonly string[]) => run(options, image, ['--', command]);

      beforeAll(async () => {
        const slug = await makeSlug(folder, 'shell', { modify: contractApp });
        ({ image } = await pulled(slug.path));
      });

      test('a one-off has a user, a home, a name and no port', async () => {
        const facts =
          'whoami; id -u; id -gn; pwd; echo $HOME; echo $DYNO; echo ${PORT-none}; >new; stat -c %U . new';
        const { stdout, stderr } = await oneOff(facts);
        expect(stdout.split('\n')).toEqual([
          'u57350',
          '57350',
          'dyno',
          '/app',
          '/app',
          'run.1',
          'none',
          'u57350',
          'u57350',
          '',
        ]);
        expect(stderr).toBe('');
      });

      test('web has a port, its own or the one that was set', async () => {
        const own = await run([], image, []);
        expect(own.stdout).toBe('serving on 8080 as two words\nafter\n');
        expect((await run(['-e', 'PORT=9999'], image, ['web'])).stdout).toContain('serving on 9999');
        expect((await run(['-e', 'DYNO=worker.7'], image, ['facts'])).stdout).toContain('worker.7 none');
      });

      test('one word is a shell command', async () => {
        const command = `echo "a  'b'" | tr a-z A-Z && printf '<%s>' "$HOME" $(echo 1 2) "\\$x" '*' && false || echo last`;
        expect((await oneOff(command)).stdout).toBe("A  'B'\n</app><1><2><$x><*>last\n");
      });

      test('several words are a program and its arguments, to the letter', async () => {
        const words = ['bin/arguments', 'a b', '', '*', '$HOME', '"', "'", '&& x', '--', 'new\nline', '-n'];
        const { stdout } = await run([], image, ['--', ...words]);
        expect(stdout).toBe(
          words
            .slice(1)
            .map((word) => `<${word}>`)
            .join('\n')
            .concat('\n'),
        );
      });

      test('profile scripts come sorted, complete, and before .profile', async () => {
        const { stdout, stderr, exitCode } = await oneOff(
          'echo "$ORDER; $FROM_PROFILE; $SEES_CONFIG"; cat config/mended',
          '-e',
          'CONFIG=value',
          '-e',
          'LOUD=1',
        );
        expect(stdout).toBe(
          'printed by a profile script\n10 B _x a é; 10 B _x a é .profile; value\nmended\n',
        );
        expect(stderr).toBe('');
        expect(exitCode).toBe(0);
      });

      test('a profile script that sets -e and -u does not reach the command', async () => {
        const { stdout, exitCode } = await oneOff('false; echo "on$UNSET"; exit 3', '-e', 'STRICT=1');
        expect(stdout).toContain('on\n');
        expect(exitCode).toBe(3);
      });

      test('a profile script that exits ends the process, as on a dyno', async () => {
        const { stdout, exitCode } = await oneOff('echo never', '-e', 'LEAVE=7');
        expect(stdout).not.toContain('never');
        expect(exitCode).toBe(7);
      });

      test('config vars of any name reach the app unharmed', async () => {
        const names = [
          'type',
          'mode',
          'name',
          'file',
          'value',
          'status',
          'child',
          'signal',
          'boot',
          'bytes',
          'secrets',
          'processes',
          'f',
        ];
        const set = names.flatMap((name) => ['-e', `${name}=mine-${name}`]);
        const { stdout } = await oneOff(`for n in ${names.join(' ')}; do echo "$n=\${!n}"; done`, ...set);
        expect(stdout.split('\n').filter((line) => line.includes('='))).toEqual(
          names.map((name) => `${name}=mine-${name}`),
        );
      });

      test('files below /run/dogwood/env are variables', async () => {
        const values: Readonly<Record<string, string>> = {
          MULTI: 'first\nsecond\n',
          UNICODE: 'grüße 🌲',
          EMPTY: '',
          CONFIG: 'from a file',
          SPACES: '  a\tb  ',
          lower_case: '\\n $HOME `id` "quoted"',
          type: 'a name of the launcher',
        };
        const secrets = join(folder, 'secrets');
        await mkdir(secrets, { recursive: true });
        for (const [name, value] of Object.entries(values)) await writeFile(join(secrets, name), value);
        for (const name of ['1ST', 'WITH-DASH']) await writeFile(join(secrets, name), 'x');
        const show = `for n in ${Object.keys(values).join(' ')}; do printf '%s=%s\\0' "$n" "\${!n-unset}"; done; echo "$SEES_CONFIG"`;
        const { stdout, stderr } = await oneOff(show, '-v', `${secrets}:/run/dogwood/env:ro`);
        const shown = stdout.split('\0');
        expect(shown).toEqual([
          ...Object.entries(values).map(([name, value]) => `${name}=${value}`),
          'from a file\n',
        ]);
        expect(stderr).toMatch(/1ST.*passed over/);
        expect(stderr).toMatch(/WITH-DASH.*passed over/);
      });

      test('standard input reaches the command', async () => {
        const { stdout } = await run(['-i'], image, ['--', 'cat'], 'line 1\nline 2');
        expect(stdout).toContain('line 1\nline 2');
      });

      test('what cannot be started says what there is, with exit code 64', async () => {
        const unknown = await run([], image, ['wroker']);
        expect(unknown.exitCode).toBe(64);
        expect(unknown.stderr).toMatch(/no process type wroker.*facts.*web.*worker/);
        expect((await run([], image, ['--'])).exitCode).toBe(64);
        expect((await run([], image, ['worker', 'more'])).exitCode).toBe(64);
        expect((await run([], image, ['../../etc/passwd'])).exitCode).toBe(64);
      });

      test('memory: the limit of the container, else the smallest dyno', async () => {
        const show = 'echo "$MEMORY_AVAILABLE"';
        expect((await oneOff(show, '-m', '256m')).stdout).toContain('256\n');
        expect((await oneOff(show)).stdout).toContain('512\n');
        expect((await oneOff(show, '-m', '256m', '-e', 'MEMORY_AVAILABLE=1024')).stdout).toContain('1024\n');
      });

      test('the exit code is the app’s', async () => {
        expect((await oneOff('exit 42')).exitCode).toBe(42);
        expect((await oneOff('kill -9 $$')).exitCode).toBe(137);
        expect((await oneOff('/nowhere')).exitCode).toBe(127);
        expect((await run([], image, ['--', '/nowhere', 'x'])).exitCode).toBe(127);
      });

      /** Starts a command, sends a signal when it says `ready` often enough, and gives what it printed and its end. */
      async function signalled(
        signal: string,
        command: string,
        ready = 1,
        ...options: readonly string[]
      ): Promise<Ran> {
        const name = `signalled-${Math.random().toString(36).slice(2)}`;
        await engine.docker('run', '-d', '--name', name, ...options, image, '--', command);
        const logs = () => execa(onPath('docker') ?? 'docker', ['logs', name], { env: engine.environment });
        const count = async () =>
          (await logs()).stdout.split('\n').filter((line) => line.startsWith('ready')).length;
        await expect.poll(count, { timeout: 20_000, interval: 50 }).toBe(ready);
        await engine.docker('kill', '--signal', signal, name);
        const exitCode = Number(await engine.docker('wait', name));
        const { stdout, stderr } = await logs();
        await engine.docker('rm', name);
        return { stdout, stderr, exitCode };
      }

      test.each(['TERM', 'INT', 'HUP', 'USR1', 'QUIT'])(
        'SIG%s reaches the app, and its exit code passes',
        async (signal) => {
          const { stdout, stderr, exitCode } = await signalled(signal, 'exec bin/trap one 33');
          expect(stdout).toContain(`one: ${signal}`);
          expect(exitCode).toBe(33);
          expect(stderr).toBe('');
        },
      );

      test('a signal that the app does not handle ends it', async () => {
        expect(await signalled('TERM', 'echo ready; exec sleep 100')).toMatchObject({
          exitCode: 143,
          stderr: '',
        });
        expect((await signalled('INT', 'echo ready; exec sleep 100')).exitCode).toBe(130);
      });

      describe('at a terminal', () => {
        const terminal = (signal: string, command: string, ...options: readonly string[]) =>
          signalled(signal, command, 1, '-i', '-t', ...options);

        test.each([
          ['TERM', 143],
          ['INT', 130],
          ['QUIT', 131],
        ])('SIG%s ends an app that does not handle it', async (signal, code) => {
          const app = 'echo ready; exec sleep 100';
          const { exitCode, stdout } = await terminal(signal, app);
          expect({ exitCode, stdout: stdout.trim() }).toEqual({ exitCode: code, stdout: 'ready' });
          expect((await terminal(signal, app, '--init')).exitCode).toBe(code);
          // As everywhere, bash itself ignores SIGQUIT.
          const inShell = await terminal(signal, 'echo ready; sleep 100; echo "went on"');
          expect(inShell.stdout.includes('went on')).toBe(signal === 'QUIT');
        });

        test.each(['TERM', 'INT', 'HUP', 'USR1', 'QUIT'])(
          'SIG%s reaches one that does, once',
          async (signal) => {
            const { stdout, exitCode } = await terminal(signal, 'exec bin/trap one 33');
            expect(stdout.match(/one: \w+/g)).toEqual([`one: ${signal}`]);
            expect(exitCode).toBe(33);
          },
        );

        /** Types at a container's terminal what is given, each when `ready` was printed once more. */
        async function typed(
          command: string,
          ...keys: readonly string[]
        ): Promise<{ output: string; exitCode: number }> {
          const stdin = new PassThrough();
          const stdout = new PassThrough();
          const left = [...keys];
          let output = '';
          let seen = 0;
          stdout.on('data', (chunk) => {
            output += String(chunk);
            for (const count = output.split('ready').length - 1; seen < count && left.length > 0; seen++)
              stdin.write(left.shift());
          });
          const docker = await connectDocker(engine.environment.DOCKER_HOST);
          const imageId = (await docker.imageId(image)) ?? '';
          const exitCode = await docker.run({
            image: imageId,
            command: ['--', command],
            env: {},
            tty: true,
            stdin,
            stdout,
            stderr: stdout,
          });
          return { output, exitCode };
        }

        test('Ctrl-C ends an app that does not handle it, and reaches one that does, once', async () => {
          expect((await typed('echo ready; exec sleep 100', '\x03')).exitCode).toBe(130);
          const { output, exitCode } = await typed('exec bin/trap one 33', '\x03');
          expect(output.match(/one: \w+/g)).toEqual(['one: INT']);
          expect(exitCode).toBe(33);
        });

        test('the terminal is the app’s: it reads lines, and Ctrl-Z does not end it', async () => {
          const { output, exitCode } = await typed(
            'echo ready; read -r line; echo "got $line"; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo ready; sleep 1; exit 7',
            'hello\n',
            '\x1a',
          );
          expect(output).toContain('got hello');
          expect(exitCode).toBe(7);
        });

        test('an interactive shell has job control', async () => {
          const { output, exitCode } = await typed(
            'PS1="ready " exec bash --norc -i',
            'sleep 0.1 & wait; echo back-$?\n',
            'exit 5\n',
          );
          expect(output).toContain('back-0');
          expect(output).not.toContain('no job control');
          expect(exitCode).toBe(5);
        });
      });

      test('SIGTERM reaches every process: behind &&, in the background, in a session of its own', async () => {
        const chain = await signalled('TERM', 'bin/trap one 0 && bin/trap two 0');
        expect(chain.stdout).toContain('one: TERM');
        expect(chain.stdout).not.toContain('ready two');
        const many = 'bin/trap back 0 & setsid bin/trap away 0 & bin/trap front 0; wait';
        const { stdout } = await signalled('TERM', many, 3);
        for (const name of ['back', 'away', 'front']) expect(stdout).toContain(`${name}: TERM`);
      });

      test('what nobody waits for does not pile up', async () => {
        const orphans =
          'for i in 1 2 3 4 5 6 7 8; do (sleep 0.1 &); done; sleep 0.6; cut -d" " -f3 /proc/[0-9]*/stat | grep -c Z';
        expect((await oneOff(orphans)).stdout).toMatch(/^0$/m);
      });
    });

    test('an image without a web process says so', async () => {
      const home = join(folder, 'quiet');
      const modify = async (app: string) => {
        await writeFile(join(app, 'run'), '#!/bin/sh\necho ran\n');
        await chmod(join(app, 'run'), 0o755);
      };
      const { image, built } = await pulled((await makeSlug(home, 'empty', { modify })).path);
      expect(built.warnings.map(({ code }) => code)).toContain('NO_PROCESS');
      const nothing = await run([], image, []);
      expect(nothing.exitCode).toBe(64);
      expect(nothing.stderr).toContain('no web process');
      expect((await run([], image, ['--', './run'])).stdout).toBe('ran\n');
    });

    describeWith(['python3'], 'a Python application', () => {
      test('mends its scripts at start and answers HTTP', async () => {
        const slug = await makeSlug(folder, 'python');
        const { image } = await pulled(slug.path);
        expect(await treeIn(image)).toEqual(await treeOf(slug));
        const url = await startWeb(image, 'contract-python');
        const answer = (await (await fetch(url)).json()) as Answer;
        expect(answer).toMatchObject({
          argv: ['/app/.heroku/python/bin/serve', '--name', 'my app'],
          cwd: '/app',
        });
        expect(answer).toMatchObject({ user: 'u57350', env: { PYTHONHOME: '/app/.heroku/python' } });
        await engine.docker('stop', '--time', '20', 'contract-python');
        expect(await engine.docker('inspect', '-f', '{{.State.ExitCode}}', 'contract-python')).toBe('0');
      });
    });

    describeWith(['node-red'], 'Node-RED from npm', () => {
      test('answers HTTP', async () => {
        const { image } = await pulled((await makeSlug(folder, 'node-red')).path);
        const url = await startWeb(image, 'contract-node-red');
        expect(await (await fetch(url)).text()).toContain('<title>Node-RED</title>');
        await engine.docker('rm', '--force', 'contract-node-red');
      }, 120_000);
    });
  },
);

/** GNU tar gives a folder the time at which it put something into it that comes later in the archive. */
function withoutFolderTimes(tree: Readonly<Record<string, TreeEntry>>): Readonly<Record<string, TreeEntry>> {
  const entries = Object.entries(tree).map(([path, entry]) => [
    path,
    entry.type === 'd' ? { ...entry, mtime: 0 } : entry,
  ]);
  return Object.fromEntries(entries);
}

interface Answer {
  readonly env: Readonly<Record<string, string>>;
  readonly user: unknown;
  readonly argv: readonly string[];
}
