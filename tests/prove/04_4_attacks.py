#!/usr/bin/env python3
"""Attacks on the server's sockets, with what each may cost; and a table of odd requests with their right answers.

While an attack runs, a client in a process of its own goes on asking every 10 ms: all its answers are 200, and none
takes longer than a second. (Six connections at once on a hundred fresh servers: 02_8_burst.)
"""

import resource
import threading
import time

import attacks
from lib import PATHS, Tally, Workshop, arguments, finish, wait_for
from oddities import ODD, judge
from wire import Broken, Calm, Wire, descriptors, once

LARGEST = "/decisions?time_range=7d"
LONGEST_MS = 1000


class Watch:
    """Notes the largest resident size of a process every 20 ms."""

    def __init__(self, server):
        self.server, self.most, self.stopping = server, server.memory_kib(), threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def _run(self):
        while not self.stopping.wait(0.02) and self.server.alive():
            self.most = max(self.most, self.server.memory_kib())


class Siege:
    """One server and a calm client; the attacks come one after the other."""

    def __init__(self, tally, shop, server):
        self.tally, self.shop, self.server = tally, shop, server

    def run(self, name, attack, most_kib=1024, longest_ms=LONGEST_MS):
        """One attack; what it saw. Memory may grow by `most_kib` at most, while it lasts and after it."""
        server, check = self.server, self.tally.check
        before, threads, log = server.memory_kib(), len(server.threads_by_id()), len(server.errors)
        calm = self.shop._add(Calm(server.address, "/current-state", "/decisions?time_range=24h"))
        time.sleep(0.3)
        with Watch(server) as watch:
            seen = attack(server.address)
            most_threads = len(server.threads_by_id())
        time.sleep(0.3)
        met = calm.finish()
        grown, after = watch.most - before, server.memory_kib() - before
        lines = len(server.errors) - log
        print(f"{name}: {str(seen)[:200]}; resident at most {grown:+} KiB, after {after:+} KiB; {lines} log lines")
        print(f"     calm client: {met.words()}", flush=True)
        check(server.alive(), f"{name}: the server lives")
        slow = [took for _, took in met.kept + met.fresh if took > longest_ms]
        check(
            not met.bad and not slow and len(met.kept) > 20, f"{name}: others are served", f"{met.bad[:3]} {slow[:3]}"
        )
        check(grown <= most_kib, f"{name}: at most {most_kib} KiB more", f"{grown:+} KiB")
        check(most_threads == threads, f"{name}: no more threads", f"{threads} -> {most_threads}")
        check(lines <= 10, f"{name}: at most 10 log lines", f"{lines}: {list(server.errors)[-3:]}")
        check("panicked" not in server.log_text(), f"{name}: no panic in the log")
        return seen


def streams_with_requests(address):
    """Event streams with requests behind them, that are never read: their requests are not for the server to keep."""
    behind = attacks.request(LARGEST) * 400
    held = []
    for _ in range(16):
        wire = Wire(address)
        wire.send(attacks.request("/api/v1/events?log=master", "Accept: text/event-stream\r\n") + behind)
        held.append(wire)
    time.sleep(5)
    for wire in held:
        wire.socket.close()
    return f"{len(held)} streams, {len(behind)} bytes behind each"


def unsent_bodies(address):
    """Four announced bodies of which a byte a second comes: the statuses."""
    held, seen = [], []
    for _ in range(4):
        wire = Wire(address)
        wire.send(b"POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        held.append(wire)
    for wire in held:
        try:
            answer = wire.answer()
            seen.append(answer.status if answer else 0)
        except (Broken, OSError) as error:
            seen.append(repr(error))
    for _ in range(3):
        time.sleep(1)
        for wire in held:
            try:
                wire.send(b"x")
            except OSError:
                pass
    for wire in held:
        wire.socket.close()
    return seen


def dripping_readers(address, count=64, seconds=15):
    """Clients that take a byte a second of the largest answer, with the smallest window there is; then all of it."""
    held = []
    for _ in range(count):
        wire = Wire(address, 10, receive_buffer=2048)
        wire.send(attacks.request(LARGEST))
        held.append(wire)
    taken = [b""] * count
    for _ in range(seconds):
        time.sleep(1)
        for index, wire in enumerate(held):
            taken[index] += wire.socket.recv(1)
    bodies, broken = set(), []
    for piece, wire in zip(taken, held):
        wire.rest = piece
        try:
            bodies.add(len(wire.answer().body))
        except (Broken, OSError, AttributeError) as error:
            broken.append(repr(error))
        wire.socket.close()
    return {"whole answers of": sorted(bodies), "broken": broken}


def resets(address, count):
    return attacks.resets(address, count, 120)


def few_descriptors(tally, shop, root):
    """A server with 64 descriptors, and 200 clients that stay for a while."""
    server = shop.serve(root, files=64)
    tally.check(server.loaded(60), "64 descriptors: loaded")
    before, held = descriptors(server.pid), []

    def during(count):
        time.sleep(3)
        held.append(descriptors(server.pid))
        return f"{count} connected, {held[0]} descriptors in use"

    log = len(server.errors)
    print(f"64 descriptors: {attacks.hold_many(server.address, 200, during)}, {before} before")
    left, served = time.monotonic(), None
    while time.monotonic() < left + 10 and served is None:
        status, _ = server.get("/health", timeout=1)
        served = time.monotonic() - left if status == 200 else None
    print(f"64 descriptors: served {served if served is None else round(served, 3)} s after they left")
    tally.check(served is not None and served <= 1, "64 descriptors: served within 1 s of their leaving", str(served))
    answers = attacks.many_at_once(
        server.address, ("/current-state", "/status", "/", "/metrics", "/decisions", LARGEST)
    )
    tally.check(all(status == 200 for status, _ in answers), "64 descriptors: then a burst is served", str(answers))
    lines = len(server.errors) - log
    tally.check(lines <= 10, "64 descriptors: at most 10 log lines", f"{lines}: {list(server.errors)[-3:]}")
    tally.check("panicked" not in server.log_text(), "64 descriptors: no panic in the log")
    gone = wait_for(lambda: descriptors(server.pid) <= before + 1, 10)
    tally.check(gone, "64 descriptors: all given back", f"{before} -> {descriptors(server.pid)}")
    code, took = server.end()
    tally.check(code == 0 and took < 2, "64 descriptors: stopped in 2 s with code 0", f"{code} after {took:.2f} s")


def odd_requests(tally, server):
    """The table, and HEAD of everything."""
    wrong = 0
    for entry in ODD:
        try:
            words = judge(server.address, entry)
        except OSError as error:
            words = repr(error)
        wrong += bool(words)
        if words:
            tally.check(False, f"odd: {entry.name}", words)
    print(f"{len(ODD)} odd requests, {wrong} answered wrongly")
    tally.check(not wrong, "odd requests: each its right answer or a closed connection", f"{wrong} of {len(ODD)}")
    bad = []
    for path in (
        *PATHS,
        "/api/v1/state",
        "/api/v1/about",
        "/api/v1/prices",
        "/prices.ics",
        "/nonesuch",
        "/logs?lines=0",
    ):
        for _ in range(5):  # an age may get longer between the two
            get, head = once(server.address, path), once(server.address, path, (), "HEAD")
            told = [(answer.status, answer.get("content-length"), answer.get("content-type")) for answer in (get, head)]
            if told[0] == told[1]:
                break
        else:
            bad.append(f"{path}: {told}")
        with Wire(server.address) as wire:
            wire.ask(path, (), "HEAD")
            after = wire.ask("/nonesuch-after")
            if b"nonesuch-after" not in after.body:
                bad.append(f"{path}: a body after HEAD")
    for path in ("/logs/download/master.log", "/api/v1/events"):
        with Wire(server.address) as wire:
            head = wire.ask(path, ["Connection: close"], "HEAD")
            if head.status != 200 or not wire.closed(2):
                bad.append(f"{path}: {head.status}, or a body after HEAD")
    tally.check(not bad, "HEAD of everything: GET's status and length, no body", "; ".join(bad))


def warm(server):
    """Everything has been asked for once, so that what grows afterwards is the attack's."""
    for _ in range(100):
        for path in PATHS + (LARGEST, "/api/v1/state", "/api/v1/about"):
            server.get(path)
    attacks.many_at_once(server.address, [LARGEST] * 64)
    attacks.resets(server.address, 500)


def main():
    given = arguments(__doc__.split("\n\n")[0], days=(10, "days of the site"), resets=(10_000, "connections reset"))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url)
        server = shop.serve(root)
        tally.check(server.loaded(60), "loaded")
        tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
        warm(server)
        siege = Siege(tally, shop, server)
        statuses = siege.run("boundless length", attacks.boundless_length)
        good = all(400 <= status < 500 or status == 501 for status in statuses)
        tally.check(good, "boundless length: refused", str(statuses))
        taken, closed = siege.run("endless head", attacks.endless_head)
        tally.check(taken < 16_000_000 and closed == 50, "endless head: cut off, halves closed", f"{taken} {closed}")
        seen = siege.run("unsent bodies", unsent_bodies)
        tally.check(seen == [405] * 4 or seen == [413] * 4, "unsent bodies: refused by their heads", str(seen))
        siege.run("streams with requests behind", streams_with_requests, most_kib=8 * 1024)
        seen = siege.run("64 readers of a byte a second", dripping_readers, most_kib=2048)
        tally.check(not seen["broken"] and seen["whole answers of"], "64 readers: each got it whole", str(seen))
        made = siege.run("resets", lambda address: resets(address, given.resets))
        tally.check(made >= given.resets, f"resets: {given.resets} made", str(made))
        odd_requests(tally, server)
        about = server.json("/api/v1/about")[1]
        print(f"counters: {about['connections']}, {about['requests']}")
        tally.check(about["requests"]["contained_panics"] == 0, "no handler panicked", str(about["requests"]))
        gone = wait_for(lambda: server.json("/api/v1/about")[1]["connections"]["open"] == 1, 15)
        told = server.json("/api/v1/about")[1]["connections"]
        tally.check(gone, "all connections are given back", str(told))
        ways = told["open"] + sum(told["closed"].values())
        tally.check(ways == told["accepted"], "who came is there, or has left in some way", f"{ways}: {told}")
        code, took = server.end()
        tally.check(code == 0 and took < 2, "stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
        few_descriptors(tally, shop, root)
    finish(tally)


if __name__ == "__main__":
    main()
