#!/usr/bin/env python3
"""`wattboard migrate`: 30,000 files in under 60 s; broken off and begun again it leaves the rows of one go; broken
files are named; the files are never changed; beside the coordinator only by force; a full disk loses nothing."""

import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from lib import NOBODY, Child, Tally, Workshop, arguments, finish

TABLES = {
    "energy_data": "timestamp",
    "coordinator_decisions": "timestamp, action, parameters",
    "system_state": "timestamp, metrics",
    "battery_selling_sessions": "session_id",
}
END = "2026-11-20T12:00:00"
ASKED = ("/decisions?time_range=7d", "/monthly-summary", "/monthly-comparison", "/historical-data")
# What tells the source, the row and the moment.
PASSING = ("id", "created_at", "timestamp", "source", "data_source", "as_of", "stale_after", "age_s", "stale")


def config_of(root):
    return root / "config" / "master_coordinator_config.yaml"


def migrate(shop, root, *more, force=True, **how):
    """One run to its end: (exit code, standard output, standard error, seconds)."""
    began = time.monotonic()
    command = [shop.binary, "migrate", "--config", config_of(root), *(["--force"] if force else []), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **how)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - began


def rows(root):
    """Every row of the four tables but row numbers and the time of writing, sorted."""
    connection = sqlite3.connect(root / "data" / "goodwe_energy.db")
    found = {}
    for table, order in TABLES.items():
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        names = [name for name in names if name not in ("id", "created_at")]
        found[table] = connection.execute(f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}").fetchall()
    found["check"] = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return found


def hashes(root):
    """Names, contents and times of everything below `out`."""
    digest = hashlib.sha256()
    for path in sorted((root / "out").rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(root)} {path.stat().st_mtime_ns}".encode() + path.read_bytes())
    return digest.hexdigest()


def fresh(shop, source, name):
    """A copy of a site, times and all."""
    root = shop.folder / name
    shutil.copytree(source, root)
    return root


def check_speed(tally, shop, source, files):
    """All in one go, timed, with its memory; a second run adds nothing."""
    root = fresh(shop, source, "whole")
    before = hashes(root)
    command = [shop.binary, "migrate", "--force", "--config", config_of(root)]
    began, peak = time.monotonic(), 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
            peak = max(peak, int(found.group(1)) / 1024) if found else peak
            time.sleep(0.01)
        took = time.monotonic() - began
        out, errors, code = process.stdout.read(), process.stderr.read(), process.returncode
    count = int(re.search(r"(\d+) files read", out).group(1))
    print(f"{count} files in {took:.2f} s ({count / took:.0f} a second), at most {peak:.1f} MiB resident", flush=True)
    tally.check(code == 0 and count >= files, "the whole site is taken over", f"code {code}: {out} {errors[-500:]}")
    tally.check(took < 60, "30,000 files in under 60 s", f"{took:.1f} s")
    tally.check(0 < peak < 60, "memory is bounded", f"{peak:.0f} MiB")
    tally.check(hashes(root) == before, "the files are what they were")
    plain = re.findall(r"^\d+ of \d+ files, \d+ a second, .+ left$", errors, re.M)
    tally.check(len(plain) >= count // 1000 and "\r" not in errors, "plain lines tell how far it is", errors[:300])
    expected = rows(root)
    code, out, _, took = migrate(shop, root)
    print(f"once more: {took:.2f} s", flush=True)
    added = re.findall(r"(\d+) added", out)
    tally.check(code == 0 and set(added) == {"0"}, "a second run adds nothing", out)
    tally.check(rows(root) == expected, "a second run changes nothing")
    return expected


def check_interrupted(tally, shop, source, expected):
    """Killed, and stopped by signals, at random moments; then to the end."""
    root = fresh(shop, source, "broken-off")
    before, rng, killed, stopped = hashes(root), random.Random(7), 0, 0
    for turn in range(20):
        child = Child([shop.binary, "migrate", "--force", "--config", config_of(root)])
        time.sleep(rng.uniform(0.01, 0.25))
        if child.alive():
            number = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[turn % 3]
            code, took = child.end(number)
            killed += code == -signal.SIGKILL
            if number != signal.SIGKILL and code == 130:
                stopped += 1
                said = "the next run goes on from there" in "\n".join(child.out)
                what = "a signal ends it soon, saying that the next run goes on"
                tally.check(said and took < 2, what, f"{took:.1f} s")
    print(f"killed {killed} times, stopped {stopped} times", flush=True)
    tally.check(killed >= 3 and stopped >= 3, "it was broken off on its way", f"{killed} and {stopped}")
    code, out, _, _ = migrate(shop, root)
    tally.check(code == 0, "then it ends well", out)
    tally.check(rows(root) == expected, "broken off and begun again it leaves the rows of one go")
    tally.check(hashes(root) == before, "the files are what they were, still")


def check_broken(tally, shop, source, expected):
    """Files that are no JSON, cut off or no files."""
    root = fresh(shop, source, "ruined")
    folder = root / "out" / "energy_data"
    victims = sorted(folder.glob("charging_decision_*.json"))[10:12]
    victims[0].write_text(victims[0].read_text()[:40])
    victims[1].write_bytes(b"\x00\xff" * 100)
    (folder / "charging_decision_20260101_000000.json").mkdir()
    (folder / "energy_data_2026-01-01.json").write_text('[{"timestamp": "2026-01-01T00:00:00"}')
    before = hashes(root)
    code, out, _, _ = migrate(shop, root)
    refused = re.findall(r"^refused: (.*)$", out, re.M)
    tally.check(code == 1 and len(refused) == 4, "broken files are refused, exit code 1", f"code {code}: {refused}")
    others = ("energy_data_2026-01-01.json", "charging_decision_20260101_000000.json")
    for name in (victims[0].name, victims[1].name, *others):
        tally.check(any(name in line for line in refused), f"{name} is named with its reason", str(refused))
    found = rows(root)
    lost = len(expected["coordinator_decisions"]) - len(found["coordinator_decisions"])
    tally.check(lost == 2 and found["energy_data"] == expected["energy_data"], "all others are taken over", str(lost))
    tally.check(hashes(root) == before, "broken files are left as they are")


def check_refusals(tally, shop, source):
    """Beside a coordinator, on a dry run, without permission, on a full disk."""
    root = fresh(shop, source, "refused")
    code, out, _, _ = migrate(shop, root, "--dry-run", force=False)
    tally.check(code == 0 and "nothing is written" in out, "a dry run says what would be done", out)
    tally.check(not (root / "data" / "goodwe_energy.db").exists(), "a dry run makes no database")
    sleeper = "import time; print(1, flush=True); time.sleep(600)"
    stand_in = shop._add(Child([sys.executable, "-c", sleeper, "master_coordinator.py"]))
    stand_in.first_line()
    code, _, errors, _ = migrate(shop, root, force=False)
    named = "the coordinator runs (process" in errors and "--force" in errors
    tally.check(code == 2 and named, "refused while the coordinator runs", f"{code} {errors}")
    tally.check(not (root / "data" / "goodwe_energy.db").exists(), "and nothing is made")
    code, out, _, _ = migrate(shop, root, force=True)
    tally.check(code == 0, "--force does it all the same", out)
    stand_in.end()
    if os.getuid() == 0:
        locked = fresh(shop, source, "locked")
        code, _, errors, _ = migrate(shop, locked, user=NOBODY, group=NOBODY, extra_groups=[])
        tally.check(code == 2 and "cannot" in errors, "without permission it says so", f"{code} {errors}")
    small = fresh(shop, source, "small-disk")

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

    code, _, errors, _ = migrate(shop, small, preexec_fn=little_room)
    said = re.search(r"full[^;]*; (\d+) of \d+ files are in the database whole", errors)
    tally.check(code == 1 and bool(said), "a full disk is told, with what is there", f"{code} {errors[-300:]}")
    tally.check(rows(small)["check"] == [("ok",)], "the database is sound after that")
    code, _, _, _ = migrate(shop, small)
    tally.check(code == 0 and rows(small) == rows(root), "with room it goes on to the same rows")


def check_served(tally, shop, api):
    """The same site with its files moved away: the database answers as the files did."""
    root = shop.site("served", pse_url=api.url, days=20, layout="files", end="now")
    answers = []
    for moved in (False, True):
        if moved:
            code, out, _, _ = migrate(shop, root)
            tally.check(code == 0, "the site is taken over", out)
            (root / "out").rename(root / "out-before")
            (root / "out").mkdir()
            for name in ("daily_snapshots", "monthly_snapshots"):
                shutil.copytree(root / "out-before" / name, root / "out" / name)
        server = shop.serve(root)
        server.loaded(60)
        answers.append({path: server.json(path)[1] for path in ASKED})
        server.end()

    def bare(value):
        """Without what tells the source, the row and the moment."""
        if isinstance(value, dict):
            return {key: bare(found) for key, found in value.items() if key not in PASSING}
        return [bare(found) for found in value] if isinstance(value, list) else value

    for path, before in answers[0].items():
        after = answers[1][path]
        if path == "/historical-data":  # its window moves on with the clock
            pairs = [
                dict(zip(answer["timestamps"], zip(answer["soc_data"], answer["pv_power_data"])))
                for answer in (before, after)
            ]
            common = pairs[0].keys() & pairs[1].keys()
            same = len(common) > 200 and all(pairs[0][at] == pairs[1][at] for at in common)
        else:
            same = bare(before) == bare(after)
        shown = json.dumps(bare(after), default=str)[:200]
        tally.check(same, f"{path} answers from the database as from the files", shown)


def main():
    given = arguments(__doc__.strip(), files=(30_000, "files in one folder"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        source = shop.site("source", days=60, end=END, layout="files", many_files=given.files)
        expected = check_speed(tally, shop, source, given.files)
        check_interrupted(tally, shop, source, expected)
        check_broken(tally, shop, source, expected)
        check_refusals(tally, shop, source)
        check_served(tally, shop, shop.price_api())
    finish(tally)


if __name__ == "__main__":
    main()
