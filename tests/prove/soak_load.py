"""The load of the soak: wrk in slices, askers that know which path failed when, event streams that come and go,
clients that reset; and the sampler of the server's memory, descriptors and threads.

Everything is stopped by one event and notes what went wrong with the monotonic time at which it did.
"""

import contextlib
import http.client
import json
import random
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from attacks import dial, request
from lib import PATHS

SLICE_S, CONNECTIONS, STREAMS, SLOW_STREAMS = 5, 8, 8, 3
MASTER_LOG = "/logs?file=master&lines=100"
V1_PATHS = (
    "/api/v1/state",
    "/api/v1/prices",
    "/api/v1/about",
    "/prices.ics",
    "/logs?file=data&lines=50&level=WARNING%2B",
)
# What a fault may fail (a log that is not there for a moment) is asked by the askers alone, who know which path it was.
STEADY = tuple(path for path in PATHS if path != MASTER_LOG) + V1_PATHS
MIX = """\
local paths = {%s}
local n = 0
request = function()
  n = n + 1
  return wrk.format('GET', paths[n %% #paths + 1], {['Accept-Encoding'] = n %% 2 == 0 and 'gzip' or nil})
end
delay = function() return math.random(1, 9) end
"""


class Load:
    """Everything that asks; `.bad` holds (when, who, what) of each failure, `.requests` counts."""

    def __init__(self, server, folder):
        self.server, self.stopping, self.lock = server, threading.Event(), threading.Lock()
        self.bad, self.requests, self.events, self.streams, self.dropped, self.resets = [], 0, 0, 0, 0, 0
        self.errors = []  # (when, source) of every error that /status names
        self.has_wrk = shutil.which("wrk") is not None
        self.script = Path(folder) / "soak.lua"
        self.script.write_text(MIX % ", ".join(f"'{path}'" for path in STEADY))
        jobs = [(self._ask, (PATHS + V1_PATHS,)), (self._ask, ((MASTER_LOG, "/status", "/current-state"),))]
        jobs += [(self._wrk, ())] if self.has_wrk else [(self._ask, (STEADY, 0.004)) for _ in range(CONNECTIONS)]
        jobs += [(self._subscribe, (number,)) for number in range(STREAMS)]
        self.threads = [threading.Thread(target=job, args=with_, daemon=True) for job, with_ in jobs]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Ends it all; whether every thread has ended."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(20)
        return not any(thread.is_alive() for thread in self.threads)

    def fail(self, who, what):
        # What breaks because the load itself is being ended is no failure.
        if not self.stopping.is_set():
            with self.lock:
                self.bad.append((time.monotonic(), who, what))

    def count(self, requests):
        with self.lock:
            self.requests += requests

    def _wrk(self):
        """wrk for a few seconds again and again, so that a failure can be dated."""
        while not self.stopping.is_set():
            how = ["-t1", f"-c{CONNECTIONS}", f"-d{SLICE_S}s", "--timeout", "5s", "-s", str(self.script)]
            run = subprocess.run(
                ["wrk", *how, self.server.base],
                capture_output=True,
                text=True,
                timeout=SLICE_S + 30,
            )
            found = re.search(r"(\d+) requests in", run.stdout)
            self.count(int(found.group(1)) if found else 0)
            for line in re.findall(r"Non-2xx.*|Socket errors.*", run.stdout):
                self.fail("wrk", line)
            if not found or found.group(1) == "0":
                self.fail("wrk", f"no request answered: {run.stdout[-200:]} {run.stderr[-200:]}")

    def _ask(self, paths, pause=0.02):
        connection, reading = None, ""
        while not self.stopping.is_set():
            for path in paths:
                try:
                    connection = connection or http.client.HTTPConnection(self.server.address, timeout=10)
                    connection.request("GET", path)
                    answer = connection.getresponse()
                    body = answer.read()
                    if answer.status != 200:
                        self.fail(path, f"{answer.status} {body[:120]!r}")
                    elif answer.headers["Content-Type"] == "application/json":
                        found = json.loads(body)
                        if path == "/status":
                            self._note(found)
                        if path == "/current-state" and found["timestamp"] < reading:
                            self.fail(path, f"back in time: {found['timestamp']} after {reading}")
                        reading = found["timestamp"] if path == "/current-state" else reading
                except (OSError, http.client.HTTPException, ValueError) as error:
                    self.fail(path, repr(error))
                    connection.close()
                    connection = None
                self.count(1)
                if self.stopping.wait(pause):
                    break
        if connection:
            connection.close()

    def _note(self, status):
        errors = status["background_worker"]["last_errors"]
        with self.lock:
            self.errors += [(time.monotonic(), source) for source, text in errors.items() if text]

    def _subscribe(self, number):
        """A subscriber that stays for a while, leaves, at times by a reset, and comes back; the last ones do not read."""
        rng, last, slow = random.Random(f"subscriber {number}"), None, number >= STREAMS - SLOW_STREAMS
        while not self.stopping.is_set():
            stay = rng.uniform(40, 70) if slow else rng.uniform(2, 25)
            query = "?log=master" if slow else rng.choice(("", "?log=master", "?topics=state,prices&log=data"))
            try:
                with contextlib.closing(dial(self.server.address, 5, 2048 if slow else None)) as stream:
                    more = "Accept: text/event-stream\r\n" + (f"Last-Event-ID: {last}\r\n" if last and not slow else "")
                    stream.sendall(request(f"/api/v1/events{query}", more))
                    with self.lock:
                        self.streams += 1
                    last = self._stay_slow(stream, stay) if slow else self._stay(stream, stay, last)
                    if rng.random() < 0.4:
                        reset(stream)
            except OSError as error:
                self.fail("/api/v1/events", repr(error))
            self.stopping.wait(rng.uniform(0.05, 1.5))

    def _stay(self, stream, seconds, last):
        """Reads events until the time is up; what comes must be whole, in order and never twice. The last identifier."""
        text, until, begun = b"", time.monotonic() + seconds, False
        stream.settimeout(0.5)
        while time.monotonic() < until and not self.stopping.is_set():
            try:
                piece = stream.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                self.fail("/api/v1/events", f"closed by the server after {text[-80:]!r}")
                return last
            text += piece
            if not begun and b"\r\n\r\n" in text:
                head, text = text.split(b"\r\n\r\n", 1)
                begun = True
                if b" 200 " not in head.split(b"\r\n")[0] + b" ":
                    self.fail("/api/v1/events", head.split(b"\r\n")[0].decode())
                    return last
            while begun and b"\n\n" in text:
                block, text = text.split(b"\n\n", 1)
                last = self._event(block.decode(), last)
        if not begun:
            self.fail("/api/v1/events", f"no head within {seconds:.0f} s")
        return last

    def _event(self, block, last):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if "id" not in fields:
            return last
        with self.lock:
            self.events += 1
        run, number = fields["id"].rsplit("-", 1)
        before = last.rsplit("-", 1) if last else None
        if before and before[0] == run and int(number) < int(before[1]):
            self.fail("/api/v1/events", f"event {fields['id']} came after {last}")
        try:
            json.loads(fields.get("data", "null"))
        except ValueError:
            self.fail("/api/v1/events", f"not JSON: {block[:100]}")
        return fields["id"]

    def _stay_slow(self, stream, seconds):
        """Takes nothing until the time is up. The server may drop it, which is seen then, and nobody else may suffer."""
        self.stopping.wait(seconds)
        stream.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            with contextlib.suppress(ConnectionError):
                while stream.recv(65536):
                    pass
            with self.lock:
                self.dropped += 1

    def attack(self, until):
        """Clients that reset in every state: just connected, within a head, with answers on the way."""
        rng = random.Random("resets")
        many = request("/decisions?time_range=7d") * 20
        heads = (b"", b"GET /sta", many, request("/api/v1/events"), request("/status"))
        while time.monotonic() < until and not self.stopping.is_set():
            with contextlib.suppress(OSError):
                crowd = [dial(self.server.address, 2) for _ in range(12)]
                for one in crowd:
                    one.sendall(rng.choice(heads))
                time.sleep(rng.choice((0, 0.01, 0.1)))
                for one in crowd:
                    reset(one)
                self.resets += len(crowd)


def reset(connection):
    """Closes with a reset in place of an end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Sampler:
    """Each second: (monotonic time, resident KiB, anonymous KiB, descriptors, threads, requests so far)."""

    def __init__(self, pid, load):
        self.pid, self.load, self.samples, self.stopping = pid, load, [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.wait(1):
            found = look(self.pid)
            if found:
                self.samples.append((time.monotonic(), *found, self.load.requests))

    def stop(self):
        self.stopping.set()
        self.thread.join(5)


def look(pid):
    """(resident KiB, anonymous KiB, descriptors, threads) now, or None when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        resident, anonymous, threads = (
            int(re.search(rf"{name}:\s+(\d+)", status).group(1)) for name in ("VmRSS", "RssAnon", "Threads")
        )
        return resident, anonymous, len(list(Path(f"/proc/{pid}/fd").iterdir())), threads
    except OSError:
        return None


def descriptors(pid):
    """What its descriptors are, for the words of a failure."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(re.sub(r"\d{4,}", "N", str(entry.readlink())))
    return {name: found.count(name) for name in sorted(set(found))}
