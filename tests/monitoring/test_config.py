"""Dashboards and alert rules ask for series that exist, by labels that they have, in PromQL that can be read; what Grafana is given
by file names what there is."""

import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent.parent
GRAFANA = HOME / "config" / "grafana"
SITE, FLEET = GRAFANA / "wattboard.json", GRAFANA / "wattboard-fleet.json"
RULES = HOME / "config" / "prometheus" / "alerts.yml"
TOKENS = re.compile(
    r"""\s+ | (?P<string>"(?:\\.|[^"\\])*") | (?P<duration>\[\d+[smhdwy](?::\d+[smhdwy])?\]) | (?P<number>\d+(?:\.\d+)?(?:e\d+)?)
    | (?P<name>[a-zA-Z_][a-zA-Z0-9_:]*) | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){},])""",
    re.X,
)
FUNCTIONS = {"sum", "max", "min", "avg", "count", "group", "topk", "bottomk", "rate", "increase", "time", "timestamp", "vector"}
FUNCTIONS |= {"histogram_quantile", "predict_linear", "last_over_time", "present_over_time", "sum_over_time"}
WORDS = {"by", "without", "on", "ignoring", "and", "or", "unless", "bool", "group_left"}
# What Prometheus makes itself, and what the rules record.
MADE = {
    "up": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity", "job", "instance", "site", "source"},
    "wattboard:heard_timestamp_seconds": {"job", "instance", "site"},
}


def series():
    """Names of series and their labels, out of docs/metrics.md."""
    found = dict(MADE)
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \|", (HOME / "docs" / "metrics.md").read_text(), re.M)
    for name, kind, labels in rows:
        labels = {"site", "job", "instance", *re.findall(r"`(\w+)`", labels)}
        found[name] = labels
        if kind == "histogram":
            found.update({f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels})
    return found


def tokens(query):
    """(kind, text) of each; a ValueError where it is none."""
    place, found = 0, []
    while place < len(query):
        match = TOKENS.match(query, place)
        if not match:
            raise ValueError(f"{query[place:place + 20]!r} is no PromQL")
        place = match.end()
        if match.lastgroup:
            found.append((match.lastgroup, match.group().strip()))
    return found


def complaints(query, known):
    """What is wrong with a query."""
    try:
        found = tokens(query)
    except ValueError as error:
        return [str(error)]
    wrong, stack, series_now, grouping = [], [], None, False
    pairs = {")": "(", "}": "{"}
    for index, (kind, text) in enumerate(found):
        after = found[index + 1][1] if index + 1 < len(found) else ""
        if text in ("(", "{"):
            stack.append(text)
            grouping = text == "(" and index > 0 and found[index - 1][1] in ("by", "without", "on", "ignoring", "group_left")
        elif text in pairs:
            if not stack or stack.pop() != pairs[text]:
                wrong.append(f"{text} ends nothing")
            grouping = False
        elif kind == "name" and stack[-1:] == ["{"]:
            if after not in ("=", "=~", "!=", "!~"):
                wrong.append(f"{text} is not compared")
            if text not in known.get(series_now, {text}):
                wrong.append(f"{series_now} has no label {text}")
        elif kind == "name" and grouping:
            if not any(text in labels for labels in known.values()):
                wrong.append(f"there is no label {text}")
        elif kind == "name" and after == "(" and text in FUNCTIONS:
            pass
        elif kind == "name" and text in FUNCTIONS and after in ("by", "without"):
            pass
        elif kind == "name" and text not in WORDS:
            series_now = text
            if text not in known:
                wrong.append(f"there is no series {text}")
    return wrong + [f"{text} has no end" for text in stack]


def dashboard_queries(file):
    dashboard = json.loads(file.read_text().replace("$__range", "30d"))
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]


def rule_queries():
    text = re.sub(r"^\s*#.*\n", "", RULES.read_text(), flags=re.M) + "\n"
    return re.findall(r"- (?:alert|record): ([\w:]+)\n +expr: (?:\|\n)?(.*?)\n(?: +(?:for|labels):|\s*\n)", text, re.S)


class Queries(unittest.TestCase):
    def test_every_query_asks_for_what_there_is(self):
        known = series()
        self.assertGreater(len(known), 60)
        queries = dashboard_queries(SITE) + dashboard_queries(FLEET) + rule_queries()
        self.assertGreater(len(queries), 100)
        self.assertEqual(len(rule_queries()), RULES.read_text().count("expr:"))
        wrong = [f"{where}: {query}: {one}" for where, query in queries for one in complaints(query, known)]
        self.assertEqual(wrong, [])

    def test_a_wrong_query_is_found(self):
        known = series()
        for query in (
            "wattboard_nonsense",
            'wattboard_pv_power_watts{phase="1"}',
            "sum by (nonsense) (up)",
            "rate(wattboard_pv_energy_kwh_total[5m]",
            "up)",
            "up{job}",
            "up ; up",
            "nonsense(up)",
        ):
            self.assertTrue(complaints(query, known), query)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_reads_every_query_of_the_dashboards(self):
        queries = dashboard_queries(SITE) + dashboard_queries(FLEET)
        rules = [{"record": f"q:{index}", "expr": query} for index, (_, query) in enumerate(queries)]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rules.yml"  # JSON is YAML
            file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
            done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Dashboards(unittest.TestCase):
    def test_they_can_be_imported(self):
        for file in (SITE, FLEET):
            with self.subTest(file=file.name):
                self.look_at(json.loads(file.read_text()))
        uids = [json.loads(file.read_text())["uid"] for file in (SITE, FLEET)]
        self.assertEqual(uids, ["wattboard", "wattboard-fleet"])

    def look_at(self, dashboard):
        self.assertIsNone(dashboard["id"])
        self.assertGreaterEqual(dashboard["schemaVersion"], 38)
        self.assertEqual([one["name"] for one in dashboard["templating"]["list"]], ["datasource", "site"])
        ids = [panel["id"] for panel in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken = set()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, f"{panel['title']} lies on another panel")
            taken |= cells
            if panel["type"] != "row":
                self.assertEqual(panel["datasource"]["uid"], "${datasource}", panel["title"])
                refs = [target["refId"] for target in panel["targets"]]
                self.assertTrue(refs and len(refs) == len(set(refs)), panel["title"])

    def test_one_shows_one_site_and_the_other_those_that_were_chosen(self):
        for file, chosen in ((SITE, 'site="$site"'), (FLEET, 'site=~"$site"')):
            for title, query in dashboard_queries(file):
                for selector in re.findall(r"(?:wattboard|process)_\w+(?:\{[^}]*\})?", query):
                    self.assertIn(chosen, selector, title)

    def test_what_lies_minutes_apart_is_looked_for_that_far_back(self):
        """A row comes each 5 minutes and a price each 15, where a site pushes: at a single moment there is mostly none."""
        pushed = r"wattboard_(?:(?:pv|house|grid|battery)_power_watts|battery_charge_ratio|price_(?:buy|sell|market)_pln_per_kwh)"
        for file in (SITE, FLEET):
            dashboard = json.loads(file.read_text())
            for panel in dashboard["panels"]:
                for target in panel.get("targets", []):
                    for name in set(re.findall(rf"\b{pushed}\b", target["expr"])) if target.get("instant") else ():
                        self.assertRegex(target["expr"], rf"last_over_time\({name}\{{[^}}]+, job=\"\"\}}\[15m\]\)", panel["title"])

    def test_links_lead_to_the_other_dashboard_and_its_variables(self):
        site = json.loads(SITE.read_text())
        variables = {one["name"] for one in site["templating"]["list"]}
        urls = re.findall(r'"url": "([^"]+)"', FLEET.read_text())
        self.assertGreater(len(urls), 4)
        for url in urls:
            self.assertTrue(url.startswith(f"/d/{site['uid']}/"), url)
            self.assertEqual(set(re.findall(r"[?&]var-(\w+)=", url)), variables, url)


class Provisioning(unittest.TestCase):
    def keys(self, name):
        """Keys and values of a file, wherever they stand in it; it has no tabs, and indents by two."""
        text = (GRAFANA / "provisioning" / name / "wattboard.yaml").read_text()
        lines = [re.sub(r"(^|\s+)#.*$", "", line) for line in text.splitlines()]
        for line in filter(None, lines):
            self.assertRegex(line, r"^(  )*(- )?\w+:( \S.*)?$")
        return dict(re.findall(r"(?m)^[ -]*(\w+): (\S.*)$", "\n".join(lines)))

    def test_grafana_finds_the_engine_and_the_dashboards(self):
        source, provider = self.keys("datasources"), self.keys("dashboards")
        self.assertEqual((source["apiVersion"], source["type"], source["access"]), ("1", "prometheus", "proxy"))
        self.assertRegex(source["url"], r"^http://127\.0\.0\.1:\d+$")
        self.assertEqual((provider["apiVersion"], provider["type"]), ("1", "file"))
        self.assertIn(provider["path"], (HOME / "docs" / "fleet.md").read_text())


class Sizing(unittest.TestCase):
    """docs/fleet.md: what follows from the measured bytes is what its tables say."""

    def rows(self, header):
        text = (HOME / "docs" / "fleet.md").read_text()
        table = text[text.index(header) :].split("\n\n")[0].splitlines()[2:]
        return [[cell.strip().replace(",", "").replace("**", "") for cell in line.strip("|").split("|")] for line in table]

    def test_samples_times_bytes(self):
        parts = self.rows("| | samples a day |")
        recorded, present, pushed, *scraped = parts
        self.assertEqual(int(recorded[1]), round(288 * 13.5 + 96 * 7 + 96 * 3 + 17, -2))
        self.assertEqual(int(present[1]), 73 * 1440)
        self.assertEqual(int(pushed[1]), int(recorded[1]) + int(present[1]))
        for row in (recorded, present, *scraped):
            self.assertAlmostEqual(int(row[1]) * float(row[2]) * 365 / 1e6, float(row[3]), delta=0.06, msg=row)
        self.assertAlmostEqual(float(recorded[3]) + float(present[3]), float(pushed[3]), delta=0.11)
        self.assertEqual([int(row[1]) for row in scraped], [154 * 86_400 // 15])

    def test_sites_times_years(self):
        parts = self.rows("| | samples a day |")
        a_day = {"pushed": parts[2], "scraped": parts[3]}
        sizes = {"MB": 1, "GB": 1e3, "TB": 1e6}
        rows = self.rows("| sites | how |")
        self.assertEqual({row[0] for row in rows}, {"1", "100", "10000"})
        for sites, how, a_second, single, cluster in rows:
            of = a_day[how.split()[0]]
            self.assertAlmostEqual(int(sites) * int(of[1]) / 86_400 / float(a_second), 1, delta=0.05, msg=sites)
            for cell, copies in ((single, 1), (cluster, 2)):
                number, unit = cell.split()
                wanted = int(sites) * float(of[3]) * 5 * copies
                self.assertAlmostEqual(wanted / (float(number) * sizes[unit]), 1, delta=0.05, msg=cell)


class Docs(unittest.TestCase):
    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_the_config_that_the_docs_show_is_one(self):
        (fragment,) = re.findall(r"```yaml\n(.*?)```", (HOME / "docs" / "metrics.md").read_text(), re.S)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "prometheus.yml"
            file.write_text(fragment)
            done = subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Alerts(unittest.TestCase):
    def test_every_alert_has_what_people_need_and_a_test(self):
        text, tests = RULES.read_text(), RULES.with_name("alerts_test.yml").read_text()
        for block in text.split("- alert: ")[1:]:
            name = block.split("\n")[0]
            for word in ("labels: {severity: ", "summary: ", "description: "):
                self.assertIn(word, block, name)
            self.assertIn(f"| `{name}` |", (HOME / "docs" / "metrics.md").read_text())
            self.assertRegex(tests, rf"(?s)alertname: {name}\n +exp_alerts:\n +- exp_labels", name)


if __name__ == "__main__":
    unittest.main()
