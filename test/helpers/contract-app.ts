import { put } from './slug-apps.ts';

const STEP = (name: string) => `export ORDER="\${ORDER:+$ORDER }${name}"\n`;

/** Adds to the shell app what asks for each clause of a dyno's start contract. */
export async function contractApp(app: string): Promise<void> {
  await put(app, 'bin/arguments', '#!/bin/sh\nprintf "<%s>\\n" "$@"\n', 0o755);
  await put(app, 'bin/trap', TRAP, 0o755);
  await put(
    app,
    'Procfile',
    [
      "web: ./bin/serve 'two words' && echo after",
      'worker: exec ./bin/work | cat',
      'facts: echo "$DYNO ${PORT-none}"',
      '',
    ].join('\n'),
  );
  // Sorted by bytes, whatever the locale: digits, upper case, _, lower case, the rest.
  await put(app, '.profile.d/a.sh', STEP('a'));
  await put(app, '.profile.d/B.sh', `${STEP('B')}return 5\nexport ORDER=never\n`);
  await put(app, '.profile.d/_x.sh', `${STEP('_x')}sed -i 's/broken/mended/' config/mended\n`);
  await put(app, '.profile.d/10.sh', `${STEP('10')}export SEES_CONFIG="$CONFIG"\nfalse\n`);
  await put(
    app,
    '.profile.d/é.sh',
    `${STEP('é')}if [ -n "\${LOUD-}" ]; then echo 'printed by a profile script'; fi\n`,
  );
  await put(app, '.profile.d/zz with space.sh', 'if [ -n "$STRICT" ]; then set -eu; fi\n');
  await put(app, '.profile.d/zzz.sh', 'if [ -n "${LEAVE-}" ]; then exit "$LEAVE"; fi\n');
  await put(app, '.profile.d/not-a-script', 'export ORDER=never\n');
  await put(app, '.profile', 'export FROM_PROFILE="$ORDER .profile"\n');
  await put(app, 'config/mended', 'broken\n');
}

/** `trap NAME CODE`: takes a moment, says which signal it got and ends with that code. */
const TRAP = `#!/bin/bash
for signal in TERM INT HUP USR1 QUIT; do
  trap "sleep 0.3; echo $1: $signal; exit $2" $signal
done
echo "ready $1"
for _ in {1..600}; do read -r -t 0.05 <><(:); done
`;
