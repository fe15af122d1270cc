"""A recomputed day written as `/api/v1/prices` writes it: for the stub server and the tests of the comparison."""

from check_v1 import as_shown
from localtime import ZONE
from recompute_v1 import rounded6

FETCHED, PUBLISHED = "2026-06-09T14:05:00+02:00", "2026-06-09T13:58:15.542+02:00"


def plain(value):
    """Instants as local text, everything else as it is, deep."""
    if isinstance(value, dict):
        return {key: plain(found) for key, found in value.items()}
    if isinstance(value, list):
        return [plain(found) for found in value]
    return value.astimezone(ZONE).isoformat() if hasattr(value, "astimezone") else value


def as_answer(expected):
    """The whole answer."""
    current = expected["current"]
    if current:
        shown = {key: current[key] for key in ("start", "end", "zone", "rank", "of", "trend")}
        current = {**shown, **{f"{key}_pln_kwh": rounded6(current[key]) for key in ("market", "buy", "sell")}}
    answer = {
        "day": expected["day"],
        "timezone": "Europe/Warsaw",
        "by": expected["by"],
        "slots": [as_shown(slot) for slot in expected["slots"]],
        "current": current,
        "next": [as_shown(slot, ("buy", "sell")) for slot in expected["next"]],
        "statistics": expected["statistics"],
        "windows": expected["windows"],
        "provenance": {
            **expected["provenance"],
            "source": "network",
            "fetched_at": FETCHED,
            "publication_ts": PUBLISHED,
            "rule": "market + margin + distribution",
        },
        "sell_provenance": None,
        "kompas_provenance": None,
        "reason": None,
        "as_of": FETCHED,
        "stale_after": FETCHED,
        "source": "network",
        "unknown": {},
    }
    return plain(answer)
