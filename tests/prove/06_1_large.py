#!/usr/bin/env python3
"""A log of 2 GB: the start is not held up (150 ms to the first answer), memory stays within what logs may take, and
/logs?lines=1000 has a p99 under 3 ms at 200 requests a second.

The last 500 warnings, far apart, and the counts of 24 hours are found by looking back 64 MiB at most; meanwhile other
answers take at most twice as long. A log of nothing but warnings takes no more memory. Speeds are the best of three runs:
what else this machine does at the moment is not what is asked.
"""

import json
import re
import time
from collections import Counter
from datetime import timedelta

from lib import FAST, Tally, Workshop, arguments, finish, wait_for
from wire import Calm, quantile

from localtime import ZONE, now_utc
from site_files import log_line

MIB = 1 << 20
FIRST_MS, P99_MS, RATIO, FOUND_S = 150, 3.0, 2.0, 15
LOGS_KIB = 3072
NEWS_MIB, NEWS_HOURS = 72, 36
WARNINGS = 500
WORST = "/logs?file=master&lines=500&level=WARNING%2B"
LAST = "/logs?file=master&lines=1000"
HEAD = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d):\d\d:\d\d,\d{3} - \S+ - ([A-Z]+) - ")
TEXTS = (
    "Data collected successfully (SOC 76 %, PV 3.21 kW, grid -1.20 kW)",
    "🔋 Battery: 71% (charging), 12.5 kW, temperature 23.4 °C",
    "Decision made: wait for a cheaper hour - the price now is 0.61 PLN/kWh, the cheapest one today is 0.31 PLN/kWh",
    "Status - State: monitoring",
)


def line(at, number, every):
    """Line `number`; one of so many is a warning or worse."""
    if number % every == 0:
        level = "ERROR" if number % (every * 3) == 0 else "WARNING"
        return log_line(at, "inverter", level, f"no answer from 192.168.1.30, try {number}")
    return log_line(at, "__main__", "INFO" if number % 5 else "DEBUG", f"{TEXTS[number % 4]} #{number}")


def news(size, hours, every):
    """The end of a log, about so long, up to a moment ago: its lines."""
    end = now_utc() - timedelta(seconds=5)
    count = size // 118
    step, lines = timedelta(hours=hours) / count, []
    stamped, stamp = None, b""
    for number in range(count):
        at = end - step * (count - 1 - number)
        # Formatting a local time is slow: once a second is enough.
        if stamped is None or at - stamped >= timedelta(seconds=1):
            stamped, stamp = at, log_line(at, "", "", "")[:19]
        lines.append(stamp + line(end, number, every)[19:] if number % every == 0 else stamp + plain(number))
    return lines


def plain(number):
    return f",{number % 1000:03d} - __main__ - {'INFO' if number % 5 else 'DEBUG'} - {TEXTS[number % 4]} #{number}\n".encode()


def write_large(path, megabytes, lines):
    """Lines of last month again and again, then these."""
    old = now_utc() - timedelta(days=30)
    block = b"".join(line(old + timedelta(seconds=number), number, 400) for number in range(60_000))
    with path.open("wb") as log:
        while log.tell() < megabytes * MIB:
            log.write(block)
        log.writelines(lines)
    return path.stat().st_size


def first_answer_ms(server):
    """Milliseconds from the start of the process to the first 200 of /current-state."""
    server.listening()
    while time.monotonic() < server.started + 10:
        if server.get("/current-state", timeout=2)[0] == 200:
            return (time.monotonic() - server.started) * 1000
        time.sleep(0.001)
    return float("inf")


def worst_lines(server):
    status, answer = server.json(WORST)
    return answer["lines"] if status == 200 else []


def load(server, paths, seconds):
    """200 requests a second: the milliseconds that they took, and how many were bad."""
    clients = [Calm(server.address, *paths) for _ in range(2)]
    if callable(seconds):
        seconds()
    else:
        time.sleep(seconds)
    measured = [client.finish() for client in clients]
    return [took for one in measured for took in one.milliseconds()], sum(len(one.bad) for one in measured)


def expected_rates(lines):
    """Lines by (hour, level)."""
    heads = (HEAD.match(text) for text in lines)
    return Counter((head[1].decode(), head[2].decode().lower()) for head in heads if head)


def starts(tally, shop, large, expected):
    """Three starts: the first answer, what other answers take while it looks back, and how long that lasts."""
    firsts, ratios, found_s, server = [], [], [], None
    paths = ("/current-state", "/decisions", "/api/v1/state", "/status")
    for attempt in range(3):
        if server:
            server.end()
        server = shop.serve(large, wait=False)
        firsts.append(first_answer_ms(server))
        began = time.monotonic()
        busy, bad = load(server, paths, lambda: wait_for(lambda: worst_lines(server) == expected, FOUND_S, 0.1))
        found_s.append(time.monotonic() - began)
        tally.check(worst_lines(server) == expected, f"start {attempt}: the last {WARNINGS} warnings are found and right")
        calm, more = load(server, paths, 5)
        ratios.append(quantile(busy, 0.99) / quantile(calm, 0.99))
        print(
            f"start {attempt}: first answer after {firsts[-1]:.0f} ms; looked back for {found_s[-1]:.1f} s: p99 "
            f"{quantile(busy, 0.99):.2f} of {len(busy)}, afterwards {quantile(calm, 0.99):.2f} ms of {len(calm)}"
        )
        tally.check(bad + more == 0, f"start {attempt}: no bad answer", f"{bad} and {more}")
    tally.check(min(firsts) <= FIRST_MS, f"{min(firsts):.0f} ms to the first answer, allowed {FIRST_MS}")
    tally.check(min(found_s) <= FOUND_S, f"{min(found_s):.1f} s until all warnings are found, allowed {FOUND_S}")
    tally.check(min(ratios) <= RATIO, f"p99 while it looks back {min(ratios):.2f} times that afterwards, allowed {RATIO}")
    return server


def right(tally, server, path, lines):
    """The last lines, and the counts by the hour."""
    status, answer = server.json(LAST)
    told = [text.decode().rstrip("\n") for text in lines[-1000:]]
    tally.check(status == 200 and answer["lines"] == told, "/logs?lines=1000 are the last 1000 lines")
    rates = json.loads(server.get("/logs/rates")[1])
    own = next(log for log in rates["logs"] if log["name"] == path.name)
    expected, wrong = expected_rates(lines), []
    hours = [hour[:13].replace("T", " ") for hour in rates["hours"]]
    for index, hour in enumerate(hours):
        for level in ("debug", "info", "warning", "error", "critical"):
            if own[level][index] != expected[hour, level]:
                wrong.append(f"{hour} {level}: {own[level][index]} is not {expected[hour, level]}")
    tally.check(not wrong, "the counts of 24 hours are those of the file", "; ".join(wrong[:4]))


def speed(tally, server):
    """/logs?lines=1000 at 200 requests a second, three times at most."""
    p99s = []
    while len(p99s) < 3 and min(p99s, default=P99_MS) >= P99_MS:
        took, bad = load(server, (LAST,), 4)
        p99s.append(quantile(took, 0.99))
        print(f"/logs?lines=1000: {len(took)} answers, {bad} bad, p50 {quantile(took, 0.5):.2f}, p99 {p99s[-1]:.2f} ms")
    tally.check(min(p99s) < P99_MS, f"p99 {min(p99s):.2f} ms (best of three), allowed {P99_MS}")


def memory(tally, name, server, small):
    """Against the same site with a small log, after the same requests."""
    for each in (server, small):
        for path in (LAST, WORST, "/logs/files", "/logs/rates") * 25:
            each.get(path)
    most, least = server.memory_kib("VmHWM"), small.memory_kib("VmHWM")
    allowed = least * 1.1 + LOGS_KIB
    tally.check(most <= allowed, f"{name}: {most} KiB at most, {least} with a small log, allowed {allowed:.0f}")


def main():
    given = arguments(__doc__.split("\n\n")[0], megabytes=(2048, "length of the log"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        large, noisy, little = (
            shop.site(name, days=2, pse_url=api.url, intervals=FAST) for name in ("large", "noisy", "little")
        )
        small = shop.serve(little)
        path = large / "logs" / "master_coordinator.log"
        began = time.monotonic()
        lines = news(NEWS_MIB * MIB, NEWS_HOURS, 900)
        try:
            size = write_large(path, given.megabytes, lines)
            print(f"a log of {size / MIB:.0f} MiB after {time.monotonic() - began:.1f} s")
            warnings = [text.decode().rstrip("\n") for text in lines if b" - inverter - " in text]
            expected = warnings[-WARNINGS:]
            far = sum(len(text) for text in lines[lines.index(f"{expected[0]}\n".encode()) :])
            tally.check(40 * MIB < far < 60 * MIB, f"500 warnings reach {far / MIB:.0f} MiB back")
            server = starts(tally, shop, large, expected)
            right(tally, server, path, lines)
            speed(tally, server)
            memory(tally, "2 GB", server, small)
            tally.check("panicked" not in server.log_text(), "no panic", server.log_text()[-500:])
            server.end()
        finally:
            path.unlink(missing_ok=True)
        only_warnings(tally, shop, noisy, small)
    finish(tally)


def only_warnings(tally, shop, noisy, small):
    """66 MiB of warnings of the last day."""
    path = noisy / "logs" / "master_coordinator.log"
    now = now_utc()
    count = 66 * MIB // 110
    stamp = log_line(now - timedelta(minutes=1), "inverter", "WARNING", f"no answer from 192.168.1.30 {'.' * 30}")[:-1]
    with path.open("wb") as log:
        log.writelines(b"%s %d\n" % (stamp, number) for number in range(count))
    server = shop.serve(noisy)

    def counted():
        rates = json.loads(server.get("/logs/rates")[1])
        own = [log for log in rates["logs"] if log["name"] == path.name]
        hour = f"{(now - timedelta(minutes=1)).astimezone(ZONE):%Y-%m-%dT%H}"
        index = [hour == text[:13] for text in rates["hours"]].index(True)
        return own and own[0]["counted_from"] and own[0]["warning"]

    wait_for(counted, 5)
    least, quiet = server.memory_kib("VmHWM"), 0
    while quiet < 8:  # until it grows no more
        time.sleep(0.5)
        now_kib = server.memory_kib("VmHWM")
        quiet = quiet + 1 if now_kib == least else 0
        least = now_kib
    told = worst_lines(server)
    expected = [f"{stamp.decode()} {number}" for number in range(count - WARNINGS, count)]
    tally.check(told == expected, "nothing but warnings: the last 500 are told")
    memory(tally, "nothing but warnings", server, small)


if __name__ == "__main__":
    main()
