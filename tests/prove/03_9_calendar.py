#!/usr/bin/env python3
"""`/prices.ics` as a strict calendar program sees it: its events are the cheap, dear and negative windows of
`/api/v1/prices`, their UIDs stay the same, in both languages.
"""

import http.client
import time
from collections import Counter

from lib import Tally, Workshop, arguments, finish, wait_for
from prices import DAY, PriceBench, need_faketime

import ical
from check_v1 import instant

KINDS = ("cheap", "dear", "negative")
CASES = (
    ("2025-03-30T15:00:10", 0),
    ("2025-10-25T15:00:10", 0),
    ("2025-10-26T10:00:10", 0),
    ("2026-06-10T15:00:10", 31),
    ("2026-06-11T15:00:10", 32),
    ("2026-03-28T15:00:10", 33),
    ("2026-10-24T15:00:10", 34),
    ("2026-12-31T15:00:10", 35),
)


def windows_of(bench, days):
    """The windows of the answers: (kind, start, end)."""
    found = Counter()
    for day in days:
        _, answer = bench.ask(day)
        for kind in KINDS:
            for window in answer["windows"][kind]:
                found[kind, instant(window["start"]), instant(window["end"])] += 1
    return found


def kind_of(event):
    """The one of the three kinds that an event's categories name."""
    names = {name.strip().lower() for name in event["CATEGORIES"].split(",")}
    kinds = [kind for kind in KINDS if kind in names]
    return kinds[0] if len(kinds) == 1 else f"{sorted(names)}"


def fetch(tally, name, bench, query=""):
    """The events of a calendar, or None."""
    status, body = bench.server.get(f"/prices.ics{query}")
    try:
        events = ical.read(body)
    except ical.Broken as error:
        tally.check(False, f"{name}: /prices.ics{query} is a calendar", f"{status} {error}")
        return None
    tally.check(status == 200, f"{name}: /prices.ics{query} is a calendar", str(status))
    return events


def identity(events):
    """What must not change between fetches and starts."""
    return {event["UID"]: (kind_of(event), event["start"], event["end"]) for event in events}


def one_day(tally, shop, when, seed):
    name = f"{when[:10]} seed {seed}"
    bench = PriceBench(shop, f"calendar-{when[:10]}-{seed}", when, seed=seed)
    server = bench.serve()
    days = [bench.today()]
    if when[11:13] >= "14":
        tally.check(wait_for(lambda: bench.has(bench.today() + DAY), 20), f"{name}: tomorrow is there")
        days.append(bench.today() + DAY)
    time.sleep(1)
    events = fetch(tally, name, bench)
    if events is None:
        return bench.end()
    shown, wanted = Counter((kind_of(event), event["start"], event["end"]) for event in events), windows_of(bench, days)
    extra, lacking = list((shown - wanted).elements()), list((wanted - shown).elements())
    print(f"     {name}: {len(events)} events, {dict(Counter(kind for kind, _, _ in shown))}; {[e['SUMMARY'] for e in events[:3]]}")
    tally.check(not extra, f"{name}: no event that is not a window", str(extra[:3]))
    tally.check(not lacking, f"{name}: every window is an event", str(lacking[:3]))
    tally.check(len(events) > 0 or not wanted, f"{name}: there are events")
    summaries = {}
    for language in ("pl", "en"):
        told = fetch(tally, name, bench, f"?lang={language}") or []
        tally.check(identity(told) == identity(events), f"{name}: the same events in {language}")
        summaries[language] = [event["SUMMARY"] for event in told]
    tally.check(not events or summaries["pl"] != summaries["en"], f"{name}: in two languages", str(summaries)[:200])
    status, body = server.get("/prices.ics?lang=xx")
    good = status == 400 and b"lang" in body
    tally.check(good, f"{name}: another language is a 400 that names lang", f"{status} {body[:120]!r}")
    head = head_of(server)
    tally.check(head.startswith("text/calendar"), f"{name}: text/calendar", head)
    bench.restart()
    if len(days) > 1:
        wait_for(lambda: bench.has(days[1]), 20)
    wait_for(lambda: identity(ical.read(bench.server.get("/prices.ics")[1])) == identity(events), 5)
    again = fetch(tally, name, bench) or []
    tally.check(identity(again) == identity(events), f"{name}: the same UIDs after a restart")
    return bench.end()


def head_of(server):
    """The content type."""
    connection = http.client.HTTPConnection(server.address, timeout=10)
    connection.request("HEAD", "/prices.ics")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers.get("Content-Type") or ""


def no_prices(tally, shop):
    """Without prices: an empty calendar or an honest error, nothing made up."""
    bench = PriceBench(shop, "calendar-none", "2026-06-10T15:00:10", api=("--mode", "down"))
    server = bench.serve(prices=False)
    wait_for(lambda: server.errors_of("price"), 20)
    status, body = server.get("/prices.ics")
    empty = status == 200 and ical.read(body) == []
    tally.check(empty or status == 404, "without prices: no events", f"{status} {body[:200]!r}")
    bench.end()


def main():
    given = arguments(__doc__.strip())
    need_faketime()
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        for when, seed in CASES:
            one_day(tally, shop, when, seed)
        no_prices(tally, shop)
    finish(tally)


if __name__ == "__main__":
    main()
