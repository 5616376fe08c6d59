"""Packs a folder as GNU tar would for a customisation layer: `./` names, sorted, one owner and time.

usage: layer.py FOLDER layer.tar
"""

import pathlib
import sys
import tarfile

root = pathlib.Path(sys.argv[1])


def settled(info):
    info.mtime, info.uid, info.gid, info.uname, info.gname = 1, 0, 0, "", ""
    return info


with tarfile.open(sys.argv[2], mode="w", format=tarfile.GNU_FORMAT) as tar:
    tar.add(root, "./", recursive=False, filter=settled)
    for path in sorted(root.rglob("*")):
        tar.add(path, f"./{path.relative_to(root)}", recursive=False, filter=settled)
