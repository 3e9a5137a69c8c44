"""Runs a command and says what it cost: wall time, processor time, peak memory, and how busy the processors were.

Times come from the kernel's account of the child (`wait4`). Its peak memory there would include that of this program,
which the child is for a moment, so the kernel's high-water mark of the program is read while it runs, as is the rest.
"""

import dataclasses
import os
import re
import shutil
import subprocess
import threading
import time

SAMPLE_SECONDS = 0.02


@dataclasses.dataclass
class Cost:
    """What one run cost."""

    wall: float
    user: float
    system: float
    # Bytes.
    memory: int
    # Part of the wall time in which at least two processors worked for it.
    both_busy: float
    output: str

    def stages(self):
        """Stage times that `epr-build` prints, in order: `[("read", 1.2), ...]`."""
        line = re.search(r"time: (.*)", self.output)
        return [(name, float(seconds)) for name, seconds in re.findall(r"(\w+) ([\d.]+) s", line[1])] if line else []


def run(command, accept=(0,)):
    """Runs a command without its start-up counted against another's write-back: dirty pages are written out first."""
    os.sync()
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    sampler = Sampler(process.pid)
    sampler.start()
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    sampler.stop()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accept:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output}")
    return Cost(wall, usage.ru_utime, usage.ru_stime, sampler.memory, sampler.share(), output)


class Sampler(threading.Thread):
    """Counts the moments in which two threads of a process had a processor, and watches its memory."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.ended = pid, threading.Event()
        self.samples = self.busy = self.memory = 0

    def run(self):
        last = self.cpu_seconds()
        last_time = time.perf_counter()
        while not self.ended.wait(SAMPLE_SECONDS):
            self.look_at_memory()
            now, now_time = self.cpu_seconds(), time.perf_counter()
            if now is None or last is None:
                return
            self.samples += 1
            # More than one and a half processors' time: the second one did the larger half of the interval too.
            self.busy += now - last > 1.5 * (now_time - last_time)
            last, last_time = now, now_time

    def look_at_memory(self):
        try:
            with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
                mark = re.search(r"VmHWM:\s*(\d+)", file.read())
        except OSError:
            return
        if mark:
            self.memory = max(self.memory, int(mark[1]) * 1024)

    def cpu_seconds(self):
        """Time on processors of all threads, in nanosecond resolution."""
        total = 0
        try:
            for task in os.listdir(f"/proc/{self.pid}/task"):
                with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return total / 1e9

    def stop(self):
        self.ended.set()
        self.join()

    def share(self):
        return self.busy / self.samples if self.samples else float("nan")


def profile(command, folder):
    """The costliest functions of a command, as `(percent, symbol)`; empty where `perf` cannot be used."""
    if not shutil.which("perf"):
        return []
    data = os.path.join(folder, "perf.data")
    recorded = subprocess.run(["perf", "record", "-q", "-F", "199", "-o", data, "--", *command], capture_output=True)
    if recorded.returncode:
        return []
    report = subprocess.run(
        ["perf", "report", "-q", "-i", data, "--no-children", "--sort", "dso,symbol", "--stdio"],
        capture_output=True, text=True,
    )
    rows = re.findall(r"^ *([\d.]+)% +(\S+) +\[(.)\] (.*?)(?:  +-)* *$", report.stdout, re.MULTILINE)
    return [(float(percent), ("kernel: " if mode == "k" else "") + symbol) for percent, _, mode, symbol in rows[:12]]


def machine():
    """One line about this machine."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = re.findall(r"model name\s*: (.*)", file.read())
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(re.search(r"MemTotal:\s*(\d+)", file.read())[1]) / 2**20
    model = models[0] if models else os.uname().machine
    return f"{os.cpu_count()} processors ({model}), {memory:.0f} GiB memory, Linux {os.uname().release}"


def file_system(path):
    found = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True)
    return found.stdout.strip() or "unknown"
