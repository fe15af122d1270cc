"""The checks of `/current-state`, `/status`, `/health` and of the errors that every server owes."""

import json
from datetime import datetime

import recompute
from localtime import ZONE, instant_of
from site_read import number

DEVICES = ("battery", "photovoltaic", "house_consumption", "grid")


def check(checker, site):
    """The present state against the very reading that the answer names, and the server's word about itself."""
    answer = checker.answers.get("/current-state")
    if answer:
        check_state(checker, site, answer)
    status = checker.answers.get("/status")
    if status:
        check_status(checker, site, status)


def check_state(checker, site, answer):
    """Every device figure of `/current-state`."""
    tally, at = checker.tally, checker.fetched["/current-state"]
    data, row = None, None
    if site.database:
        data, row = site.state_of(answer["timestamp"])
    if data is None:
        data = next(
            (state for state in reversed(site.file_states()) if state["timestamp"] == answer["timestamp"]), None
        )
    if not tally.check(data, "/current-state timestamp is that of a reading on disk", str(answer["timestamp"])):
        return
    expected = recompute.state_answer(data)
    for group in DEVICES:
        found = [
            f"{key} {answer[group].get(key)} is not {value}"
            for key, value in expected[group].items()
            if not same(answer[group].get(key), value)
        ]
        tally.check(not found, f"/current-state {group} equals the reading", "; ".join(found))
    weather, shown = expected["weather"], answer["weather"]
    good = (
        shown is None
        if weather is None
        else shown is not None and all(same(shown.get(key), value) for key, value in weather.items())
    )
    tally.check(good, "/current-state weather", f"{shown} is not {weather}")
    age = (at - instant_of(answer["timestamp"], row and row["created_at"])).total_seconds()
    tally.check(
        abs(float(answer["cache_age_seconds"] or 0) - age) < 5,
        "/current-state cache_age_seconds is the reading's age",
        f"{answer['cache_age_seconds']} against {age:.1f}",
    )
    tally.check(
        ("data_warning" in answer and bool(answer["data_warning"])) == (age > 120) or 115 < age < 125,
        "/current-state data_warning exactly beyond 120 s",
        f"age {age:.0f}, {answer.get('data_warning')!r}",
    )
    if not checker.tolerant:
        tally.check(age < checker.live_slack_s + 60, "/current-state is fresh", f"{age:.0f} s old")
        fresh = "database_fresh" if site.database else "background_cache"
        tally.check(answer["data_source"] == fresh, "/current-state data_source", answer["data_source"])
    check_newest_decision(checker, site, answer, at)
    pricing, prices = answer["pricing"], checker.answers.get("/prices")
    if prices:
        same_prices = pricing is not None and pricing["prices"] == prices["prices"]
        tally.check(same_prices, "/current-state pricing is the /prices object")


def check_newest_decision(checker, site, answer, at):
    """The recommendation is the newest decision, as of some instant within the slack."""
    moments = recompute.moments(site.decisions, at, checker.slack)
    newest = [
        max((row for row in site.decisions if row["instant"] <= moment), key=lambda row: row["instant"], default=None)
        for moment in moments
    ]
    advice, factor = answer["recommendations"], answer["decision_factors"]["overall_confidence"]

    def fits(row):
        if row is None or advice is None:
            return row is None and advice is None
        mine = recompute.decision_answer(row)
        confidence = mine["confidence"]
        allowed = (None, 0) if confidence is None else (confidence, confidence * 100)
        return (
            advice["primary_action"] == mine["action"]
            and advice["reason"] == mine["reason"]
            and number(advice["confidence"]) in allowed
            and advice["alternative_actions"] == []
            and same(factor, None if confidence is None else confidence * 100)
        )

    shown = f"{advice} with overall_confidence {factor}, newest {[row and row['timestamp'] for row in newest][:2]}"
    checker.tally.check(any(fits(row) for row in newest), "/current-state recommends the newest decision", shown)


def check_status(checker, site, status):
    """Storage, logs and the refreshers of `/status`."""
    tally = checker.tally
    at = checker.fetched["/status"]
    recent = bool(recompute.within(site.decisions, at, recompute.RANGES["24h"]))
    tally.check(site.source in (None, status["storage"]["type"]), "/status storage type", f"{status['storage']}")
    tally.check(status["storage"]["has_data"] == recent, "/status storage has_data", f"{status['storage']}")
    tally.check(status["background_worker"]["alive"] is True, "/status the refreshers are alive")
    sizes = {path.name: path.stat().st_size for path in (checker.root / "logs").glob("*.log")}
    shown = {entry.get("name", name): entry["size"] for name, entry in status["log_files"].items()}
    good = sorted(shown.values()) == sorted(sizes.values())
    tally.check(good, "/status log_files sizes", f"{shown} is not {sizes}")
    local = datetime.fromisoformat(status["timestamp"])
    drift = abs((local - at.astimezone(ZONE).replace(tzinfo=None)).total_seconds())
    tally.check(drift < 5, "/status timestamp is local now", f"{drift:.1f} s off")


def same(given, expected):
    """Equal, numbers by value."""
    exact = number(expected)
    return number(given) == exact if exact is not None else given == expected


def check_errors(checker):
    """Bad parameters, unknown paths, wrong methods, HEAD and OPTIONS."""
    tally, ask = checker.tally, checker.server.request
    for path, word in (
        ("/decisions?time_range=2h", "time_range"),
        ("/monthly-summary?year=2026&month=13", "month"),
        ("/monthly-summary?year=1999&month=1", "year"),
        ("/monthly-comparison?year=2026&month=0", "month"),
        ("/monthly-summary?year=abc&month=1", "year"),
        ("/logs?file=nonesuch", "file"),
        ("/logs?lines=0", "lines"),
        ("/logs?lines=1001", "lines"),
        ("/logs?level=LOUD", "level"),
    ):
        status, _, body = ask(path)
        try:
            error = json.loads(body)
        except ValueError:
            error = {}
        good = status == 400 and word in str(error.get("error")) and error.get("code") == "bad_request"
        tally.check(good, f"{path} is a 400 that names {word}", f"{status} {body[:120]!r}")
    status, _, body = ask("/nonesuch")
    tally.check(status == 404 and b'"error"' in body, "an unknown path is a 404 in JSON", f"{status} {body[:80]!r}")
    status, headers, _ = ask("/status", method="POST")
    tally.check(
        status == 405 and "GET" in (headers.get("Allow") or ""),
        "POST is a 405 with Allow",
        f"{status} {headers.get('Allow')}",
    )
    status, _, body = ask("/status", method="OPTIONS")
    tally.check(status == 204 and not body, "OPTIONS is a 204", str(status))
    status, headers, body = ask("/status", method="HEAD")
    tally.check(
        status == 200 and not body and int(headers.get("Content-Length") or 0) > 0,
        "HEAD has the head alone",
        str(status),
    )
    status, headers, body = ask("/")
    good = status == 200 and "text/html" in (headers.get("Content-Type") or "") and b"<" in body
    tally.check(good, "/ is the page", f"{status} {headers.get('Content-Type')}")
    status, _, _ = ask("/health?max_age_seconds=1000000000")
    tally.check(status == 200, "/health?max_age_seconds with a large age is 200", str(status))
