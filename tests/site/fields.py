"""Every field of the compatible answers with its type, as a table; and the comparison of an answer with it.

A type is a word: `str`, `int`, `num`, `bool`, `list`, `dict`, `naive` (local ISO time without offset), `rfc`
(RFC 3339 with offset), `null`; a trailing `?` allows null; a leading `~` allows the field to be left out. A
dict is a nested table, a list with one entry types every element.
"""

import re
from datetime import datetime
from decimal import Decimal

DEVICES = {
    "battery": {
        "soc_percent": "num?",
        "temperature_c": "num?",
        "charging_status": "str?",
        "health_status": "str?",
        "power_w": "num?",
        "voltage": "num?",
        "current": "num?",
    },
    "photovoltaic": {
        "current_power_w": "num?",
        "daily_generation_kwh": "num?",
        "efficiency_percent": "null",
        "pv1_power_w": "num?",
        "pv2_power_w": "num?",
    },
    "house_consumption": {"current_power_w": "num?", "daily_consumption_kwh": "num?"},
    "grid": {
        "current_power_w": "num?",
        "flow_direction": "str?",
        "daily_import_kwh": "num?",
        "daily_export_kwh": "num?",
        "l1_current_a": "num?",
        "l2_current_a": "num?",
        "l3_current_a": "num?",
        "voltage": "num?",
        "l1_power": "num?",
        "l2_power": "num?",
        "l3_power": "num?",
    },
}
COMPARED_MONTH = {
    "year": "int",
    "month": "int",
    "month_name": "str",
    "total_cost_pln": "num",
    "total_energy_kwh": "num",
    "total_savings_pln": "num",
    "avg_cost_per_kwh": "num",
    "days_with_data": "int",
    "charging_count": "int",
}
SUMMED = {
    "total_decisions": "int",
    "charging_count": "int",
    "wait_count": "int",
    "selling_count": "int",
    "total_energy_kwh": "num",
    "total_energy_sold_kwh": "num",
    "total_cost_pln": "num",
    "total_savings_pln": "num",
    "selling_revenue_pln": "num",
    "avg_confidence": "num",
    "avg_cost_per_kwh": "num",
    "source_breakdown": "dict",
    "real_grid_import_kwh": "num",
    "grid_import_t1_kwh": "num",
    "grid_import_t2_kwh": "num",
    "grid_import_total_kwh": "num",
    "energy_charged_t1_kwh": "num",
    "energy_charged_t2_kwh": "num",
}
DAY = {"date": "str", "created_at": "str?", "price_stats": "dict?", "file_count": "int", **SUMMED}

TABLES = {
    "/health": {
        "status": "str",
        "timestamp": "naive",
        "service": "str",
        "version": "str",
        "live": {"age_s": "num?", "stale": "bool"},
    },
    "/status": {
        "status": "str",
        "timestamp": "naive",
        "coordinator_running": "bool",
        "coordinator_pid": "int?",
        "data_source": "str",
        "log_files": "dict",
        "server_uptime": "num",
        "server_uptime_human": "str",
        "storage": {"connected": "bool", "has_data": "bool", "type": "str?"},
        "background_worker": {
            "alive": "bool",
            "health": "str",
            "cache_ages": {"inverter_s": "num?", "price_s": "num?", "metrics_s": "num?"},
            "last_errors": {"inverter": "str?", "price": "str?", "metrics": "str?"},
        },
    },
    "/current-state": {
        "timestamp": "naive?",
        "data_source": "str",
        "source": "str?",
        "data_timestamp": "str?",
        "cache_age_seconds": "num?",
        **DEVICES,
        "pricing": "dict?",
        "weather": "dict?",
        "decision_factors": {
            "price_score": "null",
            "battery_score": "null",
            "pv_score": "null",
            "consumption_score": "null",
            "weather_score": "null",
            "overall_confidence": "num?",
        },
        "recommendations": "dict?",
        "system_health": {
            "status": "str",
            "last_error": "str?",
            "uptime_hours": "num",
            "uptime_human": "str",
            "data_quality": "str",
        },
    },
    "/metrics": {
        "timestamp": "naive",
        "total_decisions": "int",
        "total_count": "int",
        "charging_count": "int",
        "wait_count": "int",
        "battery_selling_count": "int",
        "total_energy_charged_kwh": "num",
        "total_cost_pln": "num",
        "total_savings_pln": "num",
        "savings_percentage": "num",
        "avg_confidence": "num",
        "avg_cost_per_kwh_pln": "num",
        "efficiency_score": "num?",
        "source_breakdown": "dict",
        "time_range": "str",
    },
    "/decisions": {
        "decisions": [
            {
                "~id": "int?",
                "timestamp": "naive",
                "action": "str",
                "decision_type": "str?",
                "reason": "str",
                "source_module": "str?",
                "created_at": "str?",
                "parameters": "dict?",
                "confidence": "num?",
                "current_price": "num?",
                "current_price_pln": "num?",
                "cheapest_price": "num?",
                "cheapest_hour": "num?",
                "battery_soc": "num?",
                "pv_power": "num?",
                "consumption": "num?",
                "decision_score": "num?",
                "energy_kwh": "num?",
                "estimated_cost_pln": "num?",
                "estimated_savings_pln": "num?",
                "expected_revenue_pln": "num?",
                "should_charge": "bool?",
                "tariff_zone": "str?",
            }
        ],
        "total_count": "int",
        "charging_count": "int",
        "wait_count": "int",
        "battery_selling_count": "int",
        "time_range": "str",
        "timestamp": "naive",
        "data_source": "str",
    },
    "/historical-data": {
        "timestamps": ["str"],
        "soc_data": ["num?"],
        "pv_power_data": ["num?"],
        "data_points": "int",
        "data_source": "str",
        "last_update": "str?",
        "current_soc": "num?",
        "current_pv_power": "num?",
        "soc_range": "str?",
        "pv_peak": "str?",
    },
    "/monthly-summary": {
        "year": "int",
        "month": "int",
        "month_name": "str",
        **SUMMED,
        "savings_percentage": "num",
        "days_with_data": "int",
        "daily_summaries": [DAY],
    },
    "/monthly-comparison": {
        "current_month": COMPARED_MONTH,
        "previous_month": COMPARED_MONTH,
        "timestamp": "naive",
        "changes": {
            "cost_change_pct": "num",
            "energy_change_pct": "num",
            "savings_change_pct": "num",
            "cost_diff_pln": "num",
            "energy_diff_kwh": "num",
            "savings_diff_pln": "num",
        },
    },
    "/prices": {
        "current_price_pln_kwh": "num",
        "cheapest_price_pln_kwh": "num",
        "cheapest_hour": "str",
        "average_price_pln_kwh": "num",
        "price_trend": "str",
        "data_source": "str",
        "last_updated": "str",
        "calculation_method": "str",
        "prices": [{"hour": "int", "hour_str": "str", "price": "num", "market_price": "num"}],
        "current_slot_pln_kwh": "num?",
        "slot_start": "rfc?",
    },
    "/logs": {
        "log_file": "str",
        "total_lines": "int",
        "filtered_lines": "int",
        "returned_lines": "int",
        "level_filter": "str",
        "lines": ["str"],
    },
    "/logs/files": {"log_files": [{"name": "str", "size": "int", "modified": "str", "path": "str"}]},
}
WORDS = {
    "/health": {"status": ("healthy",), "service": ("goodwe-log-server",)},
    "/status": {
        "status": ("running",),
        "data_source": ("database_fresh", "database_stale", "background_cache", "background_cache_stale", "none"),
    },
    "/current-state": {
        "data_source": ("database_fresh", "database_stale", "background_cache", "background_cache_stale", "none"),
        "source": ("database", "state_file", None),
    },
    "/decisions": {"data_source": ("real", "none")},
    "/historical-data": {"data_source": ("real", "none")},
    "/metrics": {"time_range": ("current_month",)},
    "/prices": {
        "data_source": ("PSE API (CSDAC-PLN)", "disk_cache_fallback"),
        "calculation_method": ("tariff_aware",),
        "price_trend": ("rising", "falling", "stable"),
    },
}


def _naive(value):
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is None and "T" in value
    except ValueError:
        return False


CHECKS = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "num": lambda value: isinstance(value, (int, float, Decimal)) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "dict": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
    "naive": _naive,
    "rfc": lambda value: isinstance(value, str)
    and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", value)),
}


def problems(answer, table, where=""):
    """What an answer lacks or has of a wrong type, one text each."""
    if isinstance(table, str):
        if table.endswith("?") and answer is None:
            return []
        return [] if CHECKS[table.rstrip("?")](answer) else [f"{where or 'the answer'} is not {table}: {answer!r:.60}"]
    if isinstance(table, list):
        if not isinstance(answer, list):
            return [f"{where} is no list: {answer!r:.60}"]
        return [text for index, entry in enumerate(answer) for text in problems(entry, table[0], f"{where}[{index}]")][
            :8
        ]
    if not isinstance(answer, dict):
        return [f"{where or 'the answer'} is no object: {answer!r:.60}"]
    found = []
    for name, kind in table.items():
        key, path = name.lstrip("~"), f"{where}.{name.lstrip('~')}".lstrip(".")
        if key in answer:
            found.extend(problems(answer[key], kind, path))
        elif not name.startswith("~"):
            found.append(f"{path} is missing")
    return found


def wrong_words(path, answer):
    """Fields whose value is none of the allowed ones."""
    return [
        f"{key} is {answer.get(key)!r}, not one of {allowed}"
        for key, allowed in WORDS.get(path, {}).items()
        if answer.get(key) not in allowed
    ]
