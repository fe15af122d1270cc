#!/usr/bin/env python3
"""The first correct /current-state within 150 ms of the start (median of 5); at most 12 MiB after 100,000 requests."""

import json
import re
import shutil
import statistics
import subprocess
import time
from decimal import Decimal

from lib import PATHS, Tally, Workshop, arguments, finish, wait_for

import recompute
from check_live import same
from site_read import Site

FIRST_MS, RESIDENT_KIB = 150, 12 * 1024
MIX = "local paths = {%s}\nlocal n = 0\nrequest = function() n = n + 1; return wrk.format('GET', paths[n %% #paths + 1]) end\n"


def newest_reading(root):
    """The device figures that a correct first answer must have."""
    connection = Site(root).connect()
    row = connection.execute("SELECT metrics FROM system_state ORDER BY id DESC LIMIT 1").fetchone()
    connection.close()
    data = json.loads(row["metrics"], parse_float=Decimal)["current_data"]
    return data["timestamp"], recompute.state_answer(data)


def correct(answer, stamp, expected):
    """Whether the answer shows that reading in every figure."""
    return answer.get("timestamp") == stamp and all(
        same(answer[group].get(key), value)
        for group in ("battery", "photovoltaic", "house_consumption", "grid")
        for key, value in expected[group].items()
    )


def first_answer_ms(shop, root, stamp, expected):
    """Milliseconds from the start of the process to the first correct answer."""
    server = shop.serve(root, wait=False)
    while not server.first.wait(0.001):
        if not server.alive():
            raise RuntimeError("\n".join(server.errors))
    server.listening()
    deadline = server.started + 10
    while time.monotonic() < deadline:
        status, answer = server.json("/current-state", timeout=2)
        took = (time.monotonic() - server.started) * 1000
        if status == 200 and correct(answer, stamp, expected):
            server.end()
            return took
    server.end()
    return float("inf")


def ask_with_wrk(shop, server, count):
    """At least that many mixed requests; returns how many, and what was not good."""
    script = shop.folder / "mix.lua"
    script.write_text(MIX % ", ".join(f"'{path}'" for path in PATHS))
    done, bad, rates = 0, [], []
    while done < count and len(rates) < 60:
        run = subprocess.run(
            ["wrk", "-t1", "-c16", "-d5s", "-s", str(script), server.base], capture_output=True, text=True, timeout=60
        )
        found = re.search(r"(\d+) requests in", run.stdout)
        done += int(found.group(1)) if found else 0
        rates += re.findall(r"Requests/sec:\s+([\d.]+)", run.stdout)
        bad += re.findall(r"Non-2xx.*|Socket errors.*", run.stdout)
    print(f"wrk: requests/s {', '.join(rates)}")
    return done, bad


def ask_with_python(server, count):
    """The same without wrk, slower."""
    import http.client

    connection, bad = http.client.HTTPConnection(server.address, timeout=10), []
    for index in range(count):
        connection.request("GET", PATHS[index % len(PATHS)])
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            bad.append(answer.status)
    return count, bad


def main():
    given = arguments(
        __doc__.strip(),
        requests=(100_000, "requests before the memory is read"),
        days=(60, "days of the site"),
        starts=(5, "starts to take the median of"),
    )
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url)
        stamp, expected = newest_reading(root)
        times = [first_answer_ms(shop, root, stamp, expected) for _ in range(given.starts)]
        middle = statistics.median(times)
        print(
            f"first correct /current-state after {', '.join(f'{value:.0f}' for value in times)} ms, median {middle:.0f} ms"
        )
        tally.check(middle <= FIRST_MS, f"the first correct answer within {FIRST_MS} ms", f"{middle:.0f} ms")
        server = shop.serve(root)
        tally.check(server.loaded(60), "loaded")
        tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
        print(f"resident after loading: {server.memory_kib()} KiB")
        done, bad = (
            ask_with_wrk(shop, server, given.requests)
            if shutil.which("wrk")
            else ask_with_python(server, given.requests)
        )
        resident = server.memory_kib()
        print(f"resident after {done} requests: {resident} KiB (at most {server.memory_kib('VmHWM')} KiB)")
        tally.check(done >= given.requests and not bad, "every request answered", f"{done} {bad[:3]}")
        tally.check(resident <= RESIDENT_KIB, f"resident memory at most {RESIDENT_KIB} KiB", f"{resident} KiB")
    finish(tally)


if __name__ == "__main__":
    main()
