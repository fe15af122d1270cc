#!/usr/bin/env python3
"""The memory of past prices: `wattboard prices backfill` fetches the days that the site has rows of, once; broken off
it goes on; the server answers past days from it, fills it by itself at one request a minute, and survives its ruin.
"""

import os
import random
import re
import signal
import sqlite3
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from lib import Child, Tally, Workshop, arguments, finish, wait_for
from prices import DAY, PriceBench, backfilled, need_faketime, refresher, report

from localtime import quarter_starts

WHEN, DAYS = "2026-11-05T15:00:10", 40  # the days reach over the autumn change of clocks
FIRST_S, PAUSE_S = 40, 58


def make(shop, name, **how):
    return PriceBench(shop, name, WHEN, layout="sqlite", days=DAYS, **how)


def past_days(bench):
    """The past days of the site, newest first."""
    return [bench.today() - DAY * back for back in range(1, DAYS + 1)]


def bounds(entry):
    """The first and the last day that a request asks for."""
    first, last = re.search(r"ge '(\S+)'.* le '(\S+)'", entry["filter"]).groups()
    return date.fromisoformat(first), date.fromisoformat(last)


def whole_months(tally, label, bench, entries):
    """A month a request, newest first, no day twice, and all past days of the site."""
    for entity in sorted({entry["entity"] for entry in entries}):
        ranges = [bounds(entry) for entry in entries if entry["entity"] == entity]
        print(f"     {label} {entity}: {[f'{first}..{last}' for first, last in ranges]}")
        within = all((first.year, first.month) == (last.year, last.month) for first, last in ranges)
        tally.check(within, f"{label}: {entity} is asked for by the month", str(ranges))
        tally.check(ranges == sorted(ranges, reverse=True), f"{label}: {entity} newest first", str(ranges))
        asked = Counter(first + DAY * at for first, last in ranges for at in range((last - first).days + 1))
        tally.check(all(count == 1 for count in asked.values()), f"{label}: no day of {entity} twice", str(asked.most_common(2)))
        lacking = [str(day) for day in past_days(bench) if day not in asked]
        tally.check(not lacking, f"{label}: every past day of {entity} is asked for", str(lacking[:5]))
    entities = {entry["entity"] for entry in entries}
    tally.check({"csdac-pln", "rce-pln"} <= entities, f"{label}: both prices are asked for", str(entities))


def look_into(path):
    """The database as it is: integrity, tables with their columns and rows, and every ISO date within."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    tables, days = {}, set()
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
        tables[table] = (columns, len(rows))
        for row in rows:
            for value in row:
                if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d(?!\d)", value):
                    days.add(value[:10])
    connection.close()
    return sound, tables, days


def complete(tally, label, bench):
    """Every past day is in the database; its schema is printed."""
    sound, tables, days = look_into(bench.root / "data" / "wattboard.db")
    for table, (columns, rows) in tables.items():
        print(f"     {label}: {table}({', '.join(columns)}): {rows} rows")
    tally.check(sound == "ok", f"{label}: the database is sound", sound)
    lacking = [str(day) for day in past_days(bench) if str(day) not in days]
    if days:
        tally.check(not lacking, f"{label}: every past day is in the database", str(lacking[:5]))
    else:
        tally.check(any(rows for _, rows in tables.values()), f"{label}: there are rows in the database", str(tables))
    return tables


def answers(tally, label, bench, days):
    """Past days over HTTP: from memory, and right."""
    wrong = {}
    for day in days:
        found = bench.compare(day, [day])
        _, answer = bench.ask(day)
        source = ((answer or {}).get("provenance") or {}).get("source")
        if source != "memory":
            found = [f"source {source}", *found]
        expected = len(quarter_starts(day))
        if len((answer or {}).get("slots") or []) != expected:
            found = [f"not {expected} slots", *found]
        if found:
            wrong[str(day)] = found[:2]
    tally.check(not wrong, f"{label}: {len(days)} past days from memory, all right", f"{len(wrong)}: {list(wrong.items())[:3]}")


def by_command(tally, shop):
    """The command: complete, and a second run asks for nothing."""
    bench, label = make(shop, "command"), "command"
    began = time.monotonic()
    code, out, errors = bench.command("prices", "backfill", "--pause", "1")
    print(f"     {label}: {time.monotonic() - began:.1f} s; {out.splitlines()[:8]}")
    tally.check(code == 0, f"{label}: ends with 0", f"{code} {errors[-300:]}")
    entries = backfilled(bench.api.log())
    tally.check(len((out + errors).splitlines()) >= 2, f"{label}: it tells of its progress", out[:200])
    whole_months(tally, label, bench, entries)
    gaps = [later["real"] - earlier["real"] for earlier, later in zip(entries, entries[1:])]
    tally.check(gaps and min(gaps) > 0.9, f"{label}: a pause between requests", str([round(gap, 2) for gap in gaps]))
    complete(tally, label, bench)
    asked = bench.api.count()["total"]
    code, out, errors = bench.command("prices", "backfill", "--pause", "1")
    more = backfilled(bench.api.log()[asked:])
    tally.check(code == 0 and not more, f"{label}: a second run asks for nothing", f"{code} {errors[-200:]} {more[:2]}")
    bench.serve()
    answers(tally, label, bench, past_days(bench))
    status, answer = bench.ask(bench.today() - DAY * (DAYS + 30))
    good = status == 200 and answer["slots"] == [] and answer["reason"]
    tally.check(good, f"{label}: a day before them has no slots and a reason", f"{status} {str(answer)[:150]}")
    yesterday = bench.compare(bench.today(), [bench.today(), bench.today() + DAY], yesterday=True)
    report(tally, f"{label}: today knows yesterday's mean", yesterday)
    bench.end()


def since(tally, shop):
    """`--from` bounds it."""
    bench = make(shop, "since")
    first = bench.today() - DAY * 5
    code, _, errors = bench.command("prices", "backfill", "--pause", "1", "--from", str(first))
    ranges = [bounds(entry) for entry in backfilled(bench.api.log(), "csdac-pln")]
    tally.check(code == 0 and ranges, "since: ends with 0", f"{code} {errors[-200:]}")
    kept = all(begin >= first.replace(day=1) for begin, _ in ranges)
    tally.check(kept, "since: nothing before that month is asked for", str(ranges))
    code, _, errors = bench.command("prices", "backfill", "--from", "2026-13-01")
    tally.check(code != 0 and "2026-13-01" in errors, "since: a day that is none is refused by name", f"{code} {errors[-200:]}")
    bench.end()


def broken_off(number):
    """SIGTERM or SIGKILL in the middle; the next run goes on where it was."""

    def prove(tally, shop):
        bench, label = make(shop, f"broken-{number}"), f"broken off by {signal.Signals(number).name}"
        command = [bench.shop.binary, "prices", "backfill", "--pause", "2", "--config", bench.config_file]
        child = shop._add(Child(command, env={**os.environ, **bench.environment}, cwd="/"))
        wait_for(lambda: len(backfilled(bench.api.log())) >= 2, 20, 0.02)
        time.sleep(random.Random(number).uniform(0.3, 1.2))
        code, took = child.end(number)
        tally.check(number == signal.SIGKILL or took < 2, f"{label}: stops at once", f"code {code} after {took:.1f} s")
        before = backfilled(bench.api.log())
        code, _, errors = bench.command("prices", "backfill", "--pause", "1")
        tally.check(code == 0, f"{label}: the next run ends with 0", f"{code} {errors[-300:]}")
        after = backfilled(bench.api.log())[len(before):]
        done = {(entry["entity"], entry["filter"]) for entry in before[:-1]}
        again = [entry for entry in after if (entry["entity"], entry["filter"]) in done]
        tally.check(after, f"{label}: the next run has something to do")
        tally.check(len(again) <= 1, f"{label}: what was done is not asked for again", str(again))
        complete(tally, label, bench)
        bench.serve()
        answers(tally, label, bench, past_days(bench)[::4])
        bench.end()

    prove.__name__ = f"broken_off_{number}"
    return prove


def failing(tally, shop):
    """A failure in the middle: said, and nothing wrong is kept."""
    bench = make(shop, "failing")
    bench.api.mode("incomplete")
    bench.command("prices", "backfill", "--pause", "1")
    bench.api.mode("status500")
    code, out, errors = bench.command("prices", "backfill", "--pause", "1")
    tally.check("500" in out + errors, "failing: the failure is named", f"{code} {(out + errors)[-200:]}")
    tally.check(code != 0, "failing: it ends with another code than 0", str(code))
    bench.api.mode("ok")
    code, _, errors = bench.command("prices", "backfill", "--pause", "1")
    tally.check(code == 0, "failing: afterwards it ends with 0", f"{code} {errors[-200:]}")
    bench.serve()
    answers(tally, "failing", bench, past_days(bench)[::3])
    bench.end()


def background(tally, shop):
    """The server fills it by itself: after about a minute, one request a minute at most."""
    bench, label = make(shop, "background"), "background"
    began = time.time()
    server = bench.serve()
    done = wait_for(
        lambda: all(bench.has(day) for day in (past_days(bench)[-1], past_days(bench)[0])), 8 * 60, 2
    )
    entries = backfilled(bench.api.log())
    times = [entry["real"] for entry in entries]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    shown = [round(moment - began) for moment in times]
    print(f"     {label}: asked {shown} s after the start", flush=True)
    tally.check(done, f"{label}: the past days are there", str(shown))
    tally.check(times and times[0] - began >= FIRST_S, f"{label}: not in the first minute", str(shown))
    tally.check(all(gap >= PAUSE_S for gap in gaps), f"{label}: at most one request a minute", str([round(gap, 1) for gap in gaps]))
    whole_months(tally, label, bench, entries)
    answers(tally, label, bench, past_days(bench))
    eager = refresher(bench.api.log())
    tally.check(len(eager) <= 6, f"{label}: the refresher asked as usual", str(len(eager)))
    time.sleep(130)
    more = backfilled(bench.api.log())[len(entries):]
    tally.check(not more, f"{label}: then nothing is asked for", str(more[:2]))
    written = server.written_bytes()
    time.sleep(70)
    tally.check(server.written_bytes() == written, f"{label}: and nothing is written", f"{server.written_bytes() - written} bytes")
    complete(tally, label, bench)
    bench.end()


def ruined(tally, shop):
    """A database that is none: set aside, said, and begun anew."""
    for name, content in (("garbage", b"this is no database\n" * 500), ("empty", b""), ("cut", None)):
        bench, label = make(shop, f"ruined-{name}"), f"ruined ({name})"
        path = bench.root / "data" / "wattboard.db"
        if content is None:
            bench.command("prices", "backfill", "--pause", "1")
            whole = path.read_bytes()
            content = whole[: len(whole) // 2]
            for more in ("-wal", "-shm"):
                path.with_name(path.name + more).unlink(missing_ok=True)
        path.write_bytes(content)
        server = bench.serve()
        report(tally, f"{label}: today's prices are right", bench.compare(bench.today(), [bench.today(), bench.today() + DAY]))
        status, answer = bench.ask(past_days(bench)[3])
        tally.check(status == 200, f"{label}: a past day is a 200", f"{status} {str(answer)[:150]}")
        code, out, errors = bench.command("prices", "backfill", "--pause", "1")
        tally.check(code == 0, f"{label}: prices backfill works", f"{code} {(out + errors)[-300:]}")
        if name != "empty":
            aside = [
                other.name
                for other in path.parent.iterdir()
                if other != path and other.is_file() and other.stat().st_size and other.read_bytes()[:64] == content[:64]
                and not other.name.startswith("goodwe_energy")
            ]
            tally.check(aside, f"{label}: the old file is set aside", str(sorted(other.name for other in path.parent.iterdir())))
            told = [line for line in [*server.errors, *errors.splitlines()] if "wattboard.db" in line]
            print(f"     {label}: {aside} {told[:1]}")
            tally.check(told, f"{label}: and the log says so")
        complete(tally, label, bench)
        bench.restart()
        answers(tally, label, bench, past_days(bench)[::5])
        tally.check("panicked" not in server.log_text(), f"{label}: no panic in the log")
        bench.end()


def untouched(tally, shop):
    """The coordinator's database is only read."""
    bench = make(shop, "untouched")
    database = bench.root / "data" / "goodwe_energy.db"
    before = (database.read_bytes(), database.stat().st_mtime_ns)
    bench.command("prices", "backfill", "--pause", "1")
    after = (database.read_bytes(), database.stat().st_mtime_ns)
    tally.check(before == after, "untouched: the coordinator's database is as it was")
    bench.end()


PROOFS = (background, by_command, since, broken_off(signal.SIGTERM), broken_off(signal.SIGKILL), failing, ruined, untouched)


def attempt(tally, shop, proof):
    """One of them; whatever goes wrong in it is a failed check."""
    began = time.monotonic()
    try:
        proof(tally, shop)
    except Exception:  # noqa: BLE001 (one that breaks must not hide the others)
        tally.check(False, f"{proof.__name__}: ran to its end", traceback.format_exc(limit=4))
    print(f"---- {proof.__name__}: {time.monotonic() - began:.0f} s", flush=True)


def main():
    given = arguments(__doc__.split("\n\n")[0], only=("", "only those whose name contains this"), parallel=(4, "at once"))
    need_faketime()
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop, ThreadPoolExecutor(given.parallel) as pool:
        for proof in PROOFS:
            if given.only in proof.__name__:
                pool.submit(attempt, tally, shop, proof)
    finish(tally)


if __name__ == "__main__":
    main()
