/** Application trees as Heroku's buildpacks leave them under /app: what slugs for tests are packed from. */
import { chmod, copyFile, cp, link, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { engineOrThrow } from './engines.ts';

/** Where a build once ran; buildpacks leave this path in scripts and mend it at every start. */
const BUILD_FOLDER = '/tmp/build_5f2c91d4';

/** Writes a file below `app`, and its folders. */
export async function put(app: string, path: string, content: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(app, path)), { recursive: true });
  await writeFile(join(app, path), content);
  await chmod(join(app, path), mode);
}

/** A few shell scripts and a Procfile; runs wherever there is a bash (or a sh). */
export async function shellApp(app: string): Promise<void> {
  await put(app, 'Procfile', "web: ./bin/serve 'two words' && echo after\nworker: exec ./bin/work | cat\n");
  await put(app, 'bin/serve', '#!/bin/sh\nprintf "serving on %s as %s\\n" "$PORT" "$1"\n', 0o755);
  await put(app, 'bin/work', '#!/bin/sh\necho "working in $PWD, home $HOME"\n', 0o755);
  await put(app, '.profile.d/greeting.sh', 'export GREETING="${GREETING:-hello}"\n');
  await put(app, '.profile', 'export LAST_WORD=profile\n');
}

/** A Node HTTP app with the running Node's own binary under .heroku/node (126 MB). */
export async function nodeApp(app: string): Promise<void> {
  await nodeRuntime(app);
  await put(app, 'package.json', '{"name":"shop","version":"1.0.0","private":true}\n');
  await put(
    app,
    'Procfile',
    [
      '# processes of the shop',
      'web: node server.js',
      `worker: node -p 'process.argv.slice(1).join("|")' "two words" 'and $HOME' && echo "done in $PWD"`,
      'release: node -e "console.log(process.env.DATABASE_URL ? 1 : 0)"',
    ].join('\n'),
  );
  await put(app, 'server.js', SERVER);
  await knots(app);
}

/** Node's binary and the profile scripts that come with it, each with a habit that breaks careless launchers. */
async function nodeRuntime(app: string): Promise<void> {
  const bin = join(app, '.heroku/node/bin');
  await mkdir(bin, { recursive: true });
  await copyFile(await realpath(process.execPath), join(bin, 'node'));
  await chmod(join(bin, 'node'), 0o755);
  // The PATH is made from $HOME: HOME has to be /app before the scripts run.
  await put(app, '.profile.d/nodejs.sh', NODEJS_SH);
  // `return` at the top level: these files are sourced, never executed.
  await put(app, '.profile.d/web-concurrency.sh', WEB_CONCURRENCY_SH);
  // Writes below /app with a path relative to it, at every start.
  await put(app, '.profile.d/relocate.sh', `sed -i 's#${BUILD_FOLDER}#/app#g' config/paths.txt\n`);
  await put(app, 'config/paths.txt', `${BUILD_FOLDER}/public\n`);
  // Prints, has a failing command and an unset variable: no `set -e`, no `set -u`.
  await put(
    app,
    '.profile.d/zz-noisy.sh',
    'echo "profile says hello"\nfalse\nexport SEEN="$NEVER_SET-seen"\n',
  );
  await put(app, '.profile', 'export LAST_WORD="profile after $SEEN"\n');
  await put(app, '.profile.d/README', 'exit 1 # not a .sh file: must not be sourced\n');
}

const NODEJS_SH = `export PATH="$HOME/.heroku/node/bin:$HOME/.heroku/yarn/bin:$PATH:$HOME/bin:$HOME/node_modules/.bin"
export NODE_HOME="$HOME/.heroku/node"
export NODE_ENV=\${NODE_ENV:-production}
`;

const WEB_CONCURRENCY_SH = `if [[ -n "\${WEB_CONCURRENCY:-}" ]]; then
  export CONCURRENCY_FROM=environment
  return 0
fi
limit_file=/sys/fs/cgroup/memory/memory.limit_in_bytes
memory=512
[[ -f $limit_file ]] && memory=$(( $(cat $limit_file) / 1048576 ))
export MEMORY_AVAILABLE=\${MEMORY_AVAILABLE:-$memory}
export WEB_CONCURRENCY=$(( MEMORY_AVAILABLE / 512 > 0 ? MEMORY_AVAILABLE / 512 : 1 ))
export CONCURRENCY_FROM=memory
`;

/** GET / answers with what a start contract is about; /write proves that /app is writable; TERM ends it. */
const SERVER = `const { createServer } = require('node:http');
const fs = require('node:fs');
const os = require('node:os');
const server = createServer((request, response) => {
  if (request.url === '/write') fs.writeFileSync('/app/written', 'yes');
  let user = null;
  try { user = os.userInfo(); } catch {}
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({
    env: process.env, cwd: process.cwd(), argv: process.argv, version: process.version,
    uid: process.getuid(), gid: process.getgid(), user,
    paths: fs.readFileSync('config/paths.txt', 'utf8'),
  }));
});
server.listen(process.env.PORT, () => console.log('listening on ' + process.env.PORT));
process.on('SIGTERM', () => {
  console.log('terminating');
  server.closeAllConnections();
  server.close(() => process.exit(0));
});
`;

/** Everything an unpacker can get wrong: links, long and foreign names, modes, empty things. */
export async function knots(app: string): Promise<void> {
  await put(app, 'lib/original.txt', 'one file, three names\n');
  await link(join(app, 'lib/original.txt'), join(app, 'lib/hard-link.txt'));
  await link(join(app, 'lib/original.txt'), join(app, 'a-hard-link-that-sorts-first.txt'));
  await put(
    app,
    `${Array(3).fill('a-folder-name-of-forty-characters-in-all').join('/')}/leaf.txt`,
    '123 characters',
  );
  await put(
    app,
    `${Array(8).fill('a-folder-name-of-forty-characters-in-all').join('/')}/leaf.txt`,
    '328 characters',
  );
  await put(app, `lib/${'n'.repeat(251)}.txt`, 'the longest name a file system takes\n');
  await put(app, 'public/Grüße-日本語-🌲.txt', 'composed\n');
  await put(app, 'public/Gru\u0308ße.txt', 'decomposed\n');
  await put(app, 'public/with space, "quotes" and $dollar.txt', 'x\n');
  await put(app, 'public/empty', '');
  await mkdir(join(app, 'tmp/cache'), { recursive: true });
  await put(app, 'private/key.pem', 'only the owner reads this\n', 0o600);
  await chmod(join(app, 'private'), 0o700);
  await put(app, 'bin/run', '#!/bin/sh\nexec true\n', 0o755);
  await mkdir(join(app, 'node_modules/.bin'), { recursive: true });
  await symlink('../../bin/run', join(app, 'node_modules/.bin/run'));
  await symlink('lib', join(app, 'linked-folder'));
  await symlink('/app/lib/original.txt', join(app, 'absolute-link'));
  await symlink('does/not/exist', join(app, 'dangling-link'));
  await symlink(`lib/${'n'.repeat(251)}.txt`, join(app, 'link-to-a-long-name'));
}

/**
 * A Python app: Debian's own interpreter and standard library (engine `python3`) laid out as the Python buildpack
 * does below .heroku/python, with a script whose `#!` line still names the build's folder and is mended at start.
 */
export async function pythonApp(app: string): Promise<void> {
  const python = await realpath(engineOrThrow('python3'));
  const home = join(app, '.heroku/python');
  const { stdout } = await execa(python, ['-c', 'import os; print(os.path.dirname(os.__file__))']);
  await mkdir(join(home, 'bin'), { recursive: true });
  await copyFile(python, join(home, 'bin', basename(python)));
  await chmod(join(home, 'bin', basename(python)), 0o755);
  await symlink(basename(python), join(home, 'bin/python3'));
  await symlink('python3', join(home, 'bin/python'));
  const left = /\/(__pycache__|dist-packages|test|idlelib|pydoc_data|config-[^/]*|ensurepip)(\/|$)/;
  const library = join(home, 'lib', basename(stdout));
  await cp(stdout, library, { recursive: true, filter: (path) => !left.test(path), verbatimSymlinks: false });
  await copyLibraries(python, join(home, 'lib'));
  await put(
    app,
    '.heroku/python/bin/serve',
    `#!${BUILD_FOLDER}/.heroku/python/bin/python3\n${PYTHON_SERVER}`,
    0o755,
  );
  await put(app, '.profile.d/python.sh', PYTHON_SH);
  await put(app, 'Procfile', 'web: serve --name "my app"\nclock: python -u clock.py\n');
  await put(app, 'clock.py', 'import time\nprint(int(time.time()) > 0)\n');
  await put(app, 'requirements.txt', 'gunicorn==23.0.0\n');
  await put(app, 'runtime.txt', 'python-3.11.2\n');
}

const PYTHON_SH = `export PATH="$HOME/.heroku/python/bin:$PATH"
export PYTHONHOME="$HOME/.heroku/python"
export PYTHONUNBUFFERED=true
export LD_LIBRARY_PATH="$HOME/.heroku/python/lib:$LD_LIBRARY_PATH"
export LANG="\${LANG:-en_US.UTF-8}"
find .heroku/python/bin -type f -name 'serve*' -exec sed -i -e 's#${BUILD_FOLDER}#/app#g' {} +
`;

const PYTHON_SERVER = `import http.server, json, os, pwd, signal, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"argv": sys.argv, "cwd": os.getcwd(), "env": dict(os.environ),
                           "uid": os.getuid(), "user": pwd.getpwuid(os.getuid()).pw_name}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.HTTPServer(("", int(os.environ["PORT"])), Answer).serve_forever()
`;

/** Shared libraries that a bare base does not have, beside the interpreter. */
async function copyLibraries(program: string, folder: string): Promise<void> {
  const { stdout } = await execa('ldd', [program]);
  for (const match of stdout.matchAll(/(lib(?:expat|z)\.so\S*) => (\S+)/g)) {
    await copyFile(await realpath(match[2] ?? ''), join(folder, match[1] ?? ''));
  }
}

/** Node-RED with all it depends on (116 MB, engine `node-red`) and Node's binary. */
export async function nodeRedApp(app: string): Promise<void> {
  await cp(engineOrThrow('node-red'), app, { recursive: true, verbatimSymlinks: true });
  await nodeRuntime(app);
  const start = 'node node_modules/node-red/red.js --port $PORT --userDir /app/.node-red';
  await put(app, 'Procfile', `web: ${start}\n`);
}
