"""A server that answers from the recomputation itself: it proves nothing about values, but lets the checks be tested.

`Stub(root, pse_url)` listens on a free loopback port and reads the site for each request. `tamper` maps a path
to a function that spoils its answer: the checks must notice.
"""

import json
import threading
import urllib.request
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import check_logs
import recompute
from localtime import ZONE, instant_of, naive_iso, now_utc
from recompute_month import comparison_answer, month_answer, month_before
from recompute_prices import prices_answer
from site_read import Site, exact_json

ERRORS = {"24h", "7d", "1h", "1m"}


def plain(value):
    """Exact numbers as JSON numbers."""
    return int(value) if value == value.to_integral_value() else float(value)


class Stub(ThreadingHTTPServer):
    """The stub with its site."""

    daemon_threads = True

    def __init__(self, root, pse_url):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.pse_url, self.tamper = Path(root), pse_url, {}
        self.base = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def prices(self, now):
        day = now.astimezone(ZONE).date()
        condition = quote(f"business_date ge '{day}' and business_date le '{day + timedelta(days=1)}'")
        with urllib.request.urlopen(f"{self.pse_url}/api/csdac-pln?$filter={condition}&$first=20000") as response:
            rows = json.loads(response.read(), parse_float=Decimal)["value"]
        answer = prices_answer(recompute.Site(self.root).config, rows, now)
        answer["price_trend"], answer["cheapest_hour"] = (
            sorted(answer.pop("trends"))[0],
            answer.pop("cheapest_hours")[0],
        )
        answer["slot_start"] = answer["slot_start"].isoformat()
        return {
            **answer,
            "data_source": "PSE API (CSDAC-PLN)",
            "last_updated": naive_iso(now),
            "calculation_method": "tariff_aware",
        }

    def newest_reading(self, site):
        if not site.database:
            return site.file_states()[-1]
        connection = site.connect()
        row = connection.execute("SELECT metrics FROM system_state ORDER BY id DESC LIMIT 1").fetchone()
        return exact_json(row["metrics"])["current_data"]


class Handler(BaseHTTPRequestHandler):
    """Answers every compatible path."""

    def log_message(self, *_):
        """Stays quiet."""

    def answer(self, path, query):
        """(status, body object or bytes)."""
        site, now, stub = Site(self.server.root), now_utc(), self.server
        today, stamp = now.astimezone(ZONE).date(), {"timestamp": naive_iso(now)}
        logs = stub.root / "logs"
        if path == "/health":
            return 200, {
                "status": "healthy",
                **stamp,
                "service": "goodwe-log-server",
                "version": "0",
                "live": {"age_s": 1, "stale": False},
            }
        if path == "/decisions":
            name = query.get("time_range", "24h")
            if name not in ERRORS:
                return 400, {"error": f"time_range {name}", "code": "bad_request"}
            found = recompute.decisions_answer(site, name, now)
            for shown, row in zip(
                found["decisions"],
                reversed([r for r in site.decisions if r["instant"] >= now - recompute.RANGES[name]]),
            ):
                shown["parameters"] = row["parameters"]
            return 200, {**found, **stamp, "data_source": "real"}
        if path == "/metrics":
            return 200, {**recompute.metrics_answer(site, now), **stamp}
        if path == "/historical-data":
            found = recompute.history_answer(site, now)
            found["data_points"] = max(found.pop("points"))
            found["timestamps"] = [label or "00:00" for label in found["timestamps"]]
            return 200, {**found, "last_update": naive_iso(now)}
        if path.startswith("/monthly"):
            default = (today.year, today.month) if path == "/monthly-summary" else month_before(today)
            texts = query.get("year", str(default[0])), query.get("month", str(default[1]))
            for name, text, low, high in (("year", texts[0], 2000, 2100), ("month", texts[1], 1, 12)):
                if not text.isdigit() or not low <= int(text) <= high:
                    return 400, {"error": f"{name} {text}", "code": "bad_request"}
            year, month = int(texts[0]), int(texts[1])
            if path == "/monthly-comparison":
                return 200, {**comparison_answer(site, today, year, month, now), **stamp}
            found = month_answer(site, year, month, now, now)
            for day in found["daily_summaries"]:
                day["created_at"] = day["date"]
            return 200, found
        if path == "/prices":
            return 200, stub.prices(now)
        if path == "/current-state":
            return 200, self.current_state(site, now)
        if path == "/status":
            files = {file.name: {"size": file.stat().st_size, "modified": ""} for file in logs.glob("*.log")}
            return 200, {
                "status": "running",
                **stamp,
                "coordinator_running": False,
                "coordinator_pid": None,
                "data_source": "none",
                "log_files": files,
                "server_uptime": 1,
                "server_uptime_human": "1s",
                "storage": {"connected": True, "has_data": True, "type": site.source},
                "background_worker": {
                    "alive": True,
                    "health": "healthy",
                    "cache_ages": {"inverter_s": 1, "price_s": 1, "metrics_s": 1},
                    "last_errors": {"inverter": None, "price": None, "metrics": None},
                },
            }
        return self.log_answer(path, query, logs)

    def log_answer(self, path, query, logs):
        if path == "/logs/files":
            return 200, {
                "log_files": [
                    {"name": file.name, "size": file.stat().st_size, "modified": "", "path": str(file)}
                    for file in logs.glob("*.log")
                ]
            }
        if path.startswith("/logs/download/"):
            name = unquote(path[len("/logs/download/") :])
            name = {"master.log": "master_coordinator.log", "data.log": "enhanced_data_collector.log"}.get(name, name)
            return (
                (200, (logs / name).read_bytes())
                if name in {file.name for file in logs.glob("*.log")}
                else (404, {"error": "no"})
            )
        if path == "/logs":
            name, count, level = (
                query.get("file", "master"),
                query.get("lines", "100"),
                query.get("level", "").replace(" ", "+"),
            )
            if (
                name not in check_logs.NAMES
                or not 1 <= int(count) <= 1000
                or level.rstrip("+").upper() not in (*check_logs.LEVELS, "")
            ):
                return 400, {"error": "file lines level", "code": "bad_request"}
            whole = check_logs.lines_of(logs / check_logs.NAMES[name])
            kept = check_logs.filtered(whole, level)
            return 200, {
                "log_file": check_logs.NAMES[name],
                "total_lines": len(whole),
                "filtered_lines": len(kept),
                "returned_lines": min(int(count), len(kept)),
                "level_filter": level,
                "lines": kept[-int(count) :],
            }
        return (200, b"<!doctype html>") if path == "/" else (404, {"error": "no such path", "code": "not_found"})

    def current_state(self, site, now):
        data = self.server.newest_reading(site)
        newest = recompute.decision_answer(
            max((row for row in site.decisions if row["instant"] <= now), key=lambda row: row["instant"])
        )
        state, score = recompute.state_answer(data), newest["confidence"]
        state["battery"].setdefault("charging_status", None)
        state["battery"].setdefault("health_status", None)
        fresh = "database_fresh" if site.database else "background_cache"
        return {
            "timestamp": data["timestamp"],
            "data_source": fresh,
            "source": "database" if site.database else "state_file",
            "data_timestamp": data["timestamp"],
            "cache_age_seconds": (now - instant_of(data["timestamp"])).total_seconds(),
            **state,
            "pricing": self.server.prices(now),
            "decision_factors": {
                **{f"{name}_score": None for name in ("price", "battery", "pv", "consumption", "weather")},
                "overall_confidence": None if score is None else score * 100,
            },
            "recommendations": {
                "primary_action": newest["action"],
                "reason": newest["reason"],
                "confidence": score,
                "alternative_actions": [],
            },
            "system_health": {
                "status": "healthy",
                "last_error": None,
                "uptime_hours": 0,
                "uptime_human": "1s",
                "data_quality": "good",
            },
        }

    def respond(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Disposition", "attachment")
        self.send_header("Allow", "GET, HEAD, OPTIONS")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):  # noqa: N802
        url = urlsplit(self.path)
        status, answer = self.answer(url.path, {key: value[0] for key, value in parse_qs(url.query).items()})
        if url.path in self.server.tamper and status == 200:
            self.server.tamper[url.path](answer)
        if isinstance(answer, bytes):
            return self.respond(status, answer, "text/html" if url.path == "/" else "text/plain")
        return self.respond(status, json.dumps(answer, default=plain).encode(), "application/json")

    do_HEAD = do_GET  # noqa: N815

    def do_OPTIONS(self):  # noqa: N802
        self.send_response(204)
        self.end_headers()

    def do_POST(self):  # noqa: N802
        self.respond(405, b"{}", "application/json")
