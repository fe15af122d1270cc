#!/usr/bin/env python3
"""Windows, ranks, trends and quartiles of the server against brute force, on many days of wild prices, DST days
included.

Past days come from `wattboard prices backfill` on sites of 40 days; today's answer, whose windows reach through
tomorrow, is asked for at many moments of a clock that is moved.
"""

import itertools
import random
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from fractions import Fraction

from lib import Tally, Workshop, arguments, finish, wait_for
from prices import DAY, PriceBench, need_faketime, report

from check_v1 import instant
from localtime import ZONE, quarter_starts

SITES = (("2026-04-10T00:05:00", 11), ("2026-11-04T00:05:00", 12), ("2025-04-08T00:05:00", 13))
DST_DAYS = ("2026-03-29T00:05:00", "2026-10-25T00:05:00")
PUBLISHED_AT = 14


def brute_force(answer, ahead, now=None):
    """What is wrong with the windows of an answer, by trying every window; slots are the answer's own."""
    found, windows = [], answer["windows"]
    slots = [slot for slot in ahead if now is None or instant(slot["end"]) > now]
    prices = [None if slot["buy_pln_kwh"] is None else Fraction(slot["buy_pln_kwh"]) for slot in slots]
    for name, better in (("cheapest", lambda new, old: new < old), ("dearest", lambda new, old: new > old)):
        shown = {entry["hours"]: entry for entry in windows[name]}
        for hours in (1, 2, 3, 4):
            best = None
            for at in range(len(slots) - 4 * hours + 1):
                part = prices[at : at + 4 * hours]
                together = instant(slots[at + 4 * hours - 1]["end"]) - instant(slots[at]["start"]) == timedelta(hours=hours)
                if None not in part and together and (best is None or better(sum(part), best[0])):
                    best = (sum(part), at)
            if (best is None) != (hours not in shown):
                found.append(f"{name} {hours} h: {shown.get(hours)}")
            elif best and instant(shown[hours]["start"]) != instant(slots[best[1]]["start"]):
                found.append(f"{name} {hours} h begins {shown[hours]['start']}, not {slots[best[1]]['start']}")
    known = [slot for slot in answer["slots"] if slot["buy_pln_kwh"] is not None]
    ordered = sorted(slot["buy_pln_kwh"] for slot in known)
    count = len(ordered)
    quarter = -(-count // 4)
    median = Fraction(ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    for name, member in (
        ("cheap", lambda price: price <= ordered[quarter - 1] and price < median),
        ("dear", lambda price: price >= ordered[count - quarter] and price > median),
    ):
        inside = {
            slot["start"]
            for slot in known
            if any(instant(w["start"]) <= instant(slot["start"]) < instant(w["end"]) for w in windows[name])
        }
        wanted = {slot["start"] for slot in known if member(slot["buy_pln_kwh"])}
        if inside != wanted:
            found.append(f"{name}: {len(inside)} slots, not {len(wanted)}")
        edges = [(instant(w["start"]), instant(w["end"])) for w in windows[name]]
        if any(later[0] <= earlier[1] for earlier, later in itertools.pairwise(edges)):
            found.append(f"{name}: windows that touch or overlap")
    current = answer.get("current")
    if current:
        rank = 1 + sum(slot["buy_pln_kwh"] < current["buy_pln_kwh"] for slot in known)
        if current["rank"] != rank or current["of"] != count:
            found.append(f"rank {current['rank']} of {current['of']}, not {rank} of {count}")
        after = [Fraction(slot["buy_pln_kwh"]) for slot in answer["next"] if slot["buy_pln_kwh"] is not None]
        step = sum(after) / len(after) - Fraction(current["buy_pln_kwh"]) if after else Fraction(0)
        margin = abs(Fraction(current["buy_pln_kwh"])) * 5 / 100
        trend = "rising" if step > margin else "falling" if -step > margin else "stable"
        if current["trend"] != trend:
            found.append(f"trend {current['trend']}, not {trend}")
    return found


def past_days(tally, bench, label):
    """Every past day of the site, from memory."""
    today, missing, checked = bench.today(), [], 0
    for back in range(1, 40):
        day = today - DAY * back
        status, answer = bench.ask(day)
        if status != 200 or not answer["slots"]:
            missing.append(f"{day}: {status} {str((answer or {}).get('reason'))[:60]}")
            continue
        report(tally, f"{label} {day}: recomputed", bench.compare(day, [day], yesterday=back < 39))
        report(tally, f"{label} {day}: brute force", brute_force(answer, answer["slots"]))
        if back % 5 == 0 or len(quarter_starts(day)) != 96:
            report(tally, f"{label} {day}: by hour", bench.compare(day, [day], by="hour", yesterday=False))
        checked += 1
    print(f"{label}: {checked} past days from memory, {len(missing)} missing")
    tally.check(not missing, f"{label}: every past day is there", "; ".join(missing[:3]))


def today_at(tally, bench, label, moments, rng):
    """Today's answer at moments of the day, in their order; from 14 o'clock on with tomorrow known."""
    today, known = bench.today(), [bench.today()]
    starts = quarter_starts(today)[1:]
    for start in sorted(rng.sample(starts, min(moments, len(starts)))):
        local = start.astimezone(ZONE)
        bench.move(start + timedelta(seconds=rng.randrange(20, 600)))
        name = f"{label} {local.isoformat(timespec='minutes')}"

        def arrived(start=start):
            current = (bench.ask()[1] or {}).get("current") or {}
            return current.get("start") and datetime.fromisoformat(current["start"]) == start

        if not tally.check(wait_for(arrived, 40, 0.02), f"{name}: shown after a step of the clock"):
            return
        if local.hour >= PUBLISHED_AT and len(known) == 1:
            if not tally.check(wait_for(lambda: bench.has(today + DAY), 80), f"{name}: tomorrow is there"):
                return
            known.append(today + DAY)
            bench.move(start + timedelta(seconds=rng.randrange(20, 600)))
        wait_for(lambda: not bench.compare(today, known), 2, 0.05)
        report(tally, f"{name}: recomputed", bench.compare(today, known))
        _, answer = bench.ask()
        _, next_day = bench.ask(today + DAY)
        report(tally, f"{name}: brute force", brute_force(answer, answer["slots"] + next_day["slots"], bench.now()))


def one_site(tally, shop, when, seed, moments):
    """40 past days of one site, then its today."""
    began, label = time.monotonic(), f"seed {seed}"
    prosumer = {"negative_rule": "per_hour"} if seed % 2 else None
    how = {"layout": "sqlite", "days": 40, "prosumer": prosumer}
    bench = PriceBench(shop, f"windows-{seed}", when, seed=seed, movable=True, **how)
    code, _, errors = bench.command("prices", "backfill", "--pause", "1")
    tally.check(code == 0, f"{label}: prices backfill", f"{code} {errors[-300:]}")
    bench.serve()
    past_days(tally, bench, label)
    today_at(tally, bench, label, moments, random.Random(seed))
    bench.end()
    print(f"{label}: {time.monotonic() - began:.0f} s; {tally.summary()} so far", flush=True)


def one_dst_day(tally, shop, when, seed, moments):
    """A DST day itself as today."""
    bench = PriceBench(shop, f"windows-dst-{seed}", when, seed=seed, movable=True)
    bench.serve()
    today_at(tally, bench, f"{when[:10]} seed {seed}", moments, random.Random(seed))
    bench.end()


def main():
    given = arguments(
        __doc__.split("\n\n")[0], moments=(24, "moments of each site's today"), parallel=(4, "sites at once")
    )
    need_faketime()
    tally = Tally(quiet=True)
    with Workshop(given.bin, given.keep) as shop, ThreadPoolExecutor(given.parallel) as pool:
        jobs = [pool.submit(one_site, tally, shop, when, seed, given.moments) for when, seed in SITES]
        few = max(6, given.moments // 3)
        jobs += [pool.submit(one_dst_day, tally, shop, DST_DAYS[seed % 2], seed, few) for seed in range(20, 26)]
        for job in jobs:
            try:
                job.result()
            except Exception:  # noqa: BLE001 (one that breaks must not hide the others)
                tally.check(False, "a site ran to its end", traceback.format_exc(limit=4))
    finish(tally)


if __name__ == "__main__":
    main()
