#!/usr/bin/env python3
"""Energy and history of any range: hours make days, days months, months years to the digit; totals are what the meter
counted; every extreme of the rows is in few points; holes stay holes; ten years are answered at once."""

import gzip
import http.client
import json
import shutil
import sqlite3
import statistics
import time
from datetime import date, datetime, timedelta
from decimal import Decimal

from lib import Tally, Workshop, arguments, finish, wait_for
from localtime import ZONE

ENERGIES = ("pv", "import", "export", "consumption", "battery_charge", "battery_discharge")
ADDED = ("rows", "expected_rows", "price_slots", "expected_price_slots")
COLUMNS = {
    "soc": "battery_soc",
    "pv": "pv_power",
    "grid": "grid_power",
    "load": "house_consumption",
    "battery": "battery_power",
    "temperature": "battery_temperature",
}
YEARS = 10


def summed(server, days):
    """Waits until that many closed days are summed."""

    def is_done():
        found = (server.json("/status")[1] or {}).get("backfill") or {}
        return found.get("done_days", 0) >= days

    return wait_for(is_done, 120)


def energy(server, first, last, by):
    status, answer = server.json(f"/api/v1/energy?from={first}&to={last}&by={by}")
    if status != 200:
        raise RuntimeError(f"energy {first} {last} {by}: {status} {answer}")
    return answer


def amounts(figures):
    """All that is added, of a bucket."""
    found = {name: figures["energy"][name]["kwh"] or Decimal(0) for name in ENERGIES}
    found["t1"] = figures["energy"]["import_t1_kwh"] or Decimal(0)
    money = figures["money"]
    for name in ("import_cost_pln", "import_unpriced_kwh", "export_income_pln", "export_unpriced_kwh"):
        found[name] = Decimal(money[name] or 0)
    found.update({name: Decimal(figures["completeness"][name]) for name in ADDED})
    return found


def added(buckets):
    total = {}
    for bucket in buckets:
        for name, value in amounts(bucket).items():
            total[name] = total.get(name, Decimal(0)) + value
    return total


def check_sums(tally, server, first, today):
    year = energy(server, first, today, "year")
    months = energy(server, first, today, "month")
    days = energy(server, first, today, "day")
    whole = amounts(year["total"])
    for name, answer in (("years", year), ("months", months), ("days", days)):
        tally.check(added(answer["buckets"]) == whole, f"{name} add up to the range, to the millionth")
    by_month = {bucket["bucket"]: amounts(bucket) for bucket in months["buckets"]}
    for month, expected in by_month.items():
        own = [bucket for bucket in days["buckets"] if bucket["bucket"].startswith(month)]
        tally.check(added(own) == expected, f"the days of {month} are the month")
    wrong = []
    for bucket in days["buckets"]:
        hours = energy(server, bucket["bucket"], bucket["bucket"], "hour")["buckets"]
        if added(hours) != amounts(bucket):
            wrong.append(bucket["bucket"])
    tally.check(not wrong, f"the hours of each of {len(days['buckets'])} days are the day", wrong)
    wrong = []
    for bucket in days["buckets"]:
        flows = bucket["energy"]
        if all(flows[name]["kwh"] is not None for name in ENERGIES):
            kwh = [flows[name]["kwh"] for name in ("pv", "import", "battery_discharge", "consumption", "export", "battery_charge")]
            rest = sum(kwh[:3]) - sum(kwh[3:])
            if rest != flows["balance_error_kwh"] or flows["import_t1_kwh"] + flows["import_t2_kwh"] != kwh[1]:
                wrong.append(bucket["bucket"])
    tally.check(not wrong, "the rest of the balance is named, T1 and T2 are the import", wrong)
    counted = sum(bucket["completeness"]["parts"] for bucket in days["buckets"])
    tally.check(counted == year["total"]["completeness"]["parts"] > 20, "days with rows are counted", counted)


def meter(root, column, at):
    """A counter at an instant, between the two readings around it; None across a gap of an hour."""
    with sqlite3.connect(root / "data" / "goodwe_energy.db") as connection:
        sql = f"SELECT timestamp, {column} FROM energy_data WHERE {column} IS NOT NULL AND timestamp {{}} ? ORDER BY timestamp {{}} LIMIT 1"
        before = connection.execute(sql.format("<=", "DESC"), (at.isoformat(),)).fetchone()
        after = connection.execute(sql.format(">", "ASC"), (at.isoformat(),)).fetchone()
    if not before or not after:
        return None
    times = [datetime.fromisoformat(row[0]) for row in (before, after)]
    if times[1] - times[0] > timedelta(hours=1):
        return None
    share = (at - times[0]) / (times[1] - times[0])
    return before[1] + (after[1] - before[1]) * share


def check_meter(tally, server, root, first, today):
    """Days whose counters have neither hole nor reset: what the meter counted from midnight to midnight."""
    compared = 0
    for bucket in energy(server, first, today - timedelta(days=1), "day")["buckets"]:
        day = datetime.fromisoformat(bucket["bucket"])
        for name, column in (("import", "grid_import_total_kwh"), ("export", "grid_export_total_kwh")):
            ends = [meter(root, column, at) for at in (day, day + timedelta(days=1))]
            holes = [hole for hole in bucket["completeness"]["holes"] if hole["energy"] == name]
            found = bucket["energy"][name]
            if None in ends or ends[1] < ends[0] or holes or found["found_by"] != "counter":
                continue
            compared += 1
            difference = abs(Decimal(ends[1] - ends[0]) - found["kwh"])
            if difference > Decimal("0.001"):
                tally.check(False, f"{name} of {bucket['bucket']} is what the meter counted", f"{ends} {found}")
    tally.check(compared > 20, "days are what the meter counted from midnight to midnight", f"{compared} compared")


def check_history(tally, server, root, first, today):
    last = today - timedelta(days=1)
    expected = {}
    with sqlite3.connect(root / "data" / "goodwe_energy.db") as connection:
        for field, column in COLUMNS.items():
            sql = f"SELECT min({column}), max({column}), count({column}) FROM energy_data WHERE timestamp >= ? AND timestamp < ?"
            for days in (6, (last - first).days + 1):
                begin = last - timedelta(days=days - 1)
                expected[field, days] = begin, connection.execute(sql, (str(begin), str(today))).fetchone()
    for (field, days), (begin, (least, greatest, count)) in expected.items():
        for points in (10, 300, 2000):
            status, answer = server.json(f"/api/v1/history?from={begin}&to={last}&points={points}&fields={field}")
            series = answer["series"][field]
            values = [value for _, value in series["points"] if value is not None]
            ends = [float(min(values)), float(max(values))]
            wanted = [round(least, 2), round(greatest, 2)]
            right = status == 200 and len(series["points"]) <= points and ends == wanted and series["known"] == count
            tally.check(right, f"{field} of {days} days in {points} points", f"{ends} {wanted} {series['known']} {count}")
    status, answer = server.json("/api/v1/history?fields=soc")
    points = answer["series"]["soc"]["points"]
    times = [datetime.fromisoformat(at) for at, value in points if value is not None]
    bridged = [
        (a, b)
        for (a, x), (b, y) in zip(points, points[1:])
        if None not in (x, y) and datetime.fromisoformat(b) - datetime.fromisoformat(a) > timedelta(minutes=10, seconds=1)
    ]
    tally.check(status == 200 and len(times) > 200 and not bridged, "no line over a hole", bridged)
    tally.check(times == sorted(times), "points are in order of time")


def check_sharing(tally, server, today):
    path = f"/api/v1/energy?from={today - timedelta(days=20)}&by=day"
    bodies = {server.get(path)[1] for _ in range(20)}
    tally.check(len(bodies) == 1, "who asks the same shares one answer")
    connection = http.client.HTTPConnection(server.address, timeout=10)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    packed, tag = answer.read(), answer.getheader("ETag")
    same = answer.getheader("Content-Encoding") == "gzip" and gzip.decompress(packed) in bodies
    connection.request("GET", path, headers={"Accept-Encoding": "gzip", "If-None-Match": tag or ""})
    again = connection.getresponse()
    tally.check(same and again.status == 304 and not again.read(), "it is packed, and has a tag", f"{tag} {again.status}")
    connection.close()
    for query in ("energy?by=week", "energy?from=2016-01-01", "history?points=9", "history?from=x", "history?fields=wind"):
        status, body = server.get(f"/api/v1/{query}")
        told = json.loads(body).get("error", "")
        tally.check(status == 400 and ("must be" in told or "at most" in told), f"{query} is refused", told)


def decade(root):
    """Fills the closed days up to ten years with copies of those that there are."""
    connection = sqlite3.connect(root / "data" / "wattboard.db")
    days = connection.execute("SELECT * FROM day_rollups ORDER BY date").fetchall()
    hours = dict(connection.execute("SELECT * FROM hour_rollups"))
    oldest = str(-max(row[0] for row in days))
    at = date(int(oldest[:4]), int(oldest[4:6]), int(oldest[6:]))
    for number in range(YEARS * 366):
        at -= timedelta(days=1)
        key, row = -int(at.strftime("%Y%m%d")), days[number % len(days)]
        connection.execute("INSERT INTO day_rollups VALUES (?, ?, ?, ?, ?)", (key, *row[1:]))
        connection.execute("INSERT INTO hour_rollups VALUES (?, ?)", (key, hours[row[0]]))
    connection.commit()
    connection.close()


def check_decade(tally, shop, root, today):
    decade(root)
    first = today - timedelta(days=YEARS * 365 + 2)
    limits = (
        (f"/api/v1/history?from={first}&points=300", 20),
        (f"/api/v1/energy?from={first}&by=month", 2000),
        (f"/api/v1/energy?from={first}&by=year", 2000),
    )
    took = {path: [] for path, _ in limits}
    for _ in range(5):
        server = shop.serve(root)
        server.loaded(60)
        time.sleep(1)
        for path, _ in limits:
            began = time.monotonic()
            status, body = server.get(path)
            took[path].append((time.monotonic() - began) * 1e3)
            if status != 200:
                tally.check(False, path, body[:200])
        answer = server.json(limits[0][0])[1]
        server.end()
    for path, limit in limits:
        shown = f"{statistics.median(took[path]):.1f} ms, best {min(took[path]):.1f}, worst {max(took[path]):.1f}"
        print(f"the first time {path}: {shown}")
        tally.check(statistics.median(took[path]) < limit, f"{path} within {limit} ms at the first call", shown)
    full = all(100 < len(series["points"]) <= 300 for series in answer["series"].values())
    tally.check(full and answer["resolution"] == "day", "ten years in 300 points")


def main():
    given = arguments(__doc__.strip(), days=(40, "days of the site"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("ranges", pse_url=api.url, days=given.days, end="now")
        server = shop.serve(root)
        server.loaded(60)
        tally.check(summed(server, given.days - 3), "closed days are summed")
        today = datetime.now(ZONE).date()
        first = today - timedelta(days=given.days - 3)
        check_sums(tally, server, first, today)
        check_meter(tally, server, root, first, today)
        check_history(tally, server, root, first, today)
        check_sharing(tally, server, today)
        server.end()
        copy = root.with_name("decade")
        shutil.copytree(root, copy)
        check_decade(tally, shop, copy, today)
    finish(tally)


if __name__ == "__main__":
    main()
