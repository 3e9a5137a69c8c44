"""Requests per second: routed answers of nginx and of `epr-build serve` beside plain static files of the same sizes.

Load comes from `wrk`, or where that is absent from a small client here, whose figures are lower but compare as well.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

CONNECTIONS = 16
# How many come at once where many Kibanas start; asked of nginx and of plain files.
MANY = 256
MANY_ASK = ("list of packages", "package look-up")

PLAIN = """worker_processes auto;
pid {folder}/plain.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000;
  server {{ listen 127.0.0.1:{port}; root {folder}/plain; }}
}}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def server(command, port, log):
    """Starts a server in the foreground, waits until it answers, and ends it."""
    with open(log, "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        for _ in range(300):
            if process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.1)
        if process.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as out:
                raise SystemExit(f"{' '.join(command)} did not start:\n{out.read()}")
        yield
    finally:
        process.terminate()
        process.wait()


def fetch(port, target):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", target)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{target} answers {response.status}")
    return body


def rate(port, target, seconds, connections=CONNECTIONS):
    """Requests per second."""
    if not shutil.which("wrk"):
        return small_client(port, target, seconds, connections)
    url = f"http://127.0.0.1:{port}{target}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"{url} failed under load:\n{output}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", output)[1])


def small_client(port, target, seconds, connections):
    counts, end = [0] * connections, time.perf_counter() + seconds

    def ask(number):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while time.perf_counter() < end:
            connection.request("GET", target)
            connection.getresponse().read()
            counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def targets(generation, port):
    """Requests as Fleet sends them, for a package from the middle of the catalog that Kibana is offered."""
    with open(os.path.join(generation, "manifest.json"), encoding="utf-8") as file:
        packages = json.load(file)["packages"]
    with open(os.path.join(generation, "routes.json"), encoding="utf-8") as file:
        boundary = json.load(file)["kibana_boundaries"][-1]
    kibana = "kibana.version=" + ".".join(map(str, boundary))
    middle = len(packages) // 2
    for package in packages[middle:] + packages[:middle]:
        name, version = package["path"].split("/")[2:]
        if fetch(port, f"/search?package={name}&prerelease=true&{kibana}") != b"[]":
            break
    icons = [file for file in package["files"] if file.startswith("img/") and file.endswith(".svg")]
    return {
        "list of packages": f"/search?prerelease=false&{kibana}",
        "package look-up": f"/search?package={name}&prerelease=true&{kibana}",
        "package document": f"/package/{name}/{version}/",
    } | {"icon": f"{package['path']}/{icon}" for icon in icons[:1]} | {
        "zip": f"/epr/{name}/{name}-{version}.zip",
    }


def measure(binary, out, distribution, folder, seconds, runs):
    """Rows `(what, bytes, {server: [requests per second of each run]})`."""
    generation = os.path.realpath(os.path.join(out, distribution, "current"))
    routed, plain, own = free_port(), free_port(), free_port()
    os.makedirs(os.path.join(folder, "plain"))
    own_command = [binary, "serve", "--dist", distribution, "--out", out, "--listen", f"127.0.0.1:{own}"]
    rates = {}
    with contextlib.ExitStack() as stack:
        stack.enter_context(server(own_command, own, os.path.join(folder, "serve.log")))
        ports = {"epr-build serve": own}
        if shutil.which("nginx"):
            ports = {"nginx": routed, "plain file": plain} | ports
            for command, port in ((nginx_routed(generation, folder, routed), routed), (nginx_plain(folder, plain), plain)):
                stack.enter_context(server(command, port, os.path.join(folder, f"nginx-{port}.log")))
        for what, target in targets(generation, own).items():
            bodies = {port: fetch(port, target) for port in ports.values() if port != plain}
            if len(set(bodies.values())) != 1:
                raise SystemExit(f"servers answer differently to {target}")
            body = next(iter(bodies.values()))
            file = what.replace(" ", "-")
            with open(os.path.join(folder, "plain", file), "wb") as out_file:
                out_file.write(body)
            for title, connections, kinds in loads(what, ports):
                rates[title] = (len(body), {kind: [] for kind in kinds})
                for _ in range(runs):
                    for kind in kinds:
                        asked_for = "/" + file if ports[kind] == plain else target
                        rates[title][1][kind].append(rate(ports[kind], asked_for, seconds, connections))
    return [(what, size, by_server) for what, (size, by_server) in rates.items()]


def loads(what, ports):
    """Title, connections and servers of each load with one request."""
    yield what, CONNECTIONS, list(ports)
    if "nginx" in ports and what in MANY_ASK:
        yield f"{what}, {MANY} connections", MANY, ["nginx", "plain file"]


def nginx_routed(generation, folder, port):
    """The generated configuration as it is, but for its port and the places of its state."""
    source, place = os.path.join(generation, "hosts", "nginx"), os.path.join(folder, "routed")
    shutil.copytree(source, place)
    path = os.path.join(place, "nginx.conf")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"listen [^;]+;", f"listen 127.0.0.1:{port};", text)
    text = re.sub(r"root [^;]+;", f"root {generation}/site;", text)
    text = re.sub(r"(pid|_path) /tmp/[\w-]+", lambda found: f"{found[1]} {folder}/state", text)
    os.chmod(path, 0o644)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return ["nginx", "-p", place, "-c", "nginx.conf", "-g", "daemon off;"]


def nginx_plain(folder, port):
    path = os.path.join(folder, "plain.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(PLAIN.format(folder=folder, port=port))
    return ["nginx", "-p", folder, "-c", path, "-g", "daemon off;"]
