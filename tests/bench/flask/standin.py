#!/usr/bin/env python3
"""A Flask stand-in that reads the database at each request, as the replaced dashboard did.

It is not that dashboard, whose program lies elsewhere: it answers three of its paths with its way of working (Flask's own
threaded server, a connection to SQLite for each request, the processes looked through for `/status`) and does less for
each than it did. What it takes is a lower bound of what the replaced one took.

    standin.py DATABASE PORT
"""

import json
import sqlite3
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask, jsonify

app = Flask("standin")
STARTED = time.time()


def rows(query, *values):
    """What the database answers; read only."""
    connection = sqlite3.connect(f"file:{app.config['DATABASE']}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(query, values)]
    finally:
        connection.close()


def decisions(since):
    """Decisions from an instant on, newest first, with their parameters."""
    found = rows("SELECT * FROM coordinator_decisions WHERE timestamp >= ? ORDER BY timestamp DESC", since.isoformat())
    return [{**row, **json.loads(row.pop("parameters") or "{}")} for row in found]


def coordinator():
    """The coordinator's process, looked for among all."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if b"master_coordinator.py" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except OSError:
                pass
    return None


@app.get("/status")
def status():
    pid = coordinator()
    has_data = bool(decisions(datetime.now() - timedelta(hours=24)))
    return jsonify(
        status="running",
        coordinator_running=pid is not None,
        coordinator_pid=pid,
        storage={"connected": True, "has_data": has_data, "type": "sqlite"},
        uptime_seconds=time.time() - STARTED,
    )


@app.get("/current-state")
def current_state():
    newest = rows("SELECT * FROM system_state ORDER BY timestamp DESC LIMIT 1")
    data = json.loads(newest[0]["metrics"]).get("current_data", {}) if newest else {}
    return jsonify(timestamp=newest[0]["timestamp"] if newest else None, **{"current_data": data})


@app.get("/metrics")
def metrics():
    month = decisions(datetime.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    charges = [row for row in month if row.get("action") not in ("wait", "battery_selling")]
    return jsonify(
        total_count=len(month),
        charging_count=len(charges),
        total_energy_charged_kwh=sum(row.get("energy_kwh") or 0 for row in charges),
        total_cost_pln=sum(row.get("estimated_cost_pln") or 0 for row in charges),
        total_savings_pln=sum(row.get("estimated_savings_pln") or 0 for row in charges),
    )


if __name__ == "__main__":
    app.config["DATABASE"] = sys.argv[1]
    app.run(host="127.0.0.1", port=int(sys.argv[2]), debug=False, threaded=True)
