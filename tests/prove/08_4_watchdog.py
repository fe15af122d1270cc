#!/usr/bin/env python3
"""The watchdog's feed, seen on a NOTIFY_SOCKET listener: READY, a meal every half of the watchdog's time, STOPPING.

Each refresher in turn, a worker, the door and the event streams are held by ptrace, the others running on: the feed stops,
so that a service manager would act, and STATUS names the thread; released, it is fed again. A price API that takes
questions and never answers does not stop it. Without a watchdog, or with another process's, nothing is fed.
"""

import os
import re
import socket
import tempfile
import threading
import time
from pathlib import Path

from holding import Held
from lib import FAST, Tally, Workshop, arguments, finish, wait_for

WATCHDOG = 4.0
REFRESHERS = ("live", "metrics", "months", "prices", "archive", "process", "logs")
OTHERS = ("http-0", "http-1", "door", "events")


class Listener:
    """What a service manager hears: (moment, lines) of every datagram."""

    def __init__(self, name):
        self.heard = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.name = name
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except OSError:
                return
            self.heard.append((time.monotonic(), text.split("\n")))

    def env(self, watchdog=WATCHDOG, pid=None):
        env = {"NOTIFY_SOCKET": self.name}
        if watchdog:
            env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        if pid is not None:
            env["WATCHDOG_PID"] = str(pid)
        return env

    def meals(self, since=0.0):
        return [at for at, lines in self.heard if "WATCHDOG=1" in lines and at >= since]

    def said(self, word, since=0.0):
        return [line for at, lines in self.heard if at >= since for line in lines if word in line]

    def longest_gap(self, since, until):
        moments = [since, *[at for at in self.meals(since) if at <= until], until]
        return max(after - before for before, after in zip(moments, moments[1:]))


class Silence:
    """A server that takes connections and never answers."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.taken = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            self.taken.append(self.socket.accept()[0])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"


def config_text(root):
    return root / "config" / "master_coordinator_config.yaml"


def held_threads(tally, shop, folder):
    listener = Listener(str(folder / "notify"))
    root = shop.site("held", days=3, intervals=FAST)
    server = shop.serve(root, env=listener.env())
    tally.check(wait_for(lambda: listener.said("READY=1"), 5), "READY=1 once it listens")
    status = listener.said("STATUS=serving")
    tally.check(bool(status) and str(root) in status[0], f"its status says what it serves: {status}")
    server.loaded()
    quiet = time.monotonic()
    time.sleep(3 * WATCHDOG)
    gap = listener.longest_gap(quiet, time.monotonic())
    tally.check(gap < WATCHDOG * 0.75, f"fed every half of the watchdog's {WATCHDOG:.0f} s: longest gap {gap:.1f} s")
    threads = {name: tid for tid, name in server.threads_by_id().items()}
    for name in [*REFRESHERS, *OTHERS]:
        if name not in threads:
            tally.check(False, f"there is a thread {name}")
            continue
        since = time.monotonic()
        with Held(threads[name]):
            # What it was busy with when it was held may excuse it for a while: it is held in its sleep.
            stopped = wait_for(lambda: time.monotonic() - max([since, *listener.meals(since)]) > WATCHDOG, 60)
            last = max([since, *listener.meals(since)])
            others = server.get("/health", timeout=2)[0] if name != "door" else 200
            told = wait_for(lambda: [line for line in listener.said("does not answer: ", since) if name in line], 1)
        released = time.monotonic()
        tally.check(
            bool(stopped) and last - since < WATCHDOG * 0.75 and bool(told),
            f"{name} held: the last meal comes {last - since:.1f} s later, then none for {WATCHDOG:.0f} s; {told}",
        )
        tally.check(others == 200, f"{name} held: the others answer ({others})")
        again = wait_for(lambda: listener.meals(released), WATCHDOG)
        tally.check(bool(again), f"{name} released: fed again after {again[0] - released if again else -1:.1f} s")
    server.end()
    tally.check(bool(listener.said("STOPPING=1")), "STOPPING=1 at the end")
    listener.socket.close()


def slow_prices(tally, shop):
    listener, silence = Listener(f"@wattboard-prove-{os.getpid()}"), Silence()
    root = shop.site("slow", days=2, intervals=FAST, pse_url=silence.url)
    path = config_text(root)
    text = re.sub(r"api_timeout_seconds: *\S+", "api_timeout_seconds: 25", path.read_text())
    path.write_text(text if "api_timeout_seconds: 25" in text else text.replace("web_server:\n", "web_server:\n  api_timeout_seconds: 25\n", 1))
    server = shop.serve(root, env=listener.env())
    tally.check(bool(wait_for(lambda: silence.taken, 10)), "the price API took a question, on an abstract socket's watch")
    begin = time.monotonic()
    time.sleep(20)
    gap = listener.longest_gap(begin, time.monotonic())
    tally.check(gap < WATCHDOG * 0.75, f"a price API that never answers: fed all the while, longest gap {gap:.1f} s in 20 s")
    tally.check(not listener.said("does not answer"), "nobody is said not to answer")
    server.end()
    listener.socket.close()


def without(tally, shop, folder):
    for name, env in (("no watchdog", {"watchdog": None}), ("another process's watchdog", {"pid": 1})):
        listener = Listener(str(folder / name.split(" ", maxsplit=1)[0]))
        server = shop.serve(shop.site(name.replace(" ", "-"), days=1), env=listener.env(**env))
        time.sleep(WATCHDOG)
        tally.check(bool(listener.said("READY=1")) and not listener.meals(), f"{name}: READY, and nothing is fed")
        server.end()
        listener.socket.close()


def main():
    given = arguments(__doc__)
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop, tempfile.TemporaryDirectory() as folder:
        held_threads(tally, shop, Path(folder))
        slow_prices(tally, shop)
        without(tally, shop, Path(folder))
    finish(tally)


if __name__ == "__main__":
    main()
