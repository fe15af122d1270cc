"""What the proving scripts share: starting the server, the writer and the price API, waiting, measuring, counting.

Everything listens on loopback, is bounded in time, and only processes started here are ended, by their own handles.
"""

import argparse
import http.client
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

SITE_TOOLS = Path(__file__).resolve().parent.parent / "site"
sys.path.insert(0, str(SITE_TOOLS))
from check_server import Checker, Tally  # noqa: E402,F401
from make_site import make_site  # noqa: E402,F401
from site_files import FAST  # noqa: E402,F401

NOBODY = 65534
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PATHS = (
    "/health",
    "/status",
    "/current-state",
    "/metrics",
    "/prices",
    "/historical-data",
    "/decisions?time_range=24h",
    "/decisions?time_range=7d",
    "/decisions?time_range=1h",
    "/decisions?time_range=1m",
    "/monthly-summary",
    "/monthly-comparison",
    "/logs?file=master&lines=100",
    "/logs/files",
    "/",
)


def arguments(description, **extra):
    """The script's arguments: `--bin`, `--keep` and the given ones (name: (default, help))."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bin", default="target/release/wattboard", help="the server to prove")
    parser.add_argument("--keep", action="store_true", help="leave the temporary folder")
    for name, (default, text) in extra.items():
        kind = str if default is None else type(default)
        parser.add_argument(f"--{name.replace('_', '-')}", default=default, type=kind, help=text)
    given = parser.parse_args()
    given.bin = str(Path(given.bin).resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the workshop is cleared up when this is ended
    if not os.access(given.bin, os.X_OK):
        parser.error(f"{given.bin} is not an executable: build it first")
    return given


class Workshop:
    """A temporary folder that other users may enter, a copy of the binary in it, and everything started from it."""

    def __init__(self, binary, keep=False):
        os.umask(0o022)
        self.folder = Path(tempfile.mkdtemp(prefix="wattboard-prove-"))
        self.folder.chmod(0o755)
        self.binary = shutil.copy(binary, self.folder / "wattboard")
        self.keep, self.started, self.lock = keep, [], threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            process.end()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def site(self, name, **how):
        """A new site folder; see make_site."""
        root = self.folder / name
        make_site(root, **how)
        return root

    def _add(self, process):
        with self.lock:
            self.started.append(process)
        return process

    def serve(self, root, **how):
        """The server for that site; see Server."""
        return self._add(Server(how.pop("binary", self.binary), root, **how))

    def writer(self, root, *more):
        """The writer that plays the coordinator."""
        return self._add(Writer(root, *more))

    def price_api(self, *more):
        """The stand-in for the price API."""
        return self._add(PriceApi(*more))


class Child:
    """A process whose standard output and standard error are collected line by line, from pipes."""

    def __init__(self, command, **how):
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            **how,
        )
        self.pid, self.out, self.errors = self.process.pid, deque(maxlen=2000), deque(maxlen=20_000)
        self.first = threading.Event()
        self.threads = [
            threading.Thread(target=self._collect, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.errors))
        ]
        for thread in self.threads:
            thread.start()

    def _collect(self, stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))
            self.first.set() if lines is self.out else None

    def first_line(self, seconds=10):
        """The first line of standard output."""
        deadline = time.monotonic() + seconds
        while not self.first.wait(0.02):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no first line; exit code {self.process.poll()}; {list(self.errors)[-5:]}")
        return self.out[0]

    def end(self, number=signal.SIGTERM, seconds=10):
        """Ends this process alone: a signal, then the kill; returns (exit code, seconds that it took)."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        took = time.monotonic() - began
        for thread in self.threads:
            thread.join(2)
        return self.process.returncode, took

    def alive(self):
        return self.process.poll() is None


class Server(Child):
    """`wattboard serve` on a free port; `.base` is its address, `.started` when it was started (monotonic)."""

    def __init__(self, binary, root, user=None, env=None, files=None, wait=True):
        how = {"env": {**os.environ, **(env or {})}}
        if user is not None:
            how.update(user=user, group=user, extra_groups=[])
        if files:
            how["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        self.root, self.started = Path(root), time.monotonic()
        config = self.root / "config" / "master_coordinator_config.yaml"
        super().__init__([binary, "serve", "--config", config, "--host", "127.0.0.1", "--port", "0"], cwd="/", **how)
        self.base = self.address = None
        if wait:
            self.listening()

    def listening(self):
        """Waits for the line that names the address."""
        found = re.fullmatch(r"listening on (http://\S+)", self.first_line())
        if not found:
            raise RuntimeError(f"the first line is {self.out[0]!r}")
        self.base = found.group(1).rstrip("/")
        self.address = urlsplit(self.base).netloc
        return self

    def get(self, path, timeout=10, headers=None):
        """(status, body) of one GET on a connection of its own; (0, reason) when none came."""
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error).encode()
        finally:
            connection.close()

    def json(self, path, timeout=10):
        """(status, parsed body or None)."""
        status, body = self.get(path, timeout)
        try:
            return status, json.loads(body, parse_float=Decimal)
        except ValueError:
            return status, None

    def errors_of(self, name):
        """`last_errors` of one source (`inverter`, `price`, `metrics`) in `/status`, as text or None."""
        _, status = self.json("/status")
        return (
            ((status or {}).get("background_worker") or {}).get("last_errors", {}).get(name) if status else "no /status"
        )

    def storage(self):
        return ((self.json("/status")[1]) or {}).get("storage") or {}

    def loaded(self, seconds=60, paths=("/current-state", "/decisions", "/monthly-summary", "/monthly-comparison")):
        """Waits until these answer anything but 503: the first load is over, past months are summed."""
        return wait_for(lambda: all(self.get(path)[0] not in (0, 503) for path in paths), seconds)

    def log_text(self):
        """Everything that it has logged so far."""
        return "\n".join([*self.out, *self.errors])

    def memory_kib(self, field="VmRSS"):
        return int(re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text()).group(1))

    def threads_by_id(self):
        """Thread names by thread id."""
        names = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                names[int(task.name)] = (task / "comm").read_text().strip()
            except OSError:
                pass
        return names

    def written_bytes(self):
        return int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{self.pid}/io").read_text(), re.M).group(1))


class Writer(Child):
    """The player of the coordinator; `.finish()` ends it and returns its summary."""

    def __init__(self, root, *more):
        super().__init__(
            [sys.executable, SITE_TOOLS / "writer.py", "--root", root, "--as", "master_coordinator.py", *more]
        )
        self.first_line()

    def finish(self):
        self.end(seconds=30)
        return json.loads(self.out[-1])


class PriceApi(Child):
    """The stand-in for the price API; `.url` is what the config names."""

    def __init__(self, *more):
        super().__init__([sys.executable, SITE_TOOLS / "fake_pse.py", *more])
        self.url = f"http://127.0.0.1:{self.first_line().split()[1]}"

    def ask(self, path):
        """One of its control paths (see fake_pse.py), parsed."""
        with urlopen(f"{self.url}{path}", timeout=5) as response:
            return json.load(response)

    def mode(self, name, entity=None):
        return self.ask(f"/_mode?m={name}" + (f"&entity={entity}" if entity else ""))

    def publish(self, at, entity=None):
        """From when on tomorrow is there: HH:MM, 24:00 for never."""
        return self.ask(f"/_publish?at={at}" + (f"&entity={entity}" if entity else ""))

    def count(self):
        return self.ask("/_count")

    def log(self, clear=False):
        """Every request so far, oldest first."""
        return self.ask("/_log" + ("?clear=1" if clear else ""))


def wait_for(condition, seconds, every=0.25):
    """Polls until the condition holds; its value, or its last (false) one when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(every)


def chromium():
    """The path of a Chromium, or None."""
    return next((path for path in map(shutil.which, CHROMIUM) if path), None)


def drawn(browser, url, selector, patience=20):
    """The page's document, as bytes, once an element fits the selector, else as it is after that many seconds."""
    command = ["node", Path(__file__).parent / "drawn.mjs", browser, url, selector, str(patience)]
    return subprocess.run(command, capture_output=True, timeout=patience * 3, check=False).stdout


class Poller:
    """Threads that ask these paths all the time; counts the answers that are not 200 and keeps the latencies."""

    def __init__(self, server, paths=PATHS, threads=2, pause=0.0, timeout=10):
        self.server, self.paths, self.pause, self.timeout = server, paths, pause, timeout
        self.latencies_ms, self.bad, self.stopping = [], [], threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(self.timeout + 1)

    def _ask(self):
        connection = None
        index = 0
        while not self.stopping.is_set():
            path, began = self.paths[index % len(self.paths)], time.monotonic()
            index += 1
            try:
                connection = connection or http.client.HTTPConnection(self.server.address, timeout=self.timeout)
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    self.bad.append(f"{path}: {answer.status} {body[:100]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.bad.append(f"{path}: {error!r} after {time.monotonic() - began:.1f} s")
                connection.close()
                connection = None
            self.latencies_ms.append((time.monotonic() - began) * 1000)
            if self.pause:
                time.sleep(self.pause)

    def words(self):
        """What was measured, in words."""
        if not self.latencies_ms:
            return "no request answered"
        ordered = sorted(self.latencies_ms)
        return (
            f"{len(ordered)} requests, {len(self.bad)} bad, p50 {statistics.median(ordered):.2f} ms, "
            f"p99 {ordered[int(len(ordered) * 0.99)]:.2f} ms, longest {ordered[-1]:.1f} ms"
        )


def finish(tally):
    """The last line, and the exit code."""
    if tally.failures:
        print("failed: " + "; ".join(tally.failures[:20]))
    print(tally.summary(), flush=True)
    sys.exit(1 if tally.failed else 0)
