"""What a decision was worth, reckoned anew in exact fractions from prices by quarter-hour; and how a site writes times."""

import sqlite3
from datetime import timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Warsaw")
UTC = timezone.utc
SLOT = timedelta(minutes=15)
REACH = timedelta(hours=12)


def local(at):
    """As the coordinator writes it: naive local time."""
    return at.astimezone(ZONE).replace(tzinfo=None).isoformat()


def created(at):
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def database(root):
    return sqlite3.connect(root / "data" / "goodwe_energy.db", timeout=30)


def slots(start, end):
    """The quarter-hours that a stretch touches: (beginning, seconds of it that are within)."""
    at = start - timedelta(seconds=start.timestamp() % 900)
    while at < end:
        inside = min(at + SLOT, end) - max(at, start)
        yield at, Fraction(inside // timedelta(microseconds=1), 10**6)
        at += SLOT


def flowing(energy, start, seconds, prices):
    """What it costs from `start` on; None where a price is missing."""
    end = start + timedelta(microseconds=round(seconds * 10**6))
    parts = list(slots(start, end))
    if any(at not in prices for at, _ in parts):
        return None
    return sum(energy * part / seconds * prices[at] for at, part in parts)


def best(energy, start, end, seconds, prices, dearest=False):
    """What it costs in the cheapest quarter-hours, or brings in the dearest; None where the known ones are too short."""
    left, cost, sign = Fraction(seconds), Fraction(0), -1 if dearest else 1
    known = [(prices[at], at, length) for at, length in slots(start, end) if at in prices]
    for price, at, length in sorted(known, key=lambda slot: (sign * slot[0], slot[1])):
        used = min(left, length)
        cost, left = cost + energy * used / seconds * price, left - used
    return None if left > 0 else cost


def near(told, exact):
    """Whether an answer in grosze is this amount, rounded."""
    if told is None or exact is None:
        return told is None and exact is None
    return abs(Fraction(told) - exact) <= Fraction(5_001, 1_000_000) and Decimal(told) == round(Decimal(told), 2)
