#!/usr/bin/env python3
"""Writes a synthetic catalog of packages: as many names and versions as wanted, sharing content as real ones do.

What manifests say is in shapes.py. Packages are folders or, with --zips, zips with signatures, as a mirror holds them.

Deterministic: the same arguments write the same bytes. Every name has the same history whatever else is in the catalog,
so a catalog of ten times as many names is ten times the work and not another kind of work. Most versions change their
manifest, change log and one or two files more; base and ECS fields are the same across names; pictures are most of the
bytes and do not compress. A staging and a snapshot layer add the next version of a few names. Files are separate files:
packages in a repository are no hard links either. Zips are the same bytes wherever zlib is the same.
"""

import argparse
import io
import os
import random
import sys
import zipfile

import shapes
import signing

# Of ten names one has many versions and some have few, as in package-storage; the mean is 20.
HISTORY = (60, 38, 26, 20, 16, 12, 10, 8, 6, 4)
SUBJECTS = ("access", "audit", "status", "usage", "error", "flow", "alert", "session")
WORDS = (
    "address agent answer bucket client cluster connection counter count duration endpoint error event field group "
    "header host index interval item kernel latency level limit line message method metric module name node number "
    "offset packet path peer policy port process protocol queue rate reason record region request response result "
    "rule service session size source state status stream subject target task thread time token total type user "
    "value version volume worker zone"
).split()
# The chance that a version changes one of its files other than manifest and change log.
CHANGES = 0.06
PICTURES_CHANGE = 0.03


class Random(random.Random):
    """Random text and bytes that depend on a key alone."""

    def __init__(self, *key):
        super().__init__("/".join(map(str, key)))

    def words(self, count):
        return " ".join(self.choices(WORDS, k=count))

    def sentences(self, count):
        return " ".join(self.words(self.randint(6, 14)).capitalize() + "." for _ in range(count))


def field_list(rng, prefix, count):
    lines = []
    for number in range(count):
        kind = rng.choice(("keyword", "long", "date", "ip", "boolean", "text"))
        name = f"{prefix}.{rng.choice(WORDS)}.{rng.choice(WORDS)}_{number}"
        lines.append(f"- name: {name}\n  type: {kind}\n  description: {rng.sentences(1)}\n")
    return "".join(lines)


BASE_FIELDS = "".join(
    f"- name: {name}\n  type: {kind}\n  description: {text}\n"
    for name, kind, text in (
        ("data_stream.type", "constant_keyword", "Data stream type."),
        ("data_stream.dataset", "constant_keyword", "Data stream dataset."),
        ("data_stream.namespace", "constant_keyword", "Data stream namespace."),
        ("'@timestamp'", "date", "Event timestamp."),
    )
)


def picture(rng, size):
    return b"\x89PNG\r\n\x1a\n" + rng.randbytes(size)


def drawing(rng):
    paths = "".join(
        f'<path d="M{rng.randint(0, 32)} {rng.randint(0, 32)}L{rng.randint(0, 32)} {rng.randint(0, 32)}z"/>'
        for _ in range(40)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{paths}</svg>\n'


def pipeline(rng, name, stream):
    lines = [f"---\ndescription: Pipeline of {name} {stream}\nprocessors:\n"]
    for number in range(rng.randint(15, 40)):
        source, target = rng.choice(WORDS), f"{name}.{stream}.{rng.choice(WORDS)}_{number}"
        lines.append(f"  - rename:\n      field: json.{source}\n      target_field: {target}\n      ignore_missing: true\n")
    return "".join(lines)


def template(rng):
    lines = "".join(f"{{{{#if {word}}}}}\n{word}: {{{{{word}}}}}\n{{{{/if}}}}\n" for word in rng.sample(WORDS, 15))
    return "paths:\n{{#each paths as |path|}}\n  - {{path}}\n{{/each}}\n" + lines


def sample(rng, name, stream):
    values = ",\n".join(f'        "{word}": "{rng.words(3)}"' for word in rng.sample(WORDS, 25))
    return f'{{\n    "@timestamp": "2024-01-02T03:04:05.678Z",\n    "{name}": {{\n    "{stream}": {{\n{values}\n    }}\n    }}\n}}\n'


def dashboard(rng, name):
    panels = ",\n".join(
        f'      {{"title": "{rng.words(4)}", "type": "lens", "query": "{rng.words(6)}", "id": "{rng.getrandbits(128):032x}"}}'
        for _ in range(rng.randint(20, 60))
    )
    head = f'"id": "{name}-overview",\n  "type": "dashboard"'
    return f'{{\n  {head},\n  "attributes": {{\n    "title": "{name} overview",\n    "panels": [\n{panels}\n    ]\n  }}\n}}\n'


def stream_manifest(rng, name, stream):
    options = "".join(
        f"      - name: {word}_{number}\n        type: text\n        title: {word.capitalize()}\n"
        f"        description: {rng.sentences(1)}\n        required: false\n        show_user: false\n"
        for number, word in enumerate(rng.sample(WORDS, 6))
    )
    return (
        f"title: {name} {stream}\ntype: logs\nstreams:\n  - input: filestream\n    title: {stream} files\n"
        f"    description: {rng.sentences(1)}\n    template_path: stream.yml.hbs\n    vars:\n"
        "      - name: paths\n        type: text\n        title: Paths\n        multi: true\n        required: true\n"
        f"        show_user: true\n        default:\n          - /var/log/{name}/{stream}.log*\n{options}"
    )


THIN_STREAM = "title: Logs\ntype: logs\nstreams:\n  - input: filestream\n    title: Files\n"


class Name:
    """One package name: its files and how they change from version to version."""

    def __init__(self, number, scale, is_thin=False):
        self.number, self.scale, self.is_thin = number, scale, is_thin
        self.name = f"synthetic_{number:05}"
        self.shape = shapes.Shape(number)
        self.kind = self.shape.kind
        count = 1 if is_thin else 1 + number % 3
        self.streams = sorted(Random("streams", number).sample(SUBJECTS, count)) if self.kind == "integration" else []
        self.revisions = {path: 0 for path in self.files()}

    def files(self):
        """What may change from version to version, by path."""
        name = self.name
        paths = {
            "docs/README.md": lambda rng: f"# {name}\n\n" + "\n\n".join(rng.sentences(4) for _ in range(8)) + "\n",
            f"img/{name}.svg": drawing,
        }
        for number in range(1, 1 + self.pictures()):
            size = int(self.scale * Random("size", self.number, number).choice((9, 18, 27, 36, 60)) * 1000)
            paths[f"img/{name}-{number}.png"] = lambda rng, size=size: picture(rng, size)
        if self.is_thin:
            folders = [f"data_stream/{stream}" for stream in self.streams]
            paths |= {f"{folder}/manifest.yml": lambda _: THIN_STREAM for folder in folders}
            return paths | {f"{folder}/fields/base-fields.yml": lambda _: BASE_FIELDS for folder in folders}
        if self.kind != "input":
            paths[f"kibana/dashboard/{name}-overview.json"] = lambda rng: dashboard(rng, name)
        if self.kind == "input":
            paths["agent/input/input.yml.hbs"] = template
            paths["fields/base-fields.yml"] = lambda _: BASE_FIELDS
        for stream in self.streams:
            folder = f"data_stream/{stream}"
            paths |= {
                f"{folder}/manifest.yml": lambda rng, stream=stream: stream_manifest(rng, name, stream),
                f"{folder}/agent/stream/stream.yml.hbs": template,
                f"{folder}/elasticsearch/ingest_pipeline/default.yml": lambda rng, stream=stream: pipeline(rng, name, stream),
                f"{folder}/fields/base-fields.yml": lambda _: BASE_FIELDS,
                # The revision of ECS is the same for all names.
                f"{folder}/fields/ecs.yml": None,
                f"{folder}/fields/fields.yml": lambda rng, stream=stream: field_list(rng, f"{name}.{stream}", 25),
                f"{folder}/sample_event.json": lambda rng, stream=stream: sample(rng, name, stream),
            }
        return paths

    def pictures(self):
        return 0 if self.is_thin else 2

    def manifest(self, version, age):
        """`age` goes from 0 to 1 over the history of the registry."""
        name = self.name
        text = self.shape.head(name, version, age, Random("description", self.number).sentences(1))
        text += f"icons:\n  - src: /img/{name}.svg\n    title: Icon\n    size: 32x32\n    type: image/svg+xml\n"
        text += "screenshots:\n" if self.pictures() else ""
        for number in range(1, 1 + self.pictures()):
            text += f"  - src: /img/{name}-{number}.png\n    title: View {number}\n    size: 600x600\n    type: image/png\n"
        return text + self.shape.policy_templates(name) + "owner:\n  github: example/synthetic\n  type: community\n"

    def write(self, folder, versions, total, begin=0, key=None):
        """Writes the versions from the position `begin` on below `folder`; earlier ones only leave their changes.

        As zips, signed with the key, if there is one; as folders otherwise.
        """
        files = self.files()
        contents, log = {}, []
        for position, version in enumerate(versions):
            age = self.shape.begin + (self.shape.end - self.shape.begin) * position / max(1, total - 1)
            self.shape.next(age)
            rng = Random("changes", self.number, position)
            for path, make in files.items():
                chance = PICTURES_CHANGE if path.endswith(".png") else CHANGES
                is_changed = rng.random() < chance
                if make is None:
                    contents[path] = ecs_fields(int(age * 12))
                elif path not in contents or is_changed:
                    self.revisions[path] += 1
                    made = make(Random("file", self.number, path, self.revisions[path]))
                    contents[path] = made if isinstance(made, bytes) else made.encode()
            log.insert(0, change(self.number, position, version))
            contents["changelog.yml"] = ("# newer versions go on top\n" + "".join(log[:60])).encode()
            contents["manifest.yml"] = self.manifest(version, min(age, 1)).encode()
            if position >= begin and key:
                write_zip(folder, f"{self.name}-{version}", contents, key)
            elif position >= begin:
                write_package(os.path.join(folder, self.name, version), contents)


def change(number, position, version):
    text = Random("change", number, position).sentences(1)
    link = f"https://example.invalid/changes/{number}/{position}"
    return f'- version: "{version}"\n  changes:\n    - description: {text}\n      type: enhancement\n      link: {link}\n'


ECS = {}


def ecs_fields(revision):
    if revision not in ECS:
        ECS[revision] = field_list(Random("ecs", revision), "ecs", 30 + revision).encode()
    return ECS[revision]


def write_package(folder, contents):
    for parent in {os.path.dirname(path) for path in contents}:
        os.makedirs(os.path.join(folder, parent), exist_ok=True)
    for path, content in contents.items():
        with open(os.path.join(folder, path), "wb", buffering=0) as file:
            file.write(content)


def write_zip(folder, name, contents, key):
    """A zip with its folders and its files in order, all below one folder of its own name, and its signature."""
    os.makedirs(folder, exist_ok=True)
    folders = {path[: at + 1] for path in contents for at, letter in enumerate(path) if letter == "/"}
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in sorted(folders | {""} | set(contents)):
            entry = zipfile.ZipInfo(f"{name}/{path}", (2024, 1, 2, 3, 4, 6))
            entry.external_attr = (0o100644 if path in contents else 0o40755) << 16
            is_plain = path not in contents or path.endswith(".png")
            entry.compress_type = zipfile.ZIP_STORED if is_plain else zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents.get(path, b""))
    for ending, content in ((".zip", data.getvalue()), (".zip.sig", key.sign(data.getvalue()))):
        with open(os.path.join(folder, name + ending), "wb", buffering=0) as file:
            file.write(content)


def history_lengths(names, versions):
    """How many versions each name has; their sum is `versions`."""
    mean = versions / names
    lengths = [max(1, int(HISTORY[number % len(HISTORY)] * mean / 20)) for number in range(names)]
    for number in range(abs(versions - sum(lengths))):
        lengths[number % names] += 1 if versions > sum(lengths) else -1
    return lengths


def write_catalog(out, names, versions, scale=1.0, is_thin=False, has_zips=False):
    """Writes `versions` versions into OUT/production, and a few more into OUT/staging and OUT/snapshot."""
    key = signing.Key() if has_zips else None
    for number, length in enumerate(history_lengths(names, versions)):
        extra = 1 if number % 12 == 0 else 0
        numbers = list(shapes.versions_of(number, length + extra))
        Name(number, scale, is_thin).write(os.path.join(out, "production"), numbers[:length], length, key=key)
        if extra:
            layer = "snapshot" if number % 24 == 0 else "staging"
            Name(number, scale, is_thin).write(os.path.join(out, layer), numbers, length, begin=length, key=key)
    if key:
        with open(os.path.join(out, "signing-key.asc"), "wb") as file:
            file.write(key.public())
    for layer in ("production", "staging", "snapshot"):
        os.makedirs(os.path.join(out, layer), exist_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to; must not exist")
    parser.add_argument("--names", type=int, default=600, metavar="N", help="package names (default 600)")
    parser.add_argument("--versions", type=int, default=12000, metavar="N", help="versions of all names (default 12000)")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="F",
        help="size of pictures (default 1: 60 kB a version; 25 for 1.5 MB, as packages of today)",
    )
    parser.add_argument("--thin", action="store_true", help="no pictures, and only the files that a package must have")
    parser.add_argument("--zips", action="store_true", help="zips with signatures instead of folders; the key lies beside")
    arguments = parser.parse_args()
    if os.path.exists(arguments.out):
        sys.exit(f"{arguments.out} is there already")
    if not 0 < arguments.names <= arguments.versions:
        sys.exit("at least one version for each name")
    write_catalog(
        arguments.out, arguments.names, arguments.versions, arguments.scale, arguments.thin, arguments.zips
    )


if __name__ == "__main__":
    main()
