#!/bin/bash
# Starts a process of a Heroku app the way a dyno does.
#
#   launch TYPE              the process type of that name (the image's default is web)
#   launch -- COMMAND        a one-off: one word is a shell command, several are a program and its arguments
#
# As on a dyno: HOME and the working directory are /app; .profile.d/*.sh and then .profile are sourced, in a shell
# without -e and -u, after the environment is complete; the command is bash's.

processes=/dogwood/process
secrets=/run/dogwood/env

fail() {
  printf 'dogwood: %s\n' "$1" >&2
  exit "${2:-1}"
}

process_types() {
  local file types=''
  for file in "$processes"/*; do
    [ -f "$file" ] && types+="${types:+, }${file##*/}"
  done
  printf '%s' "${types:-none}"
}

# --- what to run: $mode is `shell` (one string for bash) or `exec` (words) ---

if [ $# -eq 0 ]; then
  fail "this image has no web process; name a process type ($(process_types)) or write -- COMMAND" 64
elif [ "$1" = '--' ]; then
  shift
  [ $# -gt 0 ] || fail 'there is no command behind --' 64
  type=run mode=exec
  [ $# -gt 1 ] || mode=shell
else
  type=$1
  case $type in
    '' | *[!A-Za-z0-9_-]*) fail "not a process type: $type" 64 ;;
  esac
  [ -f "$processes/$type" ] ||
    fail "there is no process type $type (there are: $(process_types)); for a command, write -- $type" 64
  [ $# -eq 1 ] || fail "a process type takes no arguments; for a command, write -- $*" 64
  mode=shell
  set -- "$(<"$processes/$type")"
fi

# --- the environment ---

# A file per variable, so that a runtime can hand over secrets that `docker inspect` does not show.
for file in "$secrets"/*; do
  [ -f "$file" ] || continue
  name=${file##*/}
  case $name in
    [0-9]* | *[!A-Za-z0-9_]*)
      printf 'dogwood: %s: not a name the shell can export; passed over\n' "$file" >&2
      continue
      ;;
  esac
  # Not $(<file): that would take away newlines at the end of the value.
  IFS= read -r -d '' value <"$file"
  export "$name=$value"
done
unset file name value

export HOME=/app
export DYNO="${DYNO:-$type.1}"
if [ "$type" = web ]; then export PORT="${PORT:-8080}"; fi

# Profile scripts of Heroku's buildpacks size WEB_CONCURRENCY by MEMORY_AVAILABLE (MB) and, without it, by a file of
# cgroup v1: on v2 they then assume 512 MB, and on v1 without a limit a memory of 8 exabytes.
if [ -z "${MEMORY_AVAILABLE:-}" ]; then
  bytes=
  for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    if [ -r "$file" ]; then
      read -r bytes <"$file"
      break
    fi
  done
  case $bytes in
    '' | *[!0-9]* | ??????????????*) MEMORY_AVAILABLE=512 ;; # no limit: 14 digits or more are 10 TB and up
    *) MEMORY_AVAILABLE=$((bytes / 1048576)) ;;
  esac
  export MEMORY_AVAILABLE
  unset bytes file
fi

# --- run it ---

# In a shell of its own: a profile script may return, exit, trap or change options without harming this one.
# shellcheck disable=SC2016
boot='
cd /app || exit 1
mode=$1; shift
dogwood_scripts=()
if [ -d .profile.d ]; then
  while IFS= read -r dogwood_script; do dogwood_scripts+=("$dogwood_script"); done \
    < <(LC_ALL=C; for f in .profile.d/*.sh; do [ -f "$f" ] && printf "%s\n" "$f"; done)
fi
dogwood_arguments=("$@"); dogwood_mode=$mode; unset mode
set --
for dogwood_script in "${dogwood_scripts[@]}"; do . "./$dogwood_script"; done
if [ -f .profile ]; then . ./.profile; fi
if [ "$dogwood_mode" = exec ]; then exec "${dogwood_arguments[@]}"; fi
exec bash -c "${dogwood_arguments[0]}"
'

# At a terminal the command must own it: no supervisor in between.
if [ -t 0 ]; then exec bash -c "$boot" dogwood "$mode" "$@"; fi

# Otherwise this shell stays as process 1 and hands every signal to all processes of the app, as a dyno does. The app
# is then no process 1 itself, for which signals would have no default effect.
set -m
bash -c "$boot" dogwood "$mode" "$@" <&0 &
child=$!
for signal in HUP INT QUIT USR1 USR2 TERM; do
  # shellcheck disable=SC2064
  trap "kill -s $signal -- -$child 2>/dev/null" "$signal"
done
# `wait` also ends when a trap ran; the app has ended when its process is gone.
while :; do
  wait "$child" 2>/dev/null
  status=$?
  kill -0 "$child" 2>/dev/null || exit "$status"
done
