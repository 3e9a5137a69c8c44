"""Bytes of a site on disk, against the bytes it cannot do without, both counted here and not by `epr-build`."""

import hashlib
import json
import os


def on_disk(folder):
    """`(apparent, blocks, entries, folders)` of everything below a folder, hard links counted once; the last is `(number,
    apparent, blocks)` of the folders among it."""
    seen, apparent, blocks, folders = set(), 0, 0, (0, 0, 0)
    stack = [folder]
    while stack:
        path = stack.pop()
        stat = os.lstat(path)
        if (stat.st_dev, stat.st_ino) in seen:
            continue
        seen.add((stat.st_dev, stat.st_ino))
        apparent += stat.st_size
        blocks += stat.st_blocks * 512
        if os.path.isdir(path) and not os.path.islink(path):
            folders = folders[0] + 1, folders[1] + stat.st_size, folders[2] + stat.st_blocks * 512
            stack += [os.path.join(path, name) for name in os.listdir(path)]
    return apparent, blocks, len(seen), folders


class Needed:
    """Distinct contents, by part, in bytes and in whole blocks."""

    def __init__(self):
        self.seen, self.parts = set(), {}

    def add(self, part, digest, size):
        if digest not in self.seen:
            self.seen.add(digest)
            bytes_, blocks = self.parts.get(part, (0, 0))
            self.parts[part] = bytes_ + size, blocks + -(-size // 4096) * 4096

    def total(self, *parts):
        chosen = [self.parts.get(part, (0, 0)) for part in parts]
        return sum(size for size, _ in chosen), sum(blocks for _, blocks in chosen)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def needed(layers, generation):
    """What a site of these layers consists of: file contents are read from the layers, the rest from the site."""
    found = Needed()
    for layer in layers:
        for folder, _, names in os.walk(layer):
            for name in names:
                path = os.path.join(folder, name)
                found.add("file contents", digest(path), os.path.getsize(path))
    site = os.path.join(generation, "site")
    with open(os.path.join(generation, "manifest.json"), encoding="utf-8") as file:
        files = json.load(file)["files"]
    twins = []
    for path, entry in files.items():
        place = site + path
        if digest(place) != entry["sha256"]:
            raise SystemExit(f"{place} is not what manifest.json says")
        part = {"epr": "zips", "documents": "documents"}.get(path.split("/")[1], "answers")
        found.add(part, entry["sha256"], entry["size"])
        twins += [place + ".gz"] if "gzip_sha256" in entry else []
    for folder, _, names in os.walk(os.path.join(site, "package"), followlinks=True):
        twins += [os.path.join(folder, name) for name in names if name.endswith(".gz")]
    inodes = set()
    for path in twins:
        stat = os.stat(path)
        if stat.st_ino not in inodes:
            inodes.add(stat.st_ino)
            found.add("gzip copies", digest(path), stat.st_size)
    return found
