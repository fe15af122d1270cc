"""Sites of a fleet, and the dashboards' queries as Grafana asks them."""

import json
import re
from pathlib import Path

from engine import free_port
from lib import Child, wait_for

CONFIG = Path(__file__).resolve().parents[2] / "config"
RULES = CONFIG / "prometheus" / "alerts.yml"
DASHBOARDS = {name: json.loads((CONFIG / "grafana" / f"{name}.json").read_text()) for name in ("wattboard", "wattboard-fleet")}

STEPS = {None: 30, "5m": 300, "1d": 86_400}


def push_to(root, url):
    """Switches on the push in the config of a site."""
    file = root / "config" / "master_coordinator_config.yaml"
    section = f"    timeseries_db:\n      enabled: true\n      type: influxdb\n      url: {url}\n"
    text, count = re.subn(r"(?m)^  database_storage:\n", lambda found: found.group() + section, file.read_text())
    assert count == 1, f"{file} has no database_storage"
    file.write_text(text)


def queries(dashboard, site):
    """[(panel's title, step in seconds or None where it is of one moment, query)] with the variable filled in as Grafana does."""
    return [
        (
            f"{panel['title']} {target['refId']}",
            None if target.get("instant") else STEPS[panel.get("interval")],
            target["expr"].replace("$site", site).replace("$__range", "7d"),
        )
        for panel in DASHBOARDS[dashboard]["panels"]
        for target in panel.get("targets", [])
    ]


def choices(ask, dashboard):
    """What the variable `site` offers, by `label_values(SERIES, LABEL)`; `ask(match)` answers the labels of series."""
    (variable,) = [one for one in DASHBOARDS[dashboard]["templating"]["list"] if one["name"] == "site"]
    series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
    return sorted({one[label] for one in ask(series) if label in one})


def hurried_rules(folder):
    """The alert rules, with recordings every second, so that a short test has them."""
    file = folder / "alerts.yml"
    file.write_text(re.sub(r"(?m)^    interval: \S+$", "    interval: 1s", RULES.read_text()))
    return file


class VmAlert(Child):
    """vmalert beside an engine: it asks it each second, and writes there what fires."""

    def __init__(self, shop, engine):
        self.folder, self.port = shop.folder / "vmalert", free_port()
        self.folder.mkdir()
        super().__init__(
            [
                "vmalert",
                f"-rule={hurried_rules(self.folder)}",
                f"-datasource.url={engine.url}",
                f"-remoteWrite.url={engine.url}",
                f"-remoteRead.url={engine.url}",
                "-remoteWrite.flushInterval=1s",
                "-evaluationInterval=1s",
                # Nobody listens there: what fires is seen in the engine.
                f"-notifier.url=http://127.0.0.1:{free_port()}",
                f"-httpListenAddr=127.0.0.1:{self.port}",
            ],
            cwd=self.folder,
        )
        shop._add(self)

    def complaints(self):
        """What it said of rules that could not be evaluated; that nobody takes its alerts is meant so."""
        return [line for line in self.errors if "\terror\t" in line and "failed to send alerts" not in line]


def patiently(condition, seconds):
    """`wait_for` with a longer pause: engines are busy enough."""
    return wait_for(condition, seconds, 1)
