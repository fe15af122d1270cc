#!/usr/bin/env python3
"""Wattboard's own database: killed 100 times while it sums closed days no day is half there, none is lost, and in the end
it is what it would have been; a full disk, damage of many kinds, foreign files in its place: told, and nothing else is
affected; it goes on by itself. (The disk is a small tmpfs, which needs root.)
"""

import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from lib import FAST, PATHS, Poller, Tally, Workshop, arguments, finish, wait_for
from prices import backfilled

from localtime import ZONE, now_utc

TABLES = ("day_rollups", "hour_rollups", "price_slots")
KILL_DAYS, RUIN_DAYS, DISK_DAYS = 240, 90, 300
# Every day of the sites has ended long ago: nothing changes while the proof runs.
AGO = timedelta(days=2)
NO_PRICES = {**FAST, "price_refresh_interval_seconds": 999_999}
DISK_KIB, MORE_KIB = 384, 16_384
PAGE = 4096


def own(root):
    return root / "data" / "wattboard.db"


def config_of(root):
    return root / "config" / "master_coordinator_config.yaml"


def rows(path):
    """What a database holds: table -> {key: the rest of the row}."""
    found = {}
    with sqlite3.connect(path) as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        for table in TABLES:
            keys = 2 if table == "price_slots" else 1
            every = connection.execute(f"SELECT * FROM {table}").fetchall() if table in there else []
            found[table] = {row[:keys]: row[keys:] for row in every}
        found["sound"] = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    connection.close()
    return found


def as_left(path, folder):
    """The same of a copy, with the journal beside it, so that the server finds what the kill left. Also whether there was
    a journal: then the kill came within a transaction."""
    copy = folder / "as-left.db"
    beside = Path(f"{path}-journal")
    for old in folder.glob("as-left.db*"):
        old.unlink()
    for source, target in ((path, copy), (beside, Path(f"{copy}-journal"))):
        if source.exists():
            shutil.copy(source, target)
    journal = beside.exists() and beside.stat().st_size > 0
    return (rows(copy) if copy.exists() else {table: {} for table in TABLES} | {"sound": ["ok"]}), journal


def digest(root):
    """The coordinator's database and what lies beside it."""
    files = sorted((root / "data").glob("goodwe_energy.db*"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def backfill_of(server):
    return (server.json("/status")[1] or {}).get("backfill") or {}


def summed(server, seconds=300):
    """Waits until every day is summed; on a machine that is busy that takes long, since it is work for idle time."""

    def is_done():
        found = backfill_of(server)
        return found.get("total_days", 0) > 0 and found["done_days"] == found["total_days"]

    return wait_for(is_done, seconds, 0.1)


def health(server):
    """What `/status` says of the own database: (error, set aside)."""
    found = (server.json("/status")[1] or {}).get("own_database") or {}
    return found.get("error"), found.get("set_aside")


def past_paths(days, end):
    """Questions about all days of a site."""
    last = end.astimezone(ZONE).date()
    first = last - timedelta(days=days)
    some = [first + timedelta(days=days * part // 3) for part in range(3)]
    return (
        f"/api/v1/energy?from={first}&to={last}&by=day",
        f"/api/v1/energy?from={last - timedelta(days=20)}&to={last}&by=hour",
        f"/api/v1/history?from={first}&to={last}&points=300",
        "/monthly-summary",
        "/monthly-comparison",
        *(f"/api/v1/prices?day={day}" for day in some),
    )


def answers(server, paths):
    """The answers without what tells the moment."""

    def bare(value):
        if isinstance(value, dict):
            passing = ("timestamp", "as_of", "stale_after", "age_s", "stale", "created_at", "fetched_at", "last_updated")
            return {key: bare(found) for key, found in value.items() if key not in passing}
        return [bare(found) for found in value] if isinstance(value, list) else value

    return {path: [bare(part) for part in server.json(path, timeout=20)] for path in paths}


def kills(tally, shop, times):
    """Kills at random moments of the backfill; the file is begun anew whenever all days were summed."""
    end = now_utc() - AGO
    root = shop.site("kills", days=KILL_DAYS, end=end, intervals=NO_PRICES)
    theirs = digest(root)
    twin = shop.folder / "never-killed"
    shutil.copytree(root, twin)
    server = shop.serve(twin)
    tally.check(bool(summed(server)), "kills: never killed, it sums all days", str(backfill_of(server)))
    server.loaded()
    total = backfill_of(server).get("total_days", 0)
    right, paths = rows(own(twin)), past_paths(KILL_DAYS, end)
    expected = answers(server, paths)
    server.end()
    tally.check(len(right["day_rollups"]) == total >= KILL_DAYS, "kills: there is a row for each day", str(total))

    rng, known, began = random.Random(55), 0, time.monotonic()
    hits = torn = early = anew = number = 0
    wrong = []
    while hits < times and number < 4 * times:
        number += 1
        if known == total:
            own(root).unlink()
            known, anew = 0, anew + 1
        server = shop.serve(root, wait=False)
        mood, until = number % 4, time.monotonic() + rng.uniform(0.1, 1.0)
        if mood == 0:  # in the first milliseconds
            time.sleep(rng.uniform(0, 0.06))
        elif mood == 1:  # in the middle of a transaction
            time.sleep(rng.uniform(0.1, 0.5))
            journal = Path(f"{own(root)}-journal")
            while time.monotonic() < until + 1 and not journal.exists():
                pass
        else:
            time.sleep(until - time.monotonic())
        server.end(signal.SIGKILL)
        left, journal = as_left(own(root), shop.folder)
        days, hours = left["day_rollups"], left["hour_rollups"]
        if left["sound"] != ["ok"]:
            wrong.append(f"kill {number}: {left['sound'][:2]}")
        if days.keys() != hours.keys():
            wrong.append(f"kill {number}: half there: {sorted(days.keys() ^ hours.keys())[:3]}")
        for table, found in (("day_rollups", days), ("hour_rollups", hours)):
            odd = [key for key, row in found.items() if right[table].get(key) != row]
            if odd:
                wrong.append(f"kill {number}: {table} of {odd[:3]} is not as it should be")
        if len(days) < known:
            wrong.append(f"kill {number}: {known} days became {len(days)}")
        hit = len(days) < total and (journal or len(days) > known)
        hits, torn, early = hits + hit, torn + journal, early + (mood == 0)
        known = len(days)
    print(
        f"kills: {number} in {time.monotonic() - began:.0f} s, {hits} of them while days were summed, {torn} within a "
        f"transaction, {early} in the first 60 ms; begun anew {anew} times; {total} days",
        flush=True,
    )
    tally.check(not wrong, "kills: the database is sound, every day whole, none is lost", "; ".join(wrong[:5]))
    tally.check(hits >= times, f"kills: {times} hit a running backfill", str(hits))
    tally.check(torn >= times // 10, "kills: many came within a transaction", str(torn))
    server = shop.serve(root)
    tally.check(bool(summed(server)), "kills: it goes on to the end", str(backfill_of(server)))
    server.loaded()
    found = answers(server, paths)
    tally.check(found == expected, "kills: the answers are those of a server that was never killed", odd_one(found, expected))
    tally.check(health(server) == (None, None), "kills: nothing had to be set aside", str(health(server)))
    server.end()
    tally.check(rows(own(root)) == right, "kills: and so is the database, byte for byte")
    names = sorted(file.name for file in own(root).parent.glob("wattboard.db*"))
    tally.check(names == ["wattboard.db"], "kills: nothing is left behind", str(names))
    tally.check(digest(root) == theirs, "kills: the coordinator's database is untouched")


def odd_one(found, expected):
    """The first answer that differs, in words."""
    path = next((path for path in expected if found[path] != expected[path]), None)
    return f"{path}: {str(found[path])[:300]} and not {str(expected[path])[:300]}" if path else ""


def cpu_s(server):
    fields = Path(f"/proc/{server.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def all_answer(tally, label, server, paths):
    bad = {path: server.get(path, timeout=20)[0] for path in (*PATHS, *paths)}
    bad = {path: status for path, status in bad.items() if status != 200}
    tally.check(not bad, f"{label}: everything is answered", str(bad))


def small_disk(tally, shop):
    """The file lies on a disk of its own, which is full in the middle of the backfill."""
    label, folder = "small disk", shop.folder / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "wattboard-prove", folder]
    done = subprocess.run(mount, capture_output=True, text=True)
    # What cannot be tried did not hold.
    if not tally.check(done.returncode == 0, f"{label}: mounted (needs root)", done.stderr):
        return
    server = None
    try:
        end, api = now_utc() - AGO, shop.price_api()
        root = shop.site("small-disk", days=DISK_DAYS, end=end, pse_url=api.url, intervals=FAST)
        config, path = config_of(root), folder / "wattboard.db"
        config.write_text(config.read_text().replace("data_storage:\n", f"data_storage:\n  wattboard_database: {path}\n"))
        theirs, paths = digest(root), past_paths(DISK_DAYS, end)
        server = shop.serve(root)
        error = wait_for(lambda: health(server)[0], 40, 0.05)
        tally.check(
            error == f"{path}: the disk is full", f"{label}: /status names the file and what is wrong", str(error)
        )
        found = backfill_of(server)
        print(f"{label}: full after {found} days", flush=True)
        in_between = 0 < found.get("done_days", 0) < found.get("total_days", 0)
        tally.check(in_between, f"{label}: it was full in the middle of the backfill", str(found))
        server.loaded()
        all_answer(tally, label, server, paths)
        sound = as_left(path, shop.folder)[0]
        tally.check(
            sound["sound"] == ["ok"] and len(sound["day_rollups"]) == found["done_days"],
            f"{label}: what was written before is there",
            f"{sound['sound'][:2]} {len(sound['day_rollups'])} {found}",
        )
        # Killed and started again, still without room.
        server.end(signal.SIGKILL)
        server = shop.serve(root)
        tally.check(wait_for(lambda: health(server)[0], 40, 0.05), f"{label}: a start on a full disk says so, too")
        full_since = time.monotonic()
        server.loaded()
        with Poller(server, pause=0.05) as poller:
            time.sleep(5)
        tally.check(not poller.bad, f"{label}: every answer goes on", str(poller.bad[:3]))
        before = cpu_s(server)
        time.sleep(15)
        spent = (cpu_s(server) - before) / 15
        print(f"{label}: {spent:.1%} of a core while it is full; {poller.words()}", flush=True)
        tally.check(spent < 0.05, f"{label}: nothing spins", f"{spent:.1%}")
        lines = [line for line in server.log_text().splitlines() if "the disk is full" in line]
        tally.check(1 <= len(lines) <= 3, f"{label}: the log says it, and does not repeat it", f"{len(lines)} {lines[:2]}")
        tally.check(any("WARN" in line for line in lines), f"{label}: as a warning", str(lines[:1]))
        subprocess.run(["mount", "-o", f"remount,size={MORE_KIB}k", folder], check=True)
        tally.check(bool(summed(server)), f"{label}: with room it goes on by itself", str(backfill_of(server)))
        print(f"{label}: all is summed {time.monotonic() - full_since:.0f} s after it was full", flush=True)
        over = wait_for(lambda: health(server) == (None, None), 5)
        tally.check(over, f"{label}: and the warning is gone", str(health(server)))
        told = [line for line in server.log_text().splitlines() if "can be written again" in line]
        tally.check(len(told) == 1, f"{label}: which the log says, too", str(told))
        all_answer(tally, f"{label}, with room again", server, paths)
        tally.check("panicked" not in server.log_text(), f"{label}: no panic")
        server.end()
        found = rows(path)
        whole = found["sound"] == ["ok"] and found["day_rollups"].keys() == found["hour_rollups"].keys()
        tally.check(whole, f"{label}: the database is whole", str(found["sound"][:2]))
        tally.check(digest(root) == theirs, f"{label}: the coordinator's database is untouched")
    finally:
        if server:
            server.end()
        if subprocess.run(["umount", folder]).returncode:
            subprocess.run(["umount", "-l", folder])


def garbage(path):
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def truncated(path):
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE + 100)


def overwritten(path, page=None):
    """A page in the middle, which holds hours of days."""
    if page is None:
        with sqlite3.connect(path) as connection:
            page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'hour_rollups'").fetchone()[0]
        connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE + (100 if page == 1 else 0))
        file.write(random.Random(2).randbytes(PAGE - 100))


def header(path):
    overwritten(path, 1)


def empty(path):
    os.truncate(path, 0)


def newer(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def a_folder(path):
    path.unlink()
    path.mkdir()


# What is done to the file, whether while the server runs, and what comes of it: it is set aside, begun, or left alone.
RUINS = (
    (garbage, False, "aside"),
    (truncated, False, "aside"),
    (overwritten, False, "aside"),
    (header, False, "aside"),
    (empty, False, "begun"),
    (newer, False, "alone"),
    (a_folder, False, "alone"),
    (garbage, True, "aside"),
    (truncated, True, "aside"),
    (empty, True, "begun"),
)


class Ruins:
    """A site whose days are summed and whose prices are known, to be copied and ruined."""

    def __init__(self, tally, shop):
        self.tally, self.shop, self.end = tally, shop, now_utc() - AGO
        self.paths = past_paths(RUIN_DAYS, self.end)
        self.root = shop.site("ruins", days=RUIN_DAYS, end=self.end, pse_url=shop.price_api().url, intervals=FAST)
        self.fetch(self.root)
        server = shop.serve(self.root)
        tally.check(bool(summed(server)), "ruins: the site is summed", str(backfill_of(server)))
        server.loaded()
        tally.check(server.loaded(20, ("/prices",)), "ruins: there are prices")
        self.expected = answers(server, self.paths)
        server.end()
        self.right = rows(own(self.root))
        counts = {table: len(self.right[table]) for table in TABLES}
        tally.check(counts["price_slots"] > RUIN_DAYS * 96, "ruins: past prices are known", str(counts))

    def fetch(self, root):
        """All past prices at once, as the server does at one request a minute."""
        command = [self.shop.binary, "prices", "backfill", "--pause", "1", "--config", config_of(root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
        self.tally.check(done.returncode == 0, f"{root.name}: past prices are fetched", done.stderr[-300:])

    def ruin(self, spoil, running, fate):
        """One of them, from the ruin to answers as before."""
        label = spoil.__name__.replace("_", " ") + (", while the server runs" if running else "")
        tally, shop = self.tally, self.shop
        root, api = shop.folder / f"ruin-{label.replace(', ', '-').replace(' ', '-')}", shop.price_api()
        shutil.copytree(self.root, root)
        config = config_of(root)
        old = next(line for line in config.read_text().splitlines() if "csdac-pln" in line).split('"')[1]
        config.write_text(config.read_text().replace(old.rsplit("/api", 1)[0], api.url))
        path, theirs = own(root), digest(root)
        if not running:
            spoil(path)
        ruined = path.read_bytes() if path.is_file() else None
        server = shop.serve(root)
        server.loaded()
        server.loaded(20, ("/prices",))
        with Poller(server, pause=0.1) as poller:
            if running:
                summed(server)
                with path.open("rb") as file:  # the server may move it at once
                    spoil(path)
                    ruined = file.read()
                server.get(self.paths[0])  # who asks meets it first
            self.told(label, server, path, fate, ruined)
            all_answer(tally, label, server, self.paths)
            if fate == "alone":
                self.left_alone(label, server, path, ruined)
            again = wait_for(lambda: backfilled(api.log()), 150, 1)
            tally.check(again, f"{label}: past prices are asked for again")
            tally.check(bool(summed(server)), f"{label}: all days are summed anew", str(backfill_of(server)))
        tally.check(not poller.bad, f"{label}: nothing else is affected", str(poller.bad[:3]))
        lines = [line for line in server.log_text().splitlines() if "wattboard.db" in line]
        tally.check(len(lines) <= 6, f"{label}: the log does not repeat it", f"{len(lines)} {lines[:8]}")
        tally.check("panicked" not in server.log_text(), f"{label}: no panic")
        server.end()
        self.fetch(root)
        server = shop.serve(root)
        tally.check(bool(summed(server)), f"{label}: a later start has all", str(backfill_of(server)))
        server.loaded()
        found = answers(server, self.paths)
        tally.check(found == self.expected, f"{label}: every answer is as before", odd_one(found, self.expected))
        tally.check(health(server) == (None, None), f"{label}: and nothing is told any more", str(health(server)))
        server.end()
        found = rows(path)
        odd = [table for table in (*TABLES, "sound") if found[table] != self.right[table]]
        tally.check(not odd, f"{label}: the database is as before, byte for byte", str(odd))
        tally.check(digest(root) == theirs, f"{label}: the coordinator's database is untouched")

    def told(self, label, server, path, fate, ruined):
        """The warning in `/status` and in the log, and where the old file is."""
        tally, which = self.tally, {"aside": 1, "alone": 0}.get(fate)
        said = wait_for(lambda: health(server)[which], 30, 0.05) if which is not None else None
        print(f"{label}: {said}", flush=True)
        others = [file for file in path.parent.glob("wattboard.db*") if file != path and "-journal" not in file.name]
        if fate == "begun":
            found = health(server)
            tally.check(bool(summed(server)) and found == (None, None), f"{label}: it is begun", str(found))
            return tally.check(not others, f"{label}: nothing is set aside", str(others))
        if not tally.check(said and str(path) in said, f"{label}: /status names the file", str(said)):
            return None
        warned = [line for line in server.log_text().splitlines() if "WARN" in line and said in line]
        tally.check(len(warned) == 1, f"{label}: the log warns of it", server.log_text()[-600:])
        if fate == "alone":
            return tally.check(not others, f"{label}: nothing is set aside", str(others))
        kept = [file for file in others if file.read_bytes() == ruined]
        named = kept and f"it is now {kept[0]} and a new one is begun" in said
        return tally.check(len(others) == 1 and named, f"{label}: it is kept under the name that is told", f"{others} {said}")

    def left_alone(self, label, server, path, ruined):
        """Another's file: not touched, and begun anew once it is gone."""
        tally = self.tally
        time.sleep(5)
        same = path.is_dir() if ruined is None else path.read_bytes() == ruined
        tally.check(same, f"{label}: it is not touched")
        path.rmdir() if path.is_dir() else path.unlink()
        gone = time.monotonic()
        tally.check(bool(summed(server)), f"{label}: once it is gone a new one is begun", str(backfill_of(server)))
        print(f"{label}: begun and summed {time.monotonic() - gone:.0f} s after it was gone", flush=True)
        tally.check(wait_for(lambda: health(server) == (None, None), 5), f"{label}: and the warning is gone")


def attempt(tally, name, proof, *given):
    """One part; whatever goes wrong in it is a failed check."""
    try:
        return proof(*given)
    except Exception:  # noqa: BLE001 (one that breaks must not hide the others)
        tally.check(False, f"{name} ran to its end", traceback.format_exc()[-800:])


def main():
    given = arguments(__doc__.strip(), times=(100, "kills"), only=("", "one of: kills, disk, ruins"))
    tally, began = Tally(quiet=True), time.monotonic()
    with Workshop(given.bin, given.keep) as shop, ThreadPoolExecutor(len(RUINS) + 1) as pool:
        jobs = []
        if given.only in ("", "ruins"):
            ruins = attempt(tally, "ruins", Ruins, tally, shop)
            jobs += [pool.submit(attempt, tally, case[0].__name__, ruins.ruin, *case) for case in RUINS] if ruins else []
        if given.only in ("", "disk"):
            jobs.append(pool.submit(attempt, tally, "small disk", small_disk, tally, shop))
        if given.only in ("", "kills"):
            attempt(tally, "kills", kills, tally, shop, given.times)
        for job in jobs:
            job.result()
    print(f"{time.monotonic() - began:.0f} s")
    finish(tally)


if __name__ == "__main__":
    main()
