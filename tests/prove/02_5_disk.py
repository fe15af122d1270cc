#!/usr/bin/env python3
"""No request touches the disk: strace over mixed requests; and nothing is written to the disk in idle minutes.

strace follows every thread of the server during `--requests` mixed requests: the threads `door` and `http-*`
may call no open, stat or pread. Then, with the log going to a pipe, `write_bytes` of /proc/PID/io must not grow
in `--seconds` idle seconds: on a database at rest, on one beside which another reader left an empty `-wal` and a
`-shm`, and on one that its coordinator holds open with rows in its `-wal` (for which the server is, as everywhere but
here, not root: as root SQLite sets the owner of that file at each look). What is written once is written before:
prices of past days by `wattboard prices backfill`, tomorrow's by choosing an hour at which there is nothing to fetch.
"""

import http.client
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from lib import PATHS, Tally, Workshop, arguments, finish, wait_for

from faults_outside import fake_clock
from localtime import ZONE, now_utc

NOBODY = 65534
CALLS = (
    "open",
    "openat",
    "openat2",
    "creat",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents64",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "fsync",
    "fdatasync",
    "connect",
    "execve",
)
MORE = (
    "/monthly-summary?year=2026&month=1",
    "/decisions?time_range=2h",
    "/nonesuch",
    "/logs?file=data&lines=1000&level=ERROR",
    "/logs?file=fast_charge",
    "/logs?file=nonesuch",
)


def ask_many(server, count, threads=4):
    """That many mixed requests over keep-alive connections; the statuses seen."""
    statuses, lock = Counter(), threading.Lock()

    def ask(share, shift):
        connection, seen = http.client.HTTPConnection(server.address, timeout=30), Counter()
        paths = PATHS + MORE
        for index in range(share):
            try:
                connection.request("GET", paths[(index + shift) % len(paths)])
                answer = connection.getresponse()
                answer.read()
                seen[answer.status] += 1
            except (OSError, http.client.HTTPException) as error:
                seen[repr(error)[:60]] += 1
                connection.close()
        connection.close()
        with lock:
            statuses.update(seen)

    workers = [threading.Thread(target=ask, args=(count // threads, shift)) for shift in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return statuses


def trace_requests(tally, shop, server, count):
    """strace over the requests; calls by thread."""
    if not shutil.which("strace"):
        return print("not tried: strace is not installed")
    out = shop.folder / "strace.txt"
    command = ["strace", "-f", "-q", "-e", f"trace=prctl,?{',?'.join(CALLS)}", "-o", str(out), "-p", str(server.pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    names = server.threads_by_id()
    wait_for(lambda: "TracerPid:\t0" not in open(f"/proc/{server.pid}/status").read(), 10, 0.05)
    time.sleep(1)
    began = time.monotonic()
    statuses = ask_many(server, count)
    took = time.monotonic() - began
    names.update(server.threads_by_id())
    tracer.send_signal(signal.SIGINT)
    tracer.wait(20)
    print(f"{sum(statuses.values())} requests under strace in {took:.1f} s: {dict(statuses)}")
    print(f"threads: {sorted(set(names.values()))}")
    tally.check(
        any(name == "door" for name in names.values()), "there is a thread named door", str(sorted(names.values()))
    )
    tally.check(
        any(name.startswith("http-") for name in names.values()),
        "there are threads named http-*",
        str(sorted(names.values())),
    )
    tally.check(
        not any(status == 0 or not isinstance(status, int) or status >= 500 for status in statuses),
        "every request answered",
        str(statuses),
    )
    calls, examples = Counter(), {}
    for line in out.read_text(errors="replace").splitlines():
        # One that comes and goes between two looks at the threads says its name itself.
        named = re.match(r'(\d+)\s+prctl\(PR_SET_NAME, "([^"]*)"', line)
        if named:
            names[int(named.group(1))] = named.group(2)
        found = re.match(r"(\d+)\s+(\w+)\(", line)
        if found and found.group(2) != "prctl":
            key = (names.get(int(found.group(1)), f"thread {found.group(1)}"), found.group(2))
            calls[key] += 1
            examples.setdefault(key, line[:160])
    for (name, call), number in sorted(calls.items())[:60]:
        print(f"     {name:16} {call:12} {number}")
    guilty = {
        key: number for key, number in calls.items() if key[0] == "door" or key[0].startswith(("http-", "thread "))
    }
    tally.check(
        not guilty,
        "door and http-* call no open, stat or pread",
        f"{len(guilty)} kinds: {dict(list(guilty.items())[:6])} {[examples[key] for key in guilty][:3]}",
    )


def idle_writes(tally, servers, seconds):
    """`write_bytes` of each before and after the same idle time."""
    time.sleep(min(15, seconds))
    before = {name: server.written_bytes() for name, server in servers.items()}
    time.sleep(seconds)
    for name, server in servers.items():
        grown = server.written_bytes() - before[name]
        print(f"{name}: write_bytes: {before[name]} before, grown by {grown} in {seconds:.0f} idle s")
        tally.check(grown == 0, f"{name}: nothing written to the disk in the idle time", f"{grown} bytes")


def left_by_a_reader(tally, root):
    """One that opens the database to read leaves an empty `-wal` and a `-shm` behind."""
    path = root / "data" / "goodwe_energy.db"
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    reader.execute("SELECT count(*) FROM energy_data").fetchone()
    reader.close()
    sizes = [Path(f"{path}{suffix}").stat().st_size for suffix in ("-wal", "-shm")]
    tally.check(sizes[0] == 0 and sizes[1] > 0, "a reader left an empty -wal and a -shm", str(sizes))


def held_by_its_writer(tally, root):
    """A coordinator that has the database open, with something in its `-wal`; until what is returned is closed."""
    path = root / "data" / "goodwe_energy.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("CREATE TABLE by_the_proof(x)")
    size = Path(f"{path}-wal").stat().st_size
    tally.check(size > 0, "the writer has something in its -wal", f"{size} bytes")
    return writer


def given_to(root, user):
    """The site belongs to that user."""
    for path in (root, *root.rglob("*")):
        os.chown(path, user, user)


def quiet_hour(seconds):
    """The environment of a server whose clock stays clear of 13:30 to 14:30 and of midnight for that long: this
    machine's clock when it does, else 16:00 of today, faked."""
    now = now_utc().astimezone(ZONE)
    end = now + timedelta(seconds=seconds + 120)
    minutes = [moment.hour * 60 + moment.minute for moment in (now, end)]
    if now.date() == end.date() and (minutes[1] < 13 * 60 + 25 or minutes[0] >= 14 * 60 + 30):
        return None, now
    afternoon = now.replace(hour=16, minute=0)
    return fake_clock(FAKETIME=f"{(afternoon - now).total_seconds():+.3f}"), afternoon


def remember(tally, root, binary, environment):
    """Fills the memory of past prices, so that no idle server has to."""
    command = [binary, "prices", "backfill", "--pause", "1"]
    command += ["--config", root / "config" / "master_coordinator_config.yaml"]
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    tally.check(done.returncode == 0, "past prices are fetched beforehand", f"{done.returncode} {done.stderr[-300:]}")


def is_summed(server):
    """Whether all past days are but yesterday, whose rows have to be an hour old to a server that has just started."""
    found = (server.json("/status")[1] or {}).get("backfill") or {}
    return found.get("total_days", 0) > 0 and found["done_days"] >= found["total_days"] - 1


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        requests=(10_000, "mixed requests"),
        seconds=(300.0, "idle time"),
        days=(60, "days of the site"),
    )
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url)
        server = shop.serve(root)
        tally.check(server.loaded(60), "loaded")
        tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
        trace_requests(tally, shop, server, given.requests)
        server.end()
        environment, when = quiet_hour(given.seconds)
        how = {"days": given.days, "pse_url": api.url}
        if environment:
            how |= {"pse_url": shop.price_api("--now", when.isoformat()).url, "end": when}
        roots = {name: shop.site(name, **how) for name in ("at rest", "left by a reader", "held by its writer")}
        users = {}
        for name, root in roots.items():
            remember(tally, root, shop.binary, environment)
        left_by_a_reader(tally, roots["left by a reader"])
        if os.geteuid() == 0:
            users["held by its writer"] = NOBODY
            given_to(roots["held by its writer"], NOBODY)
        writer = held_by_its_writer(tally, roots["held by its writer"])
        servers = {name: shop.serve(root, env=environment, user=users.get(name)) for name, root in roots.items()}
        for name, server in servers.items():
            server.loaded(60)
            wait_for(lambda: server.get("/prices")[0] == 200, 30)
            tally.check(wait_for(lambda: is_summed(server), 300), f"{name}: past days are summed beforehand")
        idle_writes(tally, servers, given.seconds)
        writer.close()
    finish(tally)


if __name__ == "__main__":
    main()
