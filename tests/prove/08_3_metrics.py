#!/usr/bin/env python3
"""What monitoring gets: promtool has no complaint about any site's figures, a real Prometheus scrapes them by content
negotiation, stale values end, and the alert rules fire and clear on faults that are made here.

The rules are those of config/prometheus/alerts.yml; only their times are shortened.
"""

import ctypes
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from lib import FAST, Child, Tally, Workshop, arguments, finish, wait_for
from prices import DAY, PriceBench, need_faketime

from localtime import ZONE, now_utc

HOME = Path(__file__).resolve().parent.parent.parent
RULES = HOME / "config" / "prometheus"
OPEN = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
MOST_BYTES = 48 * 1024
NEW_PIDS, NEW_MOUNTS, PRIVATE, DIE_WITH_PARENT = 0x20000000, 0x00020000, 0x44000, 1  # sched.h, mount.h, prctl.h
# Whoever else works on this machine could make these fire: promtool alone tests them.
MACHINE = ("WattboardDeviceWrites", "WattboardDiskFilling")


def promtool(*words, text=None):
    """(exit code, everything that it said)."""
    done = subprocess.run(["promtool", *map(str, words)], input=text, capture_output=True, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace").strip()


def names_of(text):
    return set(re.findall(r"^([a-z_]+)\{", text, re.M))


def told():
    """Names of series in docs/metrics.md; a histogram has three."""
    names = set()
    for name, kind in re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", (HOME / "docs" / "metrics.md").read_text(), re.M):
        names |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return names


def texts(tally, shop):
    """promtool about the figures of sites of every kind."""
    servers = {"a full site": shop.serve(shop.site("full", days=3, intervals=FAST, extra={"site": "dom"}))}
    servers["an empty site"] = shop.serve(shop.site("empty", layout="empty", intervals=FAST))
    old = shop.site("old", days=3, end=now_utc() - timedelta(hours=1), intervals=FAST)
    servers["a stale site"] = shop.serve(old)
    hostile = shop.site("hostile", days=1, intervals=FAST, extra={"site": "'a\"} 1 \\ ą{x=\"'"})
    for name in ('x",y="z.log', "back\\slash.log", "new\nline.log", "# EOF\n.log", "\x1b[31m\x7f.log"):
        (hostile / "logs" / name).write_text("2026-11-22 14:02:24,900 - a - ERROR - x\n")
    servers["a hostile site"] = shop.serve(hostile)
    demo = shop._add(Child([shop.binary, "demo", "--port", "0", "--host", "127.0.0.1"], cwd=shop.folder))
    found = wait_for(lambda: re.search(r"http://(\S+:\d+)", " ".join([*demo.out, *demo.errors])), 60)
    tally.check(found, "the demo listens", demo.errors and demo.errors[-1])
    servers["the demo"] = type("Demo", (), {"get": lambda self, path, headers=None: fetch(found.group(1), path, headers)})()
    for name, server in servers.items():
        ready = "wattboard_source_state" if name == "an empty site" else "wattboard_reading_timestamp_seconds"
        plain = lambda: server.get("/metrics/prometheus")[1].decode()  # noqa: E731
        wait_for(lambda: ready in plain() and "process_resident" in plain() and "wattboard_decisions_month" in plain(), 20)
        text = plain()
        code, said = promtool("check", "metrics", text=text.encode())
        tally.check(code == 0 and not said, f"promtool check metrics has no complaint about {name}", said)
        tally.check("wattboard_build_info{" in text and len(text) < MOST_BYTES, f"{name}: {len(names_of(text))} names in {len(text)} bytes")
        status, body = server.get("/metrics", headers={"Accept": OPEN})
        tally.check(status == 200 and body.endswith(b"\n# EOF\n"), f"{name} speaks OpenMetrics at /metrics")
        code, said = promtool("check", "metrics", text=server.get("/metrics", headers={"Accept": "text/plain;version=0.0.4"})[1])
        tally.check(code == 0 and not said, f"and the text format: {name}", said)
        untold = names_of(text) - told()
        tally.check(not untold, f"docs/metrics.md has all series of {name}", str(untold))
        has_power = "wattboard_house_power_watts" in text
        tally.check(has_power == (name in ("a full site", "the demo", "a hostile site")), f"{name}: power is told only where it is known")
        tally.check("NaN" not in text and "Inf" not in text.replace('le="+Inf"', ""), f"{name}: numbers only")


def ways(tally, shop):
    """HEAD, gzip and the token, as with every other path."""
    root = shop.site("token", layout="empty", intervals=FAST, extra={"auth": "{token_file: config/token}"})
    (root / "config" / "token").write_text("a-token-of-enough-letters\n")
    (root / "config" / "token").chmod(0o600)
    server = shop.serve(root)
    for path in ("/metrics", "/metrics/prometheus"):
        tally.check(server.get(path, headers={"Accept": OPEN})[0] == 401, f"{path} asks for the token")
        for method in ("GET", "HEAD"):
            connection = http.client.HTTPConnection(server.address, timeout=10)
            headers = {"Accept": OPEN, "Accept-Encoding": "gzip", "Authorization": "Bearer a-token-of-enough-letters"}
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            told = (answer.status, answer.getheader("Content-Encoding"), answer.getheader("Content-Type", "").split(";")[0])
            tally.check(told == (200, "gzip", "application/openmetrics-text"), f"{method} {path}, packed", str(told))
            whole = gzip.decompress(body).endswith(b"# EOF\n") if method == "GET" else body == b""
            tally.check(whole, f"{method} {path}: {len(body)} bytes")
            connection.close()


def fetch(address, path, headers=None):
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError as error:
        return 0, repr(error).encode()
    finally:
        connection.close()


def rules(tally):
    """The files themselves."""
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml"), ("check", "config", "prometheus.yml")):
        code, said = promtool(*words[:2], RULES / words[2])
        tally.check(code == 0 and "WARN" not in said, f"promtool {' '.join(words)}", said)


def hurried(text):
    """The rules with short times: what lasts 10 minutes lasts 4 seconds, and a look back is one of 40. Any write is one too many."""
    head, *blocks = text.split("- alert: ")

    def one(block):
        if block.startswith(MACHINE):
            return block
        block = re.sub(r"^( +for: )\S+$", r"\g<1>4s", block, flags=re.M)
        # What Wattboard writes is looked at each 30 s; any of it is much here.
        return re.sub(r"\[(15m|1h|1d)\]", "[40s]", block).replace("> 50e6", "> 0")

    return "- alert: ".join([head.replace("interval: 5m", "interval: 2s"), *map(one, blocks)])


class Prometheus(Child):
    """A Prometheus of its own, in a folder that goes away."""

    def __init__(self, folder, targets):
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        (folder / "alerts.yml").write_text(hurried((RULES / "alerts.yml").read_text()))
        config = (RULES / "prometheus.yml").read_text()
        config = re.sub(r"_interval: \S+", "_interval: 1s", config).replace("127.0.0.1:8080", '", "'.join(targets))
        (folder / "prometheus.yml").write_text(config)
        super().__init__(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address={self.address}",
                "--log.level=warn",
            ],
            cwd=folder,
        )

    def ask(self, path, **query):
        try:
            with urlopen(f"http://{self.address}/api/v1/{path}?{urlencode(query)}", timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def query(self, text):
        """Vectors as a list of (labels, number)."""
        found = self.ask("query", query=text) or {"result": []}
        return [(one["metric"], float(one["value"][1])) for one in found["result"]]

    def firing(self):
        """(alert, site or instance) of all that fire."""
        alerts = (self.ask("alerts") or {"alerts": []})["alerts"]
        return {
            (one["labels"]["alertname"], one["labels"].get("site", one["labels"].get("instance")))
            for one in alerts
            if one["state"] == "firing"
        }


def fires(tally, prometheus, alert, where, seconds, why):
    began = time.monotonic()
    held = wait_for(lambda: (alert, where) in prometheus.firing(), seconds, 0.5)
    tally.check(held, f"{alert} fires: {why} ({time.monotonic() - began:.0f} s)", str(prometheus.firing()))


def clears(tally, prometheus, alert, where, seconds, why):
    began = time.monotonic()
    held = wait_for(lambda: (alert, where) not in prometheus.firing(), seconds, 0.5)
    tally.check(held, f"{alert} clears: {why} ({time.monotonic() - began:.0f} s)", str(prometheus.firing()))


def scraped(tally, shop):
    """A real Prometheus, faults, alerts."""
    api = shop.price_api()
    # Yesterday's publication, whatever the time is now: the alert about tomorrow is for the other site.
    api.publish("00:00")
    root = shop.site("home", days=2, pse_url=api.url, intervals=FAST, extra={"site": "home"})
    writer = shop.writer(root, "--interval-ms", "2000", "--energy-s", "60", "--decision-s", "30")
    home = shop.serve(root)
    six = datetime.now(ZONE).replace(hour=18, minute=0, second=0, microsecond=0) - DAY
    evening = PriceBench(shop, "evening", six - timedelta(seconds=25), api=("--publish-at", "24:00"), extra={"site": "evening"})
    late = evening.serve()
    prometheus = shop._add(Prometheus(shop.folder / "prometheus", [home.address, late.address]))

    tally.check(wait_for(lambda: [v for _, v in prometheus.query("up")] == [1, 1], 30), "both targets are up", "\n".join(prometheus.errors))
    tally.check(("WattboardPricesMissing", "evening") not in prometheus.firing(), "before 18:00 nobody misses tomorrow's prices")
    power = lambda: prometheus.query('wattboard_house_power_watts{site="home"}')  # noqa: E731
    tally.check(wait_for(power, 30), "power is there, with the label site")
    unit = (prometheus.ask("metadata", metric="wattboard_house_power_watts") or {}).get("wattboard_house_power_watts", [{}])[0]
    tally.check(unit.get("unit") == "watts" and unit.get("type") == "gauge", "units came along: it was asked for OpenMetrics", str(unit))
    names = {name for name in prometheus.ask("label/__name__/values") or [] if name.startswith(("wattboard_", "process_"))}
    tally.check(len(names) > 60 and not names - told(), f"{len(names)} series by name, all of them in docs/metrics.md", str(names - told()))
    unnamed = prometheus.query('count({__name__=~"(wattboard|process)_.+", site=""})')
    tally.check(not unnamed, "none without a site", str(unnamed))
    scrape = prometheus.query('max(scrape_duration_seconds{job="wattboard"})')
    tally.check(scrape and scrape[0][1] < 0.5, "a scrape is quick", str(scrape))
    wait_for(lambda: prometheus.query('wattboard_coordinator_running{site="home"} == 1'), 45)
    print(f"     {len(names)} names, scraped in {scrape[0][1] * 1000:.1f} ms")

    fires(tally, prometheus, "WattboardPricesMissing", "evening", 60, "18:00 has passed and PSE has not published")
    clears(tally, prometheus, "WattboardCardWrites", "evening", 120, "nothing is written while nothing is new")
    clears(tally, prometheus, "WattboardCardWrites", "home", 120, "and the other site's days are summed")
    calm = {one for one in prometheus.firing() if one[1] != "evening"}
    tally.check(not calm, "nothing else fires", str(calm))
    evening.api.mode("status500")

    log = root / "logs" / "master_coordinator.log"
    at = datetime.now(ZONE).strftime("%Y-%m-%d %H:%M:%S,000")
    with log.open("a") as file:
        file.write(f"{at} - coordinator - ERROR - the inverter does not answer\n")
    fires(tally, prometheus, "WattboardCoordinatorErrors", "home", 30, "an error was appended to the log")

    killed = time.monotonic()
    writer.process.kill()
    writer.process.wait()
    fires(tally, prometheus, "WattboardCoordinatorDown", "home", 60, "the coordinator was killed")
    clears(tally, prometheus, "WattboardCoordinatorErrors", "home", 90, "no more errors came")
    fires(tally, prometheus, "WattboardSourceFailing", "evening", 150, "the price API answers 500")
    evening.api.mode("ok")
    evening.api.publish("13:00")
    clears(tally, prometheus, "WattboardPricesMissing", "evening", 240, "PSE has published")
    clears(tally, prometheus, "WattboardSourceFailing", "evening", 30, "it answers again")
    fires(tally, prometheus, "WattboardCardWrites", "evening", 60, "the prices were remembered")
    clears(tally, prometheus, "WattboardCardWrites", "evening", 120, "nothing else was")
    fires(tally, prometheus, "WattboardDataStale", "home", 180, "nobody wrote readings any more")
    print(f"     {time.monotonic() - killed:.0f} s after the coordinator's end")
    tally.check(not power(), "no sample of a stale value is left", str(power()))
    tally.check(not prometheus.query('wattboard_grid_import_energy_kwh_total{site="home"}'), "nor of a stale counter")
    stayed = prometheus.query('time() - wattboard_reading_timestamp_seconds{site="home"}')
    tally.check(stayed and stayed[0][1] >= 119, "the reading's time is still told", str(stayed))
    shop.writer(root, "--interval-ms", "2000", "--energy-s", "60", "--decision-s", "30")
    clears(tally, prometheus, "WattboardDataStale", "home", 60, "the coordinator writes again")
    clears(tally, prometheus, "WattboardCoordinatorDown", "home", 60, "it runs again")
    tally.check(wait_for(power, 10), "power is told again")

    os.kill(home.pid, signal.SIGSTOP)
    try:
        fires(tally, prometheus, "WattboardDown", "home", 30, "Wattboard was stopped")
    finally:
        os.kill(home.pid, signal.SIGCONT)
    clears(tally, prometheus, "WattboardDown", "home", 30, "it goes on")
    def left():
        # Nobody ever wrote a reading of the other site, and the day's sums may be written at any time.
        return {one for one in prometheus.firing() if one[0] not in ("WattboardDataStale", "WattboardCardWrites") or one == ("WattboardDataStale", "home")}

    wait_for(lambda: not left(), 60)
    tally.check(not left(), "nothing fires at the end", str(left()))
    tally.check(home.alive() and late.alive() and not prometheus.errors, "all are well", "\n".join(prometheus.errors))


def go_apart():
    """Into processes of one's own: whatever plays a coordinator elsewhere on this machine would be taken for this site's.
    That takes root; without, it has to be the only one."""
    libc = ctypes.CDLL(None)
    if libc.unshare(NEW_PIDS | NEW_MOUNTS) != 0:
        print("     not root: nothing else on this machine may look like a coordinator")
        return
    child = os.fork()
    if child == 0:
        libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)
        libc.mount(b"none", b"/", None, PRIVATE, None)
        if libc.mount(b"proc", b"/proc", b"proc", 0, None) != 0:
            sys.exit("/proc cannot be mounted")
        return
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(child, number))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def main():
    given = arguments(__doc__.split("\n\n")[0])
    need_faketime()
    go_apart()
    tally = Tally()
    if not tally.check(all(map(shutil.which, ("promtool", "prometheus"))), "Prometheus is installed"):
        finish(tally)
    rules(tally)
    with Workshop(given.bin, given.keep) as shop:
        texts(tally, shop)
        ways(tally, shop)
    with Workshop(given.bin, given.keep) as shop:
        scraped(tally, shop)
    finish(tally)


if __name__ == "__main__":
    main()
