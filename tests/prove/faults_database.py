"""Faults of the database and of the readings in it: each is made while the server runs, seen, lifted, and its
recovery seen.

Every function takes a `Bench`; its checks carry the fault's name.
"""

import os
import random
import re
import sqlite3
import sys
import time
from datetime import timedelta
from pathlib import Path

from lib import FAST, PATHS, make_site, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "site"))
import site_db  # noqa: E402
import site_rows  # noqa: E402
from localtime import naive_iso, now_utc  # noqa: E402

SEEN_S, RECOVERED_S, LOCK_S = 45, 80, 30


class Bench:
    """One fault's own site, server and checks."""

    def __init__(self, shop, tally, api, name):
        self.shop, self.tally, self.api, self.name = shop, tally, api, name
        self.root = self.server = None

    def check(self, good, what, detail=""):
        return self.tally.check(good, f"{self.name}: {what}", detail)

    def site(self, **how):
        """A site with the shortest intervals."""
        self.root = self.shop.site(self.name, **{"days": 2, "pse_url": self.api.url, "intervals": FAST, **how})
        return self.root

    def serve(self, **how):
        """The server for it, with everything loaded."""
        self.server = self.shop.serve(self.root, **how)
        self.check(self.server.loaded(30), "loaded")
        return self.server

    @property
    def database(self):
        return self.root / "data" / "goodwe_energy.db"

    def connect(self, timeout=10):
        return sqlite3.connect(self.database, timeout=timeout, isolation_level=None)

    def put_state(self, at=None, data=None, metrics=None):
        """One more state row; returns its reading's timestamp."""
        at = at or now_utc()
        row = site_rows.state_row(at, random.Random(str(at)), data=data)
        if metrics is not None:
            row["metrics"] = metrics
        connection = self.connect()
        site_db.insert_states(connection, [row])
        connection.close()
        return naive_iso(at)

    def shown(self):
        """The timestamp of the reading that is served."""
        return (self.server.json("/current-state")[1] or {}).get("timestamp")

    def still_serves(self, when):
        """No 5xx and no wait from any endpoint; the state is there."""
        began = time.monotonic()
        statuses = {path: self.server.get(path)[0] for path in PATHS}
        bad = {path: status for path, status in statuses.items() if status not in (200, 404)}
        took = time.monotonic() - began
        self.check(not bad and took < 3, f"every endpoint answers {when}", f"{bad} in {took:.1f} s")
        state = self.server.json("/current-state")[1] or {}
        self.check(state.get("timestamp"), f"the last reading is served {when}")

    def recovers(self, data=None):
        """After the fault is lifted a new state row is seen, and no error is left."""
        began = time.monotonic()
        stamp = self.put_state(data=data)
        seen = wait_for(lambda: self.shown() == stamp, RECOVERED_S)
        self.check(
            seen,
            "recovered: the new reading is served",
            f"{self.shown()} is not {stamp}; {self.server.errors_of('inverter')}",
        )
        print(f"     {self.name}: recovered after {time.monotonic() - began:.1f} s")
        clean = wait_for(
            lambda: self.server.errors_of("inverter") is None and self.server.errors_of("metrics") is None, RECOVERED_S
        )
        self.check(
            clean,
            "recovered: no error left in /status",
            f"{self.server.errors_of('inverter')}; {self.server.errors_of('metrics')}",
        )
        self.check(self.server.storage().get("connected") is True, "recovered: connected")

    def error_seen(self, name="inverter", seconds=SEEN_S):
        """The error of that source appears in /status; it is printed."""
        found = wait_for(lambda: self.server.errors_of(name), seconds)
        self.check(found and found != "no /status", f"seen in /status as last_errors.{name}", str(found))
        print(f"     {self.name}: {name}: {found}")
        return str(found)


def locked_delete_mode(bench):
    """BEGIN EXCLUSIVE in DELETE mode for 30 s."""
    bench.site(journal="delete")
    bench.serve()
    locker = bench.connect(timeout=60)
    locker.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    bench.error_seen(seconds=LOCK_S)
    bench.still_serves("while locked")
    time.sleep(max(0, LOCK_S - (time.monotonic() - began)))
    locker.execute("ROLLBACK")
    locker.close()
    bench.recovers()


def locked_wal_mode(bench):
    """`locking_mode=EXCLUSIVE` in WAL mode for 30 s: tried under the running server, then before its start.

    Something has to be in the `-wal`: while it is empty all is in the main file, which is read whoever holds it.
    """
    bench.site()
    bench.serve()
    locker = bench.connect(timeout=2)
    locker.execute("PRAGMA locking_mode=EXCLUSIVE")
    try:
        locker.execute("CREATE TABLE by_the_proof(x)")
        locker.execute("BEGIN EXCLUSIVE")
        held = True
    except sqlite3.OperationalError as error:
        held = False
        print(f"     {bench.name}: under the running server the lock cannot be had: {error}")
    if held:
        bench.error_seen(seconds=LOCK_S)
        bench.still_serves("while locked")
    locker.close()
    bench.recovers()
    bench.server.end()
    locker = bench.connect(timeout=10)
    locker.execute("PRAGMA locking_mode=EXCLUSIVE")
    locker.execute("CREATE TABLE IF NOT EXISTS by_the_proof(x)")
    locker.execute("INSERT INTO by_the_proof VALUES (1)")
    locker.execute("BEGIN EXCLUSIVE")
    locker.execute("INSERT INTO schema_version VALUES (99, 'x', 'taken back below')")
    began = time.monotonic()
    bench.server = bench.shop.serve(bench.root)
    bench.error_seen(seconds=LOCK_S)
    statuses = {path: bench.server.get(path)[0] for path in ("/", "/status", "/health", "/logs/files")}
    bench.check(set(statuses.values()) == {200}, "what never waits answers at a locked start", str(statuses))
    time.sleep(max(0, LOCK_S - (time.monotonic() - began)))
    locker.execute("ROLLBACK")
    locker.close()
    bench.recovers()


def _replaced_by_a_new_one(bench):
    """A fresh database put in the place, as a restored coordinator would."""
    fresh = bench.shop.folder / f"{bench.name}-fresh"
    make_site(fresh, days=2)
    for suffix in ("-wal", "-shm"):
        Path(f"{bench.database}{suffix}").unlink(missing_ok=True)
    os.replace(fresh / "data" / "goodwe_energy.db", bench.database)


def deleted(bench):
    """The database file deleted, then recreated."""
    bench.site()
    bench.serve()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{bench.database}{suffix}").unlink(missing_ok=True)
    bench.error_seen()
    bench.check(
        bench.server.storage().get("connected") is False, "storage is not connected", str(bench.server.storage())
    )
    bench.still_serves("while deleted")
    bench.check(not bench.database.exists(), "the server has not created a database")
    _replaced_by_a_new_one(bench)
    bench.recovers()


def garbage(bench):
    """A garbage file in the database's place."""
    bench.site()
    bench.serve()
    junk = bench.root / "data" / "junk"
    junk.write_bytes(random.Random(5).randbytes(300_000))
    for suffix in ("-wal", "-shm"):
        Path(f"{bench.database}{suffix}").unlink(missing_ok=True)
    os.replace(junk, bench.database)
    bench.error_seen()
    bench.still_serves("with garbage")
    _replaced_by_a_new_one(bench)
    bench.recovers()


def table_missing(bench):
    """The decisions' table dropped and made again; then the states' table."""
    bench.site()
    bench.serve()
    connection = bench.connect()
    for table, source in (("coordinator_decisions", "metrics"), ("system_state", "inverter")):
        connection.execute(f"ALTER TABLE {table} RENAME TO away")
        text = bench.error_seen(source, 60)
        bench.check(table in text, f"the error names {table}", text)
        bench.still_serves(f"without {table}")
        connection.execute(f"ALTER TABLE away RENAME TO {table}")
        bench.recovers()
    connection.close()


def not_json(bench):
    """The newest rows' metrics column is not JSON."""
    bench.site()
    bench.serve()
    before = bench.shown()
    for text in ('{"current_data": {"battery"', "", "[1, 2]", "null", '{"current_data": 7}'):
        bench.put_state(metrics=text)
    bench.error_seen()
    bench.still_serves("with broken rows")
    bench.check(bench.shown() == before, "the last good reading is kept", f"{bench.shown()} is not {before}")
    bench.recovers()


def unknown_leaves(bench):
    """Every leaf of the newest reading is "Unknown": it is no reading; and a site that never had another."""
    bench.site()
    bench.serve()
    before = bench.shown()
    bench.put_state(data=site_rows.all_unknown(now_utc()))
    time.sleep(FAST["background_refresh_interval_seconds"] * 2 + 2)
    bench.check(bench.shown() == before, "the last reading is kept", f"{bench.shown()} is not {before}")
    bench.still_serves("with unknown leaves")
    bench.recovers()
    bench.server.end()
    connection = bench.connect()
    connection.execute("DELETE FROM system_state")
    connection.close()
    bench.put_state(data=site_rows.all_unknown(now_utc()))
    bench.serve()
    status, state = bench.server.json("/current-state")
    groups = ("battery", "photovoltaic", "house_consumption", "grid")
    values = {
        f"{group}.{key}": value
        for group in groups
        for key, value in ((state or {}).get(group) or {"missing": 1}).items()
        if value is not None
    }
    bench.check(status == 200 and not values, "a site that never had a reading shows nulls", f"{status} {values}")
    bench.check((state or {}).get("unknown"), "and says why", str(state)[:200])
    bench.recovers()


def _old(bench, age_s):
    """A site whose newest state is that old."""
    bench.site(end=now_utc() - timedelta(seconds=age_s))
    bench.serve()
    status, state = bench.server.json("/current-state")
    state = state or {}
    age = float(state.get("cache_age_seconds") or 0)
    bench.check(status == 200 and abs(age - age_s) < 12, f"served with its true age of {age_s} s", f"{status}, {age}")
    bench.check(
        re.fullmatch(r"Data is \d+s old \(from \d\d:\d\d:\d\d\)", str(state.get("data_warning"))),
        "data_warning",
        str(state.get("data_warning")),
    )
    bench.check(
        state.get("data_source") == "database_stale", "data_source is database_stale", str(state.get("data_source"))
    )
    bench.check((state.get("battery") or {}).get("power_w", 1) is not None or state.get("unknown"), "values are served")
    if age_s > 600:
        bench.check(state.get("stale") is True, "stale is true", str(state.get("stale")))
        error = bench.error_seen()
        bench.check(re.fullmatch(r"State data too old: \d+s", error), "the error tells the age", error)
    bench.recovers()
    state = bench.server.json("/current-state")[1] or {}
    bench.check(
        state.get("data_source") == "database_fresh" and not state.get("data_warning"),
        "recovered: fresh, no warning",
        f"{state.get('data_source')} {state.get('data_warning')}",
    )


def old_130_s(bench):
    """The newest state is 130 s old."""
    _old(bench, 130)


def old_400_s(bench):
    """The newest state is 400 s old."""
    _old(bench, 400)


def old_2_h(bench):
    """The newest state is 2 h old."""
    _old(bench, 7200)


ALL = (
    locked_delete_mode,
    locked_wal_mode,
    deleted,
    garbage,
    table_missing,
    not_json,
    unknown_leaves,
    old_130_s,
    old_400_s,
    old_2_h,
)
