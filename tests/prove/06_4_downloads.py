#!/usr/bin/env python3
"""Downloads of log files: nothing but a listed plain file is ever opened, parts are slices of the file, what is told is
what is sent while logs grow and rotate, two at once, in little memory, and others hardly notice.

strace follows every thread while names of every kind try to leave the folder, and while files become links, FIFOs,
devices and folders between the listing and the opening.
"""

import contextlib
import http.client
import itertools
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import threading
import time
from pathlib import Path

from lib import FAST, Tally, Workshop, arguments, finish, wait_for
from wire import Broken, Calm, Wire, once, parse_head, quantile

SECRET = b"nobody may read this\n"
MIB = 1024 * 1024
WRITE_SECONDS = 4
BASE = "/logs/download/"
# Who may open what lies on the disk, whoever asks.
REFRESHERS = ("live", "metrics", "months", "prices", "archive", "backfill", "process", "logs", "events", "wattboard")


def settle(path, seconds=60):
    """As if it had been written a while ago."""
    at = time.time() - seconds
    os.utime(path, (at, at))


def fetch(address, path, *headers, method="GET", timeout=20):
    """(status, headers, body) of a connection that the server closes; a body of another length than told is Broken."""
    with Wire(address, timeout) as wire:
        answer = wire.ask(path, [*headers, "Connection: close"], method)
        if answer is None:
            raise Broken("closed without an answer")
        if not wire.closed(5):
            raise Broken(f"{path}: more than was told")
    return answer


class Slow:
    """A download that is taken as slowly as one likes."""

    def __init__(self, address, name, *headers):
        self.wire = Wire(address, 20, receive_buffer=4096)
        lines = [f"GET {BASE}{name} HTTP/1.1", "Host: localhost", *headers]
        self.wire.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.wire.rest:
            if not self.wire._more():
                raise Broken("closed within the head")
        head, _, self.body = self.wire.rest.partition(b"\r\n\r\n")
        _, self.status, headers = parse_head(head)
        self.length = int(dict(headers)["content-length"])

    def rest(self):
        """All that comes until the end."""
        with contextlib.suppress(ConnectionError):
            while piece := self.wire.socket.recv(MIB):
                self.body += piece
        self.wire.socket.close()
        return self.body


class Trace:
    """strace over a server; `.opened` are (thread, path asked for, path that it led to) of every open."""

    def __init__(self, shop, server):
        self.server, self.out = server, shop.folder / f"strace-{time.monotonic_ns()}.txt"
        self.names = server.threads_by_id()
        self.tracer = subprocess.Popen(
            ["strace", "-f", "-q", "-y", "-s", "4096", "-e", "trace=?open,openat,?openat2,?creat,?execve"]
            + ["-o", str(self.out), "-p", str(server.pid)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def __enter__(self):
        status = Path(f"/proc/{self.server.pid}/status")
        wait_for(lambda: "TracerPid:\t0" not in status.read_text(), 10, 0.05)
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.names.update(self.server.threads_by_id())
        self.tracer.send_signal(signal.SIGINT)
        self.tracer.wait(20)
        self.opened, self.unread = [], []
        for line in self.out.read_text(errors="replace").splitlines():
            # `openat(AT_FDCWD</>, "/site/logs/a.log", O_RDONLY|...) = 9</site/logs/a.log>`, or -1 and why.
            found = re.match(r'(\d+) +\w+\((?:AT_FDCWD(?:<[^"]*>)?, )?"(.*?)", ([^)]*)\) += +(-?\d+)(?:<(.*)>)?', line)
            if found:
                thread, asked, flags, _, led = found.groups()
                self.opened.append((self.names.get(int(thread), "download"), asked, flags, led or ""))
            elif "exited" not in line and "+++" not in line and "---" not in line:
                self.unread.append(line)

    def by_requests(self):
        """What was not opened by a refresher: by door, workers, and threads that were there for one answer alone."""
        return [entry for entry in self.opened if entry[0] not in REFRESHERS]


def furnish(root, shop):
    """What may lie in a log folder, or be aimed at from it; the names of what is no plain file."""
    logs, outside = root / "logs", shop.folder / "outside.log"
    outside.write_bytes(SECRET)
    (root / "secret.log").write_bytes(SECRET)
    (logs / "sub").mkdir()
    (logs / "sub" / "inner.log").write_bytes(SECRET)
    (logs / "plain.txt").write_bytes(SECRET)
    (logs / "hidden").write_bytes(SECRET)
    (logs / "link_out.log").symlink_to(outside)
    (logs / "link_up.log").symlink_to("../secret.log")
    (logs / "link_in.log").symlink_to("master_coordinator.log")
    (logs / "link_dir.log").symlink_to("/etc")
    (logs / "loop.log").symlink_to("loop.log")
    (logs / "dangling.log").symlink_to("nowhere")
    (logs / "folder.log").mkdir()
    (logs / "folder.log" / "inner.log").write_bytes(SECRET)
    os.mkfifo(logs / "fifo.log")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(logs / "socket.log"))
    odd = ["link_out", "link_up", "link_in", "link_dir", "loop", "dangling", "folder", "fifo", "socket"]
    with contextlib.suppress(PermissionError):
        os.mknod(logs / "device.log", 0o20666, os.makedev(1, 5))  # /dev/zero
        odd.append("device")
    return [f"{name}.log" for name in odd]


def names_that_leave(root, outside, odd):
    """Everything that may be tried in place of a name, as it is sent."""
    up = ["/etc/passwd", str(outside), "/proc/self/environ", "../secret.log", "../data/goodwe_energy.db"]
    up += ["../config/master_coordinator_config.yaml", "sub/inner.log", "folder.log/inner.log", "link_dir.log/passwd"]
    up += ["../" * deep + "etc/passwd" for deep in range(1, 12)] + ["..", "../..", "../", "."]
    up += ["master_coordinator.log/../../secret.log", "./master_coordinator.log", f"../{root.name}/secret.log"]
    up += ["master_coordinator.log/.", "master_coordinator.log/", "//etc/passwd", "file:///etc/passwd", "~/x.log"]
    seconds = {"%": "%25"}
    twice = lambda text: "".join(seconds.get(letter, letter) for letter in text)  # noqa: E731
    every = lambda text: "".join(f"%{byte:02x}" for byte in text.encode())  # noqa: E731
    ways = [
        lambda path: path,
        lambda path: path.replace("/", "%2f"),
        lambda path: path.replace("/", "%2F").replace(".", "%2E"),
        every,
        lambda path: twice(every(path)),
        lambda path: twice(twice(every(path))),
        lambda path: path.replace("/", "\\"),
        lambda path: path.replace("/", "%5c"),
        lambda path: path.replace("/", "%c0%af"),
        lambda path: path.replace("/", "%e0%80%af").replace(".", "%c0%ae"),
        lambda path: path.replace("/", "%f0%80%80%af"),
        lambda path: path.replace("/", "%u002f").replace(".", "%u002e"),
        lambda path: path.replace("/", "%ef%bc%8f").replace(".", "%ef%bc%8e"),
        lambda path: path.replace("../", "....//"),
        lambda path: path.replace("../", "..;/"),
        lambda path: path + "%00.log",
        lambda path: path + "%00",
        lambda path: "%00" + path,
        lambda path: path + "%0d%0a.log",
        lambda path: "%2f" + path,
        lambda path: "/" + path,
    ]
    names = {way(path) for way, path in itertools.product(ways, up)}
    names |= {f"{way(name)}" for way in (ways[0], every) for name in odd}
    names |= {"", "%", "%2", "%zz", "*.log", "?.log", "MASTER.LOG", "master_coordinator.LOG", "master_coordinator"}
    names |= {"master_coordinator.log%00", "master_coordinator.log%20", "master_coordinator.log.", " ", "+", "%20"}
    names |= {"master_coordinator.log%0a", "master_coordinator.log;x=1", "master%2elog%2f", "plain.txt", "hidden"}
    names |= {"master", "data", "fast_charge", "con.log", "x" * 4000 + ".log", "%ff%fe.log", ".log", "..log"}
    return sorted(names - {"", "#"}) + [""]


def nothing_else_is_opened(tally, shop, root, server):
    """Names of every kind under strace: 404, at once, and no request opens anything."""
    odd = furnish(root, shop)
    time.sleep(5)  # listed twice since
    listed = {entry["name"] for entry in server.json("/logs/files")[1]["log_files"]}
    tally.check(not listed & set(odd) and "master_coordinator.log" in listed, "only plain files are listed", str(listed))
    names, wrong, longest = names_that_leave(root, shop.folder / "outside.log", odd), [], 0.0
    with Trace(shop, server) as trace:
        for name, (method, more) in itertools.product(names, (("GET", ()), ("HEAD", ()), ("GET", ("Range: bytes=0-9",)))):
            began = time.monotonic()
            try:
                answer = once(server.address, BASE + name, more, method)
                told = answer.status in (400, 404) and SECRET.strip() not in answer.body and b"root:" not in answer.body
                wrong += [] if told else [f"{name!r}: {answer.status}"]
            except (OSError, Broken) as error:
                wrong.append(f"{name!r}: {error!r}")
            longest = max(longest, time.monotonic() - began)
    print(f"{len(names)} names, each three times, under strace: longest answer {longest * 1000:.1f} ms")
    tally.check(not wrong, "every name that is none: 400 or 404", f"{len(wrong)}: {wrong[:5]}")
    tally.check(longest < 2, "no name hangs", f"{longest:.2f} s")
    tally.check(not trace.by_requests(), "for none of them anything was opened", str(trace.by_requests()[:5]))
    foreign = [entry for entry in trace.opened if any(text in " ".join(entry) for text in ("passwd", "secret", "outside"))]
    tally.check(not foreign and not trace.unread, "nor by anybody else", f"{foreign[:3]} {trace.unread[:3]}")
    with Trace(shop, server) as trace:
        answer = fetch(server.address, BASE + "master.log")
    real = (root / "logs" / "master_coordinator.log").read_bytes()
    tally.check(answer.status == 200 and answer.body == real, "the alias is the file", str(answer.status))
    opened = trace.by_requests()
    seen = [(name, Path(led).name, "O_NOFOLLOW" in flags) for name, _, flags, led in opened]
    tally.check(seen == [("download", "master_coordinator.log", True)], "strace sees that one file opened", str(opened))


def swaps_are_not_followed(tally, shop, root, server):
    """A listed file that becomes something else before it is opened."""
    logs, swap, outside = root / "logs", root / "logs" / "swap.log", shop.folder / "outside.log"
    real = b"what it was\n" * 1000

    def list_it():
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            swap.unlink()
        if swap.is_dir():
            swap.rmdir()
        swap.write_bytes(real)
        return wait_for(lambda: server.get(BASE + "swap.log")[0] == 200, 20, 0.05)

    makes = {
        "a link out": lambda: swap.symlink_to(outside),
        "a FIFO": lambda: os.mkfifo(swap),
        "a folder": swap.mkdir,
        "a device": lambda: os.mknod(swap, 0o20666, os.makedev(1, 5)),
    }
    for what, make in makes.items():
        for _ in range(5):  # the next look at the folder may come in between
            if not list_it():
                break
            with Trace(shop, server) as trace:
                swap.unlink()
                try:
                    make()
                except PermissionError:
                    break
                began = time.monotonic()
                answer = fetch(server.address, BASE + "swap.log")
                took = time.monotonic() - began
            if b"no plain file any more" in answer.body:
                break
        good = answer.status == 404 and b"no plain file any more" in answer.body and took < 2
        tally.check(good, f"a file that became {what}: 404 at once", f"{answer.status} {took:.2f} s {answer.body[:90]}")
        tally.check(not trace.by_requests(), f"a file that became {what} was not opened", str(trace.by_requests()))
    list_it()
    stopping, count = threading.Event(), 0

    def swapper():
        """Mostly a file, for a moment a link, all the time: so that it stays listed."""
        link, file = logs / "swap.new-link", logs / "swap.new-file"
        while not stopping.is_set():
            link.symlink_to(outside)
            file.write_bytes(real)
            link.replace(swap)
            time.sleep(0.0005)
            file.replace(swap)
            time.sleep(0.002)

    thread = threading.Thread(target=swapper, daemon=True)
    statuses, leaked, met = {}, [], 0
    with Trace(shop, server) as trace:
        thread.start()
        until = time.monotonic() + 8
        while time.monotonic() < until:
            count += 1
            answer = fetch(server.address, BASE + "swap.log")
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            met += b"no plain file any more" in answer.body
            if answer.status == 200 and answer.body != real or SECRET.strip() in answer.body:
                leaked.append(answer.body[:60])
        stopping.set()
        thread.join(5)
    led = {Path(entry[3]).name.removesuffix(" (deleted)") for entry in trace.by_requests()}
    refused = sum(not entry[3] for entry in trace.by_requests())
    print(f"{count} downloads of a file that is a link now and then: {statuses}, {met} met the link, {refused} at the opening")
    tally.check(set(statuses) == {200, 404} and met > 5, "now the file, now 404", f"{statuses} {met}")
    tally.check(not leaked and "outside.log" not in led, "the link was never followed", f"{leaked[:3]} {led}")
    swap.unlink()


def expected_range(text, length):
    """(first, last) of a range as RFC 9110 has it, None for the whole, `beyond` for 416."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    if not found or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return (max(0, length - int(last)), length - 1) if int(last) else "beyond"
    first, last = int(first), int(last) if last else length - 1
    if found.group(2) and last < first:
        return None
    return (first, min(last, length - 1)) if first < length else "beyond"


def ranges(tally, root, server, count):
    """Random ranges against slices of the file."""
    content = random.Random(4).randbytes(300_000)
    path = root / "logs" / "random.log"
    path.write_bytes(content)
    settle(path)
    tally.check(wait_for(lambda: server.get(BASE + "random.log")[0] == 200, 20), "random.log is listed")
    rng, wrong, seen, length = random.Random(5), [], {}, len(content)
    whole = fetch(server.address, BASE + "random.log")
    tally.check(whole.status == 200 and whole.body == content, "the whole file", str(whole.status))
    tag, date = whole.get("etag"), whole.get("last-modified")
    tally.check(tag.startswith('"') and date, "a settled file has a strong tag and a date", f"{tag} {date}")
    near = lambda: rng.choice((rng.randrange(length), rng.randrange(10), length - rng.randrange(10), length * 3))  # noqa: E731
    makes = (
        lambda: f"bytes={near()}-{near()}",
        lambda: f"bytes={near()}-",
        lambda: f"bytes=-{near()}",
        lambda: f"bytes={(at := rng.randrange(length))}-{at + rng.randrange(70_000)}",
        lambda: rng.choice(("bytes=-", "bytes=a-b", "bytes", "lines=0-1", "bytes=0-1,5-9", "bytes=+1-2", "bytes=1--2")),
    )
    for number in range(count):
        text = makes[number % len(makes)]()
        answer = fetch(server.address, BASE + "random.log", f"Range: {text}")
        wish = expected_range(text, length)
        if wish == "beyond":
            good = answer.status == 416 and answer.get("content-range") == f"bytes */{length}"
        elif wish is None:
            good = answer.status == 200 and answer.body == content and answer.get("content-range") is None
        else:
            first, last = wish
            told = answer.get("content-range") == f"bytes {first}-{last}/{length}"
            good = answer.status == 206 and told and answer.body == content[first : last + 1]
        good = good and answer.get("accept-ranges") == "bytes" and answer.get("etag") == tag
        seen[answer.status] = seen.get(answer.status, 0) + 1
        wrong += [] if good else [f"{text}: {answer.status} {answer.get('content-range')} {len(answer.body)}"]
    print(f"{count} ranges: {seen}")
    tally.check(not wrong and set(seen) == {200, 206, 416}, "each range is its slice", f"{len(wrong)}: {wrong[:4]}")
    part, stale = "Range: bytes=100-199", "Sun, 06 Nov 1994 08:49:37 GMT"
    for headers, status, method in (
        ((f"If-None-Match: {tag}",), 304, "GET"),
        ((f"If-None-Match: W/{tag}",), 304, "HEAD"),
        ((f"If-Modified-Since: {date}",), 304, "GET"),
        ((f"If-Modified-Since: {stale}",), 200, "GET"),
        ((part, f"If-Range: {tag}"), 206, "GET"),
        ((part, f"If-Range: {date}"), 206, "GET"),
        ((part, f"If-Range: W/{tag}"), 200, "GET"),
        ((part, 'If-Range: "another"'), 200, "GET"),
        ((part, f"If-Range: {stale}"), 200, "GET"),
        ((part, 'If-Match: "another"'), 412, "GET"),
        ((part, f"If-Unmodified-Since: {stale}"), 412, "GET"),
        ((part,), 200, "HEAD"),
    ):
        answer = fetch(server.address, BASE + "random.log", *headers, method=method)
        length_told = answer.get("content-length")
        good = answer.status == status and answer.get("etag") == tag
        good = good and (status != 304 or length_told is None) and (method, status) != ("HEAD", 206)
        good = good and ((method, status) != ("HEAD", 200) or length_told == str(length))
        tally.check(good, f"{method} with {'; '.join(headers)}: {status}", f"{answer.status} {answer.headers}")
    path.write_bytes(content[:-1] + b"\0")
    answer = fetch(server.address, BASE + "random.log", part, f"If-Range: {tag}")
    good = answer.status == 200 and answer.get("etag").startswith("W/") and answer.get("last-modified") is None
    tally.check(good, "a file of the same length that was written just now: whole, weakly tagged", str(answer.headers))


def curl(shop, server, name, *flags, to="curl.out"):
    """Runs curl; (exit code, what it wrote)."""
    out = shop.folder / to
    command = ["curl", "-sS", "-o", str(out), *flags, f"{server.base}{BASE}{name}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, out, done.stderr


def resumes(tally, shop, root, server):
    """curl breaks off, and goes on with `-C -`; also of a log that grew."""
    path = root / "logs" / "random.log"
    content = random.Random(6).randbytes(32 * MIB)
    path.write_bytes(content)
    settle(path)
    code, out, _ = curl(shop, server, "random.log", "--limit-rate", "1M", "--max-time", "2")
    size = out.stat().st_size
    tally.check(code == 28 and 0 < size < len(content), "curl broke off", f"{code} {size}")
    path.open("ab").write(b"and it grew\n")
    code, out, told = curl(shop, server, "random.log", "-C", "-")
    content += b"and it grew\n"
    tally.check(code == 0 and out.read_bytes() == content, f"curl -C - went on at {size}", f"{code} {told}")
    code, out, told = curl(shop, server, "random.log", "-C", "-")
    tally.check(out.read_bytes() == content, "curl -C - of what is whole changes nothing", f"{code} {told}")
    code, out, told = curl(shop, server, "random.log", "-r", "5-14", to="part.out")
    tally.check(code == 0 and out.read_bytes() == content[5:15], "curl -r", f"{code} {told}")


def moving_files(tally, root, server):
    """Logs that grow, are rotated and are truncated under a download."""
    path, stopping = root / "logs" / "moving.log", threading.Event()
    path.write_bytes(b"")

    def grow():
        number = 0
        with path.open("ab", 0) as file:
            while not stopping.is_set():
                file.write(b"".join(b"line %09d\n" % (number + step) for step in range(500)))
                number += 500
                time.sleep(0.001)

    tally.check(wait_for(lambda: server.get(BASE + "moving.log")[0] == 200, 20), "moving.log is listed")
    thread = threading.Thread(target=grow, daemon=True)
    thread.start()
    bodies, joined, wrong = [], b"", []
    until = time.monotonic() + 4
    while time.monotonic() < until:
        try:
            bodies.append(fetch(server.address, BASE + "moving.log").body)
            answer = fetch(server.address, BASE + "moving.log", f"Range: bytes={len(joined)}-")
            joined += answer.body if answer.status == 206 else b""
        except Broken as error:
            wrong.append(repr(error))
    stopping.set()
    thread.join(5)
    final = path.read_bytes()
    good = not wrong and all(final.startswith(body) for body in bodies) and len(set(map(len, bodies))) > 5
    tally.check(good, f"{len(bodies)} downloads of a growing log: as long as told, its beginning", f"{wrong[:3]}")
    tally.check(final.startswith(joined) and len(joined) > len(final) // 4, "its parts join", f"{len(joined)}")

    old = random.Random(7).randbytes(24 * MIB)
    path.write_bytes(old)
    slow = Slow(server.address, "moving.log")
    path.rename(path.with_suffix(".log.1"))
    path.write_bytes(b"the new one\n" * 100_000)
    body = slow.rest()
    tally.check(slow.length == len(old) and body == old, "rotated meanwhile: the old one, whole", f"{len(body)}")
    for what, size in (("truncated", 0), ("shortened", 20 * MIB)):
        path.write_bytes(old)
        slow = Slow(server.address, "moving.log")
        os.truncate(path, size)
        body = slow.rest()
        good = slow.length == len(old) and len(body) < len(old) and old.startswith(body)
        tally.check(good, f"{what} meanwhile: it ends early, nothing is padded", f"{len(body)} of {slow.length}")
    path.write_bytes(old)
    slow = Slow(server.address, "moving.log")
    path.write_bytes(b"n" * (len(old) - 1))
    body = slow.rest()
    tally.check(old.startswith(body) and len(body) < len(old), "truncated and written anew: it ends early", f"{len(body)}")
    path.write_bytes(old)
    slow = Slow(server.address, "moving.log")
    path.unlink()
    tally.check(slow.rest() == old, "deleted meanwhile: whole")


def drain(address, name, pace=None, until=None):
    """Takes a download as fast as it comes, or that many bytes a second; how many bytes came."""
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", BASE + name)
    answer, taken, began, buffer = connection.getresponse(), 0, time.monotonic(), bytearray(256 * 1024)
    while count := answer.readinto(buffer):
        taken += count
        if until and until.is_set():
            break
        if pace:
            time.sleep(max(0.0, taken / pace - (time.monotonic() - began)))
    connection.close()
    return taken


def two_at_once(tally, root, server):
    """Two of 500 MB, in how much memory; and what a third is told."""
    path = root / "logs" / "huge.log"
    with path.open("wb") as file:
        file.truncate(500 * MIB)
    settle(path)
    tally.check(wait_for(lambda: server.get(BASE + "huge.log", headers={"Range": "bytes=0-0"})[0] == 206, 20), "huge.log")
    for _ in range(3):  # what the first threads cost is not the size's
        threads = [threading.Thread(target=fetch, args=(server.address, BASE + "random.log")) for _ in range(2)]
        [thread.start() for thread in threads], [thread.join(20) for thread in threads]
    before, most, taken = server.memory_kib(), 0, []
    threads = [threading.Thread(target=lambda: taken.append(drain(server.address, "huge.log"))) for _ in range(2)]
    began = time.monotonic()
    [thread.start() for thread in threads]
    time.sleep(0.1)
    third = [fetch(server.address, BASE + "master.log", method=method) for method in ("GET", "HEAD")]
    export = once(server.address, "/api/v1/export?what=energy")
    while any(thread.is_alive() for thread in threads):
        most = max(most, server.memory_kib())
        time.sleep(0.02)
    took = time.monotonic() - began
    print(f"two of 500 MiB in {took:.1f} s ({1000 / took:.0f} MiB/s); resident {before} KiB, then at most {most} KiB")
    tally.check(taken == [500 * MIB] * 2, "both came whole", str(taken))
    tally.check(most - before < 1024, "resident memory grew by less than 1 MiB", f"{most - before:+} KiB")
    told = [(answer.status, answer.get("retry-after")) for answer in (*third, export)]
    tally.check(told == [(503, "1")] * 3, "a third, and an export: 503, with Retry-After", str(told))
    tally.check(fetch(server.address, BASE + "master.log").status == 200, "afterwards there is room")


def others_meanwhile(tally, shop, server, seconds, control):
    """How long other answers take, in turns with and without two downloads; beside them a server that has none."""
    pairs = {False: [], True: []}
    for busy in (False, True) * 3:
        until = threading.Event()
        threads = [threading.Thread(target=drain, args=(server.address, "huge.log", 20 * MIB, until)) for _ in range(2)]
        [thread.start() for thread in threads if busy]
        paths = ("/current-state", "/health", "/api/v1/state")
        calm, beside = shop._add(Calm(server.address, *paths)), shop._add(Calm(control.address, *paths))
        time.sleep(seconds)
        met, other = calm.finish(), beside.finish()
        until.set()
        [thread.join(10) for thread in threads if busy]
        pairs[busy].append((met, other))
        words = "with two downloads" if busy else "without"
        print(f"     {words}: {met.words()}\n     {'':{len(words)}}  control: {other.words()}")
    p50 = {}
    for busy, runs in pairs.items():
        own, beside = ([took for run in runs for took in run[index].milliseconds()] for index in (0, 1))
        p50[busy] = statistics.median(own) / statistics.median(beside), quantile(own, 0.99) / quantile(beside, 0.99)
    bad = [met.bad for runs in pairs.values() for met, _ in runs if met.bad]
    ratio = p50[True][0] / p50[False][0], p50[True][1] / p50[False][1]
    print(f"beside the control, with downloads against without: p50 x{ratio[0]:.2f}, p99 x{ratio[1]:.2f}")
    tally.check(not bad, "all others were answered", str(bad[:2]))
    tally.check(ratio[0] < 1.5, "their median stays", f"x{ratio[0]:.2f}")
    tally.check(ratio[1] < 3, "their p99 stays", f"x{ratio[1]:.2f}")


def stuck_and_stopped(tally, server):
    """Who takes nothing is given up after `write_seconds`; a stop waits for nobody."""
    stuck, began = [Slow(server.address, "huge.log") for _ in range(2)], time.monotonic()
    tally.check(fetch(server.address, BASE + "master.log").status == 503, "two that take nothing have both places")
    free = wait_for(lambda: server.get(BASE + "master.log")[0] == 200, WRITE_SECONDS + 5, 0.1)
    took = time.monotonic() - began
    print(f"two that take nothing: given up after {took:.1f} s ({WRITE_SECONDS} s allowed)")
    good = free and WRITE_SECONDS - 0.5 <= took < WRITE_SECONDS + 2
    tally.check(good, "they are given up after the time for writes", f"{took:.1f} s")
    bodies = [slow.rest() for slow in stuck]
    tally.check(all(len(body) < 500 * MIB for body in bodies), "and their connections are over")
    slow = Slow(server.address, "huge.log")
    moving = threading.Thread(target=lambda: drain(server.address, "huge.log", 10 * MIB), daemon=True)
    with contextlib.suppress(http.client.HTTPException, OSError):
        moving.start()
    time.sleep(0.5)
    code, took = server.end()
    print(f"stopped with two under way, one of them stuck: code {code} after {took * 1000:.0f} ms")
    tally.check(code == 0 and took < 2, "a stop ends both in 2 s, with code 0", f"{code} after {took:.2f} s")
    tally.check("still busy" not in server.log_text(), "and leaves no thread behind", server.log_text()[-300:])
    slow.rest()
    tally.check("panicked" not in server.log_text(), "no panic in the log")


def main():
    given = arguments(__doc__.split("\n\n")[0], ranges=(400, "random ranges"), seconds=(4.0, "a turn beside downloads"))
    for tool in ("strace", "curl"):
        if not shutil.which(tool):
            raise SystemExit(f"{tool} is needed")
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        extra = {"limits": f"{{write_seconds: {WRITE_SECONDS}}}"}
        root = shop.site("site", days=3, pse_url=api.url, intervals=FAST, extra=extra)
        server = shop.serve(root)
        tally.check(server.loaded(60), "loaded")
        nothing_else_is_opened(tally, shop, root, server)
        swaps_are_not_followed(tally, shop, root, server)
        ranges(tally, root, server, given.ranges)
        resumes(tally, shop, root, server)
        moving_files(tally, root, server)
        server.end()
        # Without what the attacks left behind.
        quiet = shop.site("quiet", days=3, pse_url=api.url, extra=extra)
        (quiet / "logs" / "random.log").write_bytes(b"x" * MIB)
        server, control = shop.serve(quiet), shop.serve(shop.site("control", days=3, pse_url=api.url))
        tally.check(server.loaded(60) and control.loaded(60), "loaded again, with a control beside it")
        two_at_once(tally, quiet, server)
        others_meanwhile(tally, shop, server, given.seconds, control)
        control.end()
        stuck_and_stopped(tally, server)
    finish(tally)


if __name__ == "__main__":
    main()
