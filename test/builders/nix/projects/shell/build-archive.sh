export PYTHONHOME=$tools
mkdir -p root/srv root/bin
cp tools/bin/busybox root/bin/
echo "an archive, $GREETING" > root/srv/index.html
echo '{"created":"1970-01-01T00:00:01Z","os":"linux","architecture":"amd64","config":{"Cmd":["/bin/busybox","httpd","-f","-p","8080","-h","/srv"]}}' > config.json
$python $archiver/layer.py root layer.tar
$python $archiver/archive.py layer.tar config.json made:latest gzip > image.tar.gz
