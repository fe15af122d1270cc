#!/usr/bin/env python3
"""slowhttptest with 1,000 connections in three modes, from loopback: others are served as before, nothing is kept.

Slow heads, slow bodies and slow readers come one after the other. All along a client in a process of its own asks
every 10 ms: its p99 stays below 20 ms. Memory stays below 24 MiB, the threads are the same, and 15 s after each mode
connections and descriptors are as they were. (Loopback is exempt from the limit for each address, so this is the
harder case.)
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import attacks
from lib import PATHS, Tally, Workshop, arguments, finish, wait_for
from wire import Calm, descriptors

P99_MS, RESIDENT_KIB, RELEASED_S = 20, 24 * 1024, 15
LARGEST = "/decisions?time_range=7d"
MODES = (
    ("slow heads", ["-H", "-i", "5", "-x", "24"], "/"),
    ("slow bodies", ["-B", "-i", "5", "-s", "8192", "-x", "10"], "/status"),
    ("slow readers", ["-X", "-w", "1", "-y", "512", "-z", "5", "-n", "1", "-k", "3"], LARGEST),
)


def cpu_s(pid):
    """Seconds of processor time that a process has used; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tcp_kib():
    """What the kernel holds for all sockets of the machine: answers that were written and not taken."""
    return int(re.search(r"^TCP: .* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.M).group(1)) * 4


def standing(server):
    """The names of its threads, but for the one that sums days and fetches past prices for some moments, whoever asks."""
    return sorted(name for name in server.threads_by_id().values() if name != "backfill")


def siege(tally, shop, server, mode, given):
    """One mode, and what it cost."""
    name, flags, path = mode
    check = lambda good, what, detail="": tally.check(good, f"{name}: {what}", detail)  # noqa: E731
    threads, open_before = standing(server), descriptors(server.pid)
    before = server.json("/api/v1/about")[1]
    calm = shop._add(Calm(server.address, "/current-state", "/decisions", "/health", "/api/v1/state"))
    control = shop._add(Calm(shop.control.address, "/current-state", "/decisions", "/health", "/api/v1/state"))
    time.sleep(2)
    command = ["slowhttptest", *flags, "-c", str(given.connections), "-r", str(given.connections // 4)]
    command += ["-l", str(given.seconds), "-p", "5", "-v", "1", "-u", server.base + path]
    tool = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    most, most_open, strangers, began, busy = (
        0,
        0,
        set(),
        time.monotonic(),
        [(server.pid, cpu_s(server.pid)), (tool.pid, 0)],
    )
    deadline, kernel = time.monotonic() + given.seconds + 30, 0
    while tool.poll() is None and time.monotonic() < deadline:
        most, most_open = max(most, server.memory_kib()), max(most_open, descriptors(server.pid))
        now = standing(server)
        strangers |= set() if now == threads else {f"{len(now)} threads"}
        kernel = max(kernel, tcp_kib())
        used = [cpu_s(pid) - before_s for pid, before_s in busy]
        time.sleep(0.1)
    tool.kill() if tool.poll() is None else None
    told = re.sub(r"\x1b\[[0-9;]*m", "", tool.communicate()[0])
    ended = time.monotonic()
    time.sleep(1)
    met, machine = calm.finish(), control.finish()
    outcome = re.findall(r"(?:Exit status|Test ended|connections|closed|service available).*", told)[-8:]
    about = server.json("/api/v1/about")[1]
    closed = {
        why: number - before["connections"]["closed"][why]
        for why, number in about["connections"]["closed"].items()
        if number != before["connections"]["closed"][why]
    }
    print(f"{name}: {'; '.join(' '.join(line.split()) for line in outcome)}")
    accepted = about["connections"]["accepted"] - before["connections"]["accepted"]
    print(f"     {accepted} accepted, closed: {closed}; most descriptors {most_open}, resident at most {most} KiB")
    print(
        f"     processor time in {ended - began:.0f} s: server {used[0]:.1f} s, attacker {used[1]:.1f} s; "
        f"the kernel held up to {kernel // 1024} MiB for sockets"
    )
    slow = [(at, round(took)) for at, took in met.kept + met.fresh if took > 100]
    print(f"     longer than 100 ms: {sorted(slow)[:12]}") if slow else None
    print(f"     calm client: {met.words()}; worst p99 of any 5 s {met.worst_p99():.2f} ms", flush=True)
    print(f"     to a server that nobody attacks: {machine.words()}; worst p99 {machine.worst_p99():.2f} ms")
    check(server.alive(), "the server lives")
    check(accepted >= given.connections, f"{given.connections} connections came", str(accepted))
    check(not met.bad and len(met.kept) > (ended - began) * 40, "the calm client is always served", str(met.bad[:3]))
    check(met.p99() < P99_MS, f"its p99 stays below {P99_MS} ms", f"{met.p99():.2f} ms")
    check(met.worst_p99() < P99_MS, f"in every 5 s below {P99_MS} ms", f"{met.worst_p99():.2f} ms")
    longest = max((took for _, took in met.fresh), default=0)
    check(longest < 1000, "a newcomer is served within a second", f"{longest:.0f} ms")
    check(most < RESIDENT_KIB, f"memory stays below {RESIDENT_KIB} KiB", f"{most} KiB")
    check(not strangers, "the threads are the same", str(strangers))
    held = None

    def released():
        nonlocal held
        held = (server.json("/api/v1/about")[1]["connections"]["open"], descriptors(server.pid))
        return held[0] <= 1 and held[1] <= open_before + 1  # the one that asks may not be closed yet

    good = wait_for(released, max(0.5, ended + RELEASED_S - time.monotonic()))
    later = time.monotonic() - ended
    print(f"     {later:.1f} s later: {held[0]} connections, {held[1]} descriptors ({open_before} before)")
    check(good, f"all is given back {RELEASED_S} s later", f"{held}, before: {open_before} descriptors")
    check("panicked" not in server.log_text(), "no panic in the log")


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        days=(60, "days of the site"),
        connections=(1000, "of each mode"),
        seconds=(25, "of each mode"),
        only=("", "only modes whose name contains this"),
    )
    if not shutil.which("slowhttptest"):
        print("this proof needs slowhttptest (apt install slowhttptest)")
        sys.exit(1)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url)
        config = root / "config" / "master_coordinator_config.yaml"
        subprocess.run([shop.binary, "prices", "backfill", "--pause", "1", "--config", config], capture_output=True)
        server = shop.serve(root)
        tally.check(server.loaded(60), "loaded")
        tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
        shop.control = shop.serve(root)
        for path in PATHS * 5:
            server.get(path)
        attacks.many_at_once(server.address, [LARGEST] * 32)
        print(f"resident before: {server.memory_kib()} KiB")
        for mode in MODES:
            if given.only in mode[0]:
                siege(tally, shop, server, mode, given)
        code, took = server.end()
        tally.check(code == 0 and took < 2, "stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
    finish(tally)


if __name__ == "__main__":
    main()
