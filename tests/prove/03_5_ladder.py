#!/usr/bin/env python3
"""The ladder of a price: buy is market + margin + distribution to the last digit, as the JSON has them in decimal text,
in every slot and hour, today, tomorrow and in `/prices`; what is negative stays negative.

Nothing is recomputed here but sums of the answer's own figures, and the tariff of the sample config.
"""

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from lib import Tally, Workshop, arguments, finish, wait_for
from prices import DAY, PriceBench, need_faketime

import miniyaml
from localtime import ZONE
from check_v1 import instant

SAMPLE = Path(__file__).resolve().parents[2] / "config" / "sample.yaml"
RUNGS = ("market_pln_kwh", "margin_pln_kwh", "distribution_pln_kwh")
DAYS = (  # when, seed: recorded days, and seeds whose days go far below zero
    ("2025-03-30T14:20:00", 0),
    ("2025-10-26T14:20:00", 0),
    ("2026-06-10T15:02:00", 1),
    ("2026-06-12T15:02:00", 2),
    ("2026-06-14T15:02:00", 3),
    ("2026-06-16T15:02:00", 4),
    ("2026-06-18T15:02:00", 5),
)


def sample_tariff():
    """The tariff of the sample config, as it is shipped."""
    return miniyaml.load(SAMPLE.read_text(encoding="utf-8"))["electricity_tariff"]


def wrong_rungs(slots, tariff, by):
    """Slots whose rungs do not add up, or are not the sample's."""
    entry, found = tariff["distribution_pricing"][tariff["tariff_type"]], []
    for slot in slots:
        if slot["market_pln_kwh"] is None:
            found += [f"{slot['start']} is a hole"]
            continue
        total = sum((Decimal(slot[rung]) for rung in RUNGS), Decimal(0))
        if Decimal(slot["buy_pln_kwh"]) != total:
            found.append(f"{slot['start']} {slot['buy_pln_kwh']} is not {total}")
        if Decimal(slot["margin_pln_kwh"]) != Decimal(str(tariff["sc_component_pln_kwh"])):
            found.append(f"{slot['start']} margin {slot['margin_pln_kwh']}")
        hour = instant(slot["start"]).astimezone(ZONE).hour
        peak = entry["peak_hours"]["start"] <= hour < entry["peak_hours"]["end"]
        peak = peak and not any(window["start"] <= hour < window["end"] for window in entry["off_peak_windows"])
        zone = "peak" if peak else "off_peak"
        if slot["zone"] != zone or Decimal(slot["distribution_pln_kwh"]) != Decimal(str(entry["prices"][zone])):
            found.append(f"{slot['start']} {slot['zone']} {slot['distribution_pln_kwh']}")
        if by == "slot" and Decimal(slot["market_pln_kwh"]).as_tuple().exponent < -6:
            found.append(f"{slot['start']} has more than six decimals: {slot['market_pln_kwh']}")
    return found


def rounded4(value):
    return value.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def check_compatible(tally, name, server, slots):
    """`/prices` is the same ladder: its hours are means of the slots, its present slot is one of them."""
    _, answer = server.json("/prices")
    by_start = {instant(slot["start"]): slot for slot in slots}
    here = by_start.get(instant(answer["slot_start"]))
    good = here and Decimal(answer["current_slot_pln_kwh"]) == Decimal(here["buy_pln_kwh"])
    tally.check(good, f"{name}: /prices has the same present slot", f"{answer['current_slot_pln_kwh']}")
    hours = {}
    for slot in slots:
        hours.setdefault(instant(slot["start"]).astimezone(ZONE).hour, []).append(slot)
    found = []
    for entry in answer["prices"]:
        quarters = hours[entry["hour"]]
        for key, rung in (("price", "buy_pln_kwh"), ("market_price", "market_pln_kwh")):
            mean = rounded4(sum(Decimal(slot[rung]) for slot in quarters) / len(quarters))
            if Decimal(entry[key]) != mean:
                found.append(f"{entry['hour_str']} {key} {entry[key]} is not {mean}")
    tally.check(not found and len(answer["prices"]) == len(hours), f"{name}: /prices has the same hours", "; ".join(found[:4]))


def main():
    given = arguments(__doc__.split("\n\n")[0])
    need_faketime()
    tally, tariff = Tally(), sample_tariff()
    slots_seen = negative_market = negative_buy = 0
    lowest = Decimal(0)
    with Workshop(given.bin, given.keep) as shop:
        for when, seed in DAYS:
            bench = PriceBench(shop, f"ladder-{when[:10]}-{seed}", when, tariff, seed=seed)
            bench.serve()
            today = bench.today()
            wait_for(lambda: bench.has(today + DAY), 20)
            for day in (today, today + DAY):
                name = f"{day} seed {seed}"
                _, body = bench.server.get(f"/api/v1/prices?day={day}")
                loose = re.findall(rb'_kwh":\s*(-?\d+\.\d{7,}|-?[\d.]+[eE][-+]?\d+)', body)
                tally.check(not loose, f"{name}: no figure with more than six decimals or an exponent", str(loose[:3]))
                for by in ("slot", "hour"):
                    _, answer = bench.ask(day, by)
                    slots = (answer or {}).get("slots") or []
                    if by == "hour":  # the mean of quarters is rounded: a sum may be off by one in the last digit
                        found = [slot["start"] for slot in slots if abs(
                            sum(Decimal(slot[rung]) for rung in RUNGS) - Decimal(slot["buy_pln_kwh"])) > Decimal("0.000001")]
                    else:
                        found = wrong_rungs(slots, tariff, by)
                        slots_seen += len(slots)
                        negative_market += sum(slot["market_pln_kwh"] < 0 for slot in slots)
                        negative_buy += sum(slot["buy_pln_kwh"] < 0 for slot in slots)
                        lowest = min([lowest, *(Decimal(slot["buy_pln_kwh"]) for slot in slots)])
                        if day == today:
                            check_compatible(tally, name, bench.server, slots)
                    good = slots and not found
                    tally.check(good, f"{name}: the rungs add up by {by}", f"{len(slots)} slots; {'; '.join(found[:4])}")
            bench.end()
    print(f"{slots_seen} slots, {negative_market} with a negative market price, {negative_buy} with a negative price to buy")
    tally.check(negative_market > 50 and negative_buy > 20, "there were negative prices to see")
    tally.check(lowest < Decimal("-1"), "far negative ones too", str(lowest))
    finish(tally)


if __name__ == "__main__":
    main()
