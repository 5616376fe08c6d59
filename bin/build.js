#!/bin/sh
// 2>/dev/null; exec node -- "$0" "$@"
// To sh the line above starts Node (// is a folder, no command); to Node it is a comment. Node takes any --env-file
// among the arguments for its own, even behind the script's name, unless a -- stands before it (nodejs/node#54232).
//
// Plain JavaScript that old versions of Node still parse, so that they can say what is wrong.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(`build needs Node 24.15 or later; this is Node ${process.versions.node}\n`);
  process.exitCode = 2;
} else {
  start();
}

// Compiled code is kept in the user's own cache folder: Node's default is below /tmp, where anybody could have
// put something in its place.
function start() {
  Promise.all([import('node:module'), import('node:os'), import('node:path')])
    .then(([module, os, path]) => module.enableCompileCache(path.join(os.homedir(), '.cache/dogwood/node')))
    .catch(() => undefined) // no home, no cache
    .then(() => import('../dist/main.cjs'));
}
