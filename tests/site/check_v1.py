"""Compares an answer of `/api/v1/prices` with its recomputation: every slot, every figure, every window, to the digit.

In: the answer, parsed with exact numbers, and what `recompute_v1.day_answer` says. Out: a list of words, one for
each difference; empty when there is none.
"""

from datetime import datetime
from decimal import Decimal

from localtime import UTC, ZONE
from recompute_v1 import rounded6
from site_read import number

TOP = (
    "day timezone by slots current next statistics windows provenance sell_provenance kompas_provenance reason as_of "
    "stale_after source unknown"
).split()
PRICES = ("market", "margin", "distribution", "buy", "sell")
SOURCES = ("network", "disk_cache", "memory")


def instant(text):
    """A timestamp of an answer as an instant; it must carry the offset that Warsaw has then."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment.utcoffset() != moment.astimezone(ZONE).utcoffset():
        raise ValueError(f"{text} has not the local offset")
    return moment.astimezone(UTC)


def one(name, given, expected):
    """At most one difference between a value of the answer and the expected one."""
    if isinstance(expected, datetime):
        try:
            good = instant(given) == expected
        except (TypeError, ValueError):
            good = False
        return [] if good else [f"{name} {given} is not {expected.astimezone(ZONE).isoformat()}"]
    exact = number(expected)
    good = number(given) == exact if exact is not None else given == expected
    return [] if good else [f"{name} {given!r:.60} is not {expected!s:.60}"]


def fields(name, given, expected):
    """Differences of an object, for the fields that are expected."""
    if not isinstance(given, dict):
        return [f"{name} is {given!r:.60}"]
    found = []
    for key, value in expected.items():
        found += [f"{name}.{key} is left out"] if key not in given else one(f"{name}.{key}", given[key], value)
    return found


def rows(name, given, expected):
    """Differences of a list of objects."""
    if not isinstance(given, list) or len(given) != len(expected):
        return [f"{name} has {len(given) if isinstance(given, list) else given} entries, not {len(expected)}"]
    return [text for at, pair in enumerate(zip(given, expected)) for text in fields(f"{name}[{at}]", *pair)]


def as_shown(slot, keys=PRICES):
    """A recomputed slot as the answer shows it."""
    shown = {"start": slot["start"], **{f"{key}_pln_kwh": rounded6(slot[key]) for key in keys}}
    if "end" in slot and keys is PRICES:
        shown.update(end=slot["end"], kompas=slot["kompas"])
        if slot["zone"] is not None:
            shown["zone"] = slot["zone"]
        if "received" in slot:
            shown.update(received=slot["received"], expected=slot["expected"])
    return shown


def differences(answer, expected, yesterday=True):
    """Everything in which the answer is not what was recomputed. `yesterday` False: the day before need not be known
    to the server."""
    if not isinstance(answer, dict):
        return [f"the answer is {answer!r:.80}"]
    found = [f"{key} is left out" for key in TOP if key not in answer]
    if found:
        return found
    found += fields("", answer, {"day": expected["day"], "by": expected["by"], "timezone": "Europe/Warsaw"})
    found += one("reason", answer["reason"], None)
    found += rows("slots", answer["slots"], [as_shown(slot) for slot in expected["slots"]])
    current = expected["current"]
    if current is None:
        found += one("current", answer["current"], None)
    else:
        shown = {key: current[key] for key in ("start", "end", "rank", "of", "trend")}
        shown.update({f"{key}_pln_kwh": rounded6(current[key]) for key in ("market", "buy", "sell")})
        shown.update({"zone": current["zone"]} if current["zone"] is not None else {})
        found += fields("current", answer["current"], shown)
    found += rows("next", answer["next"], [as_shown(slot, ("buy", "sell")) for slot in expected["next"]])
    found += statistics(answer["statistics"], expected["statistics"], yesterday)
    for name, windows in expected["windows"].items():
        found += rows(f"windows.{name}", (answer["windows"] or {}).get(name), windows)
    found += provenance(answer, expected["provenance"])
    return found


def statistics(given, expected, yesterday):
    """Differences of the figures. The step to yesterday may come from exact or from rounded means."""
    if expected is None:
        return [] if not given or not any(value is not None for value in given.values()) else ["statistics of nothing"]
    step, before = "difference_to_yesterday_pln_kwh", "yesterday_mean_buy_pln_kwh"
    found = fields("statistics", given, {key: value for key, value in expected.items() if key not in (step, before)})
    if not isinstance(given, dict) or (given.get(before) is None and not yesterday):
        return found
    found += one(f"statistics.{before}", given.get(before), expected[before])
    far = number(given.get(step))
    near = far is not None and expected[step] is not None and abs(far - expected[step]) <= Decimal("0.000001")
    if not near and not (far is None and expected[step] is None):
        found.append(f"statistics.{step} {far} is not {expected[step]}")
    return found


def provenance(answer, expected):
    """Differences in what the answer says of its rows, and whether it says where they are from."""
    given = answer["provenance"]
    found = fields("provenance", given, {key: expected[key] for key in ("received", "expected")})
    if not isinstance(given, dict):
        return found
    found += rows("provenance.holes", given.get("holes"), expected["holes"])
    if given.get("source") not in SOURCES:
        found.append(f"provenance.source {given.get('source')!r} is none of {SOURCES}")
    for key, read in (("fetched_at", instant), ("publication_ts", datetime.fromisoformat)):
        try:
            read(given[key])
        except (KeyError, TypeError, ValueError) as error:
            found.append(f"provenance.{key}: {error!r}")
    if not given.get("rule"):
        found.append("provenance.rule says nothing")
    return found
