#!/usr/bin/env python3
"""Ten years exported as series and taken by real engines: VictoriaMetrics has the same totals per month as /api/v1/energy and
the same rows as the database, also when it is sent everything twice; InfluxDB accepts every line; promtool makes blocks of
OpenMetrics that hold the same samples. The export takes 16 MiB at most."""

import csv
import io
import re
import sqlite3
import subprocess
import time
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

from engine import InfluxDB, VictoriaMetrics
from lib import FAST, Tally, Workshop, arguments, finish, wait_for
from localtime import ZONE

RESIDENT_KIB = 16 * 1024
SERIES = {
    "pv": "wattboard_day_pv_energy_kwh",
    "import": "wattboard_day_grid_import_energy_kwh",
    "export": "wattboard_day_grid_export_energy_kwh",
    "consumption": "wattboard_day_house_energy_kwh",
    "battery_charge": "wattboard_day_battery_charge_energy_kwh",
    "battery_discharge": "wattboard_day_battery_discharge_energy_kwh",
}
MONEY = {"import_cost_pln": "wattboard_day_cost_pln", "export_income_pln": "wattboard_day_income_pln"}
UNPRICED = {"import_unpriced_kwh": "import", "export_unpriced_kwh": "export"}
ROWS = {
    "wattboard_pv_power_watts": "pv_power",
    "wattboard_grid_power_watts": "grid_power",
    "wattboard_grid_import_energy_kwh_total": "grid_import_total_kwh",
}
SITE = "dom, przy lesie=1"
PROM_DAYS = 8


def config_of(root):
    return root / "config" / "master_coordinator_config.yaml"


def exported(binary, root, target, *more):
    """Writes an export to a file; (seconds, KiB at most)."""
    command = [binary, "export", "--config", config_of(root), *more]
    began, most = time.monotonic(), 0
    with open(target, "wb") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE) as child:
        while child.poll() is None:
            try:
                found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{child.pid}/status").read_text())
                most = max(most, int(found.group(1)) if found else 0)
            except OSError:
                pass
            time.sleep(0.01)
        said = child.stderr.read().decode()
    if child.returncode:
        raise RuntimeError(f"export {more}: {child.returncode} {said}")
    return time.monotonic() - began, most


def summed(server, days, seconds):
    """Whether all closed days are summed but yesterday, whose rows are not an hour old to a server that has just started."""

    def is_done():
        found = (server.json("/status")[1] or {}).get("backfill") or {}
        return found.get("done_days", 0) >= days - 1

    return wait_for(is_done, seconds)


def midnight(day):
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp())


def month_after(day):
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def months(first, last):
    """The first day of each month, and of the one after it, of those that lie between."""
    at = first if first.day == 1 else month_after(first)
    while month_after(at) <= last:
        yield at, month_after(at)
        at = month_after(at)


def is_same(told, found):
    """Whether the engine has what the server says, to the last digit; both may know nothing."""
    if told is None or found is None:
        return told is None and found is None
    return round(Decimal(found), 6) == round(Decimal(told), 6)


def totals(tally, engine, answer, when):
    """Months of `/api/v1/energy` in the engine."""
    compared, wrong, priced = 0, [], 0
    for bucket in answer["buckets"]:
        first = date.fromisoformat(bucket["bucket"] + "-01")
        start, end = midnight(first), midnight(month_after(first))

        def sum_of(selector):
            return engine.value(f"sum_over_time({selector}[{end - start}s])", end)

        asked = [(name, bucket["energy"][name]["kwh"], series) for name, series in SERIES.items()]
        asked += [(name, bucket["money"][name], series) for name, series in MONEY.items()]
        known = {name: bucket["energy"][name]["kwh"] is not None for name in ("import", "export")}
        asked += [
            (name, bucket["money"][name], f'wattboard_day_unpriced_energy_kwh{{flow="{flow}"}}')
            for name, flow in UNPRICED.items()
            if known[flow]
        ]
        asked += [("rows", bucket["completeness"]["rows"], "wattboard_day_rows")]
        asked += [("expected_rows", bucket["completeness"]["expected_rows"], "wattboard_day_rows_expected")]
        for name, told, selector in asked:
            found = sum_of(selector)
            compared += 1
            priced += name in MONEY and told is not None
            # Of a month without prices the server does not know what it cost; a day of it without energy cost nothing.
            if not is_same(told, found) and not (name in MONEY and told is None and found == 0):
                wrong.append(f"{bucket['bucket']} {name}: {told} in the answer, {found} in the engine")
    tally.check(not wrong and compared >= 12 * len(answer["buckets"]) > 0 and priced, f"{when}: {compared} totals of months are the same, {priced} of them money", "; ".join(wrong[:8]))


def told_again(tally, engine, answer):
    """A day that is told again, a millisecond later, less than before: the documented query takes what was told last."""
    first = date.fromisoformat(answer["buckets"][-1]["bucket"] + "-01")
    days = (month_after(first) - first).days
    end = int(datetime(month_after(first).year, month_after(first).month, 1, tzinfo=timezone.utc).timestamp())
    query = f"sum_over_time(last_over_time(wattboard_day_rows[24h])[{days}d:24h])"
    before = engine.value(query, end)
    stored = engine.samples("wattboard_day_rows", midnight(first), midnight(first + timedelta(days=1)))
    (at_ms, rows_told), site = stored[0][1][0], SITE.replace(",", "\\,").replace(" ", "\\ ").replace("=", "\\=")
    engine.write(f"wattboard,site={site} day_rows={rows_told - 100} {at_ms + 1}000000\n".encode())
    engine.flush()
    after = wait_for(lambda: engine.value(query, end) == before - 100, 10) and engine.value(query, end)
    whole = answer["buckets"][-1]["completeness"]["rows"]
    tally.check(before == whole and after == whole - 100, f"a day told again: {whole} rows before, {after} after, 100 less")


def rows(tally, engine, root, first, last, when):
    """Counts and sums of rows by month, against SQL."""
    connection = sqlite3.connect(f"file:{root}/data/goodwe_energy.db?mode=ro", uri=True)
    found = [(at, after) for at, after in months(first, last)]
    picked = found[:: max(1, len(found) // 12)]
    wrong = []
    for at, after in picked:
        start, end = midnight(at), midnight(after)
        for series, column in ROWS.items():
            # Months of local time; the hour that is there twice in October is there twice in both.
            sql = f"SELECT count({column}), total({column}) FROM energy_data WHERE timestamp >= ? AND timestamp < ?"
            count, total = connection.execute(sql, (f"{at}T00:00:00", f"{after}T00:00:00")).fetchone()
            window = f"{series}[{end - start}s]"
            stored = engine.value(f"count_over_time({window})", end - 0.001, 0)
            summed_up = engine.value(f"sum_over_time({window})", end - 0.001, 0)
            if stored != count or abs(summed_up - total) > abs(total) * 1e-9 + 1e-6:
                wrong.append(f"{at} {series}: {stored} rows of {count}, {summed_up} of {total}")
    tally.check(not wrong and picked, f"{when}: rows of {len(picked)} months are counted and summed as by SQL", "; ".join(wrong[:5]))
    (count,) = connection.execute(
        "SELECT count(*) FROM coordinator_decisions WHERE timestamp >= ? AND timestamp < ?",
        (f"{first}T00:00:00", f"{last}T00:00:00"),
    ).fetchone()
    start, end = midnight(first), midnight(last)
    made = engine.value(f"sum(count_over_time(wattboard_decision_made[{end - start}s]))", end - 0.001, 0)
    tally.check(made == count > 0, f"{when}: {made:.0f} decisions, {count} in the database")
    connection.close()


def prices(tally, shop, engine, root):
    """The days of which a market price is remembered: as many, and the same."""
    target = shop.folder / "prices.csv"
    exported(shop.binary, root, target, "--what", "prices")
    told = [row for row in csv.DictReader(io.StringIO(target.read_text())) if row["buy_pln_kwh"]]
    if not told:
        tally.check(False, "prices are known")
        return
    start = int(datetime.fromisoformat(told[0]["start"]).timestamp())
    end = int(datetime.fromisoformat(told[-1]["start"]).timestamp())
    found = engine.samples("wattboard_price_buy_pln_per_kwh", start, end + 1)
    same = {int(datetime.fromisoformat(row["start"]).timestamp() * 1000): float(row["buy_pln_kwh"]) for row in told}
    stored = dict(found[0][1]) if found else {}
    tally.check(stored == same and len(stored) == len(told), f"{len(told)} quarter-hours have the price that they have in CSV", f"{len(stored)}")


def line_samples(path):
    """{(name, labels, ms): value} of line protocol without escapes."""
    found = {}
    for line in path.read_text().splitlines():
        tags, fields, at = re.split(r"(?<!\\) ", line)
        measurement, *labels = re.split(r"(?<!\\),", tags)
        labels = tuple(sorted(re.sub(r"\\(.)", r"\1", label) for label in labels))
        for field in fields.split(","):
            name, value = field.split("=")
            found[f"{measurement}_{name}", labels, int(at) // 10**6] = float(value)
    return found


def block_samples(folder):
    """The same of Prometheus' blocks."""
    found, twice = {}, 0
    (folder / "wal").mkdir()
    dump = subprocess.run(["promtool", "tsdb", "dump", folder], capture_output=True, text=True, check=True)
    for line in dump.stdout.splitlines():
        labels, value, at = re.fullmatch(r"\{(.*)\} (\S+) (\d+)", line).groups()
        pairs = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels))
        name = pairs.pop("__name__")
        key = name, tuple(sorted(f"{label}={text}" for label, text in pairs.items())), int(at)
        twice += key in found
        found[key] = float(value)
    return found, twice


def openmetrics(tally, shop, root, today):
    """Days as OpenMetrics, through promtool into blocks: the samples of the lines, each once."""
    part = ("--from", today - timedelta(days=PROM_DAYS), "--to", today - timedelta(days=1))
    target, lines, blocks = shop.folder / "site.om", shop.folder / "part.lines", shop.folder / "blocks"
    took, most = exported(shop.binary, root, target, "--format", "openmetrics", *map(str, part))
    exported(shop.binary, root, lines, "--format", "influx", *map(str, part))
    done = subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", target, blocks], capture_output=True, text=True, check=False
    )
    tally.check(done.returncode == 0, f"promtool makes blocks of {PROM_DAYS} days", done.stderr[-500:])
    if done.returncode == 0:
        told, (found, twice) = line_samples(lines), block_samples(blocks)
        names = len({name for name, _, _ in found})
        differ = [key for key in told.keys() | found.keys() if told.get(key) != found.get(key)]
        tally.check(
            not differ and not twice and names > 20,
            f"{len(found)} samples of {names} names are those of the lines, none twice",
            f"{len(told)} in lines, {twice} twice, {differ[:3]}",
        )
    text = target.read_text()
    heads = re.findall(r"^# TYPE (\S+)", text, re.M)
    tally.check(len(heads) == len(set(heads)) and text.endswith("# EOF\n"), f"{len(heads)} families, each in one piece, and the end")
    tally.check(most <= RESIDENT_KIB, f"OpenMetrics took {took:.1f} s and {most} KiB, allowed {RESIDENT_KIB}")


def into_influx(tally, shop, root, first, today):
    """InfluxDB takes every line of the last year; the fields are as many as in the lines."""
    engine, lines = InfluxDB(shop), shop.folder / "year.lines"
    begin = max(first, today - timedelta(days=365))
    exported(shop.binary, root, lines, "--format", "influx", "--from", str(begin), "--to", str(today - timedelta(days=1)))
    sent = engine.take(lines, chunk=2 << 20)
    engine.take(lines, chunk=2 << 20)
    counts = {}
    with open(lines, encoding="utf-8") as file:
        for line in file:
            for field in re.split(r"(?<!\\) ", line)[1].split(","):
                name = field.split("=")[0]
                counts[name] = counts.get(name, 0) + 1
    wrong = []
    for name in ("pv_power_watts", "grid_import_energy_kwh_total", "decision_made", "price_buy_pln_per_kwh", "day_rows"):
        found = engine.influxql(f"SELECT count({name}) FROM wattboard")
        stored = found[0][2][0][1] if found else 0
        if stored != counts.get(name, 0):
            wrong.append(f"{name}: {stored} of {counts.get(name, 0)}")
    tags = engine.influxql('SHOW TAG VALUES FROM wattboard WITH KEY = "site"')[0][2]
    tally.check(not wrong, f"InfluxDB takes {sent} lines, twice, and has {sum(counts.values())} values once", "; ".join(wrong))
    tally.check(tags == [["site", SITE]], f"its tag site is {tags}")
    engine.stop()


def main():
    given = arguments(__doc__.strip(), days=(3650, "days of the site"), priced=(400, "days of which prices are remembered"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("ten", days=given.days, pse_url=api.url, intervals=FAST)
        config = config_of(root)
        config.write_text(config.read_text().replace("web_server:\n", f'web_server:\n  site: "{SITE}"\n', 1))
        tally.check(SITE in config.read_text(), "the site has a name that needs escapes")
        today = datetime.now(ZONE).date()
        first = today - timedelta(days=given.days)
        backfill = ["prices", "backfill", "--pause", "1", "--from", str(today - timedelta(days=given.priced))]
        done = subprocess.run([shop.binary, *backfill, "--config", config], capture_output=True, text=True, check=False)
        tally.check(done.returncode == 0, "past prices are fetched", done.stdout[-300:] + done.stderr[-300:])
        server = shop.serve(root)
        tally.check(bool(summed(server, given.days, 300)), "closed days are summed", str(server.json("/status")[1].get("backfill")))
        begin = next(months(first, today))[0]
        end = list(months(first, today))[-1][1] - timedelta(days=1)
        answer = server.json(f"/api/v1/energy?from={begin}&to={end}&by=month", timeout=60)[1]
        server.end()
        tally.check(bool(answer), f"/api/v1/energy tells {len((answer or {}).get('buckets', []))} months, {begin} to {end}")
        lines = shop.folder / "site.lines"
        took, most = exported(shop.binary, root, lines, "--format", "influx")
        size = lines.stat().st_size
        tally.check(most <= RESIDENT_KIB, f"line protocol of {given.days} days: {size / 1e6:.0f} MB in {took:.1f} s with {most} KiB, allowed {RESIDENT_KIB}")
        engine = VictoriaMetrics(shop)
        began = time.monotonic()
        sent = engine.take(lines)
        engine.flush()
        values = engine.metric("vm_rows_inserted_total")
        print(f"VictoriaMetrics took {sent} lines in {time.monotonic() - began:.1f} s")
        bad = [name for name in ("vm_rows_invalid_total", "vm_rows_ignored_total") if engine.metric(name)]
        tally.check(not bad, "it takes every line", str(bad))
        wait_for(lambda: engine.value("count(wattboard_day_rows)", midnight(today - timedelta(days=1))) is not None, 10)
        sites = {labels.get("site") for labels in engine.series('{__name__=~"wattboard_.*"}')}
        tally.check(sites == {SITE}, f"its label site is {sites}")
        for when in ("once", "sent again"):
            totals(tally, engine, answer, when)
            rows(tally, engine, root, begin, end + timedelta(days=1), when)
            if when == "once":
                engine.take(lines)
                engine.flush()
        prices(tally, shop, engine, root)
        told_again(tally, engine, answer)
        engine.stop()
        data = sum(path.stat().st_size for path in (engine.folder / "data").rglob("*") if path.is_file())
        print(f"its data folder has {data / 1e6:.0f} MB for {values:.0f} values, told twice: {data / values:.2f} bytes a value")
        into_influx(tally, shop, root, first, today)
        openmetrics(tally, shop, root, today)
    finish(tally)


if __name__ == "__main__":
    main()
