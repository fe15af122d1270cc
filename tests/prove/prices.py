"""What the proofs of prices share: a site, a stand-in and a server whose clocks all show the same played time, and the
answers compared with their recomputation.

The server's clock is faked with libfaketime; its monotonic clock is not.
"""

import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "site"))
from lib import wait_for  # noqa: E402

import check_v1  # noqa: E402
import tariffs  # noqa: E402
from check_server import differences as plain_differences  # noqa: E402
from faults_outside import fake_clock  # noqa: E402
from localtime import ZONE, now_utc, parse_end  # noqa: E402
from pse_rows import rows_of  # noqa: E402
from recompute_prices import prices_answer  # noqa: E402
from recompute_tariff import wants_advice  # noqa: E402
from recompute_v1 import Book, day_answer  # noqa: E402
from site_files import FAST  # noqa: E402
from site_read import number, read_config  # noqa: E402

ENTITIES = ("csdac-pln", "rce-pln", "pdgsz")
DAY = timedelta(days=1)


def need_faketime():
    """Ends the proof with code 1 where the clock cannot be faked: it would prove nothing."""
    if fake_clock() is None:
        print("this proof needs libfaketime (apt install faketime)")
        sys.exit(1)


class Played:
    """A clock file that the server reads: `.set(instant)` moves the server's wall clock."""

    def __init__(self, path, when):
        self.path = Path(path)
        self.set(when)

    def set(self, when):
        """From now on it is that instant, and time goes on from there."""
        self.offset = parse_end(when) - now_utc() if isinstance(when, str) else when - now_utc()
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{self.offset.total_seconds():+.6f}\n")
        os.replace(fresh, self.path)

    @property
    def environment(self):
        return fake_clock(FAKETIME_TIMESTAMP_FILE=str(self.path))


class PriceBench:
    """One site at a played time, with its stand-in and (after `serve`) its server."""

    def __init__(
        self,
        shop,
        name,
        when,
        tariff="sample_g12w",
        seed=0,
        prosumer=None,
        kompas=False,
        api=(),
        extra=None,
        movable=False,
        layout="empty",
        days=0,
    ):
        self.shop, self.name, self.seed, self.server = shop, name, seed, None
        end = parse_end(when) if isinstance(when, str) else when
        self.offset = end - now_utc()
        self.api = shop.price_api("--now", end.isoformat(), "--seed", str(seed), *api)
        self.root = shop.site(
            name,
            days=days,
            end=end,
            layout=layout,
            pse_url=self.api.url,
            intervals=FAST,
            extra=extra,
            electricity=tariffs.TARIFFS[tariff] if isinstance(tariff, str) else tariff,
            prosumer=prosumer,
            kompas=kompas,
        )
        self.config = read_config(self.root)
        self.config_file = self.root / "config" / "master_coordinator_config.yaml"
        self.clock = Played(shop.folder / f"{name}.clock", end) if movable else None

    @property
    def environment(self):
        """The server's clock: this machine's with the offset."""
        if self.clock:
            return self.clock.environment
        return fake_clock(FAKETIME=f"{self.offset.total_seconds():+.6f}")

    def now(self):
        """The played instant."""
        return now_utc() + (self.clock.offset if self.clock else self.offset)

    def move(self, instant):
        """Steps the clocks of the server and of the stand-in to that instant."""
        self.clock.set(instant)
        self.api.ask(f"/_now?at={quote(instant.isoformat())}")

    def today(self):
        return self.now().astimezone(ZONE).date()

    def serve(self, prices=True, seconds=40, **how):
        """Starts the server; waits until it has today's prices."""
        self.server = self.shop.serve(self.root, env=self.environment, **how)
        if prices:
            wait_for(lambda: self.has(self.today()), seconds, 0.05)
        return self.server

    def restart(self, **how):
        """Ends the server and starts it again on the same site."""
        self.server.end()
        return self.serve(**how)

    def command(self, *words, seconds=120):
        """Runs a subcommand with the site's config and clock; returns (code, output, errors)."""
        done = subprocess.run(
            [self.shop.binary, *words, "--config", str(self.config_file)],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd="/",
        )
        return done.returncode, done.stdout, done.stderr

    def ask(self, day=None, by=None, timeout=10):
        """(status, parsed answer) of `/api/v1/prices`."""
        query = [f"{key}={quote(str(value))}" for key, value in (("day", day), ("by", by)) if value is not None]
        return self.server.json("/api/v1/prices" + ("?" + "&".join(query) if query else ""), timeout)

    def has(self, day, entities=("csdac-pln", "rce-pln")):
        """Whether the server shows prices of that day, and selling prices when they were asked for."""
        status, answer = self.ask(day)
        if status != 200 or not answer or not answer.get("slots"):
            return False
        ready = answer.get("provenance") is not None
        if "rce-pln" in entities:
            ready = ready and answer.get("sell_provenance") is not None
        if wants_advice(self.config):
            ready = ready and answer.get("kompas_provenance") is not None
        return ready

    def book(self, *days, without=()):
        """The rows of these days as the stand-in serves them."""
        rows = {entity: {day: rows_of(entity, day, self.seed) for day in days} for entity in ENTITIES}
        return Book(self.config, exact({entity: {} if entity in without else rows[entity] for entity in rows}))

    def compare(self, day, known, by="slot", yesterday=False, asked=None, book=None):
        """The differences between the answer for a day and its recomputation, with these days known."""
        book = book or self.book(*known, day - DAY)
        before = self.now()
        status, answer = self.ask(asked or day, by)
        after = self.now()
        if status != 200:
            return [f"status {status} {str(answer)[:200]}"]
        found = None
        for instant in (before, after):
            expected = day_answer(book, day, instant, by)
            if expected is None:
                return [] if not answer.get("slots") and answer.get("reason") else ["slots, or no reason"]
            words = check_v1.differences(answer, expected, yesterday)
            found = words if found is None or len(words) < len(found) else found
        return found

    def compare_compatible(self, known, advice=None):
        """The differences between `/prices` and its recomputation."""
        rows = [row for day in known for row in exact(rows_of("csdac-pln", day, self.seed))]
        advice = self.book(*known).advice if advice is None else advice
        before = self.now()
        status, answer = self.server.json("/prices")
        after = self.now()
        if status != 200:
            return [f"status {status} {str(answer)[:200]}"]
        best = None
        for instant in (before, after):
            expected = prices_answer(self.config, rows, instant, advice)
            keys = ("current_price_pln_kwh", "cheapest_price_pln_kwh", "average_price_pln_kwh")
            found = plain_differences(answer, {key: expected[key] for key in keys})
            if len(answer["prices"]) != len(expected["prices"]):
                found.append(f"{len(answer['prices'])} hours, not {len(expected['prices'])}")
            for mine, theirs in zip(expected["prices"], answer["prices"]):
                found += [f"{mine['hour_str']} {text}" for text in plain_differences(theirs, mine)]
            if answer["cheapest_hour"] not in expected["cheapest_hours"]:
                found.append(f"cheapest_hour {answer['cheapest_hour']} is none of {expected['cheapest_hours']}")
            if answer["price_trend"] not in expected["trends"]:
                found.append(f"price_trend {answer['price_trend']} is none of {expected['trends']}")
            slot = expected["current_slot_pln_kwh"]
            if number(answer["current_slot_pln_kwh"]) != slot:
                found.append(f"current_slot_pln_kwh {answer['current_slot_pln_kwh']} is not {slot}")
            if datetime.fromisoformat(answer["slot_start"]) != expected["slot_start"]:
                found.append(f"slot_start {answer['slot_start']} is not {expected['slot_start']}")
            best = found if best is None or len(found) < len(best) else best
        return best

    def end(self):
        """Ends the server and the stand-in; returns the server's exit code."""
        code = self.server.end()[0] if self.server else None
        self.api.end()
        return code


def exact(value):
    """The same rows with their numbers exact, as if they had been read from JSON with `Decimal`."""
    return json.loads(json.dumps(value), parse_float=Decimal) if isinstance(value, list) else {
        entity: {day: exact(rows) for day, rows in days.items()} for entity, days in value.items()
    }


def refresher(entries, entity=None, day=None):
    """The requests of a log that name one day (the refresher's), oldest first; pages after the first left out."""
    return [
        entry
        for entry in entries
        if "business_date eq" in entry["filter"]
        and entry["after"] is None
        and entity in (None, entry["entity"])
        and (day is None or f"'{day}'" in entry["filter"])
    ]


def backfilled(entries, entity=None):
    """The requests of a log that name a range (the backfill's), oldest first; pages after the first left out."""
    return [
        entry
        for entry in entries
        if "business_date ge" in entry["filter"] and entry["after"] is None and entity in (None, entry["entity"])
    ]


def report(tally, name, found):
    """One check: nothing was found."""
    return tally.check(not found, name, f"{len(found)} differences: {'; '.join(found[:4])}")


def sleep_until(deadline):
    """Sleeps until that monotonic time."""
    time.sleep(max(0.0, deadline - time.monotonic()))
