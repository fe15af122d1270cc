#!/usr/bin/env python3
"""The price cache: killed 100 times while it is written it is whole, old or new; what cannot be trusted is refused with
the reason and replaced; the replaced dashboard's cache is not touched.

Each start plays a later day with other prices, so that the cache must be written again; the kill comes 0 to 80 ms
after the stand-in has answered.
"""

import json
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from lib import Tally, Workshop, arguments, finish, wait_for
from prices import DAY, PriceBench, need_faketime, report

from localtime import naive_iso
from pse_rows import rows_of

WHEN = "2026-06-10T15:00:10"
CACHE = "wattboard_price_cache.json"
WRAPPER = {"price_data", "cache_timestamp", "business_date", "created_at"}
FIELDS = {"csdac_pln": "csdac-pln", "rce_pln": "rce-pln", "usage_fcst": "pdgsz"}


def rows_within(value):
    """Every object in a cache that looks like a row of the price API."""
    if isinstance(value, dict):
        if any(field in value for field in FIELDS) and ("dtime_utc" in value or "dtime" in value):
            yield value
        else:
            for found in value.values():
                yield from rows_within(found)
    elif isinstance(value, list):
        for found in value:
            yield from rows_within(found)


def right_rows(days, seed):
    """All rows of these days under a seed, by entity and end of the quarter."""
    return {
        (entity, row["dtime_utc"]): row[field]
        for field, entity in FIELDS.items()
        for day in days
        for row in rows_of(entity, day, seed)
    }


def owner(cache, generations):
    """Which generation all rows of a cache belong to: its number, `None` when there are no rows, a text when mixed."""
    numbers, count = set(), 0
    for row in rows_within(cache):
        field = next(name for name in FIELDS if name in row)
        key, count = (FIELDS[field], row.get("dtime_utc")), count + 1
        fitting = {number for number, rows in generations.items() if rows.get(key) == row[field]}
        if not fitting:
            return f"a row that was never served: {row}"
        numbers = fitting if not numbers else numbers & fitting
        if not numbers:
            return "rows of two generations"
    return max(numbers) if count else None


def read_cache(path):
    """The parsed cache, or an exception's words."""
    try:
        return json.loads(path.read_text(encoding="utf-8")), None
    except (OSError, ValueError) as error:
        return None, repr(error)


def strangers(folder, usual):
    """Files in the data folder that are not there usually."""
    return sorted(path.name for path in folder.iterdir() if path.name not in usual)


def kills(tally, shop, times):
    """The kills, each during a write of rows that were never served before."""
    bench = PriceBench(shop, "kills", WHEN, movable=True)
    data, cache = bench.root / "data", bench.root / "data" / CACHE
    first = bench.now()
    bench.serve()
    wait_for(lambda: bench.has(bench.today() + DAY) and cache.exists(), 20)
    time.sleep(0.5)
    bench.server.end()
    usual = {path.name for path in data.iterdir()} | {"wattboard.db", "wattboard.db-wal", "wattboard.db-shm"}
    rng, leftovers, last = random.Random(3), [], 0
    outcomes = {"old": 0, "new": 0, "no rows": 0}
    generations = {0: right_rows([bench.today(), bench.today() + DAY], bench.seed)}
    began = time.monotonic()
    for number in range(1, times + 1):
        bench.move(first + DAY * 3 * number)
        bench.seed = number
        bench.api.ask(f"/_seed?s={number}")
        bench.api.log(clear=True)
        day = bench.today()
        generations[number] = right_rows([day, day + DAY], number)
        bench.serve(prices=False, wait=False)
        answered = wait_for(lambda: any(entry["answered"] for entry in bench.api.log()), 10, 0.001)
        tally.check(answered, f"kill {number}: the stand-in was asked")
        until = time.monotonic() + 0.08 * rng.random() ** (1 if number % 3 == 0 else 3)
        if number % 3 == 1:  # as soon as a temporary file is seen
            until = time.monotonic() + 0.08
        while time.monotonic() < until and not (number % 3 == 1 and set(os.listdir(data)) - usual):
            pass
        bench.server.end(signal.SIGKILL)
        leftovers.append(len(strangers(data, usual)))
        found, error = read_cache(cache)
        if not tally.check(found is not None, f"kill {number}: the cache is whole JSON", str(error)):
            continue
        tally.check(WRAPPER <= set(found), f"kill {number}: with its wrapper keys", str(sorted(found)))
        whose = owner(found, {at: generations[at] for at in (last, number)})
        tally.check(not isinstance(whose, str), f"kill {number}: all rows are old or all are new", str(whose))
        outcomes["no rows" if whose is None else "new" if whose == number else "old"] += 1
        last = whose if isinstance(whose, int) else last
    took = time.monotonic() - began
    print(f"{times} kills in {took:.0f} s: {outcomes}; leftover files at most {max(leftovers)}: {strangers(data, usual)}")
    tally.check(outcomes["new"] >= times // 10, "the kills hit before and after the write: new ones", str(outcomes))
    tally.check(outcomes["old"] >= 1, "the kills hit before and after the write: old ones", str(outcomes))
    tally.check(max(leftovers) <= 3, "no more than a few files are left behind", str(leftovers))
    known = [bench.today(), bench.today() + DAY]
    bench.serve()
    wait_for(lambda: bench.has(known[1]), 20)
    report(tally, "after all kills: the prices are right", bench.compare(known[0], known))
    print(f"     after one more start: {strangers(data, usual)}")
    bench.api.mode("down")
    time.sleep(1)
    bench.restart()
    report(tally, "after all kills: and so are they from the cache", bench.compare(known[0], known))
    bench.end()


def old_format(bench):
    """What the replaced dashboard wrote, under our name: hours, a quarter late."""
    now = bench.now()
    hours = [{"hour": hour, "hour_str": f"{hour:02d}:00", "price": 0.5, "market_price": 0.3} for hour in range(24)]
    data = {"current_price_pln_kwh": 0.5, "cheapest_hour": "13:00", "prices": hours, "data_source": "PSE API (CSDAC-PLN)"}
    wrapper = {"price_data": data, "cache_timestamp": now.timestamp(), "business_date": str(bench.today())}
    return json.dumps({**wrapper, "created_at": naive_iso(now)})


def refused(tally, shop):
    """Caches that cannot be trusted: refused with the reason in the log, replaced when prices were fetched."""
    good = PriceBench(shop, "good-cache", WHEN, api=("--publish-at", "24:00"))
    good.serve()
    source = good.root / "data" / CACHE
    wait_for(source.exists, 10)
    time.sleep(0.5)
    good.end()
    whole = source.read_text(encoding="utf-8")
    later = PriceBench(shop, "later-cache", "2026-06-14T15:00:10", api=("--publish-at", "24:00"))
    later.serve()
    wait_for((later.root / "data" / CACHE).exists, 10)
    time.sleep(0.5)
    later.end()
    future = (later.root / "data" / CACHE).read_text(encoding="utf-8")
    cases = {
        "garbage": b"\x00\xff garbage \xfe",
        "empty": b"",
        "truncated": whole[: len(whole) // 2].encode(),
        "another JSON": b"[1, 2, 3]",
        "null": b"null",
        "a date in the future": future.encode(),
        "an old format": None,
        "deep": b"[" * 200_000,
        "10 MB": b'{"price_data": {"rows": [' + b'{"dtime": "x"},' * 700_000 + b"{}]}}",
        "10 MB of nothing": b" " * 10_000_000,
        "a directory": None,
    }
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(one_refused, tally, shop, at, *case) for at, case in enumerate(cases.items())]
        for job in jobs:
            job.result()


def one_refused(tally, shop, number, name, content):
    """One cache: not served, the reason in the log, then replaced."""
    bench = PriceBench(shop, f"case-{number}", WHEN, api=("--publish-at", "24:00", "--mode", "down"))
    cache = bench.root / "data" / CACHE
    if name == "a directory":
        cache.mkdir()
    else:
        cache.write_bytes(old_format(bench).encode() if content is None else content)
    server = bench.serve(prices=False)
    label = f"cache with {name}"
    time.sleep(0.7)
    status, _ = server.get("/prices")
    tally.check(status == 404, f"{label}: not served", str(status))
    lines = [line for line in server.errors if CACHE in line or "price cache" in line.lower()]
    print(f"     {label}: {lines[0][:220] if lines else 'nothing in the log'}")
    tally.check(lines, f"{label}: the log names the reason")
    tally.check(len(lines) < 10, f"{label}: and does not repeat it", str(len(lines)))
    if name == "a date in the future":
        words = " ".join(lines).lower()
        tally.check("future" in words or "2026-06-14" in words, f"{label}: it says which date", words[:200])
    bench.api.mode("ok")
    there = wait_for(lambda: bench.has(bench.today()), 75)
    tally.check(there, f"{label}: prices are fetched")
    report(tally, f"{label}: and right", bench.compare(bench.today(), [bench.today()]))
    if name != "a directory":
        replaced = wait_for(lambda: WRAPPER <= set(read_cache(cache)[0] or ()), 10)
        tally.check(replaced, f"{label}: replaced", str(read_cache(cache))[:100])
        tally.check(cache.stat().st_size < 1_000_000, f"{label}: by a small one", str(cache.stat().st_size))
    tally.check(server.memory_kib("VmHWM") < 96 * 1024, f"{label}: memory stays bounded", str(server.memory_kib("VmHWM")))
    tally.check("panicked" not in server.log_text(), f"{label}: no panic in the log")
    bench.end()


def other_dashboards(tally, shop):
    """`data/price_cache.json` of the replaced dashboard: neither read nor written."""
    bench = PriceBench(shop, "neighbour", WHEN, layout="sqlite", days=1)
    theirs = bench.root / "data" / "price_cache.json"
    before = (theirs.read_bytes(), theirs.stat().st_mtime_ns, theirs.stat().st_ino)
    bench.serve()
    wait_for(lambda: bench.has(bench.today() + DAY), 20)
    bench.restart()
    bench.command("prices", "backfill", "--pause", "1")
    bench.command("check")
    bench.end()
    after = (theirs.read_bytes(), theirs.stat().st_mtime_ns, theirs.stat().st_ino)
    tally.check(before == after, "the replaced dashboard's cache is not touched")


def no_needless_writes(tally, shop):
    """A start that finds everything in the cache asks for nothing and does not write it again."""
    bench = PriceBench(shop, "idle", WHEN, movable=True)
    bench.serve()
    cache = bench.root / "data" / CACHE
    wait_for(lambda: bench.has(bench.today() + DAY), 20)
    time.sleep(1)
    bench.server.end()
    before, asked = (cache.stat().st_mtime_ns, cache.read_bytes()), bench.api.count()["total"]
    bench.clock.set(bench.now() + timedelta(minutes=20))
    bench.serve()
    time.sleep(3)
    after = (cache.stat().st_mtime_ns, cache.read_bytes())
    tally.check(bench.api.count()["total"] == asked, "a complete cache: nothing is asked for", str(bench.api.log()[asked:]))
    tally.check(after == before, "a complete cache: nothing is written")
    known = [bench.today(), bench.today() + DAY]
    report(tally, "a complete cache: the prices are right", bench.compare(known[0], known))
    bench.end()


def main():
    given = arguments(__doc__.split("\n\n")[0], times=(100, "kills"), only=("", "one of: kills, refused, other, idle"))
    need_faketime()
    tally = Tally(quiet=True)
    with Workshop(given.bin, given.keep) as shop:
        if given.only in ("", "kills"):
            kills(tally, shop, given.times)
        if given.only in ("", "refused"):
            refused(tally, shop)
        if given.only in ("", "other"):
            other_dashboards(tally, shop)
        if given.only in ("", "idle"):
            no_needless_writes(tally, shop)
    finish(tally)


if __name__ == "__main__":
    main()
