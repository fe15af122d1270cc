#!/usr/bin/env python3
"""Checks a running server against its site: every compatible endpoint, every field, every number to the last digit.

    check_server.py BASE_URL SITE_ROOT [--pse URL] [--tolerant-live] [--offset-s N] [--slack-s N] [--only WORD] [--quiet]

The site may be written meanwhile: the rows are read after the answers, and a value passes when it equals the
recomputation at some instant within the slack (a refresh interval and a little) before the answer. `--offset-s`
is how far the server's clock is ahead of this one. One line a check, then `N passed, N failed`; exit code 1
when one failed.
"""

import argparse
import http.client
import gzip
import json
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))
import check_live  # noqa: E402
import check_logs  # noqa: E402
import recompute  # noqa: E402
from fields import TABLES, problems, wrong_words  # noqa: E402
from localtime import ZONE, now_utc  # noqa: E402
from recompute_month import GRID, comparison_answer, month_answer, month_before  # noqa: E402
from recompute_prices import prices_answer  # noqa: E402
from site_read import Site, number, read_config  # noqa: E402


class Tally:
    """Counts and prints the checks."""

    def __init__(self, quiet=False):
        self.passed, self.failed, self.quiet, self.failures = 0, 0, quiet, []

    def check(self, good, name, detail=""):
        """One check; its detail is shown when it fails. Returns whether it passed."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
            self.failures.append(name)
        if not (good and self.quiet):
            print(f"{'ok  ' if good else 'FAIL'} {name}" + (f": {detail}" if detail and not good else ""), flush=True)
        return bool(good)

    def summary(self):
        return f"{self.passed} passed, {self.failed} failed"


class Server:
    """One GET at a time over a connection of its own."""

    def __init__(self, base):
        self.address = urlsplit(base).netloc

    def request(self, path, method="GET", headers=None, timeout=10):
        """(status, headers, body) of one request."""
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, path, wait_s=60):
        """(status, parsed body); a 503 with `Retry-After` is tried again until the time is up."""
        deadline = time.monotonic() + wait_s
        while True:
            status, headers, body = self.request(path)
            if status != 503 or time.monotonic() > deadline:
                break
            time.sleep(min(1.0, float(headers.get("Retry-After") or 1)))
        try:
            return status, json.loads(body, parse_float=Decimal)
        except ValueError:
            return status, None


def differences(answer, expected, skip=()):
    """Where an answer is not what was recomputed: fields that `expected` has, deep, numbers exact."""
    found = []
    for key, value in expected.items():
        if key in skip:
            continue
        given = answer.get(key) if isinstance(answer, dict) else None
        if isinstance(value, dict):
            if key == "source_breakdown":
                given = {name: count for name, count in (given or {}).items() if count}
                if given != value:
                    found.append(f"{key} {given} is not {value}")
            else:
                found.extend(f"{key}.{text}" for text in differences(given or {}, value))
        elif isinstance(value, (Decimal, int)) and not isinstance(value, bool):
            if number(given) != Decimal(value):
                found.append(f"{key} {given} is not {value}")
        elif given != value:
            found.append(f"{key} {given!r:.60} is not {value!r:.60}")
    return found


class Checker:
    """Fetches everything first, then reads the rows, then compares."""

    def __init__(self, base, root, pse=None, slack_s=None, offset_s=0.0, tolerant=False, only="", quiet=False):
        self.server, self.root, self.pse, self.only = Server(base), Path(root), pse, only
        self.tally, self.offset, self.tolerant = Tally(quiet), timedelta(seconds=offset_s), tolerant
        web = read_config(root)["web_server"]
        self.slack = timedelta(seconds=slack_s or web.get("metrics_refresh_interval_seconds", 60) + 20)
        self.live_slack_s = web.get("background_refresh_interval_seconds", 30) + 15
        self.answers, self.fetched = {}, {}

    def now(self):
        return now_utc() + self.offset

    def fetch(self, path):
        """One endpoint: its status and its fields; the parsed answer is kept."""
        status, answer = self.server.json(path)
        self.fetched[path] = self.now()
        self.answers[path] = answer
        base = path.partition("?")[0]
        if self.tally.check(status == 200, f"{path} answers 200", f"status {status} {str(answer)[:200]}"):
            found = problems(answer, TABLES[base]) + wrong_words(base, answer)
            self.tally.check(not found, f"{path} has every field with its type", "; ".join(found[:6]))
            self.tally.check("error" not in answer, f"{path} has no top-level error")
            return answer
        self.answers[path] = None
        return None

    def match(self, name, answer, candidates, skip=()):
        """Passes when the answer equals one of the candidates (built one after the other)."""
        best = None
        for expected in candidates:
            found = differences(answer, expected, skip)
            if not found:
                return self.tally.check(True, name)
            best = found if best is None or len(found) < len(best) else best
        return self.tally.check(False, name, f"closest of the recomputations: {'; '.join(best[:5])}")

    def run(self):
        """All checks; returns the tally."""
        today = self.now().astimezone(ZONE).date()
        previous = month_before(today)
        months = [
            (today.year, today.month),
            previous,
            month_before(today.replace(year=previous[0], month=previous[1], day=1)),
        ]
        months.append(month_before(today.replace(year=months[2][0], month=months[2][1], day=1)))
        months.append(month_before(today.replace(year=months[3][0], month=months[3][1], day=1)))
        paths = [
            "/health",
            "/status",
            "/current-state",
            "/metrics",
            "/historical-data",
            "/logs/files",
            "/decisions",
            "/monthly-summary",
            "/monthly-comparison",
        ]
        paths += [f"/decisions?time_range={name}" for name in recompute.RANGES]
        paths += [f"/monthly-summary?year={year}&month={month}" for year, month in months]
        paths += [f"/monthly-comparison?year={year}&month={month}" for year, month in months]
        paths += ["/prices"] if self.pse else []
        for path in paths:
            if self.only in path:
                self.fetch(path)
        site = Site(self.root)
        for path, answer in self.answers.items():
            if answer is None:
                continue
            query = dict(part.split("=") for part in path.partition("?")[2].split("&") if part)
            at, base = self.fetched[path], path.partition("?")[0]
            if base == "/decisions":
                self.check_decisions(site, path, query.get("time_range", "24h"), answer, at)
            elif base == "/metrics":
                self.check_metrics(site, answer, at)
            elif base == "/historical-data":
                self.check_history(site, answer, at)
            elif base.startswith("/monthly"):
                year = int(query.get("year", today.year if base == "/monthly-summary" else previous[0]))
                month = int(query.get("month", today.month if base == "/monthly-summary" else previous[1]))
                check = self.check_month if base == "/monthly-summary" else self.check_comparison
                check(site, path, year, month, answer, at)
            elif base == "/prices":
                self.check_prices(site, answer, at)
        check_live.check(self, site)
        if not self.only or "log" in self.only:
            check_logs.check(self)
        if not self.only:
            check_live.check_errors(self)
        return self.tally

    def decision_moments(self, site, at, *spans):
        return recompute.moments(site.decisions, at, self.slack, *spans)

    def check_decisions(self, site, path, name, answer, at):
        """Counts and rows of one range; ids and `created_at` only where rows have them."""
        candidates = [
            recompute.decisions_answer(site, name, moment)
            for moment in self.decision_moments(site, at, recompute.RANGES[name])
        ]
        self.match(f"{path} counts", answer, candidates, skip=("decisions",))
        skip = (
            ()
            if site.database
            else (
                "id",
                "created_at",
                "decision_type",
                "source_module",
                "should_charge",
                "consumption",
                "decision_score",
                "current_price_pln",
            )
        )
        fewest = None
        for expected in candidates:
            rows = expected["decisions"]
            given = answer["decisions"]
            found = [] if len(rows) == len(given) else [f"{len(given)} rows, not {len(rows)}"]
            for index, (mine, theirs) in enumerate(zip(rows, given)):
                found.extend(f"row {index} ({mine['timestamp']}) {text}" for text in differences(theirs, mine, skip))
            fewest = found if fewest is None or len(found) < len(fewest) else fewest
        self.tally.check(not fewest, f"{path} rows, newest first", "; ".join((fewest or [])[:4]))

    def check_metrics(self, site, answer, at):
        candidates = [
            recompute.metrics_answer(site, moment)
            for moment in self.decision_moments(site, at, recompute.RANGES["24h"])
        ]
        self.match("/metrics numbers", answer, candidates, skip=("efficiency_score",))
        score = answer["efficiency_score"]
        allowed = [entry["efficiency_score"] for entry in candidates]
        good = score in allowed or any(
            value is not None and score is not None and abs(value - score) <= Decimal("0.05001") for value in allowed
        )
        self.tally.check(
            good, "/metrics efficiency_score", f"{score} is none of {[str(value)[:8] for value in allowed]}"
        )

    def check_history(self, site, answer, at):
        candidates = [
            recompute.history_answer(site, moment)
            for moment in recompute.moments(site.energy, at, self.slack, recompute.RANGES["24h"])
        ]
        series = ("soc_data", "pv_power_data")
        self.match("/historical-data figures", answer, candidates, skip=("timestamps", "points", *series))
        good = [
            entry
            for entry in candidates
            if all([number(value) for value in answer[name]] == entry[name] for name in series)
            and len(answer["timestamps"]) == len(entry["timestamps"])
            and all(mine in (None, theirs) for mine, theirs in zip(entry["timestamps"], answer["timestamps"]))
        ]
        lengths = (
            f"{len(answer['soc_data'])} points, expected {sorted({len(entry['soc_data']) for entry in candidates})}"
        )
        self.tally.check(good, "/historical-data series, with a null for each missing interval", lengths)
        self.tally.check(
            any(answer["data_points"] in entry["points"] for entry in candidates), "/historical-data data_points"
        )

    def check_month(self, site, path, year, month, answer, at):
        """Decisions and meter rows are read one after the other: their figures may stem from two instants."""
        grid = GRID
        moments = self.decision_moments(site, at)
        far = at + timedelta(days=1)
        self.match(
            f"{path} from the decisions",
            answer,
            (month_answer(site, year, month, moment, far) for moment in moments),
            skip=(*grid, "daily_summaries"),
        )
        energy_moments = recompute.moments(site.energy, at, self.slack)
        grids = [month_answer(site, year, month, at, moment) for moment in energy_moments]
        self.match(f"{path} grid import", answer, ({key: entry[key] for key in grid} for entry in grids))
        given = {day["date"]: day for day in answer["daily_summaries"] if day.get("total_decisions")}
        dates = [day["date"] for day in answer["daily_summaries"]]
        self.tally.check(dates in (sorted(dates), sorted(dates, reverse=True)), f"{path} days in order")
        self.tally.check(
            sorted(given) == [day["date"] for day in grids[0]["daily_summaries"]],
            f"{path} its days",
            f"{sorted(given)}",
        )
        newest = [month_answer(site, year, month, moment, at)["daily_summaries"] for moment in moments]
        for index, day in enumerate(grids[0]["daily_summaries"]):
            if day["date"] not in given:
                continue
            mine, theirs = [entry[index] for entry in newest if len(entry) > index], given[day["date"]]
            figures = [
                {key: value for key, value in entry.items() if key not in (*grid, "price_stats")} for entry in mine
            ]
            self.match(f"{path} {day['date']}", theirs, figures)
            self.match(
                f"{path} {day['date']} grid import",
                theirs,
                [
                    {key: entry["daily_summaries"][index][key] for key in grid}
                    for entry in grids
                    if len(entry["daily_summaries"]) > index
                ],
            )
            stats = [
                {key: entry["price_stats"][key] for key in ("min", "max", "avg")} if entry["price_stats"] else None
                for entry in mine
            ]
            shown = theirs.get("price_stats") or {}
            good = any(not differences(shown, stat) if stat else not any(shown.values()) for stat in stats)
            self.tally.check(good, f"{path} {day['date']} price_stats", f"{shown} is not {stats[0]}")

    def check_comparison(self, site, path, year, month, answer, at):
        today = at.astimezone(ZONE).date()
        self.match(
            f"{path} numbers",
            answer,
            (comparison_answer(site, today, year, month, moment) for moment in self.decision_moments(site, at)),
        )

    def check_prices(self, site, answer, at):
        """Against the rows that the price API has for today (and tomorrow, for the trend)."""
        candidates = []
        for moment in (at, at - timedelta(seconds=5), at - timedelta(seconds=20)):
            day = moment.astimezone(ZONE).date()
            condition = f"business_date ge '{day}' and business_date le '{day + timedelta(days=1)}'"
            url = f"{self.pse}/api/csdac-pln?$filter={quote(condition)}&$first=20000"
            with urllib.request.urlopen(url, timeout=20) as response:
                body = response.read()
                if response.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                rows = json.loads(body, parse_float=Decimal)["value"]
            candidates.append(prices_answer(site.config, rows, moment))
        keys = ("current_price_pln_kwh", "cheapest_price_pln_kwh", "average_price_pln_kwh")
        self.match("/prices figures", answer, [{key: entry[key] for key in keys} for entry in candidates])
        expected = candidates[0]["prices"]
        found = [text for mine, theirs in zip(expected, answer["prices"]) for text in differences(theirs, mine)]
        self.tally.check(
            not found and len(expected) == len(answer["prices"]),
            "/prices hours",
            f"{len(answer['prices'])} of {len(expected)}; {'; '.join(found[:4])}",
        )
        self.tally.check(
            answer["cheapest_hour"] in candidates[0]["cheapest_hours"], "/prices cheapest_hour", answer["cheapest_hour"]
        )
        self.tally.check(
            any(answer["price_trend"] in entry["trends"] for entry in candidates),
            "/prices price_trend",
            f"{answer['price_trend']} is none of {candidates[0]['trends']}",
        )
        slot = number(answer["current_slot_pln_kwh"])
        good = any(
            slot is not None
            and entry["current_slot_pln_kwh"] is not None
            and slot in (entry["current_slot_pln_kwh"], recompute.rounded(entry["current_slot_pln_kwh"], 4))
            and datetime.fromisoformat(answer["slot_start"]) == entry["slot_start"]
            for entry in candidates
        )
        self.tally.check(
            good,
            "/prices current slot",
            f"{slot} from {answer['slot_start']}, not {candidates[0]['current_slot_pln_kwh']}",
        )


def main():
    parser = argparse.ArgumentParser(description="check a server against its site")
    parser.add_argument("base")
    parser.add_argument("root")
    parser.add_argument("--pse", help="the price API that the server asks; without it /prices is not checked")
    parser.add_argument("--tolerant-live", action="store_true", help="do not ask for a fresh reading")
    parser.add_argument("--offset-s", type=float, default=0)
    parser.add_argument("--slack-s", type=float)
    parser.add_argument("--only", default="", help="only the paths that contain this")
    parser.add_argument("--quiet", action="store_true", help="print failures alone")
    given = parser.parse_args()
    tally = Checker(
        given.base.rstrip("/"),
        given.root,
        given.pse and given.pse.rstrip("/"),
        given.slack_s,
        given.offset_s,
        given.tolerant_live,
        given.only,
        given.quiet,
    ).run()
    print(tally.summary())
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
