#!/usr/bin/env python3
"""Ten years of decisions: 350,000 are paged through without a loss while rows arrive, each page in bounded time;
receipts are what an independent calculation finds; any instant is answered; what is not known is said."""

import random
import time
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from urllib.parse import quote

from hindsight import REACH, SLOT, UTC, ZONE, best, created, database, flowing, local, near, slots
from lib import Tally, Workshop, arguments, finish
from sales import check_sales


def add_years(root, count, end):
    """A decision every quarter-hour back from `end`, with gaps; identifiers in order of time."""
    connection, rng = database(root), random.Random(7)
    connection.execute("DELETE FROM coordinator_decisions")
    start = end - SLOT * count
    rows = []
    for index in range(count):
        at = start + SLOT * index
        action = rng.choices(("wait", "charge", "battery_selling"), (80, 15, 5))[0]
        reason = None if action == "battery_selling" else f"Price level {rng.randrange(1000)}"
        rows.append((local(at), action, reason, '{"confidence": 0.5}', created(at)))
    sql = "INSERT INTO coordinator_decisions(timestamp, action, reason, parameters, created_at) VALUES (?, ?, ?, ?, ?)"
    connection.executemany(sql, rows)
    connection.commit()
    found = connection.execute("SELECT id, action, reason FROM coordinator_decisions ORDER BY id DESC").fetchall()
    connection.close()
    return found


def walk(server, query, limit=500, on_page=lambda: None):
    """All pages: (identifiers, how long each took, how many ended for want of time)."""
    ids, times, short, before = [], [], 0, ""
    while True:
        began = time.monotonic()
        status, page = server.json(f"/api/v1/decisions?limit={limit}&{query}{before}", timeout=20)
        times.append(time.monotonic() - began)
        if status != 200:
            return ids, times, f"{status} {page}"
        ids += [decision["id"] for decision in page["decisions"]]
        short += not page["complete"]
        if page["next"] is None:
            return ids, times, short
        before = "&before=" + quote(page["next"])
        on_page()


def check_pages(tally, shop, count):
    root = shop.site("years", days=2, layout="sqlite", pse_url="http://127.0.0.1:9")
    now = datetime.now(UTC).replace(microsecond=0)
    rows = add_years(root, count, now - timedelta(minutes=30))
    server = shop.serve(root)
    server.loaded(120)
    connection = database(root)

    def arrive():
        sql = "INSERT INTO coordinator_decisions(timestamp, action, reason, created_at) VALUES (?, 'wait', 'new', ?)"
        connection.execute(sql, (local(now), created(now)))
        connection.commit()

    before = server.memory_kib()
    ids, times, short = walk(server, "from=2010-01-01", on_page=arrive)
    expected = [row[0] for row in rows]
    text = f"{count} decisions in {len(times)} pages, each once, while rows arrive"
    tally.check(ids == expected, text, f"{len(ids)} {short}")
    mean_ms = sum(times) / len(times) * 1000
    tally.check(max(times) < 3, f"no page takes longer than 3 s: {max(times):.2f} s, mean {mean_ms:.1f} ms")
    grown = server.memory_kib() - before
    tally.check(grown < 64 * 1024, f"memory stays: {grown / 1024:+.1f} MiB")
    connection.execute("DELETE FROM coordinator_decisions WHERE reason = 'new'")
    connection.commit()  # and stays open, like the coordinator's

    rare = [row[0] for row in rows if row[2] == "Price level 777"]
    ids, times, short = walk(server, "from=2010-01-01&text=" + quote("LEVEL 777"))
    text = f"{len(rare)} of them by their reason, {len(times)} pages, {short} of which ran out of time"
    tally.check(ids == rare, text, len(ids))
    tally.check(max(times) < 3, f"a rare text is looked for no longer than 3 s a page: {max(times):.2f} s")
    sold = [row[0] for row in rows if row[1] == "battery_selling"][:200]
    status, page = server.json("/api/v1/decisions?from=2010-01-01&kind=battery_selling&limit=200", timeout=20)
    tally.check(status == 200 and [found["id"] for found in page["decisions"]] == sold, "by kind")
    _, page = server.json("/api/v1/decisions?from=2026-01-02&to=2026-01-01")
    tally.check(page["decisions"] == [] and "decisions" in page["unknown"], "a reversed range is empty")
    for query in ("from=x", "to=2026-02-30", "kind=sale", "limit=0", "limit=501", "before=1"):
        status, refusal = server.json(f"/api/v1/decisions?{query}")
        name, value = query.split("=")
        named = name in refusal["error"] and value in refusal["error"]
        tally.check(status == 400 and named, f"{query} is refused by name", refusal)
    server.end()
    connection.close()


def charge_then(at):
    """The state of charge, %, that the energy row nearest to an instant has; of two as near the earlier one's."""
    return Fraction(50 + -int(-(at.timestamp() - 150) // 300) * 37 % 950, 10)


def week(root, monday, rng):
    """Prices by quarter-hour (UTC), as recorded with three energy rows each; some quarter-hours have none."""
    connection, prices = database(root), {}
    at, end = monday.astimezone(UTC), (monday + timedelta(days=9)).astimezone(UTC)
    while at < end:
        price = None if rng.random() < 0.01 else rng.choice((-250_000, 0, 1, 50_000)) + rng.randrange(1, 1_200_000)
        if price is not None:
            prices[at] = Fraction(price, 1_000_000)
        for minute in (0, 5, 10):
            then = at + timedelta(minutes=minute)
            row = (local(then), float(charge_then(then)), None if price is None else price / 1e6)
            sql = "INSERT OR REPLACE INTO energy_data(timestamp, battery_soc, price_pln) VALUES (?, ?, ?)"
            connection.execute(sql, row)
        at += SLOT
    connection.commit()
    connection.close()
    return prices


def check_receipts(tally, shop, many):
    rng = random.Random(11)
    wrong = {"charge": [], "wait": []}
    compared, filled = {"charge": 0, "wait": 0}, 0
    root = shop.site("week", days=2, layout="sqlite", pse_url="http://127.0.0.1:9")
    weeks = []
    for monday in ("2025-05-12", "2025-03-26"):  # the second one has the day of 23 hours
        begin = datetime.fromisoformat(monday).replace(tzinfo=ZONE)
        weeks.append((begin, week(root, begin, rng)))
    connection, cases = database(root), []
    for index in range(many):
        begin, prices = weeks[index % 2]
        at = begin.astimezone(UTC) + timedelta(seconds=rng.randrange(7 * 86_400))
        action = ("charge", "wait")[index % 3 == 2]
        energy = None if index % 7 == 6 else Fraction(rng.randrange(100, 20_000), 1000)
        parameters = "{}" if energy is None else f'{{"energy_kwh": {float(energy)}}}'
        start, seconds, own = at, None, energy
        row = connection.execute(
            "INSERT INTO coordinator_decisions(timestamp, action, parameters, created_at) VALUES (?, ?, ?, ?)",
            (local(at), action, parameters, created(at)),
        )
        if action == "charge" and index % 2:
            # Its session is the only one that begins at its very second.
            start, seconds = at, Fraction(rng.randrange(600, 4 * 3600))
            own = Fraction(rng.randrange(100, 12_000), 1000)
            end = start + timedelta(seconds=int(seconds))
            connection.execute(
                "INSERT INTO charging_sessions(session_id, start_time, end_time, energy_kwh) VALUES (?, ?, ?, ?)",
                (f"made-{row.lastrowid}", local(start), local(end), float(own)),
            )
        cases.append((row.lastrowid, action, start, own, seconds, prices))
    connection.commit()
    connection.close()
    server = shop.serve(root)
    server.loaded(120)
    for number, action, start, energy, seconds, prices in cases:
        status, told = server.json(f"/api/v1/decisions/{number}")
        if status != 200:
            wrong[action].append((number, status, told))
            continue
        receipt, session = told["receipt"], told["session"]
        if action == "charge" and session is not None and session["id"] != f"made-{number}":
            continue  # another one's session was still under way
        method = receipt["method"]
        if action == "wait" and energy is None:
            # What would have filled the battery of 20 kWh.
            energy = 20 * (100 - charge_then(start)) / 100
            if (receipt["energy_source"], receipt["energy_kwh"]) != ("battery", Decimal(str(float(energy)))):
                wrong[action].append((number, "not what the battery lacked", receipt))
            filled += 1
        if seconds is None and energy is not None:
            seconds = energy * 1000 / Fraction(method["assumed_power_w"]) * 3600
        if energy is None:
            good = receipt["done"] is None or receipt["done"]["pln"] is None
            reasons = told["unknown"]
            good = good and receipt["difference_pln"] is None
            if not good or not {"receipt.energy_kwh", "receipt.difference_pln"} <= reasons.keys():
                wrong[action].append((number, "energy unknown", receipt))
            continue
        at_once = flowing(energy, start, seconds, prices)
        if action == "charge":
            done, other = at_once, best(energy, start, start + REACH, seconds, prices)
        else:
            after = start - timedelta(seconds=start.timestamp() % 900) + SLOT
            done, other = best(energy, after, start + REACH, seconds, prices), at_once
        difference = None if done is None or other is None else other - done
        amounts = [(receipt[part] or {}).get("pln") for part in ("done", "alternative")] + [receipt["difference_pln"]]
        known = sum(at in prices for at, _ in slots(start, start + REACH))
        every = len(list(slots(start, start + REACH)))
        same = all(near(amount, exact) for amount, exact in zip(amounts, (done, other, difference)))
        if not same or (receipt["known_slots"], receipt["expected_slots"]) != (known, every):
            exact = [None if value is None else float(value) for value in (done, other, difference)]
            wrong[action].append((number, [str(amount) for amount in amounts], exact, known, receipt["known_slots"]))
        compared[action] += 1
        if action == "charge" and difference is not None and receipt["difference_pln"] > 0:
            wrong[action].append((number, "better than the best"))
        usable = energy * Fraction(method["round_trip_efficiency"])
        if abs(Fraction(receipt["usable_kwh"]) - usable) > Fraction(5, 10_000):
            wrong[action].append((number, "usable", receipt["usable_kwh"]))
    for action, found in wrong.items():
        text = f"{compared[action]} receipts of `{action}` are what an independent calculation finds"
        tally.check(compared[action] >= many // 6 and not found, text, found[:3])
    tally.check(filled, f"{filled} of those that waited are about what the battery lacked")
    number = cases[0][0]
    _, told = server.json(f"/api/v1/decisions/{number}")
    sources = {day["source"] for day in told["prices"]}
    tally.check(sources == {"energy_data"}, "prices are told to be recorded ones", told["prices"])
    tally.check(server.get("/api/v1/decisions/999999999")[0] == 404, "a decision that is not there is 404")
    tally.check(server.get("/api/v1/decisions/nonsense")[0] == 400, "a name that is none is 400")
    check_instants(tally, server, root, weeks[0])
    server.end()


def check_instants(tally, server, root, week):
    """Any instant of the week against the tables."""
    begin, prices = week
    connection, wrong, rng = database(root), [], random.Random(3)
    # A week in summer time: text order is time order.
    rows = connection.execute("SELECT timestamp FROM energy_data ORDER BY timestamp").fetchall()
    decisions = connection.execute("SELECT timestamp, id FROM coordinator_decisions ORDER BY timestamp, id").fetchall()
    stamps = [datetime.fromisoformat(row[0]).replace(tzinfo=ZONE) for row in rows if row[0][:7] == "2025-05"]
    for _ in range(60):
        at = (begin + timedelta(days=1, seconds=rng.randrange(5 * 86_400))).astimezone(UTC)
        status, told = server.json("/api/v1/at?time=" + quote(at.isoformat()))
        _, again = server.json("/api/v1/at?time=" + local(at))
        nearest = min(abs((stamp - at).total_seconds()) for stamp in stamps)
        active = [number for stamp, number in decisions if stamp <= local(at)][-1:]
        first = min(stamp for stamp, _ in decisions if stamp[:7] == "2025-05")
        active = active if local(at) >= first else []
        slot = at - timedelta(seconds=at.timestamp() % 900)
        price = told["price"] and told["price"]["buy_pln_kwh"]
        fits = (
            status == 200
            and abs(abs(float(told["reading"]["off_by_s"])) - nearest) < 0.002
            and ([told["decision"]["id"]] if told["decision"] else []) == active
            and (None if price is None else Fraction(price)) == prices.get(slot)
            and told["time"] == again["time"]
            and told["decision"] == again["decision"]
        )
        if not fits:
            wrong.append((at.isoformat(), told and told["reading"], told and told["decision"], active, nearest))
    connection.close()
    tally.check(not wrong, "60 instants have their reading, decision and price", wrong[:2])
    status, told = server.json("/api/v1/at?time=2011-01-01")
    reasons = told["unknown"]
    empty = all(told[part] is None and part in reasons for part in ("reading", "price", "decision"))
    tally.check(status == 200 and empty, "an instant before everything has reasons and no values", told)


def main():
    given = arguments(__doc__.strip(), decisions=(350_000, "decisions of ten years"), receipts=(240, "receipts"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        check_receipts(tally, shop, given.receipts)
        check_sales(tally, shop)
        check_pages(tally, shop, given.decisions)
    finish(tally)


if __name__ == "__main__":
    main()
