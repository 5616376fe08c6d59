import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findBubblewrap, JAIL_WORK, jailArguments } from './jail.ts';
import { type NixResult, type NixRun, type NixStore, runNixProgram } from './nix.ts';

export interface NixShellRun extends NixRun {
  /** Store path of the shell's derivation. */
  readonly derivation: string;
  /** Handed to the shell's bash. */
  readonly command: string;
  /** The command's folder: a copy of the project that it may write to. */
  readonly work: string;
  /** A private folder. */
  readonly folder: string;
  readonly store: NixStore;
  readonly settings: readonly string[];
  /** False runs the command as any program of this machine. */
  readonly jailed: boolean;
  /** Seconds since 1970 for tools that ask. */
  readonly epoch: number;
  readonly onOutput: (bytes: Uint8Array) => void;
}

export interface NixShellResult extends NixResult {
  /** False when Nix failed before the command began. */
  readonly began: boolean;
}

/** Of the environment that `--pure` leaves: who we are, where we sit, how we reach the network. */
const UNSET = [
  'USER',
  'LOGNAME',
  'DISPLAY',
  'WAYLAND_DISPLAY',
  'WAYLAND_SOCKET',
  'XDG_RUNTIME_DIR',
  'NIX_BUILD_SHELL',
];
const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy'];
const TEMPORARY = ['TMPDIR', 'TEMPDIR', 'TMP', 'TEMP', 'NIX_BUILD_TOP'];

/** Scripts say `#!/usr/bin/env node`; a jail has no such file unless it is made. */
const USR_BIN_ENV =
  '[ -e /usr/bin/env ] || { mkdir -p /usr/bin && ln -s "$(type -P env)" /usr/bin/env; } 2>/dev/null; ';

/**
 * Runs a command with `nix-shell --pure --run`. Nix itself builds what the shell is made of, each in its sandbox; only
 * then does the project's own code begin, in a shell that `NIX_BUILD_SHELL` puts into a jail. A non-zero exit code is a
 * result. Throws NIX_SANDBOX_UNAVAILABLE and what `runProcess` throws.
 */
export async function runInNixShell(run: NixShellRun): Promise<NixShellResult> {
  const began = join(run.folder, 'began');
  const shell = join(run.folder, 'shell');
  const jail = run.jailed ? await jailCommand(run, shell) : 'exec';
  await writeFile(shell, launcher(run, jail, began), { mode: 0o755 });
  const command = run.jailed ? `${USR_BIN_ENV}${run.command}` : run.command;
  const args = [run.derivation, '--pure', '--run', command, ...run.settings];
  const result = await runNixProgram('nix-shell', args, {
    ...run,
    cwd: run.work,
    variables: { ...run.variables, NIX_BUILD_SHELL: shell, TMPDIR: run.folder },
  });
  return { ...result, began: (await stat(began).catch(() => undefined)) !== undefined };
}

async function jailCommand(run: NixShellRun, shell: string): Promise<string> {
  const bwrap = await findBubblewrap(run.variables, run.signal);
  const view = { store: run.store, writable: { from: run.work, to: JAIL_WORK } };
  const words = [
    ...jailArguments(view),
    ...[...UNSET, ...PROXIES].flatMap((name) => ['--unsetenv', name]),
    ...TEMPORARY.flatMap((name) => ['--setenv', name, '/tmp']),
    ...['--dir', '/tmp/home', '--setenv', 'HOME', '/tmp/home'],
    ...['--setenv', 'SOURCE_DATE_EPOCH', String(run.epoch)],
  ];
  const script = '--ro-bind "${1%/*}" "${1%/*}"';
  // nix-shell tells the shell that it is the program which was asked for.
  const links = `--symlink "$builder" ${quote(shell)} --symlink "$builder" /bin/sh`;
  const path = 'PATH=$dogwood_path; export PATH; exec';
  return [
    `dogwood_inner=\${PATH-}; dogwood_path=${quote(run.variables.PATH ?? '/usr/bin:/bin')}; ${path} ${quote(bwrap)}`,
    ...words.map(quote),
    script,
    links,
    '--setenv PATH "$dogwood_inner" --',
  ].join(' ');
}

/** The program that nix-shell starts as its bash: the bash that the shell's derivation is built with, jailed. */
function launcher({ store }: NixShellRun, jail: string, began: string): string {
  return `#!/bin/sh
case \${builder-} in
  ${quote(store.logical)}/*/bash) ;;
  *) echo "the shell's builder is not a bash of the Nix store: \${builder-none}" >&2; exit 1 ;;
esac
: >${quote(began)}
${jail} "$builder" "$@"
`;
}

/** As one word of sh. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
