"""A soak: a site that is written all the time, mixed load, a fault every 30 s, and what may fail of it.

Every 30 s a fault is announced, made and lifted; the price API has faults of its own meanwhile. What may fail is
`FAULTS[...].may_fail`: named paths with named statuses, while the fault lasts. Then the load ends, the descriptors must
be those from before it, and SIGTERM must end the process within 2 s with code 0.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import threading
import time
from collections import Counter, namedtuple
from datetime import timedelta

from lib import FAST, wait_for
from soak_load import MASTER_LOG, SLOW_STREAMS, STREAMS, Load, Sampler, descriptors, look

from localtime import now_utc
from site_files import log_line

WARM_UP_S, EVERY_S, GROWTH_KIB, STOP_S = 120, 30, 1024, 2.0
# A reading every 10 s, and while the database is in trouble a try every 5 s.
FRESH_S, RECOVERED_S = 15, 40
# Longer than the pause between two readings and the wait for a lock: nobody can miss it.
LOCK_S = 18
GRACE_S = 2.5  # a refresh of the logs after the fault is over
PRICE_MODES = ("down", "slow", "html", "status500", "truncated", "status429")
REST = "incomplete"  # what rce-pln is left at, so that the API is asked once a minute

# `shows`: the source whose error /status must name meanwhile.
Fault = namedtuple("Fault", "name make seconds may_fail shows", defaults=(None,))


class Bench:
    """The site, the server, the writer and the load, and what the faults do to them."""

    def __init__(self, shop, days, intervals=FAST, **how):
        """`how`: what the server is started with, see `lib.Server`."""
        self.shop, self.api, self.how = shop, shop.price_api(), how
        self.api.mode(REST, "rce-pln")
        self.root = shop.site(
            "site", days=days, pse_url=self.api.url, layout="both", journal="delete", intervals=intervals
        )
        # Logs that are longer than what is kept of them (log_file_kib, 1024): their memory does not grow any more.
        for name in ("master_coordinator.log", "enhanced_data_collector.log", "fast_charge.log"):
            self.log(name, 16000)
            assert (self.root / "logs" / name).stat().st_size > 1024 * 1024
        self.server, self.writer = self.serve(), None
        self.start_writer()

    def serve(self):
        return self.shop.serve(self.root, **self.how)

    @property
    def database(self):
        return self.root / "data" / "goodwe_energy.db"

    def log(self, name, lines):
        now = now_utc()
        with (self.root / "logs" / name).open("ab") as log:
            for index in range(lines):
                at = now - timedelta(milliseconds=lines - index)
                level = ("INFO", "WARNING", "ERROR")[index % 7 % 3]
                log.write(log_line(at, "__main__", level, f"Data collected: {index} of {lines}"))

    def start_writer(self):
        # A decision a minute is enough: a week of them is kept in memory, and more data is no leak.
        self.writer = self.shop.writer(self.root, "--journal", "delete", "--decision-s", "60")

    def fresh(self):
        """Whether the newest reading served is as new as it can be."""
        age = (self.server.json("/current-state")[1] or {}).get("cache_age_seconds")
        return age is not None and age < FRESH_S

    # Each fault is made, lasts until the given monotonic time, and is lifted before its function returns.

    def database_locked(self, until):
        locker = sqlite3.connect(self.database, timeout=20, isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")
        time.sleep(max(0, until - time.monotonic()))
        locker.execute("ROLLBACK")
        locker.close()

    def database_replaced(self, until):
        self.writer.finish()
        copy = self.root / "data" / "copy"
        source, target = sqlite3.connect(self.database, timeout=20), sqlite3.connect(copy)
        source.backup(target)
        source.close()
        target.close()
        os.replace(copy, self.database)
        time.sleep(max(0, until - time.monotonic()))
        self.start_writer()

    def states_garbage(self, until):
        """Only the files that older versions wrote: the database has the say."""
        files = list((self.root / "out").glob("coordinator_state_*.json"))
        kept, rng = {file: file.read_bytes() for file in files}, random.Random("states")
        while time.monotonic() < until:
            for file in files:
                half = kept[file][: len(kept[file]) // 2]
                file.write_bytes(rng.choice((b"", b"{", b"[1, 2]", rng.randbytes(5000), half)))
            time.sleep(1)
        for file, text in kept.items():
            file.write_bytes(text)

    def locked_and_garbage(self, until):
        other = threading.Thread(target=self.states_garbage, args=(until,))
        other.start()
        self.database_locked(until)
        other.join()

    def logs_rotated(self, until):
        log = self.root / "logs" / "master_coordinator.log"
        while time.monotonic() < until:
            log.rename(log.with_suffix(".log.1"))
            time.sleep(1)
            self.log(log.name, 200)
            time.sleep(1)
            os.truncate(log, 0)
            self.log(log.name, 50)
            time.sleep(1)

    def writer_stopped(self, until):
        os.kill(self.writer.pid, signal.SIGSTOP)
        try:
            time.sleep(max(0, until - time.monotonic()))
        finally:
            os.kill(self.writer.pid, signal.SIGCONT)

    def clients_reset(self, until):
        self.load.attack(until)


FAULTS = (
    Fault("database locked", Bench.database_locked, LOCK_S, {}, "inverter"),
    Fault("clients that reset", Bench.clients_reset, 8, {}),
    Fault("logs rotated and truncated", Bench.logs_rotated, 9, {MASTER_LOG: "404"}),
    Fault("writer stopped", Bench.writer_stopped, 12, {}),
    Fault("state files garbage", Bench.states_garbage, 8, {}),
    Fault("database replaced by a copy", Bench.database_replaced, 5, {}),
    Fault("locked, state files garbage", Bench.locked_and_garbage, LOCK_S, {}, "inverter"),
)


def price_faults(bench, stopping, told):
    """The price API's own faults beside the others: 65 s each, so that the once a minute question meets it."""
    modes = iter(PRICE_MODES * 100)
    while not stopping.wait(20):
        mode = next(modes)
        bench.api.mode(mode)
        before = bench.api.count()["by_mode"].get(mode, 0)
        began = time.monotonic()
        stopping.wait(65)
        told.append((mode, began, time.monotonic(), bench.api.count()["by_mode"].get(mode, 0) - before))
        bench.api.mode(REST, "rce-pln")
        for entity in ("csdac-pln", "pdgsz"):
            bench.api.mode("ok", entity)


def chatter(bench, stopping):
    """New lines for those who follow a log; so many that who does not read is soon behind."""
    while not stopping.wait(0.4):
        for name, lines in (("master_coordinator.log", 60), ("enhanced_data_collector.log", 2)):
            # While it is being rotated there is nothing to write to, and nothing is made.
            if (bench.root / "logs" / name).exists():
                bench.log(name, lines)


def soak(bench, minutes):
    """The load and the faults; returns the windows of the faults and the samples."""
    stopping, told, windows = threading.Event(), [], []
    bench.load = Load(bench.server, bench.shop.folder)
    sampler = Sampler(bench.server.pid, bench.load)
    beside = [
        threading.Thread(target=price_faults, args=(bench, stopping, told)),
        threading.Thread(target=chatter, args=(bench, stopping)),
    ]
    began = time.monotonic()
    end = began + minutes * 60
    bench.load.start()
    for thread in beside:
        thread.start()
    try:
        for number in range(10_000):
            due = began + EVERY_S * (number + 0.5)
            if due + EVERY_S > end:
                break
            time.sleep(max(0, due - time.monotonic()))
            fault = FAULTS[number % len(FAULTS)]
            start = time.monotonic()
            allowed_to = ", ".join(f"{path} with {status}" for path, status in fault.may_fail.items()) or "nothing"
            print(f"{start - began:6.0f} s  {fault.name}, for {fault.seconds} s; may fail: {allowed_to}", flush=True)
            fault.make(bench, start + fault.seconds)
            lifted = time.monotonic()
            fresh = wait_for(bench.fresh, RECOVERED_S)
            windows.append((fault, start, lifted, time.monotonic() - lifted if fresh else None))
        time.sleep(max(0, end - time.monotonic()))
    finally:
        stopping.set()
        for thread in beside:
            thread.join(75)
        ended = bench.load.stop()
        sampler.stop()
    return began, windows, told, sampler.samples, ended


def allowed(bad, windows):
    """The fault that explains a failure, or None."""
    when, who, what = bad
    for window in windows:
        status = window[0].may_fail.get(who)
        if within(window, when) and status and what.startswith(f"{status} "):
            return window[0]
    return None


def within(fault_window, when):
    """Whether something happened while a fault lasted, or in the moment after it."""
    _, start, lifted, _ = fault_window
    return start <= when <= lifted + GRACE_S


def judge_requests(tally, bench, began, windows, told):
    """No failure that no fault explains, and what each fault cost."""
    load, unseen = bench.load, []
    print(f"\n{'fault':30} {'at s':>6} {'for s':>6} {'failed':>7} {'recovered after s':>18} {'in /status':>11}")
    for window in windows:
        fault, start, lifted, recovered = window
        cost = sum(within(window, when) for when, _, _ in load.bad)
        shown = sum(within(window, when) and source == fault.shows for when, source in load.errors)
        unseen += [fault.name] if fault.shows and not shown else []
        after = "never" if recovered is None else f"{recovered:.1f}"
        print(f"{fault.name:30} {start - began:6.0f} {lifted - start:6.1f} {cost:7} {after:>18} {shown or '':>11}")
    for mode, start, lifted, asked in told:
        print(f"{'price API: ' + mode:30} {start - began:6.0f} {lifted - start:6.1f} {'':7} {f'asked {asked} times':>18}")
    unexplained = [bad for bad in load.bad if allowed(bad, windows) is None]
    for when, who, what in unexplained[:20]:
        print(f"     failed at {when - began:.1f} s: {who}: {what}")
    print(
        f"{load.requests} requests, {load.streams} event streams with {load.events} events, {load.dropped} that did not"
        f" read were dropped, {load.resets} resets; failed: {len(load.bad) - len(unexplained)} as announced,"
        f" {len(unexplained)} otherwise"
    )
    whose = Counter(who for _, who, _ in unexplained)
    tally.check(not unexplained, "no request failed but as announced", f"{len(unexplained)}: {whose}")
    tally.check(load.requests and load.events, "requests were answered and events told")
    tally.check(not unseen, "every lock was met, and told in /status", f"not: {unseen}")
    tally.check(load.dropped, "streams that do not read were dropped", f"none of {SLOW_STREAMS} in {STREAMS}")
    slow = [window[0].name for window in windows if window[3] is None]
    tally.check(not slow, f"a fresh reading within {RECOVERED_S} s after every fault", str(slow))
    met = [mode for mode, start, lifted, asked in told if asked or lifted - start < 60]
    tally.check(len(met) == len(told), "every price fault was met", f"{told}")


def table(began, samples):
    """What was sampled, by the minute."""
    print(
        f"\n{'minute':>6} {'RSS KiB':>9} {'at most':>9} {'anonymous':>10} {'descriptors':>12} {'threads':>8} {'requests/s':>11}"
    )
    for minute in range(int((samples[-1][0] - began) // 60) + 1):
        part = [s for s in samples if minute * 60 <= s[0] - began < minute * 60 + 60]
        if len(part) < 10:
            continue
        rate = (part[-1][5] - part[0][5]) / (part[-1][0] - part[0][0])
        resident, anonymous = (statistics.median(s[index] for s in part) for index in (1, 2))
        files, threads = (f"{min(s[index] for s in part)}..{max(s[index] for s in part)}" for index in (3, 4))
        print(
            f"{minute:6} {resident:9.0f} {max(s[1] for s in part):9} {anonymous:10.0f} "
            f"{files:>12} {threads:>8} {rate:11.0f}"
        )


def judge_memory(tally, began, samples):
    """The median of the first third after the warm-up against that of the last one."""
    after = [s[1] for s in samples if s[0] - began >= WARM_UP_S]
    width = len(after) // 3
    if not tally.check(width >= 30, "enough samples after the warm-up", f"{len(after)}: give it more minutes"):
        return
    first, middle, last = (statistics.median(after[part * width :][:width]) for part in range(3))
    print(f"resident after the warm-up, medians of {width} s: {first:.0f}, {middle:.0f}, {last:.0f} KiB")
    growth = last - first
    tally.check(growth <= GROWTH_KIB, f"memory grows by at most {GROWTH_KIB} KiB after two minutes", f"{growth:+.0f} KiB")


def failures(server):
    """The server's own count of 5xx and of panics that it contained."""
    requests = (server.json("/api/v1/about")[1] or {}).get("requests") or {}
    return (requests.get("by_status") or {}).get("5xx"), requests.get("contained_panics")


def restarts(tally, bench, count):
    """The server stopped in the middle of everything and started again."""
    for number in range(count):
        server = bench.server = bench.serve()
        good = server.loaded(30)
        load = Load(server, bench.shop.folder)
        load.start()
        time.sleep(4)
        bad = list(load.bad)
        load.stopping.set()
        code, took = server.end()
        load.stop()
        print(f"restart {number}: {load.requests} requests, code {code} after {took:.2f} s")
        tally.check(good and not bad, f"restart {number}: loaded, and no request failed", str(bad[:3]))
        words = f"restart {number}: stopped under load within {STOP_S:.0f} s with code 0"
        tally.check(code == 0 and took <= STOP_S, words, f"code {code} after {took:.2f} s")
        tally.check("panicked" not in server.log_text(), f"restart {number}: no panic in the log")


def soaked(tally, bench, minutes, judge, restarted=3):
    """Everything of one soak; `judge(tally, began, samples)` says whether memory, descriptors and threads are flat."""
    server = bench.server
    tally.check(server.loaded(60), "loaded")
    tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
    time.sleep(5)
    idle = [(time.sleep(0.25), look(server.pid))[1] for _ in range(40)]
    before = {index: statistics.mode(found[index] for found in idle) for index in (2, 3)}
    wrk = "with wrk" if shutil.which("wrk") else "without wrk, which is not installed"
    print(f"before the load: {idle[-1][0]} KiB resident, {before[2]} descriptors, {before[3]} threads; {wrk}")
    # Before the first load is over some answers are 503.
    early = failures(server)
    began, windows, told, samples, ended = soak(bench, minutes)
    tally.check(ended, "the load itself has ended")
    judge_requests(tally, bench, began, windows, told)
    table(began, samples)
    judge(tally, began, samples)
    # A refresh may hold a file at any moment: the least of some looks counts.
    back = wait_for(lambda: (look(server.pid) or (0, 0, 10**6, 0))[2] <= before[2], 30, 0.1)
    left = look(server.pid)
    print(f"after the load: {left[0]} KiB resident, {left[2]} descriptors, {left[3]} threads")
    tally.check(back, "no descriptor leaked", f"{left[2]} for {before[2]} before: {descriptors(server.pid)}")
    fewer = wait_for(lambda: look(server.pid)[3] <= before[3], 10)
    tally.check(fewer, "no thread is left over", f"{left[3]} for {before[3]} before")
    about = server.json("/api/v1/about")[1] or {}
    for part in ("connections", "requests"):
        print(f"counted by the server: {part}: {json.dumps(about.get(part), default=str)}")
    tally.check(failures(server) == early, "it counted no 5xx and no contained panic", f"{failures(server)}, {early}")
    code, took = server.end()
    print(f"SIGTERM: code {code} after {took:.2f} s")
    good = code == 0 and took <= STOP_S
    tally.check(good, f"stopped within {STOP_S:.0f} s with code 0", f"code {code} after {took:.2f} s")
    text = server.log_text()
    tally.check("panic" not in text, "no panic in the log", text[max(0, text.find("panic") - 200) :][:500])
    lines = [line for line in text.splitlines() if "[WARN]" in line or "[ERROR]" in line]
    print("\n".join(["what it logged of trouble:"] + [f"     {line[:200]}" for line in lines[-12:]]))
    restarts(tally, bench, restarted)
    print(f"writer: {json.dumps(bench.writer.finish())}")
