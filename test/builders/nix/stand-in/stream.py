"""Writes the image of a conf.json as nixpkgs' streamLayeredImage documents its format; the tests' own, stdlib only.

usage: stream.py conf.json > image.tar
"""

import datetime
import hashlib
import io
import json
import pathlib
import sys
import tarfile


class Hashing(io.RawIOBase):
    """Counts and hashes what is written, and keeps nothing."""

    def __init__(self):
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)
        return len(data)


def moment(text):
    return datetime.datetime.fromisoformat(text)


def write_layer(out, conf, paths):
    """The store paths of one layer: absolute names, sorted, one owner and time."""
    mtime = int(moment(conf["mtime"]).timestamp())

    def settled(info, name):
        info.name = name
        info.mtime = mtime
        info.uid, info.gid = int(conf["uid"]), int(conf["gid"])
        info.uname, info.gname = conf["uname"], conf["gname"]
        if info.type == tarfile.LNKTYPE:
            info.type = tarfile.REGTYPE
        return info

    store = conf["store_dir"]
    with tarfile.open(fileobj=out, mode="w|") as tar:
        folders = [str(folder) for folder in reversed([pathlib.Path(store), *pathlib.Path(store).parents])]
        for folder in folders[1:]:
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(settled(info, folder))
        for path in paths:
            assert path.startswith(store + "/"), path
            root = pathlib.Path(path)
            inside = [] if root.is_symlink() else sorted(root.rglob("*"))
            for each in [root, *inside]:
                info = settled(tar.gettarinfo(each), str(each))
                info.size = info.size if info.type == tarfile.REGTYPE else 0
                if info.type == tarfile.REGTYPE:
                    info.size = each.stat().st_size
                    with open(each, "rb") as content:
                        tar.addfile(info, content)
                else:
                    tar.addfile(info)


def add_bytes(tar, name, data, mtime):
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), mtime
    tar.addfile(info, io.BytesIO(data))


def main():
    with open(sys.argv[1]) as file:
        conf = json.load(file)
    mtime = int(moment(conf["mtime"]).timestamp())
    created = moment(conf["created"]).isoformat()
    layers = []
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for number, paths in enumerate(conf["store_layers"]):
            print(f"Creating layer {number + 1} from paths: {paths}", file=sys.stderr)
            counted = Hashing()
            write_layer(counted, conf, paths)
            checksum = counted.hash.hexdigest()
            info = tarfile.TarInfo(f"{checksum}/layer.tar")
            info.size, info.mtime = counted.size, mtime
            data = io.BytesIO()
            write_layer(data, conf, paths)
            data.seek(0)
            tar.addfile(info, data)
            layers.append((checksum, info.name, paths))
        custom = pathlib.Path(conf["customisation_layer"])
        checksum = (custom / "checksum").read_text().strip()
        info = tarfile.TarInfo(f"{checksum}/layer.tar")
        info.size, info.mtime = (custom / "layer.tar").stat().st_size, mtime
        with open(custom / "layer.tar", "rb") as content:
            tar.addfile(info, content)
        layers.append((checksum, info.name, [str(custom)]))
        config = {
            "created": created,
            "architecture": conf["architecture"],
            "os": "linux",
            "config": conf["config"],
            "rootfs": {"diff_ids": [f"sha256:{layer[0]}" for layer in layers], "type": "layers"},
            "history": [{"created": created, "comment": f"store paths: {layer[2]}"} for layer in layers],
        }
        text = json.dumps(config, indent=4).encode()
        name = f"{hashlib.sha256(text).hexdigest()}.json"
        add_bytes(tar, name, text, mtime)
        manifest = [{"Config": name, "RepoTags": [conf["repo_tag"]], "Layers": [layer[1] for layer in layers]}]
        add_bytes(tar, "manifest.json", json.dumps(manifest, indent=4).encode(), mtime)
    print("Done.", file=sys.stderr)


main()
