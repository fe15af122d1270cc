#!/usr/bin/env python3
"""A site of ten years: the first answer within 200 ms; every closed day summed within 90 s while 200 requests a second keep
their p99 within twice what it is without; a later start has all months within 300 ms; a refresh takes at most 1.2 times
the CPU of a site of 60 days; at most 16 MiB throughout."""

import time
from pathlib import Path

from lib import FAST, Poller, Tally, Workshop, arguments, finish, wait_for

FIRST_MS, BACKFILL_S, MONTHS_MS, RESIDENT_KIB = 200, 90, 300, 16 * 1024
REFRESHERS = ("live", "metrics", "process", "logs")
PATHS = ("/current-state", "/status", "/decisions", "/api/v1/state", "/monthly-summary")


def first_answer_ms(server):
    """Milliseconds from the start of the process to the first 200 of /current-state."""
    server.listening()
    while time.monotonic() < server.started + 10:
        if server.get("/current-state", timeout=2)[0] == 200:
            return (time.monotonic() - server.started) * 1000
    return float("inf")


def cpu_ms(server):
    """Milliseconds that each refresher has run, as the scheduler counts them."""
    times = dict.fromkeys(REFRESHERS, 0.0)
    for number, name in server.threads_by_id().items():
        if name in times:
            times[name] += int(Path(f"/proc/{server.pid}/task/{number}/schedstat").read_text().split()[0]) / 1e6
    return times


def p99(poller):
    ordered = sorted(poller.latencies_ms)
    return ordered[int(len(ordered) * 0.99)]


def is_summed(server):
    """Whether all is summed but yesterday, whose rows are not an hour old to the server that has just started."""
    backfill = (server.json("/status")[1] or {}).get("backfill")
    return backfill is not None and backfill["done_days"] >= backfill["total_days"] - 1 and backfill


def months_ms(server):
    """Milliseconds from the start of the process until all months are known."""
    server.listening()
    while time.monotonic() < server.started + 20:
        status, answer = server.json("/status", timeout=2)
        if status == 200 and answer["months"]["complete"]:
            return (time.monotonic() - server.started) * 1000, answer["months"]["summed"]
        time.sleep(0.002)
    return float("inf"), 0


def first_start(tally, shop, root):
    server = shop.serve(root, wait=False)
    first = first_answer_ms(server)
    tally.check(first <= FIRST_MS, f"{first:.0f} ms to the first /current-state, allowed {FIRST_MS}")
    with Poller(server, paths=PATHS, threads=2, pause=0.0095) as busy:
        backfill = wait_for(lambda: is_summed(server), BACKFILL_S * 2)
        took = time.monotonic() - server.started
    tally.check(bool(backfill) and took <= BACKFILL_S, f"{backfill} after {took:.1f} s, allowed {BACKFILL_S}")
    with Poller(server, paths=PATHS, threads=2, pause=0.0095) as calm:
        time.sleep(15)
    print(f"while days are summed: {busy.words()}, {len(busy.latencies_ms) / took:.0f}/s\nafterwards: {calm.words()}")
    bad = [text for text in busy.bad + calm.bad if "503" not in text]
    tally.check(not bad, "no bad answer but 503 while the first load lasts", str(bad[:3]))
    tally.check(p99(busy) <= 2 * p99(calm), f"p99 {p99(busy):.2f} ms while days are summed, {p99(calm):.2f} ms afterwards")
    memory(tally, server, "first start")
    server.end()


def memory(tally, server, when):
    most = server.memory_kib("VmHWM")
    tally.check(most <= RESIDENT_KIB, f"{most} KiB at most so far, allowed {RESIDENT_KIB}")


def refreshes(tally, large, small):
    """Both servers at the same time, so that the machine's mood is the same for both."""
    time.sleep(5)
    before = cpu_ms(large), cpu_ms(small)
    time.sleep(91)
    after = cpu_ms(large), cpu_ms(small)
    spent = [sum(late[name] - early[name] for name in REFRESHERS) for early, late in zip(before, after)]
    for name in REFRESHERS:
        print(f"{name}: " + ", ".join(f"{late[name] - early[name]:.1f} ms" for early, late in zip(before, after)))
    ratio = spent[0] / spent[1]
    tally.check(ratio <= 1.2, f"{spent[0]:.0f} ms at ten years, {spent[1]:.0f} at 60 days: {ratio:.2f}")


def main():
    given = arguments(__doc__, days=(3650, "days of the large site"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        large = shop.site("large", days=given.days, pse_url=api.url, intervals=FAST)
        small = shop.site("small", days=60, pse_url=api.url, intervals=FAST)
        first_start(tally, shop, large)
        server = shop.serve(large, wait=False)
        took, count = months_ms(server)
        tally.check(took <= MONTHS_MS, f"{count} months after {took:.0f} ms, allowed {MONTHS_MS}")
        refreshes(tally, server, shop.serve(small))
        memory(tally, server, "later start")
        tally.check("panicked" not in server.log_text(), "no panic", server.log_text()[-500:])
    finish(tally)


if __name__ == "__main__":
    main()
