#!/usr/bin/env python3
"""Every query of both dashboards, variables included, answers data: VictoriaMetrics with sites that are scraped and sites that
push, and Prometheus that scrapes ten sites; the alert rules run in both, and each alert names its site."""

import json
import shutil
import time
from datetime import datetime
from urllib.parse import urlencode
from urllib.request import urlopen

from engine import VictoriaMetrics, free_port
from fleet import VmAlert, choices, hurried_rules, patiently, push_to, queries
from lib import FAST, Child, Tally, Workshop, arguments, finish, wait_for

from localtime import ZONE

# What a site that pushes has nothing for: only /metrics tells it.
SCRAPED_ALONE = (
    "Rank of today",
    "Tomorrow's prices",
    "Cheapest today",
    "Energy today",
    "Prices D",
    "Buying: today and tomorrow",
    "Decisions ",
    "Resident memory",
    "Processor",
    "Written, by the day",
    "Disk",
    "Time to answer",
    "Requests",
    "Descriptors, threads, connections",
)
# What nobody has before PSE has published.
TOMORROW = tuple(f"Buying: today and tomorrow {one}" for one in "DEF")
# And what a site that is scraped has nothing for.
PUSHED_ALONE = ("Days",)


class Prometheus(Child):
    """A Prometheus that scrapes each second, in a folder that goes away."""

    def __init__(self, shop, targets):
        self.folder, port = shop.folder / "prometheus", free_port()
        self.folder.mkdir()
        rules = hurried_rules(self.folder)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "wattboard", "static_configs": [{"targets": targets}]}],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self.url = f"http://127.0.0.1:{port}"
        files = [f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb"]
        super().__init__(["prometheus", *files, f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"], cwd=self.folder)
        shop._add(self)

    def json(self, path, **parameters):
        with urlopen(f"{self.url}{path}?{urlencode(parameters, doseq=True)}", timeout=30) as answer:
            return json.load(answer)

    def is_up(self):
        try:
            return self.json("/api/v1/query", query="vector(1)")
        except OSError:
            return False


def answer(engine, step, query):
    """How many values the engine answers, asked as Grafana does: now, or a range; points of days lie at their ends."""
    now = time.time()
    if not step:
        return len(engine.json("/api/v1/query", query=query, time=now)["data"]["result"])
    end = now // step * step if step >= 86_400 else now
    found = engine.json("/api/v1/query_range", query=query, start=end - max(3600, 3 * step), end=end, step=step)["data"]["result"]
    return sum(len(one["values"]) for one in found)


def empty(engine, dashboard, site):
    """Titles of the queries that answer nothing."""
    return [title for title, step, query in queries(dashboard, site) if not answer(engine, step, query)]


def series(engine):
    now = int(time.time())
    return lambda match: engine.json("/api/v1/series", **{"match[]": match, "start": now - 3600, "end": now})["data"]


def unpublished(server):
    return () if b"wattboard_price_buy_tomorrow_min" in server.get("/metrics/prometheus")[1] else TOMORROW


def log_an_error(root):
    """So that an alert fires."""
    at = datetime.now(ZONE).strftime("%Y-%m-%d %H:%M:%S,000")
    with (root / "logs" / "master_coordinator.log").open("a") as file:
        file.write(f"{at} - coordinator - ERROR - the inverter does not answer\n")


def firing(engine):
    return {(one["metric"]["alertname"], one["metric"].get("site")) for one in engine.json(
        "/api/v1/query", query='ALERTS{alertstate="firing"}', time=time.time())["data"]["result"]}


def whole(tally, engine, name, dashboard, site, besides=()):
    """Every query answers, but those that are named."""
    def lacking():
        return [title for title in empty(engine, dashboard, site) if not title.startswith(besides or ("\0",))]

    patiently(lambda: not lacking(), 60)
    left, count = lacking(), len(queries(dashboard, site))
    without = [title for title in empty(engine, dashboard, site)]
    tally.check(not left, f"{name}: {count - len(without)} of {count} queries of {dashboard} answer for {site}", str(left))
    unneeded = [title for title in besides if not any(one.startswith(title) for one in without)]
    tally.check(not unneeded, f"{name}: nothing is excused that is there", str(unneeded))


def scraped_and_pushed(tally, shop, api):
    """One VictoriaMetrics with both kinds of sites."""
    roots = {name: shop.site(name, days=3, pse_url=api.url, intervals=FAST, extra={"site": name}) for name in ("dom", "hut", "barn")}
    config = shop.folder / "scrape.yml"
    engine = VictoriaMetrics(shop, start=False)
    for name in ("hut", "barn"):
        push_to(roots[name], engine.url)
    engine.start()
    for root in roots.values():
        shop.writer(root, "--interval-ms", "2000", "--energy-s", "60", "--decision-s", "30")
    servers = {name: shop.serve(root) for name, root in roots.items()}
    target = {"targets": [servers["dom"].address]}
    config.write_text(json.dumps({"scrape_configs": [{"job_name": "wattboard", "scrape_interval": "1s", "static_configs": [target]}]}))
    engine.stop()
    engine.more = (f"-promscrape.config={config}",)
    engine.start()
    rules = VmAlert(shop, engine)
    found = patiently(lambda: choices(series(engine), "wattboard") == ["barn", "dom", "hut"], 150)
    tally.check(found, "the site picker offers all three", str(choices(series(engine), "wattboard")))
    for root in roots.values():
        log_an_error(root)
    fired = patiently(lambda: {("WattboardCoordinatorErrors", name) for name in roots} <= firing(engine), 150)
    tally.check(fired, "vmalert: an error in each site's log fires with the site's name", str(firing(engine)))
    whole(tally, engine, "scraped", "wattboard", "dom", PUSHED_ALONE + unpublished(servers["dom"]))
    whole(tally, engine, "pushed", "wattboard", "hut", SCRAPED_ALONE)
    for site in (".*", "(hut|barn)", "dom"):
        whole(tally, engine, "VictoriaMetrics", "wattboard-fleet", site)
    heard = engine.query("wattboard:heard_timestamp_seconds")
    tally.check({labels["site"] for labels, _ in heard} == set(roots), "vmalert records when each was heard", str(heard))
    both = engine.query("count by (site) (group by (site, job) (wattboard_build_info))")
    tally.check(all(count == 1 for _, count in both), "each site comes one way", str(both))
    tally.check(not rules.complaints(), "vmalert has no complaint", str(rules.complaints()[-3:]))


def many_scraped(tally, shop, api):
    """Ten sites and one Prometheus."""
    names = [f"house-{number}" for number in range(10)]
    roots = [shop.site(name, days=2, pse_url=api.url, intervals=FAST, extra={"site": name}) for name in names]
    for root in roots:
        shop.writer(root, "--interval-ms", "5000", "--energy-s", "60", "--decision-s", "30")
    servers = [shop.serve(root) for root in roots]
    prometheus = Prometheus(shop, [server.address for server in servers])
    wait_for(prometheus.is_up, 30)
    found = patiently(lambda: choices(series(prometheus), "wattboard-fleet") == names, 60)
    tally.check(found, "Prometheus: the site picker offers all ten", str(choices(series(prometheus), "wattboard-fleet")))
    log_an_error(roots[0])
    wanted = ("WattboardCoordinatorErrors", "house-0")
    tally.check(patiently(lambda: wanted in firing(prometheus), 90), "Prometheus: an error fires with its site's name")
    whole(tally, prometheus, "Prometheus", "wattboard", "house-0", PUSHED_ALONE + unpublished(servers[0]))
    for site in (".*", "(house-0|house-7)"):
        whole(tally, prometheus, "Prometheus", "wattboard-fleet", site)
    lines = len(prometheus.json("/api/v1/query", query='max by (site) (wattboard_battery_charge_ratio)')["data"]["result"])
    tally.check(lines == 10, "ten lines of ten sites", str(lines))
    took = float(prometheus.json("/api/v1/query", query="max(scrape_duration_seconds)")["data"]["result"][0]["value"][1])
    samples = float(prometheus.json("/api/v1/query", query="avg(scrape_samples_scraped)")["data"]["result"][0]["value"][1])
    print(f"     {samples:.0f} samples a scrape and site, the slowest took {took * 1000:.1f} ms")
    tally.check(not prometheus.errors, "Prometheus has no complaint", "\n".join(prometheus.errors))


def main():
    given = arguments(__doc__.split("\n\n")[0])
    tally = Tally()
    if not tally.check(all(map(shutil.which, ("prometheus", "victoria-metrics", "vmalert"))), "the engines are installed"):
        finish(tally)
    for part in (scraped_and_pushed, many_scraped):
        with Workshop(given.bin, given.keep) as shop:
            api = shop.price_api()
            api.publish("00:00")
            part(tally, shop, api)
    finish(tally)


if __name__ == "__main__":
    main()
