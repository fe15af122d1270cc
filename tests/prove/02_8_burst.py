#!/usr/bin/env python3
"""A browser's burst on a fresh server, 100 times: none hangs. Then the eight attacks: other clients are served as
before.

While an attack runs, a well-behaved client that connected before goes on asking; all its answers must be 200,
and none may take longer than a second.
"""

import resource
import time

import attacks
from lib import Poller, Tally, Workshop, arguments, finish, wait_for

BURST = (
    "/",
    "/status",
    "/current-state",
    "/metrics",
    "/prices",
    "/decisions?time_range=24h",
    "/logs?file=master&lines=100",
)
CALM = ("/current-state", "/status", "/decisions?time_range=24h")
LONGEST_MS = 1000


def bursts(tally, shop, root, times):
    """Page and six requests at once on fresh servers."""
    hung, refused, longest = [], {}, 0.0
    for index in range(times):
        server = shop.serve(root)
        for path, (status, took) in zip(BURST, attacks.many_at_once(server.address, BURST)):
            if status == 0:
                hung.append(f"start {index}: {took}")
            else:
                longest = max(longest, took)
                if status not in (200, 503) and not (path == "/prices" and status == 404):
                    refused[path] = status
        code, took = server.end()
        if code != 0 or took > 2:
            hung.append(f"start {index}: stopped with {code} after {took:.1f} s")
    print(
        f"{times} fresh servers, {len(BURST)} requests at once: {len(hung)} hung, longest answer {longest * 1000:.0f} ms"
    )
    tally.check(not hung, "none hangs", "; ".join(hung[:5]))
    tally.check(not refused, "every answer is 200 (or 503 while loading)", str(refused))


class Siege:
    """One server, a calm client on it, and the attacks one after the other."""

    def __init__(self, tally, server):
        self.tally, self.server = tally, server

    def run(self, name, attack, calm=True):
        """One attack; the calm client's answers, threads and memory before and after are printed and checked."""
        server, tally = self.server, self.tally
        before, threads = server.memory_kib(), len(server.threads_by_id())
        with Poller(server, CALM, threads=1, pause=0.01) as poller:
            time.sleep(0.3)
            seen = attack(server.address)
            most_threads = len(server.threads_by_id())
            time.sleep(0.3)
        grown = server.memory_kib() - before
        print(
            f"{name}: {str(seen)[:160]}; calm client: {poller.words()}; threads {threads} -> {most_threads}; resident {grown:+} KiB"
        )
        tally.check(server.alive(), f"{name}: the server lives")
        if calm:
            slow = [value for value in poller.latencies_ms if value > LONGEST_MS]
            tally.check(
                not poller.bad and not slow and len(poller.latencies_ms) > 5,
                f"{name}: others are served as before",
                f"{poller.bad[:3]} {slow[:3]}",
            )
        tally.check(grown < 8 * 1024, f"{name}: memory stays bounded", f"{grown} KiB")
        tally.check(most_threads <= threads + 8, f"{name}: no thread for each client", f"{threads} -> {most_threads}")
        fresh = wait_for(lambda: server.get("/health", 2)[0] == 200, 20)
        tally.check(fresh, f"{name}: a new client is served afterwards")
        return seen


def attack_all(tally, shop, root):
    """The eight attacks on one server, and the one that needs few descriptors on another."""
    server = shop.serve(root)
    tally.check(server.loaded(60), "loaded")
    wait_for(lambda: server.get("/prices")[0] == 200, 30)
    siege = Siege(tally, server)
    statuses = siege.run("1 boundless length", attacks.boundless_length)
    tally.check(
        all(400 <= status < 500 or status == 501 for status in statuses),
        "1 boundless length: refused by a 4xx",
        str(statuses),
    )
    paths = BURST * 8
    answers = siege.run("2 many at once", lambda address: attacks.many_at_once(address, paths))
    tally.check(all(status == 200 for status, _ in answers), "2 many at once: all answered", str(answers)[:300])
    taken, closed = siege.run("3 endless head", attacks.endless_head)
    # The server takes 8 KiB and throws away 256 more; the rest is what the kernel's buffers of both sockets hold.
    tally.check(taken < 16_000_000, "3 endless head: cut off early", f"{taken} bytes taken")
    tally.check(closed == 50, "3 endless head: half a head is closed in 20 s", f"{closed} of 50")

    def wait(seconds):
        time.sleep(seconds)
        return f"{seconds:.0f} s of slow clients"

    siege.run("4 slow clients", lambda address: attacks.slow_clients(address, wait))
    siege.run("6 resets", attacks.resets)
    tally.check("panicked" not in server.log_text(), "6 resets: no panic in the log")

    def linger(count):
        time.sleep(2)
        return f"{count} connected, {len(server.threads_by_id())} threads"

    siege.run("7 idle clients", lambda address: attacks.hold_many(address, 2000, linger))
    seen = siege.run(
        "8 framing", lambda address: attacks.framing(address, BURST + ("/decisions?time_range=7d", "/monthly-summary"))
    )
    wrong = [entry for entry in seen if entry[2] or not entry[3]]
    tally.check(not wrong, "8 framing: every answer whole, with its length, not in chunks", str(wrong))
    refused, of = siege.run("odd heads", attacks.odd_heads)
    tally.check(refused == of, "odd heads: all refused", f"{refused} of {of}")
    code, took = server.end()
    tally.check(code == 0 and took < 2, "stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
    few = shop.serve(root, files=64)
    tally.check(few.loaded(60), "5 few descriptors: loaded with 64 descriptors")

    def hold(count):
        time.sleep(3)
        return f"{count} connected"

    Siege(tally, few).run("5 few descriptors", lambda address: attacks.hold_many(address, 200, hold))
    time.sleep(1)
    answers = attacks.many_at_once(few.address, BURST)
    tally.check(
        all(status in (200, 404) for status, _ in answers),
        "5 few descriptors: a burst is served afterwards",
        str(answers)[:200],
    )
    tally.check("panicked" not in few.log_text(), "5 few descriptors: no panic in the log")
    code, took = few.end()
    tally.check(
        code == 0 and took < 2, "5 few descriptors: stopped in 2 s with code 0", f"code {code} after {took:.2f} s"
    )


def main():
    given = arguments(__doc__.split("\n\n")[0], times=(100, "fresh servers"), days=(5, "days of the site"))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url)
        bursts(tally, shop, root, given.times)
        attack_all(tally, shop, root)
    finish(tally)


if __name__ == "__main__":
    main()
