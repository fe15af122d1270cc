#!/usr/bin/env python3
"""Push: 30 days of rows, prices and decisions reach a real VictoriaMetrics while the engine is stopped and restarted,
answers 500 and 429 and closes connections half-way, and Wattboard is killed (-9) 20 times. Every row is there, none twice
in a query, values and sums are SQL's, the order is kept, memory stays, and the cursor is written once a minute at most.
"""

import csv
import io
import json
import os
import random
import re
import signal
import sqlite3
import statistics
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from engine import VictoriaMetrics
from lib import FAST, Tally, Workshop, arguments, finish, wait_for

from localtime import ZONE, now_utc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SITE, TOKEN = "dom przy lesie", "t0ken-that-nobody-sees"
TAKEN = (200, 204)
SECTION = """  database_storage:
    timeseries_db:
      enabled: true
      type: influxdb
      url: {url}
      token: "${{INFLUXDB_TOKEN}}"
      org: home
      bucket: energy
"""
COLUMNS = {
    "wattboard_pv_power_watts": "pv_power",
    "wattboard_grid_power_watts": "grid_power",
    "wattboard_house_power_watts": "house_consumption",
    "wattboard_battery_power_watts": "battery_power",
    "wattboard_grid_import_energy_kwh_total": "grid_import_total_kwh",
}
FIELD = re.compile(rb"[ ,]pv_power_watts=[^ ]* (\d+)$", re.M)


class Faults(ThreadingHTTPServer):
    """Stands before the engine: passes requests on, or does what goes wrong on the way."""

    daemon_threads = True

    def __init__(self, engine):
        super().__init__(("127.0.0.1", 0), Passage)
        self.engine, self.rng, self.share, self.delay, self.busy = engine, random.Random(91), 0.0, 0.0, 0
        self.lock, self.taken, self.done, self.tokens, self.largest = threading.Lock(), [], {}, set(), 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """A client that was killed."""


class Passage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Silent."""

    def do_POST(self):  # noqa: N802 (the name that http.server asks for)
        with self.server.lock:
            self.server.busy += 1
        try:
            self.take()
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def take(self):
        server = self.server
        length = int(self.headers["Content-Length"])
        with server.lock:
            server.tokens.add(self.headers.get("Authorization"))
            server.largest = max(server.largest, length)
            fault = server.rng.choice(FAULTS) if server.rng.random() < server.share else "none"
            server.done[fault] = server.done.get(fault, 0) + 1
        time.sleep(server.delay)
        if fault == "cut_early":
            self.rfile.read(length // 2)
            return self.cut()
        body = self.rfile.read(length)
        if len(body) < length:
            return self.cut()
        if fault in ("500", "429"):
            return self.answer(int(fault), b"not now", {"Retry-After": "1"} if fault == "429" else {})
        status, said = self.forward(body)
        if status in TAKEN:
            with server.lock:
                server.taken.append((time.monotonic(), body))
        if fault == "cut_late":  # it was taken, and nobody hears of it
            return self.cut()
        return self.answer(status, said, {})

    def forward(self, body):
        connection = HTTPConnection("127.0.0.1", self.server.engine.port, timeout=10)
        try:
            connection.request("POST", self.path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError as error:
            return 502, repr(error).encode()
        finally:
            connection.close()

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        self.connection.close()


FAULTS = ("500", "429", "cut_early", "cut_late")


def switch_on(root, url):
    config = root / "config" / "master_coordinator_config.yaml"
    config.write_text(config.read_text().replace("  database_storage:\n", SECTION.format(url=url), 1))


def push_of(server):
    return (server.json("/status")[1] or {}).get("push") or {}


def is_done(server):
    """Everything is sent, and what it rests on is there: days are summed, prices fetched."""
    return push_of(server).get("state") == "up_to_date"


def exported(server, what):
    status, body = server.get(f"/api/v1/export?what={what}&format=csv", timeout=120)
    if status != 200:
        raise RuntimeError(f"export of {what}: {status}")
    return list(csv.DictReader(io.StringIO(body.decode())))


def in_engine(engine, name, **labels):
    """[(milliseconds, value)] of one series, as a query sees them."""
    match = ",".join(f'{key}="{value}"' for key, value in {"site": SITE, **labels}.items())
    # Prices of today are known ahead.
    found = engine.samples(f"{name}{{{match}}}", end=int(time.time()) + 3 * 86_400)
    return found[0][1] if len(found) == 1 else [pair for _, pairs in found for pair in pairs]


def milliseconds(text):
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=ZONE)
    return since_1970(at)


def since_1970(at):
    return (at - EPOCH) // timedelta(milliseconds=1)  # engines keep whole milliseconds; the rest is cut


def rows_of(root):
    """Energy rows by SQL: milliseconds -> {column: value}. Which pass of the doubled hour a row is of says its created_at."""
    connection = sqlite3.connect(f"file:{root}/data/goodwe_energy.db?mode=ro", uri=True)
    names = ", ".join(COLUMNS.values())
    found = {}
    for at, created, *values in connection.execute(f"SELECT timestamp, created_at, {names} FROM energy_data"):
        written = datetime.fromisoformat(created).replace(tzinfo=UTC)
        passes = [datetime.fromisoformat(at).replace(tzinfo=ZONE, fold=fold) for fold in (0, 1)]
        nearest = min(passes, key=lambda moment: abs(moment.astimezone(UTC) - written))
        found[since_1970(nearest.astimezone(UTC))] = dict(zip(COLUMNS.values(), values))
    connection.close()
    return found


def kills(shop, root, times, rng, proxy, engine):
    """Starts and kills the server; the engine goes away and comes back meanwhile. Runs' beginnings (monotonic)."""
    began = []
    for number in range(times):
        began.append(time.monotonic())
        server = shop.serve(root, env={"INFLUXDB_TOKEN": TOKEN})
        if number % 5 == 2:
            engine.stop()
            time.sleep(rng.uniform(0.5, 2))
            engine.start()
        time.sleep(rng.uniform(0.5, 4))
        server.end(signal.SIGKILL)
        # What it had sent is through before the next one begins: the order is a run's.
        wait_for(lambda: not proxy.busy, 10, 0.02)
    return began


def delivered(tally, shop, root, engine, proxy, times):
    rng = random.Random(9)
    proxy.share, proxy.delay = 0.35, 0.25
    began = kills(shop, root, times, rng, proxy, engine)
    before_end = len(proxy.taken)
    proxy.delay = 0.0
    began.append(time.monotonic())
    server = shop.serve(root, env={"INFLUXDB_TOKEN": TOKEN})
    done = wait_for(lambda: is_done(server), 300, 1)
    faults = {name: count for name, count in proxy.done.items() if name != "none"}
    print(f"push: {times} kills, {before_end} batches until then, {len(proxy.taken)} in all, faults {faults}", flush=True)
    tally.check(bool(done), "push: everything is sent in the end", json.dumps(push_of(server), default=str))
    tally.check(all(faults.get(name) for name in FAULTS), "push: every fault happened", str(faults))
    tally.check(before_end >= times, "push: the kills came while there was something to send", str(before_end))
    tally.check(proxy.largest <= 65_536, "push: a batch is never larger than 64 KiB", str(proxy.largest))
    proxy.share = 0.0
    order(tally, proxy, began)
    return server


def order(tally, proxy, began):
    """Within a run rows go out oldest first; only a batch that was not heard to be taken comes again."""
    wrong, last, run = [], None, 0
    for at, body in proxy.taken:
        while run < len(began) and at >= began[run]:
            run, last = run + 1, None
        times = [int(found) for found in FIELD.findall(body)]
        if times != sorted(times):
            wrong.append(f"run {run}: a batch is not in order")
        if times and last and times[0] <= last[-1] and times != last:
            wrong.append(f"run {run}: {times[0]} after {last[-1]}")
        last = times or last
    tally.check(not wrong, "push: rows went out oldest first", "; ".join(wrong[:3]))


def complete(tally, root, engine, server):
    engine.flush()
    expected = rows_of(root)
    for name, column in COLUMNS.items():
        found = in_engine(engine, name)
        want = {at: row[column] for at, row in expected.items() if row[column] is not None}
        times = [at for at, _ in found]
        tally.check(len(times) == len(set(times)), f"{name}: none twice", f"{len(times)} of {len(set(times))}")
        lost = want.keys() - set(times)
        more = set(times) - want.keys()
        tally.check(not lost and not more, f"{name}: every row is there", f"{len(lost)} lost, {len(more)} more")
        odd = [at for at, value in found if at in want and float(want[at]) != value]
        tally.check(not odd, f"{name}: values are SQL's", str(odd[:3]))
        total = sum(Decimal(str(value)) for _, value in found)
        tally.check(total == sum(Decimal(str(float(value))) for value in want.values()), f"{name}: so is their sum", str(total))
    decisions = exported(server, "decisions")
    for kind in ("charging", "wait", "selling"):
        found = in_engine(engine, "wattboard_decision_made", kind=kind)
        count = sum(row["kind"] == kind for row in decisions)
        tally.check(len(found) == count, f"decisions: every one to {kind} is there once", f"{len(found)} of {count}")
    tally.check(len(decisions) > 100, "decisions: there are many", str(len(decisions)))
    prices = {milliseconds(row["start"]): row for row in exported(server, "prices")}
    for name, column in (("wattboard_price_market_pln_per_kwh", "market"), ("wattboard_price_buy_pln_per_kwh", "buy")):
        key = next(key for key in next(iter(prices.values())) if key.startswith(column))
        want = {at: float(row[key]) for at, row in prices.items() if row[key]}
        found = dict(in_engine(engine, name))
        tally.check(found == want, f"{name}: every quarter-hour is there", f"{len(found)} of {len(want)}")


def gentle(tally, shop, root, proxy):
    """The cursor is written once a minute at most, while all is sent from the beginning, slowly; and memory."""
    file = root / "data" / "wattboard_push.json"
    file.unlink()
    proxy.delay = 2.0
    twin = shop.site("without", days=30, end=END, intervals=FAST, extra={"site": SITE})
    server, plain = shop.serve(root, env={"INFLUXDB_TOKEN": TOKEN}), shop.serve(twin)
    seen, sizes, memory, began = [], set(), [], time.monotonic()
    server.loaded()
    plain.loaded()
    while time.monotonic() - began < 130:
        try:
            found = os.stat(file)
            if not seen or seen[-1][0] != found.st_ino:
                seen.append((found.st_ino, time.monotonic()))
            sizes.add(found.st_size)
        except FileNotFoundError:
            pass
        if time.monotonic() - began > 30:
            memory.append(server.memory_kib() - plain.memory_kib())
        time.sleep(0.2)
    pauses = [later[1] - earlier[1] for earlier, later in zip(seen, seen[1:])]
    tally.check(2 <= len(seen) <= 3, "cursor: it is written, once a minute at most", f"{len(seen)} times, {pauses}")
    tally.check(min(pauses, default=60) >= 59, "cursor: a minute lies between two writes", str(pauses))
    tally.check(max(sizes, default=0) <= 16_384, "cursor: it is small", f"{max(sizes, default=0)} bytes")
    more = statistics.median(memory)
    print(f"push: {more:.0f} KiB more memory while it sends than a server that does not (most: {max(memory)})", flush=True)
    tally.check(more <= 1024, "memory: within 1 MiB of a server that does not push", f"{more} KiB")
    proxy.delay = 0.0
    wait_for(lambda: is_done(server), 120, 1)
    code, took = server.end()
    tally.check(code == 0 and took < 2, "stop: within 2 s", f"{code}, {took:.1f} s")
    plain.end()
    return server


def secret(tally, servers, root, proxy):
    told = [server.log_text() for server in servers] + [(root / "data" / "wattboard_push.json").read_text()]
    tally.check(not any(TOKEN in text for text in told), "token: neither in the log nor in the cursor")
    tally.check(proxy.tokens == {f"Token {TOKEN}"}, "token: the engine gets it", str(len(proxy.tokens)))


END = now_utc().replace(second=0, microsecond=0)


def main():
    given = arguments(__doc__, days=(30, "days of rows"), kills=(20, "times that it is killed"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        engine = VictoriaMetrics(shop)
        proxy = Faults(engine)
        root = shop.site("pushing", days=given.days, end=END, intervals=FAST, extra={"site": SITE}, pse_url=api.url)
        # Prices of all days are remembered before: what becomes known later is sent again within the hour.
        config = root / "config" / "master_coordinator_config.yaml"
        subprocess.run([shop.binary, "prices", "backfill", "--config", config], check=True, capture_output=True, timeout=300)
        switch_on(root, proxy.url)
        server = delivered(tally, shop, root, engine, proxy, given.kills)
        complete(tally, root, engine, server)
        text = json.dumps(server.json("/status")[1], default=str)
        tally.check(TOKEN not in text and proxy.url in text, "status: tells where rows go, and no token")
        server.end()
        last = gentle(tally, shop, root, proxy)
        engine.flush()
        times = [at for at, _ in in_engine(engine, "wattboard_pv_power_watts")]
        count = sum(row["pv_power"] is not None for row in rows_of(root).values())
        tally.check(len(times) == len(set(times)) == count, "again: what was sent twice is there once", f"{len(times)}, {count}")
        secret(tally, (server, last), root, proxy)
    finish(tally)


if __name__ == "__main__":
    main()
