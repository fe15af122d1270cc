"""The rows that the stand-in for the price API serves: deterministic by date, right across DST, recorded days as
they are.
"""

import json
import math
import zlib
from datetime import date, timedelta
from pathlib import Path

from localtime import ZONE, quarter_starts

RECORDED = Path(__file__).resolve().parent.parent / "fixtures" / "pse"


def rows_of(entity, day):
    """All rows of one entity (`csdac-pln`, `rce-pln`, `pdgsz`) for a local business date."""
    recorded = RECORDED / f"{entity}-{day.isoformat()}.json"
    if recorded.exists():
        return json.loads(recorded.read_text())["value"]
    if entity == "pdgsz":
        return [_advice_row(start, day) for start in quarter_starts(day)[::4]]
    return [_price_row(entity, start, day) for start in quarter_starts(day)]


def price_pln_mwh(entity, start):
    """The price of the quarter-hour that starts at that instant; two decimals."""
    local = start.astimezone(ZONE)
    hour = local.hour + local.minute / 60
    noise = zlib.crc32(f"{entity} {start.isoformat()}".encode()) % 4000 / 100
    shape = 420 + 160 * math.sin((hour - 14) / 24 * 2 * math.pi) + 130 * math.exp(-((hour - 19) ** 2) / 3)
    midday = -280 * math.exp(-((hour - 13) ** 2) / 5) if zlib.crc32(str(local.date()).encode()) % 3 == 0 else 0
    return round(shape + midday + noise - (15 if entity == "rce-pln" else 0), 2)


def _price_row(entity, start, day):
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
        field: price_pln_mwh(entity, start),
        "dtime_utc": f"{end:%Y-%m-%d %H:%M:%S}",
        "period_utc": f"{start:%H:%M} - {end:%H:%M}",
        "business_date": day.isoformat(),
        "publication_ts": f"{published} 13:58:15.542",
        "publication_ts_utc": f"{published} 12:58:15.542" + ("000" if entity == "rce-pln" else ""),
    }


def _advice_row(start, day):
    """One hour of the grid operator's advice; here `dtime` is the start."""
    hour = start.astimezone(ZONE).hour
    advice = 3 if hour == 19 else 2 if 17 <= hour <= 20 else 0 if 11 <= hour <= 14 else 1
    return {
        "dtime": f"{start.astimezone(ZONE):%Y-%m-%d %H:%M}",
        "dtime_utc": f"{start:%Y-%m-%d %H:%M}",
        "is_active": True,
        "usage_fcst": advice,
        "valid_to_ts": None,
        "business_date": day.isoformat(),
        "valid_from_ts": f"{day} 00:00:01.000",
        "publication_ts": f"{day} 00:00:01.000",
        "publication_ts_utc": f"{day - timedelta(days=1)} 22:00:01.000",
        "total_power_demand": None,
    }


def days_of(condition, today):
    """The business dates that a `$filter` names (at most 40), oldest first."""
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
