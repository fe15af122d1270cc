#!/usr/bin/env python3
"""The real binary over midnight and over quarters of an hour, on days of 23, 24 and 25 hours: the present slot changes
with no gap and no stale second, and tomorrow becomes today without a request.

The server's clock is set a few seconds before the boundary; `/prices` and `/api/v1/prices` are asked all the time.
An answer is judged by its own `Date`.
"""

import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime

from lib import Tally, Workshop, arguments, finish, wait_for
from prices import DAY, PriceBench, need_faketime, refresher, report

from localtime import UTC, ZONE, parse_end

BOUNDARIES = (  # the first instant of the new slot
    ("midnight", "2026-06-11T00:00:00+02:00"),
    ("a quarter", "2026-06-10T10:15:00+02:00"),
    ("the last quarter of a day", "2026-06-10T23:45:00+02:00"),
    ("midnight into the 25 hours", "2025-10-26T00:00:00+02:00"),
    ("the first pass into the second", "2025-10-26T02:00:00+01:00"),
    ("the second pass into 03:00", "2025-10-26T03:00:00+01:00"),
    ("midnight out of the 25 hours", "2025-10-27T00:00:00+01:00"),
    ("01:59:59 to 03:00:00", "2025-03-30T03:00:00+02:00"),
    ("midnight out of the 23 hours", "2025-03-31T00:00:00+02:00"),
    ("new year", "2027-01-01T00:00:00+01:00"),
)
BEFORE_S, AFTER_S, LONGEST_STALE_S = 12, 8, 1.0


class Watch:
    """Asks one path again and again over one connection; keeps (played receipt time, Date, status, answer)."""

    def __init__(self, bench, path, pause=0.02):
        self.bench, self.path, self.pause = bench, path, pause
        self.seen, self.stopping = [], threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(15)

    def _ask(self):
        connection = None
        while not self.stopping.is_set():
            began = self.bench.now()
            try:
                connection = connection or http.client.HTTPConnection(self.bench.server.address, timeout=10)
                connection.request("GET", self.path)
                answer = connection.getresponse()
                body, date = answer.read(), parsedate_to_datetime(answer.headers["Date"])
                parsed = json.loads(body, parse_float=Decimal)
                self.seen.append((began, self.bench.now(), date.astimezone(UTC), answer.status, parsed))
            except (OSError, ValueError, TypeError, http.client.HTTPException) as error:
                self.seen.append((began, self.bench.now(), None, repr(error), {}))
                connection = None
            time.sleep(self.pause)


def slot_of(path, answer):
    """The start of the slot that an answer takes for the present one, or None."""
    text = answer.get("slot_start") if path == "/prices" else (answer.get("current") or {}).get("start")
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def judge(tally, name, watch, boundary):
    """No gap, no stale second, no slot before its time."""
    path, slots = watch.path, Counter()
    quarter = timedelta(minutes=15)
    gaps, stale, early, unwell, last_old, first_new = [], [], [], [], None, None
    for began, ended, date, status, answer in watch.seen:
        if status != 200 or date is None:
            unwell.append(f"{ended.time()} {status} {str(answer)[:80]}")
            continue
        start = slot_of(path, answer)
        if start is None:
            gaps.append(f"{date.time()} {str(answer)[:80]}")
            continue
        slots[start] += 1
        if date >= start + quarter + timedelta(seconds=LONGEST_STALE_S):
            stale.append(f"{date.time()} shows {start.time()}")
        if date + timedelta(seconds=1) < start or ended < start - timedelta(milliseconds=50):
            early.append(f"{date.time()} shows {start.time()}")
        if start < boundary:
            last_old = began
        elif first_new is None:
            first_new = ended
    if last_old and first_new:
        old_ms = (last_old - boundary).total_seconds() * 1000
        new_ms = (first_new - boundary).total_seconds() * 1000
        print(f"     {name} {path}: {len(watch.seen)} answers; last old one {old_ms:+.0f} ms, first new one {new_ms:+.0f} ms")
        tally.check(old_ms < LONGEST_STALE_S * 1000, f"{name} {path}: no second stale by this clock either", f"{old_ms:.0f} ms")
    tally.check(not unwell, f"{name} {path}: every answer is a 200", f"{len(unwell)}: {unwell[:3]}")
    tally.check(not gaps, f"{name} {path}: the present slot is always there", f"{len(gaps)}: {gaps[:3]}")
    tally.check(not stale, f"{name} {path}: no stale second", f"{len(stale)}: {stale[:3]}")
    tally.check(not early, f"{name} {path}: no slot before its time", f"{len(early)}: {early[:3]}")
    good = set(slots) == {boundary - quarter, boundary}
    tally.check(good, f"{name} {path}: the slot before, then the slot after", str({str(at): n for at, n in slots.items()}))
    tally.check(len(watch.seen) > 100, f"{name} {path}: asked often enough", str(len(watch.seen)))


def cross(tally, shop, name, text):
    """One boundary with a server of its own."""
    boundary = parse_end(text)
    local = boundary.astimezone(ZONE)
    at_midnight = (local.hour, local.minute) == (0, 0)
    bench = PriceBench(shop, name.replace(" ", "-").replace(":", ""), boundary - timedelta(seconds=BEFORE_S))
    server = bench.serve()
    before = bench.today()
    if at_midnight:
        wait_for(lambda: bench.has(before + DAY), BEFORE_S - 3, 0.1)
        tally.check(bench.has(before + DAY), f"{name}: tomorrow is known before midnight")
        tally.check(bench.today() == before, f"{name}: it is still before midnight")
    asked = len(refresher(bench.api.log()))
    with Watch(bench, "/prices") as old, Watch(bench, "/api/v1/prices") as new, Watch(bench, "/current-state", 0.2) as state:
        while bench.now() < boundary + timedelta(seconds=AFTER_S):
            time.sleep(0.1)
    for watch in (old, new):
        judge(tally, name, watch, boundary)
    after = [answer for _, _, date, status, answer in state.seen if status == 200 and date >= boundary + timedelta(seconds=2)]
    wrong = [answer for answer in after if slot_of("/prices", answer.get("pricing") or {}) != boundary]
    tally.check(not wrong and after, f"{name}: pricing of /current-state too", f"{len(wrong)} of {len(after)}")
    today = boundary.astimezone(ZONE).date()
    days = [answer.get("day") for _, _, date, _, answer in new.seen if date and date >= boundary + timedelta(seconds=1)]
    tally.check(set(days) == {today.isoformat()}, f"{name}: the day asked for is today", str(Counter(days)))
    if at_midnight:
        more = refresher(bench.api.log())[asked:]
        tally.check(not more, f"{name}: tomorrow becomes today without a request", str(more[:2]))
        report(tally, f"{name}: the new day", bench.compare(today, [today]))
        status, answer = bench.ask("tomorrow")
        good = status == 200 and answer["slots"] == [] and answer["reason"] and answer["day"] == (today + DAY).isoformat()
        tally.check(good, f"{name}: the new tomorrow is not there yet", f"{status} {str(answer)[:150]}")
        known = [today]
    else:
        known = [today] + ([today + DAY] if bench.has(today + DAY) else [])
        report(tally, f"{name}: the day", bench.compare(today, known))
    report(tally, f"{name}: /prices", bench.compare_compatible(known))
    drift = abs((server_time(server) - bench.now()).total_seconds())
    tally.check(drift < 2, f"{name}: both clocks agree", f"{drift:.1f} s")
    code, took = server.end()
    tally.check(code == 0 and took < 2.5, f"{name}: stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
    bench.api.end()


def server_time(server):
    """The server's clock, from `/status`."""
    text = server.json("/status")[1]["timestamp"]
    return datetime.fromisoformat(text).replace(tzinfo=ZONE, fold=folded(server)).astimezone(UTC)


def folded(server):
    """1 in the second pass of the autumn hour: told from the offset of the present slot."""
    start = (server.json("/prices")[1] or {}).get("slot_start")
    return datetime.fromisoformat(start).astimezone(ZONE).fold if start else 0


def main():
    given = arguments(__doc__.split("\n\n")[0], only=("", "boundaries whose name contains this"), parallel=(3, "at once"))
    need_faketime()
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop, ThreadPoolExecutor(given.parallel) as pool:
        jobs = [pool.submit(cross, tally, shop, name, text) for name, text in BOUNDARIES if given.only in name]
        for job in jobs:
            try:
                job.result()
            except Exception as error:  # noqa: BLE001 (one that breaks must not hide the others)
                tally.check(False, "ran to its end", repr(error))
    finish(tally)


if __name__ == "__main__":
    main()
