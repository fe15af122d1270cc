"""Naive local time of a site, and the instants that it stands for.

The coordinator writes naive local ISO timestamps; `created_at` is UTC. This room turns one into the other, also
in the autumn hour that occurs twice, and knows nothing else of a site.
"""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Warsaw")
UTC = timezone.utc


def now_utc():
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def parse_end(text):
    """The instant named on a command line: `now`, a naive local time, or a time with an offset."""
    if text in (None, "", "now"):
        return now_utc()
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        value = value.replace(tzinfo=ZONE)
    return value.astimezone(UTC)


def naive_iso(instant, microseconds=True):
    """An instant as the coordinator writes it: naive local ISO, with or without microseconds."""
    local = instant.astimezone(ZONE).replace(tzinfo=None)
    if not microseconds:
        local = local.replace(microsecond=0)
    return local.isoformat()


def created_at(instant):
    """An instant as SQLite's CURRENT_TIMESTAMP writes it: UTC, whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def instant_of(naive_text, created_text=None):
    """The instant of a naive local timestamp; `created_text` (UTC) tells the two autumn passes apart."""
    naive = datetime.fromisoformat(naive_text)
    if naive.tzinfo is not None:
        return naive.astimezone(UTC)
    first = naive.replace(tzinfo=ZONE, fold=0).astimezone(UTC)
    second = naive.replace(tzinfo=ZONE, fold=1).astimezone(UTC)
    if first == second or not created_text:
        return first
    created = datetime.fromisoformat(created_text).replace(tzinfo=UTC)
    return min((first, second), key=lambda instant: abs(instant - created))


def quarter_starts(day):
    """The UTC starts of all quarter-hours of a local `date`: 96, in spring 92, in autumn 100."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    next_day = day + timedelta(days=1)
    end = datetime(next_day.year, next_day.month, next_day.day, tzinfo=ZONE).astimezone(UTC)
    start = midnight.astimezone(UTC)
    starts = []
    while start < end:
        starts.append(start)
        start += timedelta(minutes=15)
    return starts
