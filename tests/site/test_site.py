"""Tests of the generator, the writer, the stand-in for the price API, the recomputation and the checks themselves.

python3 -m unittest discover -s tests/site
"""

import contextlib
import io
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import fake_pse  # noqa: E402
import miniyaml  # noqa: E402
import recompute  # noqa: E402
import site_db  # noqa: E402
from check_logs import filtered  # noqa: E402
from check_server import Checker  # noqa: E402
from localtime import UTC, instant_of, parse_end, quarter_starts  # noqa: E402
from make_site import make_site  # noqa: E402
from pse_rows import rows_of  # noqa: E402
from recompute_month import comparison_answer, month_answer, rounded  # noqa: E402
from recompute_prices import prices_answer  # noqa: E402
from site_read import Site, number  # noqa: E402
from stub_server import Stub  # noqa: E402

COLUMNS = {
    "energy_data": "timestamp battery_soc pv_power grid_power house_consumption battery_power grid_voltage grid_frequency "
    "battery_voltage battery_current battery_temperature price_pln created_at grid_import_total_kwh "
    "grid_export_total_kwh house_consumption_total_kwh pv_generation_total_kwh tariff_zone",
    "system_state": "id timestamp state uptime active_modules last_error metrics created_at",
    "coordinator_decisions": "id timestamp decision_type action reason parameters source_module created_at",
}


class SiteCase(unittest.TestCase):
    """A temporary folder for each test."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)


class Generator(SiteCase):
    def test_tables_have_the_columns_of_the_contract(self):
        make_site(self.root, days=2)
        connection = sqlite3.connect(self.root / "data" / "goodwe_energy.db")
        for table, columns in COLUMNS.items():
            self.assertEqual([row[1] for row in connection.execute(f"PRAGMA table_info({table})")], columns.split())
        self.assertEqual(connection.execute("SELECT max(version) FROM schema_version").fetchone(), (4,))
        self.assertEqual(connection.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        connection.close()

    def test_older_versions_lack_the_meters(self):
        for schema in (1, 2, 3):
            make_site(self.root / str(schema), days=1, schema=schema, journal="delete")
            connection = sqlite3.connect(self.root / str(schema) / "data" / "goodwe_energy.db")
            names = [row[1] for row in connection.execute("PRAGMA table_info(energy_data)")]
            self.assertNotIn("tariff_zone", names)
            self.assertEqual(connection.execute("SELECT max(version) FROM schema_version").fetchone(), (schema,))
            connection.close()

    def test_the_same_seed_gives_the_same_rows(self):
        for name in ("a", "b"):
            make_site(self.root / name, days=2, end="2026-05-01T12:00:00", seed=7)
        rows = [
            sqlite3.connect(self.root / name / "data" / "goodwe_energy.db")
            .execute("SELECT * FROM energy_data")
            .fetchall()
            for name in ("a", "b")
        ]
        self.assertEqual(*rows)

    def test_files_and_database_hold_the_same_decisions(self):
        end = "2026-11-22T12:00:00"
        make_site(self.root / "db", days=4, end=end)
        make_site(self.root / "files", days=4, end=end, layout="files")
        database, files = Site(self.root / "db"), Site(self.root / "files")
        self.assertEqual(
            [(row["timestamp"], row["kind"]) for row in database.decisions],
            [(row["timestamp"], row["kind"]) for row in files.decisions],
        )
        self.assertEqual(len(database.energy), len(files.energy))
        text = next((self.root / "files" / "out").glob("coordinator_state_20261122.json")).read_text()
        self.assertRaises(ValueError, json.loads, text.splitlines()[-1])

    def test_many_files(self):
        make_site(self.root, days=3, layout="files", many_files=500)
        self.assertGreaterEqual(len(list((self.root / "out" / "energy_data").glob("*_decision_*.json"))), 500)

    def test_the_config_is_read_back(self):
        make_site(self.root, days=1, layout="empty", pse_url="http://127.0.0.1:1", extra={"nonesuch": 3})
        config = miniyaml.load((self.root / "config" / "master_coordinator_config.yaml").read_text())
        self.assertEqual(config["price_analysis"]["api_url"], "http://127.0.0.1:1/api/csdac-pln")
        tariff = config["electricity_tariff"]["distribution_pricing"]["g12w"]
        self.assertEqual(tariff["off_peak_windows"], [{"start": 13, "end": 15}])
        self.assertEqual(config["web_server"]["nonesuch"], 3)


class LocalTime(unittest.TestCase):
    def test_created_at_tells_the_autumn_passes_apart(self):
        self.assertEqual(
            instant_of("2026-10-25T02:30:00", "2026-10-25 00:30:01"), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        )
        self.assertEqual(
            instant_of("2026-10-25T02:30:00", "2026-10-25 01:30:01"), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        )

    def test_days_have_their_quarters(self):
        counts = [len(quarter_starts(date(2026, month, day))) for month, day in ((3, 29), (10, 25), (6, 1))]
        self.assertEqual(counts, [92, 100, 96])


class PriceApi(unittest.TestCase):
    def setUp(self):
        self.api = fake_pse.Api(now="2026-10-25T15:00:00+01:00")
        self.base = f"http://127.0.0.1:{self.api.server_port}"
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.addCleanup(self.api.server_close)
        self.addCleanup(self.api.shutdown)

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=5) as response:
            return json.loads(response.read())

    def test_pages_of_a_hundred_with_a_next_link(self):
        condition = quote("business_date ge '2026-10-25' and business_date le '2026-10-26'")
        first = self.get(f"/api/csdac-pln?$filter={condition}&$orderby=dtime_utc%20asc")
        second = self.get(first["nextLink"].removeprefix(self.base))
        self.assertEqual((len(first["value"]), len(second["value"])), (100, 96))
        self.assertNotIn("nextLink", second)
        self.assertEqual(self.get("/_count")["csdac-pln"], 2)

    def test_dst_days_and_recorded_days(self):
        self.assertEqual([len(rows_of("csdac-pln", date(2026, *day))) for day in ((3, 29), (10, 25))], [92, 100])
        self.assertEqual(rows_of("csdac-pln", date(2025, 10, 26))[0]["csdac_pln"], 440.6)
        self.assertEqual(len(rows_of("csdac-pln", date(2025, 3, 30))), 92)
        self.assertEqual(len(rows_of("pdgsz", date(2026, 10, 25))), 25)

    def test_modes(self):
        day = quote("business_date eq '2026-10-25'")
        path = f"/api/rce-pln?$filter={day}"
        for mode, expected in (("empty", {"value": []}),):
            self.get(f"/_mode?m={mode}")
            self.assertEqual(self.get(path), expected)
        for mode, status in (("status500", 500), ("drift", 400)):
            self.get(f"/_mode?m={mode}")
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.get(path)
            self.assertEqual(caught.exception.code, status)
            caught.exception.close()
        for mode, error in (("html", ValueError), ("truncated", ValueError), ("down", OSError)):
            self.get(f"/_mode?m={mode}")
            self.assertRaises(error, self.get, path)


class Recomputation(SiteCase):
    """A tiny database whose answers are worked out by hand."""

    def tiny(self):
        make_site(self.root, days=1, layout="empty")
        connection = site_db.create(self.root / "data" / "goodwe_energy.db")
        rows = (  # two meter steps in T1, a null, a step in T2 (no zone), then a reset to 0 and one more step in T1
            ("2026-05-10T10:00:00", 100.0, "T1"),
            ("2026-05-10T10:05:00", 100.25, "T1"),
            ("2026-05-10T10:10:00", None, "T1"),
            ("2026-05-10T10:15:00", 100.75, "T1"),
            ("2026-05-10T10:20:00", 101.0, None),
            ("2026-05-10T10:25:00", 0.0, "T1"),
            ("2026-05-10T10:30:00", 0.1, "T1"),
            ("2026-05-11T10:00:00", 5.0, "T2"),
            ("2026-05-11T10:30:00", 7.005, "T2"),
        )
        for stamp, meter, zone in rows:
            connection.execute(
                "INSERT INTO energy_data(timestamp, battery_soc, pv_power, grid_import_total_kwh, tariff_zone) "
                "VALUES (?, 50.5, 804, ?, ?)",
                (stamp, meter, zone),
            )
        decisions = (
            (
                "2026-05-10T10:00:00",
                "charging",
                "charging",
                "x",
                {
                    "energy_kwh": 1.005,
                    "estimated_cost_pln": 0.5,
                    "confidence": 0.5,
                    "estimated_savings_pln": 0.25,
                    "tariff_zone": "T2",
                    "current_price": 0.4,
                },
            ),
            (
                "2026-05-10T10:15:00",
                "charging",
                None,
                "Start charging from grid",
                {"energy_kwh": 1, "estimated_cost_pln": 0.505, "current_price": 0.60005, "confidence": 0.25},
            ),
            ("2026-05-10T10:30:00", None, "battery_selling", None, {"expected_revenue_pln": 0.75, "confidence": 0.9}),
            ("2026-05-10T10:45:00", "charging", "wait", "Charging from grid is too dear", {}),
            ("2026-05-11T10:00:00", "charging", None, "hm", {"confidence": 0.1, "current_price": 0}),
        )
        for stamp, kind, action, reason, parameters in decisions:
            connection.execute(
                "INSERT INTO coordinator_decisions(timestamp, decision_type, action, reason, parameters) "
                "VALUES (?, ?, ?, ?, ?)",
                (stamp, kind, action, reason, json.dumps(parameters)),
            )
        connection.close()
        return Site(self.root)

    def test_a_month_by_hand(self):
        site, far = self.tiny(), parse_end("2026-06-01T00:00:00")
        month = month_answer(site, 2026, 5, far, far)
        expected = {
            "total_decisions": 5,
            "charging_count": 2,
            "wait_count": 2,
            "selling_count": 1,
            "days_with_data": 2,
            "total_energy_kwh": "2.01",
            "total_cost_pln": "1.01",
            "total_savings_pln": "1.00",
            "selling_revenue_pln": "0.75",
            "energy_charged_t1_kwh": "1.00",
            "energy_charged_t2_kwh": "1.01",
            "avg_confidence": "0.3500",
            "avg_cost_per_kwh": "0.5012",
            "savings_percentage": "49.9",
            "total_energy_sold_kwh": "0.00",
            "grid_import_t1_kwh": "0.85",
            "grid_import_t2_kwh": "2.26",
            "grid_import_total_kwh": "3.11",
            "real_grid_import_kwh": "3.11",
        }
        self.assertEqual(
            {key: str(month[key]) for key in expected}, {key: str(value) for key, value in expected.items()}
        )
        self.assertEqual(month["source_breakdown"], {"unknown": 2, "battery_selling": 1})
        first, second = month["daily_summaries"]
        self.assertEqual(
            first["price_stats"], {"min": Decimal("0.4"), "max": Decimal("0.6001"), "avg": Decimal("0.5000")}
        )
        self.assertEqual((str(first["real_grid_import_kwh"]), str(second["real_grid_import_kwh"])), ("1.10", "2.01"))
        self.assertIsNone(second["price_stats"])

    def test_decisions_by_hand(self):
        answer = recompute.decisions_answer(self.tiny(), "24h", parse_end("2026-05-11T10:20:00"))
        self.assertEqual([entry["action"] for entry in answer["decisions"]], ["wait", "wait", "battery_selling"])
        self.assertEqual((answer["charging_count"], answer["wait_count"], answer["battery_selling_count"]), (0, 2, 1))
        sold = answer["decisions"][2]
        self.assertEqual((sold["reason"], sold["estimated_cost_pln"], sold["energy_kwh"]), ("", Decimal("-0.75"), None))
        self.assertIsNone(answer["decisions"][0]["current_price"])

    def test_history_by_hand(self):
        answer = recompute.history_answer(self.tiny(), parse_end("2026-05-11T10:31:00"))
        self.assertEqual(answer["soc_data"], [Decimal("50.5")] + [None] * 5 + [Decimal("50.5")])
        self.assertEqual(
            (answer["soc_range"], answer["pv_peak"], answer["current_pv_power"]), ("50.5% - 50.5%", "0.80 kW", 804)
        )

    def test_comparison_by_hand(self):
        site = self.tiny()
        changes = comparison_answer(site, date(2026, 6, 2), 2026, 5, parse_end("2026-06-02T00:00:00"))["changes"]
        self.assertEqual((changes["cost_change_pct"], str(changes["cost_diff_pln"])), (Decimal("-100.0"), "-1.01"))
        changes = comparison_answer(site, date(2026, 5, 20), 2026, 4, parse_end("2026-06-02T00:00:00"))["changes"]
        self.assertEqual((changes["cost_change_pct"], changes["energy_diff_kwh"]), (100, Decimal("2.01")))

    def test_prices_of_a_recorded_autumn_day(self):
        self.tiny()
        rows = rows_of("csdac-pln", date(2025, 10, 26))
        answer = prices_answer(Site(self.root).config, rows, parse_end("2025-10-26T12:07:00"))
        self.assertEqual(len(answer["prices"]), 24)
        quarters = [
            number(row["csdac_pln"]) for row in rows if row["dtime_utc"][:13] in ("2025-10-25 22", "2025-10-25 23")
        ][:4]
        self.assertEqual(len(quarters), 4)
        first_four = [Decimal("440.6"), Decimal("378.34")]
        self.assertEqual(quarters[:2], first_four)
        mean = sum(quarters) / 4000
        self.assertEqual(answer["prices"][0]["market_price"], rounded(mean, 4))
        self.assertEqual(answer["prices"][0]["price"], rounded(mean + Decimal("0.0892") + Decimal("0.0749"), 4))

    def test_continuation_lines_go_with_their_line(self):
        head = "2026-11-22 14:02:24,900 - m - {} - text"
        lines = [head.format("INFO"), head.format("ERROR"), "Traceback", "  boom", head.format("CRITICAL")]
        self.assertEqual(filtered(lines, "error"), lines[1:4])
        self.assertEqual(filtered(lines, "ERROR+"), lines[1:])


class WholeCheck(SiteCase):
    """The checks against the stub: they pass while a writer writes, and fail when one digit is wrong."""

    def setUp(self):
        super().setUp()
        self.api = fake_pse.Api()
        self.pse = f"http://127.0.0.1:{self.api.server_port}"
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.addCleanup(self.api.server_close)
        self.addCleanup(self.api.shutdown)

    def run_checks(self, stub, **more):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            tally = Checker(stub.base, self.root, pse=self.pse, quiet=True, **more).run()
        return tally, out.getvalue()

    def test_a_site_being_written(self):
        make_site(self.root, days=3, pse_url=self.pse)
        command = [
            sys.executable,
            str(HERE / "writer.py"),
            "--root",
            str(self.root),
            "--decision-s",
            "1",
            "--energy-s",
            "2",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            writer.stdout.readline()
            time.sleep(2.5)
            stub = Stub(self.root, self.pse)
            tally, out = self.run_checks(stub)
            writer.send_signal(signal.SIGTERM)
            summary = json.loads(writer.communicate(timeout=20)[0])
        stub.shutdown()
        stub.server_close()
        self.assertEqual((tally.failed, out), (0, ""))
        self.assertGreater(tally.passed, 100)
        self.assertEqual(summary["locked"], 0)
        self.assertGreater(summary["states"], 10)

    def test_one_wrong_digit_is_noticed(self):
        make_site(self.root, days=3, pse_url=self.pse)
        stub = Stub(self.root, self.pse)

        def spoil(name, change):
            return lambda answer: answer.update({name: change(answer[name])})

        for path, name, change in (
            ("/metrics", "total_cost_pln", lambda value: value + Decimal("0.01")),
            ("/monthly-summary", "avg_confidence", lambda value: value + Decimal("0.0001")),
            ("/decisions", "decisions", lambda rows: rows[1:] + rows[:1]),
            ("/historical-data", "pv_power_data", lambda row: row[:-1] + [Decimal("9.999")]),
            ("/prices", "average_price_pln_kwh", lambda value: value + Decimal("0.0001")),
        ):
            stub.tamper = {path: spoil(name, change)}
            tally, _ = self.run_checks(stub, only=path)
            self.assertGreater(tally.failed, 0, path)
        stub.shutdown()
        stub.server_close()

    def test_a_site_of_files(self):
        make_site(self.root, days=3, pse_url=self.pse, layout="files", end=datetime.now(UTC) - timedelta(seconds=1))
        stub = Stub(self.root, self.pse)
        tally, out = self.run_checks(stub)
        stub.shutdown()
        stub.server_close()
        self.assertEqual((tally.failed, out), (0, ""))


if __name__ == "__main__":
    unittest.main()
