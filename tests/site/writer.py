#!/usr/bin/env python3
"""Plays the coordinator's writer in a process of its own: short transactions into the site's database.

    writer.py --root DIR [--interval-ms 100] [--energy-s 60] [--decision-s 20] [--journal wal|delete] [--timeout 5]
              [--seconds N] [--as master_coordinator.py]

Writes until SIGTERM, SIGINT or the end of `--seconds`, then prints one JSON line: rows written, "database is
locked" errors, other errors, and the longest write in milliseconds. `--as` only makes the process look like the
coordinator's.
"""

import argparse
import json
import random
import signal
import sqlite3
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import site_db  # noqa: E402
import site_rows  # noqa: E402
from localtime import now_utc  # noqa: E402


class Writer:
    """The connection, what it has written and what went wrong."""

    def __init__(self, given):
        self.given = given
        self.rng = random.Random(given.seed)
        self.summary = {"states": 0, "energy": 0, "decisions": 0, "locked": 0, "errors": [], "slowest_ms": 0.0}
        self.connection = sqlite3.connect(
            Path(given.root) / "data" / "goodwe_energy.db", timeout=given.timeout, isolation_level=None
        )
        self.connection.execute(f"PRAGMA journal_mode={given.journal}")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        columns = [row[1] for row in self.connection.execute("PRAGMA table_info(energy_data)")]
        self.schema = 4 if "tariff_zone" in columns else 3
        self.last_meter = 0.0
        if self.schema == 4:
            row = self.connection.execute(
                "SELECT grid_import_total_kwh FROM energy_data WHERE grid_import_total_kwh IS NOT NULL "
                "ORDER BY rowid DESC LIMIT 1"
            ).fetchone()
            self.last_meter = row[0] if row else 0.0

    def attempt(self, name, write):
        """One transaction; a failure is counted, never fatal."""
        started = time.monotonic()
        try:
            write()
            self.summary[name] += 1
        except sqlite3.Error as error:
            if "locked" in str(error):
                self.summary["locked"] += 1
            elif len(self.summary["errors"]) < 20:
                self.summary["errors"].append(f"{name}: {error}")
        self.summary["slowest_ms"] = max(self.summary["slowest_ms"], round((time.monotonic() - started) * 1000, 1))

    def state(self):
        row = site_rows.state_row(now_utc(), self.rng, decision_count=self.summary["decisions"])
        self.attempt("states", lambda: site_db.insert_states(self.connection, [row]))

    def decision(self):
        pair = site_rows.decision(now_utc(), self.rng)
        self.attempt("decisions", lambda: site_db.insert_decisions(self.connection, [pair]))

    def energy(self):
        now = now_utc()
        rows = site_rows.energy_rows(
            now - timedelta(seconds=600),
            now,
            self.rng.random(),
            step_s=300,
            phase_s=now.second,
            holes=False,
            reset=False,
        )
        row = rows[-1]
        row["timestamp"] = site_rows.naive_iso(now)
        row["created_at"] = site_rows.created_at(now)
        row["battery_soc"], row["pv_power"] = round(self.rng.uniform(20, 99), 1), self.rng.randrange(0, 5000)
        self.last_meter = round(self.last_meter + self.rng.uniform(0, 0.05), 2)
        row["grid_import_total_kwh"] = self.last_meter
        self.attempt("energy", lambda: site_db.insert_energy(self.connection, [row], self.schema))


def main():
    parser = argparse.ArgumentParser(description="play the coordinator's writer")
    parser.add_argument("--root", required=True)
    parser.add_argument("--interval-ms", type=float, default=100)
    parser.add_argument("--energy-s", type=float, default=60)
    parser.add_argument("--decision-s", type=float, default=20)
    parser.add_argument("--journal", choices=("wal", "delete"), default="wal")
    parser.add_argument("--timeout", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=0, help="0: until a signal")
    parser.add_argument("--seed", default="writer")
    parser.add_argument("--as", dest="play_as", default="")
    given = parser.parse_args()
    running = [True]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: running.clear())
    writer = Writer(given)
    print("writing", flush=True)
    started = time.monotonic()
    due = {"state": started, "energy": started + given.energy_s / 2, "decision": started + given.decision_s / 2}
    pauses = {"state": given.interval_ms / 1000, "energy": given.energy_s, "decision": given.decision_s}
    while running:
        now = time.monotonic()
        if given.seconds and now - started >= given.seconds:
            break
        for name, at in due.items():
            if now >= at:
                getattr(writer, name)()
                due[name] = max(at + pauses[name], now)
        time.sleep(max(0.001, min(min(due.values()) - time.monotonic(), 0.2)))
    writer.connection.close()
    print(json.dumps(writer.summary), flush=True)


if __name__ == "__main__":
    main()
