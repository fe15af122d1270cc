#!/usr/bin/env python3
"""What a server must answer about a site, recomputed from its rows: decisions, metrics, history, the present state.

    recompute.py SITE_ROOT [--at ISO]

prints the expected answers as JSON. Months are in recompute_month.py, prices in recompute_prices.py.
"""

import argparse
import json
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from localtime import ZONE, parse_end  # noqa: E402
from recompute_month import ZERO, amount, comparison_answer, month_answer, month_before, month_exact, rounded  # noqa: E402
from site_read import Site, number  # noqa: E402

RANGES = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
LIFTED_NUMBERS = (
    "confidence",
    "current_price",
    "current_price_pln",
    "cheapest_price",
    "cheapest_hour",
    "battery_soc",
    "pv_power",
    "consumption",
    "decision_score",
    "energy_kwh",
    "estimated_cost_pln",
    "estimated_savings_pln",
    "expected_revenue_pln",
)
PRICES = ("current_price", "current_price_pln", "cheapest_price")
KIND_ACTIONS = {"charging": "charge", "wait": "wait", "selling": "battery_selling"}
STEP = timedelta(minutes=5)


def within(rows, at, span):
    """The rows of the span that ends at `at`."""
    return [row for row in rows if at - span <= row["instant"] <= at]


def moments(rows, at, slack, *spans):
    """Instants at which the view of `rows` could have been taken between `at - slack` and `at`: one before each change."""
    found = {at}
    for row in rows:
        for shift in (timedelta(0), *spans):
            event = row["instant"] + shift
            if at - slack <= event <= at:
                found.update((event - timedelta(microseconds=1), event, event + timedelta(microseconds=1)))
    return sorted(found, reverse=True)


def decision_answer(found):
    """One decision as `/decisions` must show it."""
    answer = {key: found.get(key) for key in ("id", "timestamp", "decision_type", "source_module", "created_at")}
    answer["action"] = found.get("action") or KIND_ACTIONS[found["kind"]]
    answer["reason"] = found.get("reason") or found.get("reasoning") or ""
    answer.update({key: number(found.get(key)) for key in LIFTED_NUMBERS})
    for key in PRICES:
        answer[key] = None if answer[key] == 0 else answer[key]
    for key in ("should_charge", "tariff_zone"):
        answer[key] = found.get(key)
    if found["kind"] == "selling":
        revenue = number(found.get("expected_revenue_pln"))
        answer["energy_kwh"] = number(found.get("energy_sold_kwh"))
        answer["estimated_savings_pln"] = revenue
        answer["estimated_cost_pln"] = None if revenue is None else -revenue
    return answer


def decisions_answer(site, time_range, at):
    """What `/decisions?time_range=` must say at that instant."""
    rows = within(site.decisions, at, RANGES[time_range])
    kinds = [row["kind"] for row in rows]
    return {
        "decisions": [decision_answer(row) for row in reversed(rows)],
        "total_count": len(rows),
        "charging_count": kinds.count("charging"),
        "wait_count": kinds.count("wait"),
        "battery_selling_count": kinds.count("selling"),
        "time_range": time_range,
    }


def metrics_answer(site, at):
    """What `/metrics` must say at that instant."""
    local = at.astimezone(ZONE)
    month = month_answer(site, local.year, local.month, at, at)
    exact, _ = month_exact(site, local.year, local.month, at, at)
    decisions = exact["total_decisions"]
    recent = within(site.decisions, at, RANGES["24h"])
    efficiency = sum((amount(row, "confidence") for row in recent), ZERO) / len(recent) * 100 if recent else None
    return {
        "total_decisions": month["total_decisions"],
        "total_count": month["total_decisions"],
        "charging_count": month["charging_count"],
        "wait_count": month["wait_count"],
        "battery_selling_count": month["selling_count"],
        "total_energy_charged_kwh": month["total_energy_kwh"],
        "total_cost_pln": month["total_cost_pln"],
        "total_savings_pln": month["total_savings_pln"],
        "savings_percentage": month["savings_percentage"],
        "avg_cost_per_kwh_pln": month["avg_cost_per_kwh"],
        "avg_confidence": rounded(exact["confidence"] / decisions * 100, 1) if decisions else ZERO,
        "efficiency_score": efficiency,
        "source_breakdown": month["source_breakdown"],
        "time_range": "current_month",
    }


def history_answer(site, at):
    """What `/historical-data` must say: rows of 24 hours, and null points in holes of more than two intervals."""
    rows = within(site.energy, at, RANGES["24h"])
    labels, soc, pv = [], [], []
    for index, row in enumerate(rows):
        gap = row["instant"] - rows[index - 1]["instant"] if index else STEP
        if gap > 2 * STEP:
            missing = round(gap / STEP) - 1
            labels.extend([None] * missing)
            soc.extend([None] * missing)
            pv.extend([None] * missing)
        labels.append(row["timestamp"][11:16])
        soc.append(row["soc"])
        pv.append(None if row["pv_w"] is None else row["pv_w"] / 1000)
    known_soc = [value for value in soc if value is not None]
    known_pv = [value for value in pv if value is not None]
    return {
        "timestamps": labels,
        "soc_data": soc,
        "pv_power_data": pv,
        "points": {len(rows), len(labels)},
        "data_source": "real" if rows else "none",
        "current_soc": rows[-1]["soc"] if rows else None,
        "current_pv_power": rows[-1]["pv_w"] if rows else None,
        "soc_range": f"{rounded(min(known_soc), 1)}% - {rounded(max(known_soc), 1)}%" if known_soc else None,
        "pv_peak": f"{rounded(max(known_pv), 2)} kW" if known_pv else None,
    }


def state_answer(data):
    """The device objects of `/current-state` for one reading."""

    def take(group, *names):
        for name in names:
            value = number((data.get(group) or {}).get(name))
            if value is not None:
                return value
        return None

    grid_w, soc = take("grid", "power_w", "current_power_w"), take("battery", "soc_percent")
    charging = data.get("battery", {}).get("charging_status")
    weather = (data.get("weather") or {}).get("current_conditions")
    pv_w = take("photovoltaic", "current_power_w")
    answer = {
        "battery": {
            "soc_percent": soc,
            "temperature_c": take("battery", "temperature"),
            "power_w": take("battery", "power_w"),
            "voltage": take("battery", "voltage"),
            "current": take("battery", "current"),
        },
        "photovoltaic": {
            "current_power_w": take("pv", "current_power_w", "power_w", "power") if pv_w is None else pv_w,
            "daily_generation_kwh": take("photovoltaic", "daily_production_kwh", "daily_generation_kwh"),
            "efficiency_percent": None,
            "pv1_power_w": take("photovoltaic", "pv1_power_w"),
            "pv2_power_w": take("photovoltaic", "pv2_power_w"),
        },
        "house_consumption": {
            "current_power_w": take("house_consumption", "current_power_w"),
            "daily_consumption_kwh": take("house_consumption", "daily_total_kwh", "daily_consumption_kwh"),
        },
        "grid": {
            "current_power_w": grid_w,
            "daily_import_kwh": take("grid", "today_imported_kwh"),
            "daily_export_kwh": take("grid", "today_exported_kwh"),
            "voltage": take("grid", "voltage"),
            "flow_direction": (
                None if grid_w is None else "Export" if grid_w > 0 else "Import" if grid_w < 0 else "Neutral"
            ),
            **{
                name: take("grid", name)
                for name in ("l1_current_a", "l2_current_a", "l3_current_a", "l1_power", "l2_power", "l3_power")
            },
        },
    }
    if isinstance(charging, bool):
        answer["battery"]["charging_status"] = "charging" if charging else "idle"
    if soc is not None:
        answer["battery"]["health_status"] = "good" if soc > 20 else "warning"
    answer["weather"] = (
        None
        if not weather
        else {
            "condition": None,
            "forecast_4h": None,
            "temperature_c": number(weather.get("temperature")),
            "cloud_cover_percent": number(weather.get("cloud_cover_estimated")),
        }
    )
    return answer


def main():
    parser = argparse.ArgumentParser(description="the answers that a site's rows imply")
    parser.add_argument("root")
    parser.add_argument("--at", default="now")
    given = parser.parse_args()
    at, site = parse_end(given.at), Site(given.root)
    today = at.astimezone(ZONE).date()
    answers = {
        f"/decisions?time_range={name}": {
            key: value for key, value in decisions_answer(site, name, at).items() if key != "decisions"
        }
        for name in RANGES
    }
    answers["/metrics"] = metrics_answer(site, at)
    answers["/monthly-summary"] = month_answer(site, today.year, today.month, at, at)
    answers["/monthly-comparison"] = comparison_answer(site, today, *month_before(today), at)

    def plain(value):
        return float(value) if isinstance(value, Decimal) else str(value)

    print(json.dumps(answers, indent=1, default=plain, ensure_ascii=False))


if __name__ == "__main__":
    main()
