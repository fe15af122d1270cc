"""Faults of the clock, the price API, the file system and the server itself; the rules are those of
faults_database.py.
"""

import json
import os
import time
from datetime import timedelta
from pathlib import Path

from lib import NOBODY, PATHS, Checker, wait_for

from localtime import naive_iso, now_utc, parse_end

LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/arm-linux-gnueabihf/faketime/libfaketime.so.1",
)
PRICE_RECOVERED_S = 200


def fake_clock(**more):
    """The environment that fakes the wall clock alone, or None when libfaketime is not installed."""
    library = next((path for path in LIBRARIES if Path(path).exists()), None)
    if library is None:
        return None
    return {
        "LD_PRELOAD": library,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
        "NO_FAKE_STAT": "1",
        "TZ": "UTC",
        **more,
    }


def clock_autumn_hour(bench):
    """The clock in the autumn hour that occurs twice: the second pass, and the step from the first into it."""
    if fake_clock() is None:
        return print(f"     {bench.name}: not tried, libfaketime is not installed")
    for label, when in (
        ("second pass", "2026-10-25T02:30:00+01:00"),
        ("end of the first pass", "2026-10-25T02:59:45+02:00"),
    ):
        end = parse_end(when)
        offset = end - now_utc()
        api = bench.shop.price_api("--now", when)
        root = bench.root = bench.shop.site(
            f"{bench.name}-{label.replace(' ', '-')}",
            days=3,
            end=end,
            pse_url=api.url,
            intervals={"background_refresh_interval_seconds": 10, "metrics_refresh_interval_seconds": 30},
        )
        server = bench.server = bench.shop.serve(root, env=fake_clock(FAKETIME=f"{offset.total_seconds():+.3f}"))
        bench.check(server.loaded(30), f"{label}: loaded")
        wait_for(lambda: server.get("/prices")[0] == 200, 30)
        checked = Checker(server.base, root, pse=api.url, offset_s=offset.total_seconds(), quiet=True).run()
        bench.check(not checked.failed, f"{label}: a whole check", f"{checked.summary()}: {checked.failures[:6]}")
        if label.startswith("end"):
            time.sleep(max(0.0, (end + timedelta(seconds=25) - now_utc() - offset).total_seconds()))
        stamp = bench.put_state(at=now_utc() + offset)
        seen = wait_for(lambda: bench.shown() == stamp, 40)
        state = server.json("/current-state")[1] or {}
        bench.check(seen, f"{label}: the newest reading is taken", f"{state.get('timestamp')} is not {stamp}")
        bench.check(
            seen and state["cache_age_seconds"] < 60, f"{label}: its age is right", str(state.get("cache_age_seconds"))
        )
        server.end()


def clock_jumps(bench):
    """The clock a year back, then right again, while the server runs."""
    if fake_clock() is None:
        return print(f"     {bench.name}: not tried, libfaketime is not installed")
    bench.site()
    clock = bench.shop.folder / f"{bench.name}.clock"
    clock.write_text("+0\n")
    server = bench.serve(env=fake_clock(FAKETIME_TIMESTAMP_FILE=str(clock)))
    bench.put_state()
    clock.write_text("-365d\n")
    back = wait_for(
        lambda: (server.json("/status")[1] or {}).get("timestamp", "")[:10]
        < naive_iso(now_utc() - timedelta(days=300)),
        20,
    )
    bench.check(back, "/status shows the year before")
    time.sleep(25)
    bench.still_serves("a year back")
    status = server.json("/status")[1]
    bench.check(
        status["background_worker"]["alive"], "a year back: the refreshers live", str(status["background_worker"])
    )
    age = status["background_worker"]["cache_ages"]["inverter_s"]
    bench.check(age is not None and 0 <= age < 40, "a year back: the live refresher still runs", str(age))
    clock.write_text("+0\n")
    wait_for(lambda: (server.json("/status")[1] or {}).get("timestamp", "")[:7] == naive_iso(now_utc())[:7], 20)
    bench.recovers()
    clock.write_text("+400d\n")
    time.sleep(15)
    bench.still_serves("400 days ahead")
    clock.write_text("+0\n")
    bench.recovers()


def price_fault(mode):
    """A fault of the price API from the start on, lifted later."""

    def fault(bench):
        api = bench.shop.price_api("--mode", mode)
        root = bench.site(pse_url=api.url)
        server = bench.serve()
        error = bench.error_seen("price", 60)
        if mode == "drift":
            bench.check("business_date" in error, "the error names the missing property", error)
        status, body = server.get("/prices")
        bench.check(status == 404 and b'"error"' in body, "/prices is a 404 with the error", f"{status} {body[:150]!r}")
        state = server.json("/current-state")[1] or {}
        bench.check(state.get("pricing", 1) is None, "/current-state has no pricing", str(state.get("pricing"))[:100])
        bench.still_serves("without prices")
        print(
            f"     {bench.name}: resident {server.memory_kib()} KiB, at most {server.memory_kib('VmHWM')} KiB; asked {api.count()}"
        )
        bench.check(server.memory_kib("VmHWM") < 64 * 1024, "memory stays bounded", f"{server.memory_kib('VmHWM')} KiB")
        bench.check(api.count()["total"] <= 40, "the API is asked politely", str(api.count()))
        api.mode("ok")
        began = time.monotonic()
        bench.check(
            wait_for(lambda: server.get("/prices")[0] == 200, PRICE_RECOVERED_S, 1), "recovered: prices are there"
        )
        print(f"     {bench.name}: recovered after {time.monotonic() - began:.1f} s")
        bench.check(
            wait_for(lambda: server.errors_of("price") is None, 30),
            "recovered: no error left",
            str(server.errors_of("price")),
        )
        checked = Checker(server.base, root, pse=api.url, quiet=True, only="/prices").run()
        bench.check(not checked.failed, "recovered: the prices are right", str(checked.failures))

    fault.__name__ = f"prices_{mode}"
    fault.__doc__ = f"The price API in the mode {mode}."
    return fault


def prices_gzip(bench):
    """A compressed answer of the price API is no fault."""
    api = bench.shop.price_api("--mode", "gzip")
    root = bench.site(pse_url=api.url)
    bench.serve()
    bench.check(wait_for(lambda: bench.server.get("/prices")[0] == 200, 20), "prices are there")
    checked = Checker(bench.server.base, root, pse=api.url, quiet=True, only="/prices").run()
    bench.check(not checked.failed, "the prices are right", str(checked.failures))


def prices_from_the_cache(bench):
    """The API is down at the next start: the prices come from the cache file, then from the API again."""
    api = bench.shop.price_api()
    root = bench.site(pse_url=api.url)
    server = bench.serve()
    bench.check(wait_for(lambda: server.get("/prices")[0] == 200, 20), "prices are there")
    cache = root / "data" / "wattboard_price_cache.json"
    bench.check(wait_for(cache.exists, 10), "the cache file is written")
    kept = json.loads(cache.read_text()) if cache.exists() else {}
    bench.check(
        {"price_data", "cache_timestamp", "business_date", "created_at"} <= set(kept),
        "the cache has its wrapper keys",
        str(sorted(kept)),
    )
    first = server.json("/prices")[1]
    server.end()
    api.mode("down")
    server = bench.serve()
    wait_for(lambda: server.get("/prices")[0] == 200, 20)
    status, second = server.json("/prices")
    bench.check(status == 200 and second["prices"] == first["prices"], "the same prices from the cache", f"{status}")
    bench.check(status == 200 and second["data_source"] == "disk_cache_fallback", "and it says so", str(second)[:100])
    api.mode("ok")
    server.end()
    cache.write_text('{"price_data": [')
    server = bench.serve()
    bench.check(wait_for(lambda: server.get("/prices")[0] == 200, 90), "a half-written cache is overcome")


def read_only_folder(bench):
    """The data folder may not be written by the server's user."""
    if os.geteuid() != 0:
        return print(f"     {bench.name}: not tried, this needs root")
    root = bench.site()
    server = bench.serve(user=NOBODY)
    bench.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there without a cache file")
    bench.still_serves("with a read-only folder")
    lines = [line for line in server.log_text().splitlines() if "ermission" in line]
    bench.check(lines, "the log says what may not be written")
    bench.check(len(lines) < 20, "and does not repeat it for ever", f"{len(lines)} lines")
    (root / "data").chmod(0o777)
    bench.recovers()


def log_rotated(bench):
    """The log written on, rotated by rename, truncated in place, deleted and made again."""
    root = bench.site()
    server = bench.serve()
    log = root / "logs" / "master_coordinator.log"

    def write(mode, text):
        with log.open(mode) as stream:
            stream.write(f"2026-11-22 14:02:24,900 - m - INFO - {text}\n")
        found = wait_for(
            lambda: (server.json("/logs?file=master&lines=1")[1] or {}).get("lines", [""])[-1:]
            == [f"2026-11-22 14:02:24,900 - m - INFO - {text}"],
            15,
        )
        bench.check(found, f"{text}: the line is seen", str(server.json("/logs?file=master&lines=1"))[:200])

    write("a", "written on")
    log.rename(log.with_suffix(".log.1"))
    bench.check(
        wait_for(lambda: server.get("/logs?file=master&lines=5")[0] in (200, 404), 5),
        "between rename and the new file no 5xx",
    )
    write("w", "rotated by rename")
    kept = server.json("/logs?file=master&lines=2")[1]["lines"]
    bench.check(kept[0].endswith("written on"), "the lines before the rotation stay in memory", str(kept))
    with log.open("a") as stream:
        stream.writelines(f"2026-11-22 14:02:25,000 - m - INFO - filler {index}\n" for index in range(200))
    os.truncate(log, 0)
    write("a", "truncated in place")
    log.unlink()
    bench.still_serves("with a deleted log")
    write("w", "made again")


def refresher_panics(bench):
    """A refresher that panics once (a build with the feature `faults`): seen, restarted, recovered."""
    binary = getattr(bench, "faults_binary", None)
    if not binary:
        return print(f"     {bench.name}: not tried, no --faults-bin given")
    bench.site()
    server = bench.server = bench.shop.serve(bench.root, binary=binary, env={"WATTBOARD_FAULT_PANIC": "live"})
    seen = wait_for(
        lambda: ((server.json("/status")[1] or {}).get("background_worker") or {}).get("health") == "failed", 15, 0.05
    )
    logged = wait_for(lambda: "panic" in server.log_text(), 5)
    bench.check(seen, "health was 'failed' for a while")
    bench.check(logged, "the log tells of the panic")
    statuses = {path: server.get(path)[0] for path in PATHS}
    bench.check(
        not any(status == 0 or status >= 500 for status in statuses.values()), "every endpoint answers", str(statuses)
    )
    bench.check(
        wait_for(lambda: server.json("/status")[1]["background_worker"]["health"] == "healthy", 60), "healthy again"
    )
    bench.recovers()


MODES = ("down", "slow", "html", "empty", "truncated", "huge", "status500", "drift")
ALL = (
    clock_autumn_hour,
    clock_jumps,
    *(price_fault(mode) for mode in MODES),
    prices_gzip,
    prices_from_the_cache,
    read_only_folder,
    log_rotated,
    refresher_panics,
)
