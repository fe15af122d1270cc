"""Reads a site's rows with plain SQL, or from its JSON files: what the recomputation starts from.

Numbers become `Decimal` from their shortest text, so that sums are exact. Nothing is summed here.
"""

import json
import sqlite3
from decimal import Decimal
from pathlib import Path

import miniyaml
from localtime import instant_of

CHARGE_ACTIONS = ("charge", "charging", "start_pv_charging", "start_grid_charging", "start_hybrid_charging")
CHARGE_WORDS = ("start charging", "charging from", "pv charging", "grid charging", "charging started")


def number(value):
    """A stored value as an exact number, or None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        return Decimal(repr(value))
    return Decimal(value) if isinstance(value, (int, Decimal)) else None


def exact_json(text):
    """JSON with exact numbers, None when it is not JSON."""
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, TypeError):
        return None


def read_config(root):
    """The coordinator's configuration as a mapping."""
    return miniyaml.load((Path(root) / "config" / "master_coordinator_config.yaml").read_text(encoding="utf-8"))


def database_path(root):
    """The database of the site, or None when it is disabled or absent."""
    storage = read_config(root)["data_storage"]["database_storage"]
    path = Path(root) / storage["sqlite"]["path"]
    return path if path.exists() and storage.get("enabled", True) else None


def kind_of(found, selling_file=False):
    """`selling`, `wait` or `charging`, by the rules of the contract."""
    action, reason = found.get("action"), str(found.get("reason") or "").lower()
    if selling_file or "battery_selling" in (action, found.get("decision")):
        return "selling"
    if action == "wait":
        return "wait"
    if action in CHARGE_ACTIONS or any(words in reason for words in CHARGE_WORDS):
        return "charging"
    return "wait"


class Site:
    """All rows of a site as lists: `decisions`, `energy`, oldest first; states are read one by one."""

    def __init__(self, root):
        self.root = Path(root)
        self.config = read_config(root)
        self.database = database_path(root)
        self.decisions, self.energy = [], []
        if self.database:
            self._read_database()
        self.source = "sqlite" if self.database else "file"
        if not self.decisions and not self.energy:
            self._read_files()
            if self.database and self.decisions:
                self.database, self.source = None, None
        self.decisions.sort(key=lambda found: found["instant"])
        self.energy.sort(key=lambda row: row["instant"])
        self.snapshots = {
            path.stem[-8:]: exact_json(path.read_text())
            for path in (self.root / "out" / "daily_snapshots").glob("snapshot_*.json")
        }
        self.month_snapshots = {
            path.stem[-6:]: exact_json(path.read_text())
            for path in (self.root / "out" / "monthly_snapshots").glob("monthly_snapshot_*.json")
        }

    def connect(self):
        """A read-only connection of its own."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        connection.row_factory = sqlite3.Row
        return connection

    def _read_database(self):
        connection = self.connect()
        columns = {row["name"] for row in connection.execute("PRAGMA table_info(energy_data)")}
        meters = (
            "grid_import_total_kwh, tariff_zone"
            if "tariff_zone" in columns
            else "NULL AS grid_import_total_kwh, NULL AS tariff_zone"
        )
        for row in connection.execute(
            f"SELECT timestamp, battery_soc, pv_power, created_at, {meters} FROM energy_data ORDER BY rowid"
        ):
            self._add_energy(dict(row))
        for row in connection.execute(
            "SELECT id, timestamp, decision_type, action, reason, parameters, source_module, created_at "
            "FROM coordinator_decisions ORDER BY id"
        ):
            self._add_decision(dict(row), exact_json(row["parameters"]) or {})
        connection.close()

    def _read_files(self):
        file_storage = self.config["data_storage"]["file_storage"]
        folder = self.root / file_storage["energy_data_dir"]
        for path in sorted(folder.glob("energy_data_*.json")):
            for row in exact_json(path.read_text()) or []:
                self._add_energy(row)
        for path in sorted(folder.glob("*_decision_*.json")):
            self._add_file_decision(exact_json(path.read_text()), path.name.startswith("battery_selling"))
        for path in sorted((self.root / "out").glob("charging_decision_*.json")):
            for line in path.read_text().splitlines():
                self._add_file_decision(exact_json(line), False)

    def _add_file_decision(self, found, selling_file):
        if isinstance(found, dict) and "timestamp" in found:
            self._add_decision({"created_at": None}, found, selling_file)

    def _add_energy(self, row):
        self.energy.append(
            {
                "timestamp": row["timestamp"],
                "instant": instant_of(row["timestamp"], row.get("created_at")),
                "soc": number(row["battery_soc"]),
                "pv_w": number(row["pv_power"]),
                "zone": row.get("tariff_zone"),
                "import_kwh": number(row.get("grid_import_total_kwh")),
            }
        )

    def _add_decision(self, row, parameters, selling_file=False):
        """Row columns win over lifted keys of the same name."""
        found = {**parameters, **row, "parameters": parameters}
        found["instant"] = instant_of(found["timestamp"], found["created_at"])
        found["kind"] = kind_of(found, selling_file)
        self.decisions.append(found)

    def state_of(self, reading_timestamp):
        """The newest state row whose reading has that timestamp: (current_data, row), or (None, None)."""
        connection = self.connect()
        for row in connection.execute(
            "SELECT * FROM system_state WHERE metrics LIKE ? ORDER BY id DESC LIMIT 1",
            (f'%"timestamp": "{reading_timestamp}"%',),
        ):
            return exact_json(row["metrics"])["current_data"], dict(row)
        return None, None

    def file_states(self):
        """The readings of all state files, oldest first."""
        found = []
        for path in (self.root / "out").glob("coordinator_state_*.json"):
            text = path.read_text(errors="replace")
            whole = exact_json(text)
            objects = [whole] if isinstance(whole, dict) else [exact_json(line) for line in text.splitlines()]
            found.extend(
                entry["current_data"] for entry in objects if isinstance(entry, dict) and entry.get("current_data")
            )
        return sorted(found, key=lambda data: data["timestamp"])
