#!/usr/bin/env python3
"""Days with 92, 96 and 100 quarter-hours, under every kind of tariff: each slot, figure and window to the digit.

Recorded and made-up days are served by the stand-in, with the server's clock set into them, one server for each
tariff; one server walks through each recorded day, quarter by quarter. `wattboard tariff` is asked for every
`--every`th day of 2026 and every special one, with every preset.
"""

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal

from lib import Tally, Workshop, arguments, finish, wait_for
from prices import DAY, PriceBench, need_faketime, report

import tariffs
from localtime import UTC, ZONE, quarter_starts
from pse_rows import rows_of
from recompute_tariff import PRESETS, SELLERS_MARGIN, is_free, preset_rate

RECORDED = (date(2025, 3, 30), date(2025, 10, 26))
MADE_UP = (date(2026, 3, 29), date(2026, 10, 25), date(2026, 12, 24), date(2026, 6, 4), date(2026, 7, 8))
MOMENTS = ("00:00:20", "01:50:00", "02:10:00", "03:10:00", "10:59:30", "12:07:00", "14:20:00", "19:31:00", "23:50:00")
PROSUMERS = (
    None,
    {"negative_rule": "per_hour"},
    {"deposit_factor": 1.23},
    {"negative_rule": "per_hour", "deposit_factor": 1.23},
)
RATE_LINE, KOMPAS_LINE = re.compile(r"\d\d:\d\d\s"), re.compile(r"\s*[0-3]\s{2,}")


def moment_of(day, text, second_pass):
    """The instant of a local time on that day; a time that does not exist moves on as clocks do."""
    naive = datetime.fromisoformat(f"{day}T{text}")
    return naive.replace(tzinfo=ZONE, fold=int(second_pass)).astimezone(UTC)


def one_server(tally, shop, day, index, tariff):
    """One tariff on one day at one moment: today by slot and by hour, tomorrow, `/prices`."""
    text = MOMENTS[(index * 2 + day.day) % len(MOMENTS)]
    prosumer = PROSUMERS[index % len(PROSUMERS)]
    when = moment_of(day, text, index % 2)
    name = f"{day} {text}{' second pass' if index % 2 and text.startswith('02') else ''} {tariff}"
    bench = PriceBench(shop, name.replace(" ", "-").replace("/", "-"), when, tariff, prosumer=prosumer)
    server = bench.serve()
    known = [day]
    if text >= "14:00":
        tally.check(wait_for(lambda: bench.has(day + DAY), 20, 0.1), f"{name}: tomorrow is there")
        known.append(day + DAY)
    if tariff in PRESETS and day.year < 2026 and no_rate_yet(tally, name, bench):
        server.end()
        return bench.api.end()
    wait_for(lambda: not bench.compare(day, known), 3, 0.2)
    report(tally, f"{name}: today", bench.compare(day, known, asked="today"))
    report(tally, f"{name}: today by hour", bench.compare(day, known, by="hour"))
    report(tally, f"{name}: /prices", bench.compare_compatible(known))
    if len(known) > 1:
        report(tally, f"{name}: tomorrow", bench.compare(day + DAY, known, asked="tomorrow", yesterday=True))
        report(tally, f"{name}: tomorrow by hour", bench.compare(day + DAY, known, by="hour", yesterday=True))
    status, answer = bench.ask()
    check_shape(tally, name, day, answer if status == 200 else {})
    code, took = server.end()
    tally.check(code == 0 and took < 2.5, f"{name}: stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
    return bench.api.end()


def no_rate_yet(tally, name, bench):
    """Whether a preset of 2026 has no rates for a day before: then there are no buying prices, and a reason."""
    _, answer = bench.ask()
    slots = answer["slots"]
    if any(slot["distribution_pln_kwh"] is not None for slot in slots):
        return False
    good = slots and all(slot["market_pln_kwh"] is not None and slot["buy_pln_kwh"] is None for slot in slots)
    tally.check(good and answer["unknown"], f"{name}: no rates before the preset's year: market alone, and a reason", str(answer["unknown"]))
    return True


def check_shape(tally, name, day, answer):
    """The axis of the day: as many slots as it has quarters, no missing hour, the doubled hour twice."""
    slots = answer.get("slots") or []
    expected = len(quarter_starts(day))
    local = [datetime.fromisoformat(slot["start"]) for slot in slots]
    tally.check(len(slots) == expected, f"{name}: {expected} slots", str(len(slots)))
    twos = [moment for moment in local if moment.hour == 2]
    wanted = {92: 0, 96: 4, 100: 8}[expected]
    tally.check(len(twos) == wanted, f"{name}: {wanted} slots in the hour 02", str(len(twos)))
    offsets = {moment.utcoffset() for moment in twos}
    tally.check(len(offsets) == (2 if wanted == 8 else wanted // 4), f"{name}: each with its own offset", str(offsets))
    kompas = answer.get("kompas_provenance")
    if kompas:
        good = kompas.get("expected") == expected // 4 and kompas.get("received") == expected // 4
        tally.check(good, f"{name}: the Kompas has {expected // 4} hours", str(kompas))


def published_figures(tally, shop):
    """The figures that are known of the recorded days, in PLN/MWh."""
    for day, mean, low, high in (
        (RECORDED[0], "328.984", "-103.17", "675.46"),
        (RECORDED[1], "225.825", "4.15", "644.49"),
    ):
        bench = PriceBench(shop, f"figures-{day}", moment_of(day, "12:00:00", 0), "static")
        bench.serve()
        shown = ((bench.ask()[1] or {}).get("statistics")) or {}
        for key, text in (("mean", mean), ("min", low), ("max", high)):
            value = shown.get(f"{key}_market_pln_kwh")
            good = value is not None and abs(Decimal(value) * 1000 - Decimal(text)) <= Decimal("0.0005")
            tally.check(good, f"{day}: the market's {key} is {text} PLN/MWh", str(value))
        stamps_of(tally, day, bench)
        status, answer = bench.ask(by="hour")
        doubled = [
            entry["market_pln_kwh"]
            for entry in (answer or {}).get("slots", [])
            if datetime.fromisoformat(entry["start"]).hour == 2
        ]
        if day == RECORDED[1]:
            good = len(doubled) == 2 and doubled[0] != doubled[1]
            tally.check(good, f"{day}: the doubled hour twice, with its own prices", str(doubled))
        for query, word in (("day=yesterday", "day"), ("day=2026-13-01", "day"), ("by=minute", "by"), ("day=", "day")):
            status, body = bench.server.get(f"/api/v1/prices?{query}")
            good = status == 400 and word.encode() in body and b"bad_request" in body
            tally.check(good, f"?{query} is a 400 that names {word}", f"{status} {body[:120]!r}")
        status, answer = bench.ask("2031-01-01")
        good = status == 200 and answer and answer["slots"] == [] and answer["reason"]
        tally.check(good, "a day far ahead is a 200 without slots, with a reason", f"{status} {str(answer)[:200]}")
        bench.end()


def stamps_of(tally, day, bench):
    """Every timestamp that the answer adds is RFC 3339 with an offset; the publication's is the rows' own."""
    _, answer = bench.ask()
    for group, origin in ((key, answer[key]) for key in ("provenance", "sell_provenance")):
        shown = [origin["fetched_at"], origin["publication_ts"], answer["as_of"], answer["stale_after"]]
        good = all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d", text) for text in shown)
        tally.check(good, f"{day}: timestamps of {group} are RFC 3339 with offset", str(shown))
        entity = "csdac-pln" if group == "provenance" else "rce-pln"
        row = rows_of(entity, day)[0]
        told = datetime.fromisoformat(origin["publication_ts"])
        told = told if told.tzinfo else told.replace(tzinfo=ZONE)
        true = datetime.fromisoformat(row["publication_ts_utc"][:23]).replace(tzinfo=UTC)
        tally.check(abs(told - true) < timedelta(seconds=1), f"{day}: {group} says when it was published", f"{told} {true}")


def walk(tally, shop, day, seconds):
    """One server, its clock moved through the day a quarter at a time."""
    first = quarter_starts(day)
    bench = PriceBench(shop, f"walk-{day}", first[0] + timedelta(minutes=7), movable=True, api=("--publish-at", "24:00"))
    bench.serve()
    began, stride, at, steps, slowest = time.monotonic(), 1, 0, 0, 0.0
    while at < len(first):
        start = first[at]
        bench.clock.set(start + timedelta(minutes=7))
        moved = time.monotonic()

        def arrived(start=start):
            current = (bench.ask()[1] or {}).get("current") or {}
            return current.get("start") and datetime.fromisoformat(current["start"]) == start

        label = f"walk {start.astimezone(ZONE).isoformat(timespec='minutes')}"
        if not tally.check(wait_for(arrived, 40, 0.02), f"{label}: the present quarter is shown after a step of the clock"):
            break
        slowest = max(slowest, time.monotonic() - moved)
        wait_for(lambda: not bench.compare(day, [day]), 3, 0.05)
        report(tally, f"{label}: today", bench.compare(day, [day]))
        report(tally, f"{label}: /prices", bench.compare_compatible([day]))
        steps += 1
        if steps == 4:
            each = (time.monotonic() - began) / 4
            stride = max(1, round(each * len(first) / seconds))
        at += stride
    print(f"walked {day}: {steps} quarters, the clock's step was seen after {slowest:.2f} s at most")
    bench.end()


def parse_rates(text):
    """The data lines of `wattboard tariff` as rows of their columns."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if RATE_LINE.match(line.strip())]


def minutes(text):
    return int(text[:2]) * 60 + int(text[3:5])


def wrong_rates(preset, day, text, margins):
    """What is wrong with the lines for a day: every hour has one line, with the right rate, and the sum is right."""
    found, covered = [], {}
    if preset.endswith("/g14dynamic"):
        shown = {line.split()[0]: re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if KOMPAS_LINE.match(line)}
        rates = {str(at): str(preset_rate(preset, datetime(2026, 1, 1, tzinfo=ZONE), at).price) for at in range(4)}
        return [f"Kompas {at}: {shown.get(at)}" for at, rate in rates.items() if (shown.get(at) or [""] * 3)[2] != rate]
    for columns in parse_rates(text):
        if len(columns) < 6:
            found.append(f"{columns} has {len(columns)} columns")
            continue
        begin, end, zone, distribution, margin, together, *why = columns
        distribution, margin, together = Decimal(distribution), Decimal(margin), Decimal(together)
        if margin not in margins:
            found.append(f"{begin} margin {margin}")
        if distribution + margin != together:
            found.append(f"{begin} {distribution} + {margin} is not {together}")
        if not why:
            found.append(f"{begin} says no why")
        stop = minutes(end) or 24 * 60
        for minute in range(minutes(begin), stop, 15):
            if minute in covered:
                found.append(f"{minute // 60:02d}:{minute % 60:02d} twice")
            covered[minute] = (zone, distribution)
    zones = {}
    for minute in range(0, 24 * 60, 15):
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60)
        exists = local.replace(tzinfo=ZONE).astimezone(UTC).astimezone(ZONE).replace(tzinfo=None) == local
        rate = preset_rate(preset, local.replace(tzinfo=ZONE))
        if minute not in covered:
            found += [f"{local:%H:%M} is left out"] if exists else []
            continue
        zone, price = covered[minute]
        if exists and price != rate.price:
            found.append(f"{local:%H:%M} {price} is not {rate.price}")
        if exists and rate.zone in ("peak", "off_peak") and zone != rate.zone:
            found.append(f"{local:%H:%M} {zone} is not {rate.zone}")
        zones.setdefault(zone, set()).add(price)
    return found + [f"zone {zone} has prices {prices}" for zone, prices in zones.items() if len(prices) > 1]


def rates_of_2026(tally, shop, every):
    """`wattboard tariff` for the days of 2026."""
    root = shop.site("rates", layout="empty", electricity=tariffs.TARIFFS["sample_g12w"])
    config = root / "config" / "master_coordinator_config.yaml"
    first = date(2026, 1, 1)
    days = [first + timedelta(days=at) for at in range(365)]
    special = [day for day in days if is_free(day) != is_free(day + DAY) or (day.month, day.day) in ((3, 31), (9, 30))]
    chosen = sorted({*days[::every], *special, date(2026, 4, 1), date(2026, 10, 1)})

    def ask(pair):
        preset, day = pair
        command = [shop.binary, "tariff", "--day", str(day), "--tariff", preset, "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd="/", stdin=subprocess.DEVNULL)
        return preset, day, done.returncode, done.stdout, done.stderr

    began, bad, shown = time.monotonic(), {}, set()
    with ThreadPoolExecutor(4) as pool:
        for preset, day, code, out, errors in pool.map(ask, [(preset, day) for preset in PRESETS for day in chosen]):
            margins = {Decimal("0.0892"), Decimal(SELLERS_MARGIN[preset.split("-")[0]])}
            found = [f"code {code} {errors[-200:]}"] if code else wrong_rates(preset, day, out, margins)
            if found:
                bad.setdefault(preset, []).append(f"{day}: {found[0]} ({len(found)})")
            if preset not in shown:
                shown.add(preset)
                print(f"     {preset} on {day}:\n" + "\n".join(f"       {line}" for line in out.splitlines()[:12]))
    took = time.monotonic() - began
    print(f"wattboard tariff: {len(chosen)} days x {len(PRESETS)} presets in {took:.0f} s")
    for preset in PRESETS:
        tally.check(preset not in bad, f"tariff {preset}: {len(chosen)} days", "; ".join(bad.get(preset, [])[:4]))
    done = ask(("nonesuch-2026/g99", first))
    tally.check(done[2] != 0 and "g99" in done[4] + done[3], "an unknown tariff is refused by name", str(done[2:]))


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        every=(1, "ask the tariff of every so many days"),
        seconds=(90.0, "for the walk through one recorded day"),
        only=("", "one of: tariffs, figures, walk, rates"),
    )
    need_faketime()
    tally = Tally(quiet=True)
    with Workshop(given.bin, given.keep) as shop:
        if given.only in ("", "figures"):
            published_figures(tally, shop)
        if given.only in ("", "tariffs"):
            for day in RECORDED + MADE_UP:
                began = time.monotonic()
                jobs = [(tally, shop, day, index, tariff) for index, tariff in enumerate(tariffs.TARIFFS)]
                with ThreadPoolExecutor(2) as pool:
                    for done in [pool.submit(one_server, *job) for job in jobs]:
                        done.result()
                print(f"{day}: {len(jobs)} tariffs in {time.monotonic() - began:.0f} s; {tally.summary()} so far", flush=True)
        if given.only in ("", "walk"):
            for day in RECORDED:
                walk(tally, shop, day, given.seconds)
        if given.only in ("", "rates"):
            rates_of_2026(tally, shop, given.every)
    finish(tally)


if __name__ == "__main__":
    main()
