#!/usr/bin/env python3
"""Measures `epr-build mirror` and saved images on this machine, and prints the tables of BENCHMARKS.md.

    tests/bench/mirror.py [--data DIR] [--runs N] [--parts fetch,again,large,image]

DIR holds the layers production/, staging/ and snapshot/; without it a synthetic catalog is made. All of it becomes zips with
signatures by a key that anyone has (signing.py), and those are served by `epr-build serve` and by nginx. `mirror` and `curl
--parallel` fetch the same addresses by turns, each into folders of its own; figures are medians, with the least and the most.
Needed are curl, and umoci and skopeo for images; nginx is used where it is present.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# The folder of the sources stays as it is.
sys.dont_write_bytecode = True

import catalog
import measure
import serving
import signing

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARTS = ("fetch", "again", "large", "image")
# Packages may be left out (1) for reasons of their own; that is no failure of the measurement.
BUILT = (0, 1)
JOBS = 4
# How nginx answers the index, and how a registry that is none of ours would.
INDEX = "try_files /index/packages.json "
NO_INDEX = "return 404; #"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="folder of the layers")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each kind (default 5)")
    parser.add_argument("--parts", default=",".join(PARTS), metavar="LIST", help=f"which of {','.join(PARTS)}")
    parser.add_argument("--servers", metavar="LIST", help="of `fetch`: which, parted by semicolons (default: all)")
    parser.add_argument("--versions", type=int, default=12000, metavar="N", help="versions of the large catalog (default 12000)")
    parser.add_argument("--work", metavar="DIR", help="where to work; some 60 GB free for real data and 5 runs; what it has is used again")
    parser.add_argument(
        "--epr-build", metavar="FILE", default=os.path.join(ROOT, "target", "release", "epr-build"),
        help="the program (default: target/release/epr-build)",
    )
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        work = arguments.work or stack.enter_context(tempfile.TemporaryDirectory(prefix="epr-bench-"))
        # nginx may drop its rights: it must get through.
        os.chmod(work, 0o755)
        bench = Bench(os.path.abspath(arguments.epr_build), os.path.abspath(work), arguments)
        print(f"Machine: {measure.machine()}; file system {measure.file_system(work)}; load {os.getloadavg()[0]:.1f}.\n", flush=True)
        for part in arguments.parts.split(","):
            print(f"\n{part}, load {os.getloadavg()[0]:.1f}:", flush=True)
            getattr(bench, part)()


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def spread(values):
    """Median, least and most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def cost_line(what, costs):
    walls, processor = [cost.wall for cost in costs], [cost.user + cost.system for cost in costs]
    user = statistics.median(cost.user for cost in costs)
    memory = max(cost.memory for cost in costs) / 1e6
    print(f"| {what} | {spread(walls)} s | {spread(processor)} s, of which user {user:.2f} s | {memory:.0f} MB |", flush=True)


class Bench:
    def __init__(self, binary, work, arguments):
        self.binary, self.work, self.arguments, self.number = binary, work, arguments, 0
        self.made = []

    def path(self, *names):
        return os.path.join(self.work, *names)

    def fresh(self, name):
        """A name that no other run had: nothing is removed while anything is measured."""
        self.number += 1
        return self.path(f"{name}-{os.getpid()}-{self.number}")

    def build(self, config, out):
        """Builds, also with packages of which there are warnings."""
        return measure.run([self.binary, "--config", config, "--dist", "all", "--out", out], BUILT)

    def zips(self):
        """The layer of zips with signatures that upstreams have."""
        place = self.path("zips")
        if not os.path.exists(place):
            data = self.arguments.data
            if not data:
                say("making a synthetic catalog")
                data = self.path("catalog")
                catalog.write_catalog(data, 160, 2000, 8)
            say("making zips")
            write(self.path("no-ui.yml"), "ui: no\n")
            out = self.path("from-folders")
            command = [self.binary, "--config", self.path("no-ui.yml"), "--dist", "snapshot", "--packages", data, "--out", out]
            measure.run(command, BUILT)
            say("signing zips")
            shutil.copytree(os.path.join(out, "snapshot", "current", "site", "epr"), place + ".new", copy_function=shutil.copy)
            sign_all(place + ".new")
            os.rename(place + ".new", place)
        return place

    def config(self, name, paths, more=""):
        """A configuration that builds one layer."""
        file = self.path(f"{name}.yml")
        write(self.path("key.asc"), signing.Key().public().decode())
        write(
            file,
            f"ui: no\ndistributions: {{all: {{layers: [zips]}}}}\n"
            f"layers: {{zips: {{paths: {paths}, signatures: require, keys: key.asc}}}}\n{more}",
        )
        return file

    def mirror_config(self, upstream, layer):
        """A configuration that mirrors into a layer."""
        file = layer + ".yml"
        write(
            file,
            f"distributions: {{all: [up]}}\nupstreams: {{up: {{{upstream}}}}}\n"
            f"layers: {{up: {{paths: {layer}, mirror: {{from: [up]}}, signatures: require, keys: {self.path('key.asc')}}}}}\n",
        )
        return file

    def mirror(self, config, *more):
        command = [self.binary, "mirror", "--config", config, "--requests", str(JOBS), "--rate", "off", "--format", "json", *more]
        cost = measure.run(command)
        return cost, json.loads(cost.output[cost.output.index("[") :])[0]

    @contextlib.contextmanager
    def servers(self, out):
        """Ports of servers of an output, by name."""
        generation = os.path.realpath(os.path.join(out, "all", "current"))
        ports = {"serve": serving.free_port()}
        command = [self.binary, "serve", "--dist", "all", "--out", out, "--listen", f"127.0.0.1:{ports['serve']}"]
        with contextlib.ExitStack() as stack:
            stack.enter_context(serving.server(command, ports["serve"], self.fresh("serve.log")))
            if shutil.which("nginx"):
                for name in ("nginx", "nginx, listing alone"):
                    ports[name], folder = serving.free_port(), self.fresh("nginx")
                    os.makedirs(folder)
                    command = serving.nginx_routed(generation, folder, ports[name])
                    if name != "nginx":
                        rules = os.path.join(folder, "routed", "server.inc")
                        write(rules, read(rules).replace(INDEX, NO_INDEX))
                    stack.enter_context(serving.server(command, ports[name], os.path.join(folder, "log")))
            yield ports

    def fetch(self):
        """Everything new, against curl of the same addresses."""
        zips, out = self.zips(), self.path("out")
        self.build(self.config("zips", "zips"), out)
        files = [os.path.relpath(path, zips) for path in files_of(zips)]
        size = sum(os.path.getsize(os.path.join(zips, file)) for file in files)
        print(f"{sum(file.endswith('.zip') for file in files)} zips, as many signatures, {size / 1e6:.0f} MB, {JOBS} requests at a time")
        print("| server | what | wall | processor | memory |\n|---|---|---|---|---|")
        with self.servers(out) as ports:
            chosen = (self.arguments.servers or ";".join(ports)).split(";")
            for name, port in ((name, ports[name]) for name in chosen):
                mirrored, curled, synced = [], [], []
                for number in range(self.arguments.runs):
                    say(f"{name}, round {number + 1}")
                    layer = self.fresh("layer")
                    self.made.append(layer)
                    cost, outcome = self.mirror(self.mirror_config(f"url: 'http://127.0.0.1:{port}'", layer))
                    if len(outcome["mirrored"]) * 2 != len(files):
                        raise SystemExit(f"{name}: {len(outcome['mirrored'])} versions were mirrored")
                    mirrored.append(cost)
                    if number == 0:
                        compare(zips, layer, files)
                    cost, flushed = self.curl(port, files)
                    curled.append(cost)
                    synced.append(cost.wall + flushed)
                cost_line(f"{name} | `mirror`", mirrored)
                cost_line(f"{name} | `curl --parallel`", curled)
                print(f"| {name} | the same and `sync -f` | {spread(synced)} s | | |")
                # Room for the next ones, and time for the file system.
                for folder in self.made:
                    shutil.rmtree(folder)
                self.made.clear()
                os.sync()
                for what, other in (("curl", [cost.wall for cost in curled]), ("curl and sync", synced)):
                    print(f"{name}: mirror against {what}: {spread([one.wall / two for one, two in zip(mirrored, other)])}", flush=True)

    def curl(self, port, files):
        folder = self.fresh("curl")
        self.made.append(folder)
        lines = [f'url = "http://127.0.0.1:{port}/epr/{file}"\noutput = "{folder}/{file}"\n' for file in files]
        write(folder + ".txt", "".join(lines))
        command = ["curl", "-s", "-f", "--create-dirs", "--parallel", "--parallel-max", str(JOBS), "-K", folder + ".txt"]
        cost = measure.run(command)
        begin = time.perf_counter()
        subprocess.run(["sync", "-f", folder], check=True)
        return cost, time.perf_counter() - begin

    def again(self):
        """Runs with nothing new, and with three new versions."""
        zips, out = self.zips(), self.fresh("out-again")
        layer_zips, config = self.fresh("some"), self.config("some", "SOME")
        subprocess.run(["cp", "-al", zips, layer_zips], check=True)
        write(config, read(config).replace("SOME", layer_zips))
        aside = [file for file in files_of(layer_zips) if file.endswith(".zip")][::700][:3]
        for file in aside:
            os.rename(file, file + ".aside")
        self.build(config, out)
        with self.servers(out) as ports:
            layers = {name: self.fresh("layer") for name in ports if name in ("serve", "nginx, listing alone")}
            configs = {name: self.mirror_config(f"url: 'http://127.0.0.1:{ports[name]}'", layers[name]) for name in layers}
            for name, one in configs.items():
                self.mirror(one)
                cost, outcome = self.mirror(one)
                print(f"{name}: nothing new: {outcome['requests']} request(s), {outcome['bytes']} bytes, {cost.wall:.2f} s, "
                      f"processor {cost.user + cost.system:.2f} s, {cost.memory / 1e6:.0f} MB", flush=True)
        for file in aside:
            os.rename(file + ".aside", file)
        self.build(config, out)
        with self.servers(out) as ports:
            for name, one in configs.items():
                self.mirror_config(f"url: 'http://127.0.0.1:{ports[name]}'", layers[name])
                cost, outcome = self.mirror(one)
                print(f"{name}: {len(outcome['mirrored'])} new: {outcome['requests']} requests, {cost.wall:.2f} s", flush=True)

    def large(self):
        """Many versions: taken into the record, and listed with nothing new."""
        place, out = self.path("large"), self.path("out-large")
        if not os.path.exists(place):
            say(f"making {self.arguments.versions} versions")
            catalog.write_catalog(place, self.arguments.versions // 20, self.arguments.versions, has_zips=True)
        self.build(self.config("large", "large/production"), out)
        with self.servers(out) as ports:
            for name in ("serve", "nginx, listing alone"):
                port, layer = ports.get(name), self.fresh("layer")
                if not port:
                    continue
                subprocess.run(["cp", "-al", self.path("large", "production"), layer], check=True)
                config = self.mirror_config(f"url: 'http://127.0.0.1:{port}'", layer)
                cost, outcome = self.mirror(config)
                cost_line(f"{name}: {len(outcome['adopted'])} zips that lie there are taken into the record", [cost])
                costs = []
                for _ in range(self.arguments.runs):
                    cost, outcome = self.mirror(config)
                    costs.append(cost)
                cost_line(f"{name}: {outcome['listed']} versions listed, nothing new, {outcome['requests']} request(s)", costs)

    def image(self):
        """An image of the zips, as a layer and as an upstream."""
        zips, image = self.zips(), self.path("epr.tar")
        flat, layout = self.path("flat"), self.path("oci")
        # As in an image; where a zip lies stands in reports.
        if not os.path.exists(flat):
            os.makedirs(flat)
            for file in files_of(zips):
                os.link(file, os.path.join(flat, os.path.basename(file)))
        if not os.path.exists(image):
            say("making an image")
            for command in (
                ["umoci", "init", "--layout", layout], ["umoci", "new", "--image", f"{layout}:production"],
                ["umoci", "insert", "--rootless", "--image", f"{layout}:production", flat, "/packages/package-storage"],
                ["skopeo", "copy", "--quiet", f"oci:{layout}:production", f"docker-archive:{image}:registry:production"],
            ):
                subprocess.run(command, check=True, capture_output=True)
        configs = {"zips": self.config("as-zips", "flat"), "image": self.config("as-image", "epr.tar")}
        costs, generations = {name: [] for name in configs}, set()
        for number in range(self.arguments.runs):
            for name, config in configs.items():
                say(f"{name}, round {number + 1}")
                out = self.fresh("out")
                costs[name].append(self.build(config, out))
                generations.add(os.path.basename(os.path.realpath(os.path.join(out, "all", "current"))))
        print(f"generations: {', '.join(sorted(generations))}")
        for name in configs:
            cost_line(f"first build from {name}", costs[name])
        pairs = zip(costs["image"], costs["zips"])
        print(f"image against zips: {spread([one.wall / two.wall for one, two in pairs])}", flush=True)
        first, second = [], []
        for _ in range(self.arguments.runs):
            config = self.mirror_config(f"image: {image}", self.fresh("layer"))
            for place in (first, second):
                cost, outcome = self.mirror(config)
                place.append(cost)
        cost_line("`mirror` from the image, everything new", first)
        cost_line(f"`mirror` from the image, nothing new ({outcome['unchanged']})", second)


def compare(zips, layer, files):
    """Fails if a file was not mirrored byte by byte."""
    for file in files:
        if read_bytes(os.path.join(zips, file)) != read_bytes(os.path.join(layer, file)):
            raise SystemExit(f"{file} differs")


def sign(file):
    write_bytes(file + ".sig", KEY.sign(read_bytes(file)))


def begin_signing():
    global KEY
    KEY = signing.Key()


def sign_all(folder):
    zips = [file for file in files_of(folder) if file.endswith(".zip")]
    with concurrent.futures.ProcessPoolExecutor(2, initializer=begin_signing) as pool:
        list(pool.map(sign, zips, chunksize=50))


def files_of(folder):
    return sorted(os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, text):
    write_bytes(path, text.encode())


def write_bytes(path, content):
    with open(path, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    main()
