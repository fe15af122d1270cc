#!/usr/bin/env python3
"""Every failure of the price API while the server runs: the last good prices stay, with their true age; `/status` and
`wattboard check` name it in words; prices recover within an interval. And requests are counted.

The failures have servers and stand-ins of their own and run side by side, at a played time after 13:30, when today is
complete and tomorrow is asked for; `--only WORD` runs those whose name contains it.
"""

import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

from lib import Tally, Workshop, arguments, finish, wait_for
from prices import DAY, ENTITIES, PriceBench, need_faketime, refresher, report, sleep_until

WHEN = "2026-06-10T15:00:10"
INTERVAL_S, TIMEOUT_S, SLACK_S = 60, 4, 15
EXTRA = {"api_timeout_seconds": TIMEOUT_S}

# The mode, and the groups of words of which one each must be in the message.
FAILURES = {
    "renamed": [("csdac_pln",)],
    "drift": [("400",), ("business_date",)],
    "status500": [("500",)],
    "status503": [("503",)],
    "status429": [("429",)],
    "html": [("not json", "no json", "not answer json", "html")],
    "notjson": [("not json", "no json", "not answer json")],
    "truncated": [("json", "incomplete", "ended", "cut", "truncated", "eof")],
    "slow": [("within",), (f"{TIMEOUT_S} s", f"{TIMEOUT_S}s", f"{TIMEOUT_S}.0 s", f"{TIMEOUT_S} seconds")],
    "down": [("connect", "closed", "connection", "answer")],
    "incomplete": [("92 of 96",)],
    "nullrow": [("95 of 96",)],
    "otherhost": [("127.0.0.2", "another host", "other host", "different host")],
    "huge": [("large", "big", "long", "more than", "mib", "mb", "bytes")],
}
KEEPS_ROWS = ("incomplete", "nullrow")  # these days are shown as far as they are known


def lacking(words, text):
    """The groups of words that a text has none of."""
    low = (text or "").lower()
    return [group for group in words if not any(word in low for word in group)]


def price_lines(text):
    return " | ".join(line.strip() for line in text.splitlines() if "price" in line.lower() or "pse" in line.lower())


def ages(bench):
    """What the answers say of the age of today's prices."""
    _, v1 = bench.ask()
    _, old = bench.server.json("/prices")
    return ((v1 or {}).get("provenance") or {}).get("fetched_at"), (old or {}).get("last_updated")


def failing(mode):
    """A failure of the requests for tomorrow, while today is known."""

    def prove(tally, shop):
        bench = PriceBench(shop, f"fail-{mode}", WHEN, api=("--publish-at", "24:00"), extra=EXTRA)
        name = f"failure {mode}"
        server = bench.serve()
        today = bench.today()
        report(tally, f"{name}: today is right before", bench.compare(today, [today]))
        fetched = ages(bench)
        status, reply = bench.ask("tomorrow")
        good = status == 200 and reply["slots"] == [] and "publish" in str(reply["reason"]).lower()
        tally.check(good, f"{name}: before it, tomorrow is 'not published'", f"{status} {str(reply)[:200]}")
        tally.check(server.errors_of("price") is None, f"{name}: which is no error", str(server.errors_of("price")))
        bench.api.publish("00:00")
        bench.api.mode(mode, "csdac-pln")
        began = time.monotonic()
        words = FAILURES[mode]
        seen = wait_for(lambda: not lacking(words, server.errors_of("price")), INTERVAL_S * 2 + TIMEOUT_S + SLACK_S, 0.5)
        error = server.errors_of("price")
        print(f"     {name}: /status after {time.monotonic() - began:.0f} s: {error}", flush=True)
        tally.check(seen, f"{name}: /status names it", f"{lacking(words, error)} is not in {error!r}")
        code, out, errors = bench.command("check")
        shown = price_lines(out + "\n" + errors)
        print(f"     {name}: check ({code}): {shown[:300]}", flush=True)
        tally.check(code in (0, 1), f"{name}: check ends with 0 or 1", f"{code} {errors[-200:]}")
        tally.check(not lacking(words, shown), f"{name}: check names it", f"{lacking(words, shown)} is not in {shown!r}")
        time.sleep(3)
        report(tally, f"{name}: today is still right", differences_but_tomorrow(bench, today, mode))
        if mode not in KEEPS_ROWS:
            report(tally, f"{name}: /prices is still right", bench.compare_compatible([today]))
        tally.check(ages(bench) == fetched, f"{name}: with its true age", f"{ages(bench)} is not {fetched}")
        status, reply = bench.ask("tomorrow")
        if mode in KEEPS_ROWS:
            missing = 4 if mode == "incomplete" else 1
            origin = (reply or {}).get("provenance") or {}
            good = origin.get("received") == 96 - missing and len(origin.get("holes") or []) == 1
            tally.check(good, f"{name}: tomorrow is shown with a hole of {missing}", str(origin)[:200])
            nulls = sum(slot["market_pln_kwh"] is None and slot["buy_pln_kwh"] is None for slot in reply["slots"])
            tally.check(nulls == missing, f"{name}: its prices are null there", str(nulls))
        else:
            unknown = all(slot["market_pln_kwh"] is None and slot["buy_pln_kwh"] is None for slot in reply["slots"])
            good = status == 200 and unknown and reply["reason"]  # slots: selling prices alone are known
            tally.check(good, f"{name}: tomorrow says why it is not there", f"{status} {str(reply)[:200]}")
            print(f"     {name}: tomorrow: {str((reply or {}).get('reason'))[:200]}")
        asked = refresher(bench.api.log(), "csdac-pln", today)
        tally.check(len(asked) <= 3, f"{name}: today is not asked for again", str(len(asked)))
        tally.check(bench.api.count()["stranger"] == 0, f"{name}: no link to another host is followed")
        tally.check(server.memory_kib("VmHWM") < 64 * 1024, f"{name}: memory stays bounded")
        bench.api.mode("ok")
        began = time.monotonic()
        back = wait_for(lambda: not bench.compare(today + DAY, [today, today + DAY], yesterday=True), 90, 0.5)
        took = time.monotonic() - began
        print(f"     {name}: recovered after {took:.0f} s", flush=True)
        good = back and took <= INTERVAL_S + TIMEOUT_S + SLACK_S
        tally.check(good, f"{name}: tomorrow is there within one interval", f"{took:.0f} s")
        clean = wait_for(lambda: server.errors_of("price") is None, 20)
        tally.check(clean, f"{name}: no error is left", str(server.errors_of("price")))
        report(tally, f"{name}: /prices afterwards", bench.compare_compatible([today, today + DAY]))
        tally.check("panicked" not in server.log_text(), f"{name}: no panic in the log")
        lines = sum("price" in line.lower() for line in server.errors)
        tally.check(lines < 40, f"{name}: the log is not flooded", f"{lines} lines about prices")
        bench.end()

    prove.__name__ = f"failing_{mode}"
    return prove


def differences_but_tomorrow(bench, today, mode):
    """Today's answer; where a part of tomorrow is known its windows and next slots look into it, and are left out."""
    found = bench.compare(today, [today])
    if mode in KEEPS_ROWS:
        found = [text for text in found if not text.startswith(("next", "windows.cheapest", "windows.dearest", "current.trend"))]
    return found


def first_start(mode):
    """The same failure from the start on: no prices, the reason everywhere, prices within an interval once lifted."""

    def prove(tally, shop):
        bench = PriceBench(shop, f"start-{mode}", WHEN, api=("--mode", mode, "--publish-at", "24:00"), extra=EXTRA)
        name = f"start with {mode}"
        server = bench.serve(prices=False)
        words = FAILURES[mode] if mode != "empty" else [("not published", "not yet published", "no rows", "publish")]
        seen = wait_for(lambda: not lacking(words, server.errors_of("price")), 30 + TIMEOUT_S)
        error = server.errors_of("price")
        print(f"     {name}: {error}", flush=True)
        tally.check(seen, f"{name}: /status names it", f"{lacking(words, error)} is not in {error!r}")
        status, body = server.get("/prices")
        tally.check(status == 404 and not lacking(words, body.decode()), f"{name}: /prices is a 404 that says so", str(body[:200]))
        status, reply = bench.ask()
        good = status == 200 and reply["slots"] == [] and reply["reason"] and reply["current"] is None
        tally.check(good, f"{name}: /api/v1/prices has no slots and a reason", f"{status} {str(reply)[:200]}")
        time.sleep(75)
        asked = [entry["real"] for entry in refresher(bench.api.log(), "csdac-pln", bench.today())]
        steps = [round(later - earlier, 1) for earlier, later in zip(asked, asked[1:])]
        print(f"     {name}: asked again after {steps} s", flush=True)
        if mode == "empty":  # not published is no failure: it is asked for at each interval
            good = len(asked) <= 4
        else:
            good = len(steps) >= 2 and steps[-1] > steps[0]
        good = good and all(4 <= step <= INTERVAL_S + TIMEOUT_S + 5 for step in steps)
        tally.check(good, f"{name}: repeated after about 10, 20, 40 s, never later than the interval", str(steps))
        bench.api.mode("ok")
        began = time.monotonic()
        back = wait_for(lambda: not bench.compare(bench.today(), [bench.today()]), 90, 0.5)
        took = time.monotonic() - began
        print(f"     {name}: recovered after {took:.0f} s", flush=True)
        tally.check(back and took <= INTERVAL_S + SLACK_S, f"{name}: prices within one interval", f"{took:.0f} s")
        tally.check(wait_for(lambda: server.errors_of("price") is None, 20), f"{name}: no error is left", str(server.errors_of("price")))
        bench.end()

    prove.__name__ = f"first_start_{mode}"
    return prove


def other_entities(tally, shop):
    """The settlement price and the Kompas fail: buying prices are there, selling and the Kompas are null with a reason."""
    bench = PriceBench(shop, "entities", WHEN, "g14dynamic", api=("--publish-at", "24:00"), extra=EXTRA)
    bench.api.mode("status500", "rce-pln")
    bench.api.mode("renamed", "pdgsz")
    bench.serve(prices=False)
    today = bench.today()
    ready = wait_for(lambda: (bench.ask()[1] or {}).get("slots"), 30, 0.2)
    tally.check(ready, "entities: buying prices are there without the other two")
    book = bench.book(today, without=("rce-pln", "pdgsz"))
    report(tally, "entities: at the fallback price", bench.compare(today, [today], book=book))
    _, reply = bench.ask()
    unknown = str((reply or {}).get("unknown")).lower()
    print(f"     entities: unknown {unknown[:400]}")
    tally.check("500" in unknown or "sell" in unknown, "entities: unknown says why there is no selling price", unknown[:300])
    tally.check("kompas" in unknown or "fallback" in unknown, "entities: unknown names the fallback", unknown[:300])
    tally.check((reply or {}).get("sell_provenance", 1) is None, "entities: no provenance of selling prices")
    bench.api.mode("ok")
    back = wait_for(lambda: not bench.compare(today, [today]), INTERVAL_S + SLACK_S, 0.5)
    tally.check(back, "entities: both are there within one interval", str(bench.compare(today, [today])[:3]))
    bench.end()


def pages_and_gzip(tally, shop):
    """Pages that ignore `$first`, and compression, are no failures."""
    for mode in ("paged", "gzip"):
        bench = PriceBench(shop, f"works-{mode}", WHEN, "g14dynamic", api=("--mode", mode))
        bench.api.ask("/_page?size=20")
        bench.serve()
        days = [bench.today(), bench.today() + DAY]
        for day in days:
            wait_for(lambda day=day: not bench.compare(day, days, yesterday=day != days[0]), 20)
            report(tally, f"mode {mode}: {day}", bench.compare(day, days, yesterday=day != days[0]))
        agents = {entry["user_agent"] for entry in bench.api.log()}
        tally.check(all(agent and "attboard" in agent for agent in agents), f"mode {mode}: the client says who it is", str(agents))
        bench.end()


def endless_links(tally, shop):
    """A link that leads to the same page for ever: followed at most 20 times, not for ever."""
    bench = PriceBench(shop, "endless", WHEN, api=("--mode", "nonext", "--publish-at", "24:00"), extra=EXTRA)
    bench.serve(prices=False)
    today = bench.today()
    wait_for(lambda: bench.server.errors_of("price") or bench.has(today), 20)
    error, found = bench.server.errors_of("price"), bench.compare(today, [today])
    print(f"     endless: {error}; {bench.api.count()['total']} requests")
    tally.check(not found or error, "endless: the day is right, or an error says why it is not", str(found[:3]))
    pages = len([entry for entry in bench.api.log() if entry["entity"] == "csdac-pln"])
    tally.check(pages <= 63, "endless: at most 20 pages at a time", str(pages))
    bench.end()


def counted(tally, shop):
    """From before 13:30 on: nothing asked for tomorrow until then, at most 3 requests from the publication on, then none."""
    bench = PriceBench(shop, "counted", "2026-06-10T13:28:40", "g14dynamic", api=("--publish-at", "13:33"))
    bench.serve()
    today, began = bench.today(), time.monotonic()
    tomorrow = today + DAY
    for entity in ENTITIES:
        asked = refresher(bench.api.log(), entity, today)
        tally.check(len(asked) == 1, f"counted: {entity} of today once", str(len(asked)))
    there = wait_for(lambda: not bench.compare(tomorrow, [today, tomorrow], yesterday=True), 260 + 2 * INTERVAL_S, 1)
    tally.check(there, "counted: tomorrow is there within an interval of its publication")
    print(f"     counted: tomorrow after {time.monotonic() - began:.0f} s")
    seen = len(refresher(bench.api.log()))
    sleep_until(time.monotonic() + 2.5 * INTERVAL_S)
    entries = bench.api.log()
    more = refresher(entries)[seen:]
    tally.check(not more, "counted: none in two and a half intervals once both days are complete", str(more[:3]))
    for entity in ENTITIES:
        times = [datetime.fromisoformat(entry["at"]) for entry in refresher(entries, entity, tomorrow)]
        early = [moment for moment in times if (moment.hour, moment.minute) < (13, 30)]
        tally.check(not early, f"counted: {entity} of tomorrow is not asked for before 13:30", str(early[:3]))
        before = [moment for moment in times if (moment.hour, moment.minute) < (13, 33)]
        tally.check(1 <= len(before) <= 4, f"counted: {entity} each interval until it is published", str(len(before)))
        steps = [(later - earlier).total_seconds() for earlier, later in zip(times, times[1:])]
        tally.check(all(step > INTERVAL_S * 0.7 for step in steps), f"counted: {entity} not more often than the interval", str(steps))
        after = len(times) - len(before)
        tally.check(1 <= after <= 3, f"counted: {entity} at most 3 requests from the publication on", str(after))
        tally.check(len(refresher(entries, entity, today)) == 1, f"counted: {entity} of today once in all")
    queries = {entry["filter"] for entry in refresher(entries, "pdgsz")}
    tally.check(all("is_active eq true" in query for query in queries), "counted: only the Kompas in force is asked for", str(queries))
    bench.end()


def true_age(tally, shop):
    """With nothing but a cache, without network: the age is that of the fetch, not of the start."""
    bench = PriceBench(shop, "age", WHEN, api=("--publish-at", "24:00"), movable=True, extra=EXTRA)
    bench.serve()
    today, fetched = bench.today(), ages(bench)
    wait_for((bench.root / "data" / "wattboard_price_cache.json").exists, 10)
    time.sleep(1)
    bench.server.end()
    bench.api.mode("down")
    bench.clock.set(bench.now() + timedelta(hours=3))
    began = time.monotonic()
    bench.serve()
    took = time.monotonic() - began
    tally.check(took < 2, "age: prices at once without network", f"{took:.1f} s")
    report(tally, "age: and they are right", bench.compare(today, [today]))
    _, reply = bench.ask()
    tally.check((reply or {}).get("provenance", {}).get("source") == "disk_cache", "age: source disk_cache", str(reply)[:100])
    old = bench.server.json("/prices")[1] or {}
    tally.check(old.get("data_source") == "disk_cache_fallback", "age: /prices says disk_cache_fallback", str(old.get("data_source")))
    again = ages(bench)
    close = again[0] and abs((datetime.fromisoformat(again[0]) - datetime.fromisoformat(fetched[0])).total_seconds()) <= 1
    tally.check(close, "age: fetched_at is the fetch's", f"{again} is not {fetched}")
    age = ((bench.server.json("/status")[1] or {}).get("background_worker") or {}).get("cache_ages", {}).get("price_s")
    tally.check(age is None or age > Decimal(3600 * 2.9), "age: /status says three hours, or nothing", str(age))
    bench.end()


PROOFS = (
    counted,
    *(failing(mode) for mode in FAILURES),
    *(first_start(mode) for mode in ("down", "renamed", "slow", "empty")),
    other_entities,
    pages_and_gzip,
    endless_links,
    true_age,
)


def attempt(tally, shop, proof):
    """One of them; whatever goes wrong in it is a failed check."""
    began = time.monotonic()
    try:
        proof(tally, shop)
    except Exception:  # noqa: BLE001 (one that breaks must not hide the others)
        tally.check(False, f"{proof.__name__}: ran to its end", traceback.format_exc(limit=4))
    print(f"---- {proof.__name__}: {time.monotonic() - began:.0f} s", flush=True)


def main():
    given = arguments(
        __doc__.split("\n\n")[0], only=("", "only those whose name contains this"), parallel=(16, "at once")
    )
    need_faketime()
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop, ThreadPoolExecutor(given.parallel) as pool:
        for proof in PROOFS:
            if given.only in proof.__name__:
                pool.submit(attempt, tally, shop, proof)
    finish(tally)


if __name__ == "__main__":
    main()
