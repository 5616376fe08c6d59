mkdir -p out/bin out/srv
cp tools/bin/busybox out/bin/
ln -s busybox out/bin/httpd
echo "$GREETING, hook $HOOK" > out/srv/index.html
