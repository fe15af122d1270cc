"""The dashboard and the alert rules ask for series that exist, by labels that they have, in PromQL that can be read."""

import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent.parent
DASHBOARD = HOME / "config" / "grafana" / "wattboard.json"
RULES = HOME / "config" / "prometheus" / "alerts.yml"
TOKENS = re.compile(
    r"""\s+ | (?P<string>"(?:\\.|[^"\\])*") | (?P<duration>\[\d+[smhdwy]\]) | (?P<number>\d+(?:\.\d+)?(?:e\d+)?)
    | (?P<name>[a-zA-Z_][a-zA-Z0-9_:]*) | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){},])""",
    re.X,
)
FUNCTIONS = {"sum", "max", "min", "count", "rate", "increase", "time", "vector", "histogram_quantile", "predict_linear"}
WORDS = {"by", "without", "on", "ignoring", "and", "or", "unless", "bool"}
# What Prometheus makes itself.
MADE = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate", "severity", "job", "instance", "site"}}


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
            grouping = text == "(" and index > 0 and found[index - 1][1] in ("by", "without", "on", "ignoring")
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


def dashboard_queries():
    dashboard = json.loads(DASHBOARD.read_text())
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]


def rule_queries():
    text = re.sub(r"^\s*#.*\n", "", RULES.read_text(), flags=re.M)
    return re.findall(r"- alert: (\w+)\n +expr: (?:\|\n)?(.*?)\n +(?:for|labels):", text, re.S)


class Queries(unittest.TestCase):
    def test_every_query_asks_for_what_there_is(self):
        known = series()
        self.assertGreater(len(known), 60)
        queries = dashboard_queries() + rule_queries()
        self.assertGreater(len(queries), 60)
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
    def test_promtool_reads_every_query_of_the_dashboard(self):
        rules = [{"record": f"q:{index}", "expr": query} for index, (_, query) in enumerate(dashboard_queries())]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rules.yml"  # JSON is YAML
            file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
            done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Dashboard(unittest.TestCase):
    def test_it_can_be_imported(self):
        dashboard = json.loads(DASHBOARD.read_text())
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
                self.assertTrue(panel["targets"], panel["title"])

    def test_it_shows_one_site(self):
        for title, query in dashboard_queries():
            if "WattboardDown" not in query:
                for selector in re.findall(r"(?:wattboard|process)_\w+(?:\{[^}]*\})?", query):
                    self.assertIn('site="$site"', selector, title)


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
