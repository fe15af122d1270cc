"""A strict client on a bare socket: what is sent is sent to the byte, what comes back is judged to the byte.

`Wire` asks and reads whole answers; `Listeners` holds event streams and notes when each event came; `Calm` is a
process of its own that asks every 10 ms and tells how long the answers took.
"""

import contextlib
import json
import os
import selectors
import socket
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from attacks import dial
from lib import Child

BODILESS = (204, 304)


class Broken(Exception):
    """An answer that is not one: cut off, or not framed as HTTP/1.1 says."""


class Answer(NamedTuple):
    """One whole answer; header names in small letters, in the order in which they came."""

    version: str
    status: int
    headers: list
    body: bytes

    def all(self, name):
        return [value for key, value in self.headers if key == name]

    def get(self, name, default=None):
        """The value of a header that may stand once only."""
        found = self.all(name)
        if len(found) > 1:
            raise Broken(f"{name} stands {len(found)} times")
        return found[0] if found else default

    def json(self):
        return json.loads(self.body)


def parse_head(head):
    """(version, status, headers) of the bytes before the empty line."""
    if b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b""):
        raise Broken(f"a bare CR or LF in {head[:200]!r}")
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0") or not rest[:3].isdigit() or rest[3:4] != b" ":
        raise Broken(f"the status line is {first[:100]!r}")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or value[:1] != b" " or value != b" " + value.strip():
            raise Broken(f"the header is {line[:100]!r}")
        headers.append((name.decode("ascii").lower(), value[1:].decode("latin-1")))
    return version.decode(), int(rest[:3]), headers


class Wire:
    """One connection. Bytes that came beyond an answer are kept for the next one."""

    def __init__(self, address, timeout=5.0, receive_buffer=None, source=None):
        if source:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)), timeout, (source, 0))
        else:
            self.socket = dial(address, timeout, receive_buffer)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        """Appends what comes next; whether anything did."""
        try:
            piece = self.socket.recv(262_144)
        except ConnectionError:
            if self.rest:
                raise
            return False
        self.rest += piece
        return bool(piece)

    def answer(self, head_only=False):
        """The next whole answer, or None when the peer closed before its first byte. A 100 is passed over."""
        while b"\r\n\r\n" not in self.rest:
            if not self._more():
                if self.rest:
                    raise Broken(f"cut off within a head: {self.rest[:100]!r}")
                return None
            if len(self.rest) > 100_000_000:
                raise Broken("no end of the head")
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        version, status, headers = parse_head(head)
        if status == 100:
            return self.answer(head_only)
        answer = Answer(version, status, headers, b"")
        if answer.get("transfer-encoding"):
            raise Broken("an answer in chunks")
        length = answer.get("content-length")
        if status in BODILESS or head_only:
            return answer
        if length is None or not length.isdigit():
            raise Broken(f"{status} without a length")
        while len(self.rest) < int(length):
            if not self._more():
                raise Broken(f"cut off after {len(self.rest)} of {length} bytes")
        body, self.rest = self.rest[: int(length)], self.rest[int(length) :]
        return answer._replace(body=body)

    def ask(self, path, headers=(), method="GET", host="localhost"):
        """One whole exchange; `headers` are lines."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return self.answer(method == "HEAD")

    def closed(self, seconds=2.0):
        """Whether the peer closes in that time without another byte."""
        self.socket.settimeout(seconds)
        try:
            return not self.rest and not self.socket.recv(1)
        except ConnectionError:
            return True
        except TimeoutError:
            return False


def once(address, path, headers=(), method="GET", host="localhost", source=None):
    """One exchange on a connection of its own."""
    with Wire(address, 10, source=source) as wire:
        answer = wire.ask(path, [*headers, "Connection: close"], method, host)
    if answer is None:
        raise Broken(f"{path}: closed without an answer")
    return answer


class Event(NamedTuple):
    """One event of a stream, and when it came (monotonic)."""

    id: str
    name: str
    data: object
    at: float

    @property
    def number(self):
        return int(self.id.rsplit("-", 1)[1])


class Stream:
    """One event stream, as `Listeners` reads it."""

    def __init__(self, address, query="", last_id=None, timeout=5.0, path="/api/v1/events"):
        self.address, self.query = address, query
        self.events, self.comments, self.retry, self.wrong, self.ended = [], [], None, [], None
        self.wire = Wire(address, timeout)
        lines = [f"GET {path}{query} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
        lines += [f"Last-Event-ID: {last_id}"] if last_id else []
        self.wire.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.wire.rest:
            if not self.wire._more():
                raise Broken("a stream closed within its head")
        head, _, self.rest = self.wire.rest.partition(b"\r\n\r\n")
        _, self.status, self.headers = parse_head(head)
        self._take(time.monotonic())

    def header(self, name):
        return dict(self.headers).get(name)

    def _take(self, now):
        """Every whole block that is there."""
        *blocks, self.rest = self.rest.split(b"\n\n")
        for block in blocks if self.status == 200 else ():
            found = {}
            for line in block.decode().strip("\n").split("\n"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "":
                    self.comments.append(now)
                elif name == "retry":
                    self.retry = int(value)
                elif name in ("id", "event", "data") and name not in found:
                    found[name] = value
                else:
                    self.wrong.append(line[:200])
            if found:
                try:
                    data = json.loads(found["data"])
                except (KeyError, ValueError):
                    data = None
                    self.wrong.append(str(found)[:200])
                self.events.append(Event(found.get("id", ""), found.get("event", ""), data, now))

    def read(self):
        """What is there now; False when the stream is over. `.ended` tells how: `closed` or the error."""
        try:
            piece = self.wire.socket.recv(262_144)
        except (BlockingIOError, TimeoutError):
            return True
        except OSError as error:
            self.ended = repr(error)
            return False
        if not piece:
            self.ended = "closed" if not self.rest else f"cut off within {self.rest[:100]!r}"
            return False
        self.rest += piece
        self._take(time.monotonic())
        return True

    def close(self):
        self.wire.socket.close()


class Listeners:
    """A thread that reads all its streams as bytes come."""

    def __init__(self):
        self.selector, self.stopping, self.lock = selectors.DefaultSelector(), threading.Event(), threading.Lock()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def add(self, stream):
        stream.wire.socket.setblocking(False)
        with self.lock:
            self.selector.register(stream.wire.socket, selectors.EVENT_READ, stream)
        return stream

    def drop(self, stream):
        with self.lock, contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(stream.wire.socket)
        stream.close()

    def _run(self):
        while not self.stopping.is_set():
            for key, _ in self.selector.select(0.05):
                with self.lock, contextlib.suppress(KeyError, ValueError):
                    if not key.data.read():
                        self.selector.unregister(key.fileobj)

    def stop(self):
        self.stopping.set()
        self.thread.join(2)


def quantile(values, share):
    """The value below which that share of them lies; infinity when there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


class Measured(NamedTuple):
    """What the calm client saw: milliseconds on its own connection and on fresh ones, with seconds since its start."""

    kept: list
    fresh: list
    bad: list

    def milliseconds(self):
        return [took for _, took in self.kept]

    def p99(self):
        return quantile(self.milliseconds(), 0.99)

    def worst_p99(self, seconds=5):
        """The largest p99 of all spans of that length."""
        spans = {}
        for at, took in self.kept:
            spans.setdefault(int(at / seconds), []).append(took)
        return max((quantile(span, 0.99) for span in spans.values() if len(span) > 50), default=float("inf"))

    def words(self):
        def told(label, pairs):
            values = [took for _, took in pairs]
            if not values:
                return f"{label}: none"
            shares = ", ".join(f"p{share * 100:g} {quantile(values, share):.2f}" for share in (0.9, 0.99, 0.999))
            return (
                f"{label}: {len(values)}, p50 {statistics.median(values):.2f}, {shares}, longest {max(values):.1f} ms"
            )

        return (
            f"{told('own connection', self.kept)}; {told('new ones', self.fresh)}; bad {len(self.bad)} {self.bad[:3]}"
        )


class Calm(Child):
    """The calm client; `.finish()` ends it and returns what it measured."""

    def __init__(self, address, *paths):
        super().__init__(
            [sys.executable, Path(__file__).resolve(), address, *(paths or ("/current-state", "/decisions"))]
        )
        self.first_line()

    def finish(self):
        self.end(seconds=20)
        return Measured(*json.loads(self.out[-1]))


def stay_calm(address, paths):
    """One request every 10 ms, every tenth on a fresh connection, until SIGTERM: then one line of JSON."""
    import signal

    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    wire, kept, fresh, bad, count = Wire(address), [], [], [], 0
    print("calm", flush=True)
    began = due = time.monotonic()
    while running:
        path, own = paths[count % len(paths)], count % 10 != 9
        count += 1
        started = time.monotonic()
        try:
            if own:
                wire = wire or Wire(address)
                answer = wire.ask(path)
            else:
                answer = once(address, path)
            if answer is None or answer.status != 200:
                bad.append(f"{path} after {started - began:.1f} s: {answer.status if answer else 'closed'}")
                wire = None if own else wire
        except (OSError, Broken) as error:
            bad.append(f"{path} after {started - began:.1f} s, waited {time.monotonic() - started:.2f} s: {error!r}")
            wire = None if own else wire
        now = time.monotonic()
        (kept if own else fresh).append((round(started - began, 3), round((now - started) * 1000, 3)))
        due = max(due + 0.01, now)
        time.sleep(max(0.0, due - time.monotonic()))
    print(json.dumps([kept, fresh, bad]), flush=True)


def descriptors(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


if __name__ == "__main__":
    stay_calm(sys.argv[1], sys.argv[2:])
