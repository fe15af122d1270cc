#!/usr/bin/env python3
"""Makes a site folder as the coordinator leaves it: config, database, logs, saved summaries, JSON files.

    make_site.py --root DIR --days 60 [--end ISO|now] [--seed S] [--layout sqlite|files|both|empty] [--schema 1..4]
                 [--journal wal|delete] [--many-files 20000] [--state-files lines|single|both]
                 [--database-enabled true|false|unset] [--pse-url URL] [--tariff g12w|g11] [--fast] [--set KEY=VALUE]

The end may carry an offset (`2026-10-25T02:30:00+01:00` names the second pass of the autumn hour). The same
arguments give the same site.
"""

import argparse
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import site_db  # noqa: E402
import site_files  # noqa: E402
import site_rows  # noqa: E402
from localtime import UTC, ZONE, naive_iso, parse_end  # noqa: E402


def make_site(
    root,
    days=60,
    end="now",
    seed=1,
    layout="sqlite",
    schema=4,
    journal="wal",
    many_files=0,
    state_files="both",
    database_enabled=None,
    pse_url=None,
    tariff="g12w",
    intervals=None,
    extra=None,
    state_hours=6,
    electricity=None,
    prosumer=None,
    kompas=False,
):
    """Builds the site and returns what was put there, counts by name."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for name in ("data", "out", "logs", "config"):
        (root / name).mkdir(exist_ok=True)
    end = parse_end(end) if isinstance(end, (str, type(None))) else end
    site_files.write_config(
        root, pse_url, tariff, database_enabled, intervals, extra, electricity, prosumer, kompas
    )
    if layout == "empty":
        return {"layout": "empty"}
    first_day = (end.astimezone(ZONE) - timedelta(days=days)).date()
    begin = datetime(first_day.year, first_day.month, first_day.day, tzinfo=ZONE).astimezone(UTC)
    energy = site_rows.energy_rows(begin, end, seed)
    states = site_rows.states(end - timedelta(hours=state_hours), end, seed)
    if many_files:
        pairs = site_rows.decisions(begin, end, seed, step_s=max(1.0, (end - begin).total_seconds() / (many_files + 1)))
    else:
        pairs = site_rows.decisions(begin, end, seed)
    site_files.write_logs(root, end, seed)
    site_files.write_snapshots(root, first_day, seed)
    (root / "data" / "price_cache.json").write_text(
        json.dumps(
            {
                "price_data": {"current_price_pln_kwh": 9.99, "prices": []},
                "cache_timestamp": end.timestamp(),
                "business_date": str(end.astimezone(ZONE).date()),
                "created_at": naive_iso(end),
            }
        )
    )
    if layout in ("sqlite", "both"):
        connection = site_db.create(root / "data" / "goodwe_energy.db", schema, journal)
        site_db.insert_energy(connection, energy, schema)
        site_db.insert_states(connection, states)
        site_db.insert_decisions(connection, pairs)
        if schema >= 2:
            site_db.insert_session(connection, naive_iso(begin), naive_iso(begin + timedelta(hours=1)))
        connection.close()
    if layout in ("files", "both"):
        site_files.write_energy_files(root, energy)
        site_files.write_decision_files(root, pairs, seed, per_file_only=bool(many_files))
        site_files.write_state_files(root, states, state_files)
    return {
        "layout": layout,
        "energy": len(energy),
        "states": len(states),
        "decisions": len(pairs),
        "first_day": str(first_day),
    }


def main():
    parser = argparse.ArgumentParser(description="make a site folder as the coordinator leaves it")
    parser.add_argument("--root", required=True)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--end", default="now")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--layout", choices=("sqlite", "files", "both", "empty"), default="sqlite")
    parser.add_argument("--schema", type=int, choices=(1, 2, 3, 4), default=4)
    parser.add_argument("--journal", choices=("wal", "delete"), default="wal")
    parser.add_argument("--many-files", type=int, default=0)
    parser.add_argument("--state-files", choices=("lines", "single", "both"), default="both")
    parser.add_argument("--database-enabled", choices=("true", "false", "unset"), default="unset")
    parser.add_argument("--pse-url")
    parser.add_argument("--tariff", default="g12w")
    parser.add_argument("--fast", action="store_true", help="the shortest refresh intervals that are allowed")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a key of web_server")
    given = parser.parse_args()
    enabled = {"true": True, "false": False, "unset": None}[given.database_enabled]
    made = make_site(
        given.root,
        given.days,
        given.end,
        given.seed,
        given.layout,
        given.schema,
        given.journal,
        given.many_files,
        given.state_files,
        enabled,
        given.pse_url,
        given.tariff,
        site_files.FAST if given.fast else None,
        dict(pair.split("=", 1) for pair in given.set),
    )
    print(json.dumps(made))


if __name__ == "__main__":
    main()
