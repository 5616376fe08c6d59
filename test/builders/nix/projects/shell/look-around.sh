echo "root:$(for f in /*; do printf ' %s' "${f#/}"; done)"
echo "devices: $(sed -n 's/^ *\([a-z0-9]*\):.*/\1/p' /proc/net/dev)"
echo "home: $HOME, work: $PWD, temporary: $TMPDIR, epoch: $SOURCE_DATE_EPOCH, user: ${USER-none}"
echo > "$tools/written" || echo 'store is read-only'
/usr/bin/env sh -c 'echo env works'
[ -e /etc/passwd ] && echo 'sees the machine'
ln -s /etc out
