#!/usr/bin/env python3
"""Writes a synthetic catalog of packages: as many names and versions as wanted, sharing content as real ones do.

Deterministic: the same arguments write the same bytes. Every name has the same history whatever else is in the catalog,
so a catalog of ten times as many names is ten times the work and not another kind of work. Most versions change their
manifest, change log and one or two files more; base and ECS fields are the same across names; pictures are most of the
bytes and do not compress. A staging and a snapshot layer add the next version of a few names.

Files are separate files: packages in a repository are no hard links either.
"""

import argparse
import os
import random
import sys

# Of ten names one has many versions and some have few, as in package-storage; the mean is 20.
HISTORY = (60, 38, 26, 20, 16, 12, 10, 8, 6, 4)
FORMATS = ("1.0.0", "2.0.0", "2.3.0", "2.8.0", "3.0.0", "3.1.3", "3.3.0", "3.6.0")
KIBANA = (
    "^7.14.0", "^7.17.0 || ^8.0.0", "^8.0.0", "^8.2.0", "^8.4.0", "^8.6.1", "^8.8.0", "^8.10.1", "^8.11.0",
    "^8.12.0", "^8.13.0", "^8.14.0", "^8.15.2", "^8.16.0 || ^9.0.0", "^8.17.3 || ^9.0.0", "^8.18.0 || ^9.0.0",
    "^8.19.0 || ^9.1.0", "^8.19.4 || ^9.1.4", "^9.2.0", "^9.3.0",
)
CATEGORIES = ("observability", "security", "web", "cloud", "monitoring", "network", "custom", "containers")
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


class Name:
    """One package name: its files and how they change from version to version."""

    def __init__(self, number, scale):
        self.number, self.scale = number, scale
        self.name = f"synthetic_{number:05}"
        rng = Random("name", number)
        # Every twentieth name is no integration: input and content packages by turns.
        self.kind = "integration" if number % 20 != 11 else ("input" if number % 40 == 11 else "content")
        self.streams = sorted(rng.sample(SUBJECTS, 1 + number % 3)) if self.kind == "integration" else []
        self.categories = rng.sample(CATEGORIES, 2)
        self.capabilities = {7: "[security]", 23: "[apm, uptime]"}.get(number % 50)
        self.first_major = 0 if number % 6 == 5 else 1
        # Where in the course of time a name begins: few are as old as the registry.
        self.begin = rng.random() * 0.6
        self.revisions = {path: 0 for path in self.files()}

    def files(self):
        """What may change from version to version, by path."""
        name = self.name
        paths = {
            "docs/README.md": lambda rng: f"# {name}\n\n" + "\n\n".join(rng.sentences(4) for _ in range(8)) + "\n",
            f"img/{name}.svg": drawing,
        }
        for number in range(1, 3):
            size = int(self.scale * Random("size", self.number, number).choice((9, 18, 27, 36, 60)) * 1000)
            paths[f"img/{name}-{number}.png"] = lambda rng, size=size: picture(rng, size)
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

    def versions(self, count):
        """Version numbers in order: mostly minor ones, now and then a patch, a major, or (2 %) a pre-release."""
        rng = Random("versions", self.number)
        major, minor, patch = self.first_major, 0 if self.first_major else 1, 0
        for position in range(count):
            pick = rng.random()
            if position and pick < 0.25:
                patch += 1
            elif position and pick < 0.29:
                major, minor, patch = major + 1, 0, 0
            elif position:
                minor, patch = minor + 1, 0
            suffix = rng.choice(("-beta.1", "-rc.1", "-preview1")) if rng.random() < 0.02 else ""
            yield f"{major}.{minor}.{patch}{suffix}"

    def manifest(self, version, age):
        """`age` goes from 0 to 1 over the history of the registry."""
        name = self.name
        floor = {"integration": 0, "input": 3, "content": 4}[self.kind]
        format_version = FORMATS[min(len(FORMATS) - 1, max(floor, int(age * len(FORMATS))))]
        kibana = KIBANA[min(len(KIBANA) - 1, max(11 if self.kind == "content" else 0, int(age * len(KIBANA))))]
        text = (
            f"format_version: {format_version}\nname: {name}\ntitle: Synthetic {self.number}\nversion: {version}\n"
            f"description: {Random('description', self.number).sentences(1)}\ntype: {self.kind}\ncategories:\n"
            + "".join(f"  - {category}\n" for category in self.categories)
        )
        if format_version < "2.3.0":
            text += "license: basic\nrelease: ga\n"
        else:
            text += 'source:\n  license: "Elastic-2.0"\n'
        text += f'conditions:\n  kibana:\n    version: "{kibana}"\n'
        if self.capabilities:
            text += f"  elastic:\n    capabilities: {self.capabilities}\n"
        text += f"icons:\n  - src: /img/{name}.svg\n    title: Icon\n    size: 32x32\n    type: image/svg+xml\nscreenshots:\n"
        for number in range(1, 3):
            text += f"  - src: /img/{name}-{number}.png\n    title: View {number}\n    size: 600x600\n    type: image/png\n"
        if self.kind == "integration":
            text += (
                f"policy_templates:\n  - name: {name}\n    title: Logs\n    description: Collect logs\n    inputs:\n"
                "      - type: filestream\n        title: Collect files\n        description: Reads lines as they come\n"
            )
        elif self.kind == "input":
            text += (
                f"policy_templates:\n  - name: {name}\n    type: logs\n    title: Logs\n    description: Collect logs\n"
                "    input: httpjson\n    template_path: input.yml.hbs\n    vars:\n      - name: url\n        type: url\n"
                "        title: Address\n        required: true\n        show_user: true\n"
            )
        return text + "owner:\n  github: example/synthetic\n  type: community\n"

    def write(self, folder, versions, total, begin=0):
        """Writes the versions from the position `begin` on below `folder`; earlier ones only leave their changes."""
        files = self.files()
        contents, log = {}, []
        for position, version in enumerate(versions):
            age = self.begin + (1 - self.begin) * position / max(1, total - 1)
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
            if position >= begin:
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


def history_lengths(names, versions):
    """How many versions each name has; their sum is `versions`."""
    mean = versions / names
    lengths = [max(1, int(HISTORY[number % len(HISTORY)] * mean / 20)) for number in range(names)]
    for number in range(abs(versions - sum(lengths))):
        lengths[number % names] += 1 if versions > sum(lengths) else -1
    return lengths


def write_catalog(out, names, versions, scale=1.0):
    """Writes `versions` versions into OUT/production, and a few more into OUT/staging and OUT/snapshot."""
    for number, length in enumerate(history_lengths(names, versions)):
        package, extra = Name(number, scale), 1 if number % 12 == 0 else 0
        numbers = list(package.versions(length + extra))
        package.write(os.path.join(out, "production"), numbers[:length], length)
        if extra:
            layer = "snapshot" if number % 24 == 0 else "staging"
            Name(number, scale).write(os.path.join(out, layer), numbers, length, begin=length)
    for layer in ("production", "staging", "snapshot"):
        os.makedirs(os.path.join(out, layer), exist_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to; must not exist")
    parser.add_argument("--names", type=int, default=600, metavar="N", help="package names (default 600)")
    parser.add_argument("--versions", type=int, default=12000, metavar="N", help="versions of all names (default 12000)")
    parser.add_argument("--scale", type=float, default=1.0, metavar="F", help="size of pictures (default 1: 60 kB a version)")
    arguments = parser.parse_args()
    if os.path.exists(arguments.out):
        sys.exit(f"{arguments.out} is there already")
    if not 0 < arguments.names <= arguments.versions:
        sys.exit("at least one version for each name")
    write_catalog(arguments.out, arguments.names, arguments.versions, arguments.scale)


if __name__ == "__main__":
    main()
