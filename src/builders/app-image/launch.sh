#!/bin/bash
# Starts a process of a Heroku app the way a dyno does.
#
#   launch TYPE              the process type of that name (the image's default is web)
#   launch -- COMMAND        a one-off: one word is a shell command, several are a program and its arguments
#
# As on a dyno: HOME and the working directory are /app; .profile.d/*.sh and then .profile are sourced, in a shell
# without -e and -u, after the environment is complete; the command is bash's.
#
# The app's config vars are variables of this shell too, whatever they are called: every name of our own begins with
# dogwood_, or it would be handed on in the place of theirs.

dogwood_processes=/dogwood/process
dogwood_secrets=/run/dogwood/env
dogwood_child=
dogwood_ending=

fail() {
  printf 'dogwood: %s\n' "$1" >&2
  exit "${2:-1}"
}

process_types() {
  local dogwood_file dogwood_types=''
  for dogwood_file in "$dogwood_processes"/*; do
    [ -f "$dogwood_file" ] && dogwood_types+="${dogwood_types:+, }${dogwood_file##*/}"
  done
  printf '%s' "${dogwood_types:-none}"
}

# Signals a process of the app: `reach -0` asks whether there is one. As process 1 that is everybody but this shell,
# wherever it is (behind &&, in the background, in a session of its own), as a dyno does it. Otherwise (docker run
# --init, a shared process namespace) others than the app's would be hit, so its process group has to do.
reach() {
  if [ $$ -eq 1 ]; then kill "$1" -1; else kill "$1" "-$dogwood_child"; fi 2>/dev/null
}

# forward SIGNAL, from a trap
# shellcheck disable=SC2317
forward() {
  [ -n "$dogwood_child" ] || exit $((128 + $(kill -l "$1")))
  case $1 in TERM | INT | QUIT) dogwood_ending=yes ;; esac
  reach "-$1"
}

# --- what to run: $dogwood_mode is `shell` (one string for bash) or `exec` (words) ---

if [ $# -eq 0 ]; then
  fail "this image has no web process; name a process type ($(process_types)) or write -- COMMAND" 64
elif [ "$1" = '--' ]; then
  shift
  [ $# -gt 0 ] || fail 'there is no command behind --' 64
  dogwood_type=run dogwood_mode=exec
  [ $# -gt 1 ] || dogwood_mode=shell
else
  dogwood_type=$1
  case $dogwood_type in
    '' | *[!A-Za-z0-9_-]*) fail "not a process type: $dogwood_type" 64 ;;
  esac
  [ -f "$dogwood_processes/$dogwood_type" ] ||
    fail "there is no process type $dogwood_type (there are: $(process_types)); for a command, write -- $dogwood_type" 64
  [ $# -eq 1 ] || fail "a process type takes no arguments; for a command, write -- $*" 64
  dogwood_mode=shell
  set -- "$(<"$dogwood_processes/$dogwood_type")"
fi

# At a terminal that a process 1 other than this gives out (docker run --init) nothing has to be in between.
if [ -t 0 ] && [ $$ -ne 1 ]; then
  dogwood_supervise=
else
  dogwood_supervise=yes
  # Before all else: a signal without a trap is lost on process 1.
  for dogwood_signal in HUP INT QUIT USR1 USR2 TERM; do
    # shellcheck disable=SC2064
    trap "forward $dogwood_signal" "$dogwood_signal"
  done
fi

# --- the environment ---

# A file per variable, so that a runtime can hand over secrets that `docker inspect` does not show.
for dogwood_file in "$dogwood_secrets"/*; do
  [ -f "$dogwood_file" ] || continue
  dogwood_name=${dogwood_file##*/}
  case $dogwood_name in
    [0-9]* | *[!A-Za-z0-9_]*)
      printf 'dogwood: %s: not a name the shell can export; passed over\n' "$dogwood_file" >&2
      continue
      ;;
  esac
  if [ ! -r "$dogwood_file" ]; then
    printf 'dogwood: %s: cannot be read by %s; passed over\n' "$dogwood_file" "$(id -u):$(id -g)" >&2
    continue
  fi
  # Not $(<file): that would take away newlines at the end of the value.
  IFS= read -r -d '' dogwood_value <"$dogwood_file"
  export "$dogwood_name=$dogwood_value"
done

export HOME=/app
export DYNO="${DYNO:-$dogwood_type.1}"
if [ "$dogwood_type" = web ]; then export PORT="${PORT:-8080}"; fi

# Profile scripts of Heroku's buildpacks size WEB_CONCURRENCY by MEMORY_AVAILABLE (MB) and, without it, by a file of
# cgroup v1: on v2 they then assume 512 MB, and on v1 without a limit a memory of 8 exabytes.
if [ -z "${MEMORY_AVAILABLE:-}" ]; then
  dogwood_bytes=
  for dogwood_file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    if [ -r "$dogwood_file" ]; then
      read -r dogwood_bytes <"$dogwood_file"
      break
    fi
  done
  case $dogwood_bytes in
    '' | *[!0-9]* | ??????????????*) MEMORY_AVAILABLE=512 ;; # no limit: 14 digits or more are 10 TB and up
    *) MEMORY_AVAILABLE=$((dogwood_bytes / 1048576)) ;;
  esac
  export MEMORY_AVAILABLE
fi

# --- run it ---

# In a shell of its own: a profile script may return, exit, trap or change options without harming this one.
# shellcheck disable=SC2016
dogwood_boot='
cd /app || exit 1
dogwood_mode=$1; shift
dogwood_arguments=("$@")
dogwood_scripts=()
while IFS= read -r -d "" dogwood_script; do dogwood_scripts+=("$dogwood_script"); done \
  < <(LC_ALL=C; for f in .profile.d/*.sh; do [ -f "$f" ] && printf "%s\0" "$f"; done)
set --
for dogwood_script in "${dogwood_scripts[@]}"; do . "./$dogwood_script"; done
if [ -f .profile ]; then . ./.profile; fi
if [ "$dogwood_mode" = exec ]; then exec "${dogwood_arguments[@]}"; fi
exec bash -c "${dogwood_arguments[0]}"
'

if [ -z "$dogwood_supervise" ]; then exec bash -c "$dogwood_boot" dogwood "$dogwood_mode" "$@"; fi

# This shell stays as process 1, passes signals on and reaps what nobody waits for. The app is then no process 1
# itself, for which signals would have no default effect.
if [ -t 0 ]; then
  # The terminal must belong to the app's process group, or its keys (Ctrl-C) would be signals for this shell too. A
  # shell gives it away only to what it then waits for without running a trap, so a second one does that. The third
  # ends as the app did: bash takes the death of a foreground job by SIGINT for its own. Their traps only keep them
  # alive; an app does not inherit those. Nobody could bring back what Ctrl-Z stopped.
  # shellcheck disable=SC2016
  dogwood_front='
trap : HUP INT QUIT USR1 USR2 TERM
set -m
(trap : HUP INT QUIT USR1 USR2 TERM; bash -c "$@" 2>&3 3>&-) 3>&2 2>/dev/null
dogwood_status=$?
while [ -n "$(jobs -ps)" ]; do fg >/dev/null; dogwood_status=$?; done
exit "$dogwood_status"
'
  # What runs in the background ignores SIGINT and SIGQUIT, and so would all its children.
  (
    trap - INT QUIT
    exec bash -c "$dogwood_front" dogwood "$dogwood_boot" dogwood "$dogwood_mode" "$@"
  ) <&0 &
  dogwood_child=$!
else
  # Job control (-m) gives the app a process group; left on, `wait` would also end, again and again, for an app that
  # is stopped (SIGSTOP).
  set -m
  bash -c "$dogwood_boot" dogwood "$dogwood_mode" "$@" <&0 &
  dogwood_child=$!
  set +m
fi
# `wait` also ends when a trap ran; the app has ended when its process is gone, and bash still knows how.
while kill -0 "$dogwood_child" 2>/dev/null; do wait "$dogwood_child" 2>/dev/null; done
wait "$dogwood_child" 2>/dev/null
dogwood_status=$?
# Told to end, `cd web && node server.js` has lost its shell at once; the server still finishes its requests. Whoever
# told us to end (docker stop, kubelet) has a deadline for that.
if [ -n "$dogwood_ending" ]; then while reach -0; do sleep 0.1; done; fi
exit "$dogwood_status"
