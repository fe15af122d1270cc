"""Everything of a site that is not its database: the config, the logs, the saved summaries and the JSON files."""

import json
import random
from datetime import date, timedelta

from localtime import ZONE
from tariffs import dump

CONFIG = """\
# Configuration of the master coordinator
system:
  timezone: Europe/Warsaw
  log_level: INFO
coordinator:
  decision_interval_minutes: 15
  emergency_stop_conditions:
    battery_temp_max: 53.0
    grid_voltage_min: 200
    grid_voltage_max: 250
battery_management:
  capacity_kwh: 20.0
  soc_thresholds:
    critical: 12
    emergency: 5
battery_selling:
  enabled: true
  min_selling_price_pln: 0.8
web_server:
  enabled: false
  host: 127.0.0.1
  port: 8080
  cors_enabled: false
{web_server}
price_analysis:
  api_url: "{price_url}"
  api_timeout_seconds: 10
pse_peak_hours:
  enabled: {kompas}
  api_url: "{peak_url}"
  update_interval_minutes: 60
{electricity}data_storage:
  database_storage:
{enabled}    sqlite:
      path: data/goodwe_energy.db
      timeout: 30.0
  file_storage:
    enabled: true
    energy_data_dir: out/energy_data
logging:
  level: INFO
  file: logs/master_coordinator.log
"""
ELECTRICITY = """\
electricity_tariff:
  tariff_type: "{tariff}"
  sc_component_type: fixed
  sc_component_pln_kwh: 0.0892
  distribution_pricing:
    g11:
      type: static
      price: 0.3125
    g12w:
      type: time_based
      peak_hours:
        start: 6
        end: 22
      off_peak_windows: [{{start: 13, end: 15}}]   # early afternoon
      prices:
        peak: 0.3566
        off_peak: 0.0749
"""
INTERVALS = {
    "background_refresh_interval_seconds": 30,
    "price_refresh_interval_seconds": 300,
    "metrics_refresh_interval_seconds": 60,
    "coordinator_pid_check_interval_seconds": 60,
}
FAST = {
    "background_refresh_interval_seconds": 10,
    "price_refresh_interval_seconds": 60,
    "metrics_refresh_interval_seconds": 30,
    "coordinator_pid_check_interval_seconds": 30,
}


def write_config(
    root,
    pse_url=None,
    tariff="g12w",
    database_enabled=None,
    intervals=None,
    extra=None,
    electricity=None,
    prosumer=None,
    kompas=False,
):
    """`config/master_coordinator_config.yaml`; `database_enabled` None leaves the key out. `electricity` is a whole
    `electricity_tariff` part in place of the usual one, `prosumer` one more part, `kompas` asks for the advice.
    """
    base = (pse_url or "https://api.raporty.pse.pl").rstrip("/")
    web = {**INTERVALS, **(intervals or {}), **(extra or {})}
    enabled = "" if database_enabled is None else f"    enabled: {str(database_enabled).lower()}\n"
    text = CONFIG.format(
        web_server="\n".join(f"  {key}: {value}" for key, value in web.items()),
        price_url=f"{base}/api/csdac-pln",
        peak_url=f"{base}/api/pdgsz",
        electricity=dump({"electricity_tariff": electricity}) if electricity else ELECTRICITY.format(tariff=tariff),
        kompas=str(kompas).lower(),
        enabled=enabled,
    )
    text += dump({"prosumer": prosumer}) if prosumer else ""
    path = root / "config" / "master_coordinator_config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def log_line(at, module, level, message):
    """One line as Python's logging writes it."""
    local = at.astimezone(ZONE)
    return f"{local:%Y-%m-%d %H:%M:%S},{local.microsecond // 1000:03d} - {module} - {level} - {message}\n".encode()


def write_logs(root, end, seed):
    """The three logs: with levels of all kinds, tracebacks, emoji and one broken byte."""
    folder = root / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    traceback = (
        b'Traceback (most recent call last):\n  File "/opt/goodwe/src/master_coordinator.py", line 412, in run\n'
        b"    await self.collector.collect()\nTimeoutError: no answer from 192.168.1.30\n"
    )
    texts = (
        ("INFO", "Data collected successfully"),
        ("INFO", "🔋 Battery: 71% (charging)"),
        ("WARNING", "Failed to read l3"),
        ("ERROR", "Unexpected error in the loop"),
        ("DEBUG", "state: {'a': 1}"),
        ("INFO", "Decision made: wait - INFO"),
        ("CRITICAL", "emergency stop"),
    )
    weights = (40, 20, 8, 3, 20, 8, 1)
    for name, module, count in (
        ("master_coordinator.log", "__main__", 400),
        ("enhanced_data_collector.log", "collector", 220),
        ("fast_charge.log", "fast_charge", 90),
    ):
        rng = random.Random(f"log {name} {seed}")
        with (folder / name).open("wb") as log:
            for index in range(count):
                level, message = rng.choices(texts, weights)[0]
                log.write(log_line(end - timedelta(seconds=20 * (count - index)), module, level, message))
                if level == "ERROR":
                    log.write(traceback)
                if index == count // 2:
                    log.write(
                        log_line(end - timedelta(seconds=20 * (count - index)), module, "INFO", "").rstrip(b"\n")
                        + b"broken \xff byte\n"
                    )


def day_snapshot(day, rng, sparse=False):
    """A day's summary as the old dashboard saved it."""
    cost, energy = round(rng.uniform(0, 9), 2), round(rng.uniform(1, 20), 2)
    summary = {
        "date": day.isoformat(),
        "created_at": f"{day.isoformat()}T23:59:10",
        "total_decisions": 96,
        "charging_count": 21,
        "wait_count": 70,
        "selling_count": 5,
        "total_energy_kwh": energy,
        "total_energy_sold_kwh": 1.5,
        "total_cost_pln": cost,
        "total_savings_pln": round(rng.uniform(0, 5), 2),
        "selling_revenue_pln": 1.12,
        "avg_confidence": round(rng.uniform(0.3, 0.9), 4),
        "avg_cost_per_kwh": round(cost / energy, 4),
        "source_breakdown": {"grid": 15, "pv": 6, "battery_selling": 5},
        "price_stats": {"min": 0.31, "max": 0.92, "avg": 0.5512},
        "file_count": 96,
    }
    if not sparse:
        summary.update(
            real_grid_import_kwh=9.5,
            grid_import_t1_kwh=6.25,
            grid_import_t2_kwh=3.25,
            grid_import_total_kwh=9.5,
            energy_charged_t1_kwh=round(energy / 2, 2),
            energy_charged_t2_kwh=round(energy - round(energy / 2, 2), 2),
        )
    return summary


def write_snapshots(root, first_row_day, seed):
    """Ten saved days before the first row, one of a day that has rows (they win), and one whole month long before."""
    rng = random.Random(f"snapshots {seed}")
    daily, monthly = root / "out" / "daily_snapshots", root / "out" / "monthly_snapshots"
    daily.mkdir(parents=True, exist_ok=True)
    monthly.mkdir(parents=True, exist_ok=True)
    for back in list(range(1, 11)) + [-2]:
        day = first_row_day - timedelta(days=back)
        summary = day_snapshot(day, rng, sparse=back > 6)
        (daily / f"snapshot_{day:%Y%m%d}.json").write_text(json.dumps(summary, indent=2))
    month = (first_row_day - timedelta(days=75)).replace(day=1)
    days = [day_snapshot(month + timedelta(days=index), rng) for index in range(28)]
    (monthly / f"monthly_snapshot_{month:%Y%m}.json").write_text(json.dumps(month_snapshot(month, days), indent=2))


def month_snapshot(month, days):
    """A month's summary with its days, its sums those of the days."""

    def total(key):
        return round(sum(day[key] for day in days), 2)

    summed = (
        "total_energy_kwh",
        "total_energy_sold_kwh",
        "total_cost_pln",
        "total_savings_pln",
        "selling_revenue_pln",
        "real_grid_import_kwh",
        "grid_import_t1_kwh",
        "grid_import_t2_kwh",
        "grid_import_total_kwh",
        "energy_charged_t1_kwh",
        "energy_charged_t2_kwh",
    )
    counts = ("total_decisions", "charging_count", "wait_count", "selling_count")
    summary = {
        "year": month.year,
        "month": month.month,
        "month_name": date(2000, month.month, 1).strftime("%B"),
        **{key: total(key) for key in summed},
        **{key: sum(day[key] for day in days) for key in counts},
        "days_with_data": len(days),
        "avg_confidence": round(sum(day["avg_confidence"] for day in days) / len(days), 4),
        "avg_cost_per_kwh": round(total("total_cost_pln") / total("total_energy_kwh"), 4),
        "daily_summaries": days,
        "source_breakdown": {"grid": 15 * len(days), "pv": 6 * len(days), "battery_selling": 5 * len(days)},
    }
    both = summary["total_cost_pln"] + summary["total_savings_pln"]
    summary["savings_percentage"] = round(summary["total_savings_pln"] / both * 100, 1)
    return summary


def write_energy_files(root, rows):
    """`out/energy_data/energy_data_YYYY-MM-DD.json`: one array a day."""
    folder = root / "out" / "energy_data"
    folder.mkdir(parents=True, exist_ok=True)
    days = {}
    for row in rows:
        days.setdefault(row["timestamp"][:10], []).append(row)
    for day, found in days.items():
        (folder / f"energy_data_{day}.json").write_text(json.dumps(found))


def file_decision(row, parameters, rng):
    """A decision as older versions wrote it to a file; returns its kind of file and its object."""
    known = parameters or {}
    if row["action"] == "battery_selling":
        sold, revenue = round(rng.uniform(0.2, 3), 2), known.get("expected_revenue_pln", 0.5)
        return "battery_selling", {
            "timestamp": row["timestamp"],
            "action": "battery_selling",
            "decision": "battery_selling",
            "confidence": known.get("confidence", 0.5),
            "expected_revenue_pln": revenue,
            "selling_power_w": 2500,
            "estimated_duration_hours": 1.5,
            "reasoning": "High price 🌞",
            "safety_checks_passed": True,
            "risk_level": "low",
            "current_price_pln": known.get("current_price_pln", 0.9),
            "battery_soc": known.get("battery_soc", 80),
            "pv_power": known.get("pv_power", 0),
            "house_consumption": known.get("consumption", 300),
            "energy_sold_kwh": sold,
            "revenue_per_kwh_pln": 0.9,
            "safety_status": "ok",
            "execution_success": True,
            "execution_error": None,
        }
    action = row["action"] or ("charge" if "charging" in row["reason"].lower() else "wait")
    found = {
        "timestamp": row["timestamp"],
        "action": action,
        "source": rng.choice(("grid", "pv", "hybrid")),
        "duration": 0.25,
        "energy_kwh": known.get("energy_kwh", 0.0),
        "estimated_cost_pln": known.get("estimated_cost_pln", 0.0),
        "estimated_savings_pln": known.get("estimated_savings_pln", 0.0),
        "reason": row["reason"],
        "priority": "low",
        "battery_soc": known.get("battery_soc", 50),
        "pv_power": known.get("pv_power", 0.0),
        "house_consumption": known.get("consumption", 300),
        "current_price": known.get("current_price", 0),
        "cheapest_price": known.get("cheapest_price", 0),
        "cheapest_hour": known.get("cheapest_hour", 3),
    }
    for key in ("confidence", "tariff_zone"):
        if key in known:
            found[key] = known[key]
    if rng.random() < 0.05:
        del found["source"]
    return "charging", found


def write_decision_files(root, pairs, seed, per_file_only=False):
    """The decisions in both layouts: a file each on even days, JSON lines a day on odd ones; and a few sessions to skip."""
    rng = random.Random(f"files {seed}")
    folder, lines = root / "out" / "energy_data", {}
    folder.mkdir(parents=True, exist_ok=True)
    for row, parameters in pairs:
        kind, found = file_decision(row, parameters, rng)
        stamp = row["timestamp"][:19].replace("-", "").replace(":", "").replace("T", "_")
        if per_file_only or int(stamp[6:8]) % 2 == 0:
            (folder / f"{kind}_decision_{stamp}.json").write_text(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            lines.setdefault(stamp[:8], []).append(json.dumps(found, ensure_ascii=False) + "\n")
    for day, found in lines.items():
        (root / "out" / f"charging_decision_{day}.json").write_text("".join(found))
    for stamp, (row, _) in (("20260101_000001", pairs[0]), ("20260101_000002", pairs[-1])):
        session = {
            "session_id": f"sell_{stamp}",
            "start_time": row["timestamp"],
            "end_time": None,
            "energy_sold_kwh": 99.0,
        }
        (folder / f"battery_selling_decision_{stamp}.json").write_text(json.dumps(session))


def write_state_files(root, rows, layout="lines"):
    """The states in one of the two layouts (or both): JSON lines a day, its last line half written, and whole files."""
    folder, objects = root / "out", []
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        objects.append(
            {
                "timestamp": row["timestamp"],
                "state": row["state"],
                "uptime_seconds": row["uptime"],
                "current_data": row["metrics"]["current_data"],
                "performance_metrics": {"cycles": 12},
                "decision_count": row["metrics"]["decision_count"],
            }
        )
    if layout in ("single", "both"):
        for found in objects[-6:-1] if layout == "both" else objects[-6:]:
            stamp = found["timestamp"][:19].replace("-", "").replace(":", "").replace("T", "_")
            (folder / f"coordinator_state_{stamp}.json").write_text(json.dumps(found, indent=2))
    if layout in ("lines", "both"):
        days = {}
        for found in objects:
            days.setdefault(found["timestamp"][:10].replace("-", ""), []).append(json.dumps(found) + "\n")
        newest = max(days)
        for day, found in days.items():
            half = found[-1][: len(found[-1]) // 2] if day == newest else ""
            (folder / f"coordinator_state_{day}.json").write_text("".join(found) + half)
