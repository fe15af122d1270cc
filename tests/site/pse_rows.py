"""The rows that the stand-in for the price API serves: deterministic by date, right across DST, recorded days as
they are. Another seed than 0 gives other rows for every day, with ties, flat days, holes in the shape and far
negative prices.
"""

import csv
import json
import math
import zlib
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from localtime import UTC, ZONE, quarter_starts

RECORDED = Path(__file__).resolve().parent.parent / "fixtures" / "pse"


def rows_of(entity, day, seed=0):
    """All rows of one entity (`csdac-pln`, `rce-pln`, `pdgsz`) for a local business date, copies of their own."""
    return [dict(row) for row in _rows(entity, day, seed)]


@lru_cache(maxsize=4000)
def _rows(entity, day, seed):
    recorded = RECORDED / f"{entity}-{day.isoformat()}.json"
    if seed == 0 and recorded.exists():
        return json.loads(recorded.read_text())["value"]
    if entity == "pdgsz":
        return [_advice_row(start, day, seed) for start in quarter_starts(day)[::4]]
    prices = _portal_prices(day) if seed == 0 and entity == "rce-pln" else None
    starts = quarter_starts(day)
    if prices is None:
        prices = [price_pln_mwh(entity, start, seed) for start in starts]
    return [_price_row(entity, start, day, price) for start, price in zip(starts, prices, strict=True)]


def rows_with(entity, day, prices):
    """The rows of a day with these prices, PLN/MWh; None is a row that is not there."""
    pairs = zip(quarter_starts(day), prices, strict=True)
    return [_price_row(entity, start, day, price) for start, price in pairs if price is not None]


def _portal_prices(day):
    """The settlement prices of a day that was exported from the portal, in row order; None when there is no export."""
    path = RECORDED / f"rce-portal-export-{day.isoformat()}.csv"
    if not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as stream:
        return [float(row[3]) for row in list(csv.reader(stream, delimiter=";"))[1:]]


def price_pln_mwh(entity, start, seed=0):
    """The price of the quarter-hour that starts at that instant; two decimals."""
    if seed:
        return _wild_price(entity, start, seed)
    local = start.astimezone(ZONE)
    hour = local.hour + local.minute / 60
    noise = zlib.crc32(f"{entity} {start.isoformat()}".encode()) % 4000 / 100
    shape = 420 + 160 * math.sin((hour - 14) / 24 * 2 * math.pi) + 130 * math.exp(-((hour - 19) ** 2) / 3)
    midday = -280 * math.exp(-((hour - 13) ** 2) / 5) if zlib.crc32(str(local.date()).encode()) % 3 == 0 else 0
    return round(shape + midday + noise - (15 if entity == "rce-pln" else 0), 2)


def _wild_price(entity, start, seed):
    """The price of another seed: each day has a shape of its own, chosen to be hard on windows and ranks."""
    local = start.astimezone(ZONE)
    hour = local.hour + local.minute / 60
    kind = zlib.crc32(f"kind {seed} {local.date()}".encode()) % 7
    rough = zlib.crc32(f"{seed} {entity} {start.isoformat()}".encode())
    wave = 400 + 300 * math.sin((hour - 14) / 24 * 2 * math.pi)
    if kind == 0:  # flat: every slot ties with every other
        return 250.0
    if kind == 1:  # whole steps: many ties
        return float(round(wave / 50) * 50)
    if kind == 2:  # noise over everything, mostly positive
        return round(rough % 250_000 / 100 - 500, 2)
    if kind == 3:  # mostly negative, very far at noon
        return round(-50 - 2036.86 * math.exp(-((hour - 13) ** 2) / 4) + rough % 9000 / 100, 2)
    if kind == 4:  # zeros and whole numbers that look like integers
        return float(rough % 3 * 100 - 100) if 9 <= hour < 16 else float(round(wave))
    if kind == 5:  # one price an hour, as before October 2025, some of them below zero
        return round(zlib.crc32(f"{seed} {start:%F %H}".encode()) % 60_000 / 100 - 60, 2)
    return round(wave + rough % 4000 / 100, 2)


def _price_row(entity, start, day, price):
    """One price row: `dtime` and `dtime_utc` are the end of the quarter, `period` marks the second autumn pass."""
    end = start + timedelta(minutes=15)
    local, local_end = start.astimezone(ZONE), end.astimezone(ZONE)

    def label(moment):
        second_pass = moment.fold == 1 and moment.hour == 2
        return f"{moment:%H}{'a' if second_pass else ''}:{moment:%M}"

    last = local_end.date() != day
    published = day - timedelta(days=1)
    field = entity.replace("-", "_")
    return {
        "dtime": f"{local_end:%Y-%m-%d %H:%M}" + (":00" if entity == "rce-pln" else ""),
        "period": f"{label(local)} - {'24:00' if last else label(local_end)}",
        field: price,
        "dtime_utc": f"{end:%Y-%m-%d %H:%M:%S}",
        "period_utc": f"{start:%H:%M} - {end:%H:%M}",
        "business_date": day.isoformat(),
        "publication_ts": f"{published} 13:58:15.542",
        "publication_ts_utc": _in_utc(published, 13, 58) + ":15.542" + ("000" if entity == "rce-pln" else ""),
    }


def _in_utc(day, hour, minute):
    """A local time of a day as UTC text, to the minute."""
    return f"{datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE).astimezone(UTC):%Y-%m-%d %H:%M}"


def _advice_row(start, day, seed=0):
    """One hour of the grid operator's advice; here `dtime` is the start."""
    hour = start.astimezone(ZONE).hour
    advice = 3 if hour == 19 else 2 if 17 <= hour <= 20 else 0 if 11 <= hour <= 14 else 1
    if seed:
        advice = zlib.crc32(f"advice {seed} {start.isoformat()}".encode()) % 4
    return {
        "dtime": f"{start.astimezone(ZONE):%Y-%m-%d %H:%M}",
        "dtime_utc": f"{start:%Y-%m-%d %H:%M}",
        "is_active": True,
        "usage_fcst": advice,
        "valid_to_ts": None,
        "business_date": day.isoformat(),
        "valid_from_ts": f"{day} 00:00:01.000",
        "publication_ts": f"{day} 00:00:01.000",
        "publication_ts_utc": f"{_in_utc(day, 0, 0)}:01.000",
        "total_power_demand": None,
    }


def superseded(rows):
    """The revisions of the advice that are no longer active, as the API returns them unless it is told not to."""
    return [
        {**row, "is_active": False, "usage_fcst": (row["usage_fcst"] + 1) % 4, "valid_to_ts": row["valid_from_ts"]}
        for row in rows
    ]


def days_of(condition, today):
    """The business dates that a `$filter` names (at most 40; `eq` wins over a range), oldest first."""
    lowest, highest = today - timedelta(days=3), today + timedelta(days=1)
    exact, bounded = [], False
    for part in condition.split(" and "):
        words = part.strip().strip("()").split()
        if len(words) != 3 or words[0] != "business_date":
            continue
        day = date.fromisoformat(words[2].strip("'"))
        if words[1] == "eq":
            exact.append(day)
        elif words[1] in ("ge", "gt"):
            lowest, bounded = day + timedelta(days=words[1] == "gt"), True
        elif words[1] in ("le", "lt"):
            highest, bounded = day - timedelta(days=words[1] == "lt"), True
    if exact and not bounded:
        return sorted(set(exact))
    return [lowest + timedelta(days=index) for index in range(min(40, (highest - lowest).days + 1))]
