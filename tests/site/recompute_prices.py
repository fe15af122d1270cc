"""Today's prices recomputed from the rows of the price API and the tariff of the config."""

from datetime import datetime, timedelta
from decimal import Decimal

from localtime import UTC, ZONE
from recompute_month import rounded
from recompute_tariff import margin_of, rate_of
from site_read import number


def slots_of(rows):
    """Quarter-hours by their UTC start (`dtime_utc` minus 15 minutes): the market price in PLN/kWh."""
    slots = {}
    for row in rows:
        price = number(row["csdac_pln"])
        if price is not None:
            end = datetime.fromisoformat(row["dtime_utc"]).replace(tzinfo=UTC)
            slots[end - timedelta(minutes=15)] = price / 1000
    return dict(sorted(slots.items()))


def buy_price(config, start, market, advice=None):
    """Market price, sales component and distribution, PLN/kWh, exact; `advice` by the start of its hour."""
    rate = rate_of(config, start, (advice or {}).get(start.replace(minute=0)))
    return market + margin_of(config) + rate.price


def hourly(config, slots, day, advice=None):
    """The hourly entries of a local day: means of the quarter-hours; the two autumn hours 02 form one."""
    hours = {}
    for start, market in slots.items():
        local = start.astimezone(ZONE)
        if local.date() == day:
            hours.setdefault(local.hour, []).append((buy_price(config, start, market, advice), market))
    return [
        {
            "hour": hour,
            "hour_str": f"{hour:02d}:00",
            "price": rounded(sum(buy for buy, _ in found) / len(found), 4),
            "market_price": rounded(sum(market for _, market in found) / len(found), 4),
        }
        for hour, found in sorted(hours.items())
    ]


def trend(now_price, following):
    """`rising`, `falling` or `stable`: the mean of what follows against now, five per cent."""
    if not following:
        return "stable"
    mean = sum(following) / len(following)
    margin = abs(now_price) * Decimal("0.05")
    return "rising" if mean - now_price > margin else "falling" if now_price - mean > margin else "stable"


def prices_answer(config, rows, instant, advice=None):
    """What `/prices` must say at that instant; `trends` holds every defensible reading of the trend's rule."""
    slots = slots_of(rows)
    local = instant.astimezone(ZONE)
    entries = hourly(config, slots, local.date(), advice)
    by_hour = {entry["hour"]: entry["price"] for entry in entries}
    current = by_hour.get(local.hour)
    tomorrow = [entry["price"] for entry in hourly(config, slots, local.date() + timedelta(days=1), advice)]
    today_after = [by_hour[hour] for hour in range(local.hour + 1, 24) if hour in by_hour]
    start = instant.astimezone(UTC).replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)
    slot = buy_price(config, start, slots[start], advice) if start in slots else None
    buys = [buy_price(config, at, market, advice) for at, market in slots.items() if at > start][:16]
    cheapest = min(entries, key=lambda entry: (entry["price"], entry["hour"]))
    return {
        "current_price_pln_kwh": current,
        "cheapest_price_pln_kwh": cheapest["price"],
        "cheapest_hours": [entry["hour_str"] for entry in entries if entry["price"] == cheapest["price"]],
        "average_price_pln_kwh": rounded(sum(by_hour.values()) / len(by_hour), 4),
        "prices": entries,
        "current_slot_pln_kwh": slot,
        "slot_start": start,
        "trends": {
            trend(current, today_after[:4]),
            trend(current, (today_after + tomorrow)[:4]),
            trend(slot or current, buys),
        },
    }
