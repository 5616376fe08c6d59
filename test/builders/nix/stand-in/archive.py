"""Writes what nixpkgs' buildImage puts into its output: Docker's archive of before 1.10, with a manifest.json.

usage: archive.py layer.tar config.json name:tag [gzip] > image.tar
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile


def main():
    layer_path, config_path, tag = sys.argv[1:4]
    with open(layer_path, "rb") as file:
        layer = file.read()
    with open(config_path) as file:
        config = json.load(file)
    checksum = hashlib.sha256(layer).hexdigest()
    layer_id = hashlib.sha256(b"layer " + layer).hexdigest()
    config["rootfs"] = {"diff_ids": [f"sha256:{checksum}"], "type": "layers"}
    config["history"] = [{"created": config["created"]}]
    text = json.dumps(config).encode()
    config_name = f"{hashlib.sha256(text).hexdigest()}.json"
    name, version = tag.split(":")
    members = {
        config_name: text,
        layer_id: None,
        f"{layer_id}/VERSION": b"1.0",
        f"{layer_id}/json": json.dumps({"id": layer_id, "created": config["created"]}).encode(),
        f"{layer_id}/layer.tar": layer,
        "manifest.json": json.dumps(
            [{"Config": config_name, "RepoTags": [tag], "Layers": [f"{layer_id}/layer.tar"]}]
        ).encode(),
        "repositories": json.dumps({name: {version: layer_id}}).encode(),
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(members):
            info = tarfile.TarInfo(name)
            info.mtime = 1
            if members[name] is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                info.size = len(members[name])
                tar.addfile(info, io.BytesIO(members[name]))
    out = sys.stdout.buffer
    if sys.argv[4:] == ["gzip"]:
        with gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=1, mtime=0) as file:
            file.write(plain.getvalue())
    else:
        out.write(plain.getvalue())


main()
