#!/usr/bin/env python3
"""A fleet pushes into one VictoriaMetrics: a process a site, each with the code that a site pushes with, a row each 5 seconds (sixty
times as often as a house has them). No row is lost, none is there twice, values are right, and every row is there within 30 s.

Then the size: a year of a house as `wattboard export` writes it, ten times, and what a sample takes on disk once it is merged.
"""

import json
import os
import statistics
import subprocess
import time
from pathlib import Path

from engine import VictoriaMetrics
from lib import Child, Tally, Workshop, arguments, finish, wait_for

EVERY_S = 5
MOST_LAG_S = 30
HOUSES = 10


def seed_of(site):
    number = 0
    for byte in site.encode():
        number = (number * 31 + byte) % 100_003
    return number


def panels(site, second):
    """What the replayer's panels give at a second: a tooth of twelve hours, in whole watts; halves are rounded up."""
    watts = 4000.0 * ((second + seed_of(site) * 997) % 43_200 / 43_200)
    return int(watts) + (watts - int(watts) >= 0.5)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def newest_ages(engine):
    """How old the newest row of each site is, as the engine has it now."""
    now = time.time()
    found = engine.query("tlast_over_time(wattboard_pv_power_watts[10m])", time=now, nocache=1)
    return [now - at for _, at in found]


def live(tally, shop, replayer, sites, seconds):
    engine = VictoriaMetrics(shop)
    names = [f"house-{number:04}" for number in range(sites)]
    began = time.monotonic()
    replayers = {name: shop._add(Child([replayer, engine.url, name, str(seconds), str(EVERY_S)])) for name in names}
    wait_for(lambda: len(newest_ages(engine)) == sites, 60, 1)
    tally.check(len(newest_ages(engine)) == sites, f"{sites} sites came up within {time.monotonic() - began:.0f} s")
    ages, cpu, rows, at = [], cpu_seconds(engine.pid), engine.metric("vm_rows_inserted_total"), time.monotonic()
    while time.monotonic() - began < seconds - EVERY_S:
        ages.append(max(newest_ages(engine)))
        time.sleep(2)
    took = time.monotonic() - at
    cpu, rows = (cpu_seconds(engine.pid) - cpu) / took, (engine.metric("vm_rows_inserted_total") - rows) / took
    memory = memory_mib(engine.pid)
    for child in replayers.values():
        child.process.wait(150)
    engine.flush()
    for child in replayers.values():
        for thread in child.threads:
            thread.join(5)
    told = {name: json.loads(child.out[-1]) if child.out else None for name, child in replayers.items()}
    tally.check(all(told.values()), "each site ended well", str([child.errors for child in replayers.values() if not child.out][:2]))
    stored = {labels["site"]: points for labels, points in engine.samples("wattboard_pv_power_watts")}
    tally.check(set(stored) == set(names), "each site is there", str(set(names) ^ set(stored)))
    lost, doubled, wrong, total = 0, 0, 0, 0
    for name in names:
        first, last = stored[name][0][0] // 1000, (told[name] or {}).get("newest_s", 0)
        wanted = set(range(first, last + 1, EVERY_S))
        found = [ms / 1000 for ms, _ in stored[name]]
        total += len(found)
        lost += len(wanted - set(found)) + abs((told[name] or {}).get("rows", 0) - len(wanted))
        doubled += len(found) - len(set(found))
        wrong += sum(panels(name, ms // 1000) != value for ms, value in stored[name])
    least = sites * (seconds // EVERY_S - 4)
    tally.check(total >= least, f"{total} rows of {sites} sites are there", f"at least {least}")
    tally.check(not lost, "none is lost", str(lost))
    tally.check(not doubled, "none is there twice", str(doubled))
    tally.check(not wrong, "each has its value", str(wrong))
    refused = sum(one["rejected"] for one in told.values() if one)
    tally.check(not refused and not engine.metric("vm_rows_ignored_total"), "none was refused or ignored")
    lag = max((one["longest_lag_s"] for one in told.values() if one), default=999)
    tally.check(lag < MOST_LAG_S, f"as the sites say, no row waited longer than {lag:.1f} s")
    tally.check(ages and max(ages) < MOST_LAG_S, f"as the engine says, the newest row of the slowest site was {max(ages):.1f} s old at most")
    print(
        f"     {sites} sites, {seconds} s: {rows:.0f} samples/s with {cpu * 100:.0f} % of a core and {memory:.0f} MiB;"
        f" the slowest site's newest row: median {statistics.median(ages):.1f} s; failed attempts: {sum(one['failures'] for one in told.values() if one)}"
    )
    engine.stop()


def merged(engine):
    """Bytes and samples on disk, once all is merged."""
    engine.flush()
    engine.ask("/internal/force_merge")
    wait_for(lambda: engine.metric("vm_active_force_merges") == 0, 300, 1)
    text = engine.ask("/metrics")[1].decode()

    def total(name, kinds):
        lines = [line for line in text.splitlines() if line.startswith(f"{name}{{") and any(f'type="{kind}"' in line for kind in kinds)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    data = total("vm_data_size_bytes", ("storage/big", "storage/small"))
    index = total("vm_data_size_bytes", ("indexdb", "indexdb/file"))
    return data, index, total("vm_rows", ("storage/big", "storage/small"))


def year(tally, shop):
    """What a sample takes."""
    root = shop.site("year", days=365, extra={"site": "house"})
    config = root / "config" / "master_coordinator_config.yaml"
    lines = root / "year.lines"
    server = shop.serve(root)  # sums the closed days
    wait_for(lambda: summed(server), 240, 1)
    server.end()
    with lines.open("wb") as file:
        done = subprocess.run([shop.binary, "export", "--format", "influx", "--config", config], stdout=file, stderr=subprocess.PIPE)
    tally.check(done.returncode == 0, "a year is exported", done.stderr.decode())
    text = lines.read_bytes()
    engine = VictoriaMetrics(shop, "sizes")
    began, cpu = time.monotonic(), cpu_seconds(engine.pid)
    for number in range(HOUSES):
        lines.write_bytes(text.replace(b"site=house", f"site=house-{number}".encode()))
        engine.take(lines)
    took = time.monotonic() - began
    samples = engine.metric("vm_rows_inserted_total")
    data, index, rows = merged(engine)
    tally.check(rows == samples, f"{rows:.0f} samples of {HOUSES} houses are stored", f"{samples} were sent")
    per_house = rows / HOUSES / 365
    tally.check(0 < data / rows < 4, f"a sample takes {data / rows:.2f} bytes, with the index {(data + index) / rows:.2f}")
    print(
        f"     a house: {text.count(b'site=house') / 365:.0f} lines and {per_house:.0f} samples a day, {(data + index) / HOUSES / 2**20:.1f} MiB a year;"
        f" taken at {samples / took:.0f} samples/s with {(cpu_seconds(engine.pid) - cpu) / took * 100:.0f} % of a core"
    )


def summed(server):
    backfill = (server.json("/status")[1] or {}).get("backfill") or {"done_days": 0, "total_days": 1}
    return backfill["done_days"] >= backfill["total_days"]


def main():
    given = arguments(
        __doc__.split("\n\n")[0], seconds=(600, "how long the sites push"), sites=(200, "how many they are"), part=("", "live or year alone")
    )
    tally = Tally()
    replayer = Path(given.bin).parent / "examples" / "replay_site"
    with Workshop(given.bin, given.keep) as shop:
        if given.part in ("", "live") and tally.check(replayer.exists(), f"{replayer.name} is built", "cargo build --release --example replay_site"):
            live(tally, shop, replayer, given.sites, given.seconds)
        if given.part in ("", "year"):
            year(tally, shop)
    finish(tally)


if __name__ == "__main__":
    main()
