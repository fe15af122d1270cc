"""The rows of a made-up but plausible house: energy every 5 minutes, states every minute, decisions every 15 minutes.

Everything is drawn from the seed and the instant, so the same arguments give the same site. Values are rounded
to a few decimals before they are stored: a sum of them can be recomputed exactly.
"""

import math
import random
from datetime import timedelta

from localtime import ZONE, created_at, naive_iso

CHARGE_ACTIONS = ("charge", "charging", "start_pv_charging", "start_grid_charging", "start_hybrid_charging")
REASONS = {
    "wait": (
        "PV charging not possible: the battery is full",
        "Waiting for a cheaper hour",
        "Price above the threshold ⚡",
    ),
    "charge": ("Charging from grid: cheapest hour", "PV surplus of 2.1 kW ☀️", "Battery low, price acceptable"),
}


def energy_rows(begin, end, seed, step_s=300, phase_s=22, holes=True, reset=True):
    """Rows of `energy_data` from `begin` to `end` (instants), oldest first, as mappings of column to value."""
    rng = random.Random(f"energy {seed}")
    soc, imported, exported, consumed, pv_day = 61.0, 8123.4, 2210.7, 15321.9, 0.0
    total = max(1, int((end - begin).total_seconds() // step_s))
    missing = set()
    if holes:
        for _ in range(max(1, total // 4000)):
            at = rng.randrange(total)
            missing.update(range(at, at + rng.choice((4, 9, 18))))
        if total > 288:
            missing.update(range(total - 150, total - 142))
        missing -= set(range(total - 6, total + 1))
    reset_at = total * 2 // 3 if reset else -1
    rows, cloud, last_day = [], 0.8, None
    for index in range(total + 1):
        at = begin + timedelta(seconds=step_s * index)
        at = at.replace(second=phase_s, microsecond=rng.randrange(1_000_000) if index % 7 else 0)
        if at > end:
            break
        local = at.astimezone(ZONE)
        hour = local.hour + local.minute / 60
        if local.date() != last_day:
            last_day, pv_day = local.date(), 0.0
        cloud = min(1.0, max(0.1, cloud + rng.uniform(-0.08, 0.08)))
        pv_w = int(max(0.0, math.sin((hour - 6.5) / 10.5 * math.pi)) * 6200 * cloud) if 6.5 < hour < 17 else 0
        house_w = int(
            280 + rng.uniform(0, 180) + 900 * math.exp(-((hour - 19) ** 2) / 4) + (2000 if rng.random() < 0.04 else 0)
        )
        surplus = pv_w - house_w
        battery_w = (
            -min(surplus, 3000) if surplus > 0 and soc < 99 else min(-surplus, 2500) if surplus < 0 and soc > 12 else 0
        )
        grid_w = pv_w + battery_w - house_w
        hours = step_s / 3600
        soc = min(100.0, max(5.0, soc - battery_w * hours / 100))
        imported += max(0, -grid_w) * hours / 1000
        exported += max(0, grid_w) * hours / 1000
        consumed += house_w * hours / 1000
        pv_day += pv_w * hours / 1000
        if index == reset_at:
            imported, exported = 0.0, 0.0
        if index in missing:
            continue
        nulls = rng.random() < 0.01 and index < total - 5
        meter_null = rng.random() < 0.02
        rows.append(
            {
                "timestamp": naive_iso(at),
                "battery_soc": None if nulls else round(soc, 1),
                "pv_power": None if nulls else pv_w,
                "grid_power": grid_w,
                "house_consumption": house_w,
                "battery_power": battery_w,
                "grid_voltage": round(rng.uniform(228, 243), 1),
                "grid_frequency": None,
                "battery_voltage": round(rng.uniform(395, 430), 1),
                "battery_current": round(battery_w / 410, 1),
                "battery_temperature": round(rng.uniform(18, 29), 1),
                "price_pln": None,
                "created_at": created_at(at + timedelta(seconds=1)),
                "grid_import_total_kwh": None if meter_null else round(imported, 2),
                "grid_export_total_kwh": None if meter_null else round(exported, 2),
                "house_consumption_total_kwh": round(consumed, 2),
                "pv_generation_total_kwh": round(pv_day, 2),
                "tariff_zone": None if rng.random() < 0.01 else zone_of(local),
            }
        )
    return rows


def zone_of(local):
    """The zone that the coordinator stamps on a row: T1 in the peak hours of every day."""
    return "T1" if 6 <= local.hour < 22 and not 13 <= local.hour < 15 else "T2"


def decision(at, rng, kind=None):
    """One decision at an instant, as mappings for the row and its `parameters` (None where the row has none)."""
    local = at.astimezone(ZONE)
    draw = rng.random()
    kind = kind or ("selling" if draw < 0.08 else "charge" if draw < 0.34 else "wait")
    price = round(0.45 + 0.3 * math.sin(local.hour / 24 * 2 * math.pi) + rng.uniform(0, 0.2), 4)
    row = {
        "timestamp": naive_iso(at, microseconds=rng.random() < 0.8),
        "decision_type": "charging",
        "action": "wait",
        "reason": rng.choice(REASONS["wait"]),
        "source_module": None,
        "created_at": created_at(at + timedelta(seconds=1)),
    }
    parameters = {
        "confidence": round(rng.uniform(0.2, 0.98), 3),
        "battery_soc": rng.randrange(10, 100),
        "consumption": rng.randrange(200, 2500),
    }
    if kind == "selling":
        row.update(decision_type=None, action="battery_selling", reason=None)
        parameters.update(
            current_price_pln=price, expected_revenue_pln=round(rng.uniform(0.1, 4), 2), pv_power=rng.randrange(0, 5000)
        )
        return row, parameters
    parameters.update(
        should_charge=kind == "charge",
        current_price=price,
        cheapest_price=round(price * 0.6, 4),
        cheapest_hour=rng.randrange(24),
        pv_power=round(rng.uniform(0, 6), 2),
        decision_score=round(rng.uniform(0, 100), 1),
        energy_kwh=0.0,
        estimated_cost_pln=0.0,
        estimated_savings_pln=0.0,
        tariff_zone=zone_of(local),
    )
    if kind == "charge":
        energy = round(rng.uniform(0.3, 5), 3)
        row.update(action=rng.choice(CHARGE_ACTIONS), reason=rng.choice(REASONS["charge"]))
        parameters.update(
            energy_kwh=energy,
            estimated_cost_pln=round(energy * price, 2),
            estimated_savings_pln=round(energy * rng.uniform(0, 0.3), 2),
        )
    odd = rng.random()
    if odd < 0.03:
        parameters.update(current_price=0, cheapest_price=0)
    elif odd < 0.06:
        row["action"] = None
        row["reason"] = "Start charging from grid" if kind == "charge" else "nothing to do"
    elif odd < 0.08 and kind == "wait":
        return row, None
    elif odd < 0.20:
        for key in rng.sample(sorted(parameters), 3):
            del parameters[key]
    return row, parameters


def decisions(begin, end, seed, step_s=900):
    """Pairs (row, parameters) from `begin` to `end`, oldest first."""
    rng = random.Random(f"decisions {seed}")
    found, at = [], begin + timedelta(seconds=40)
    while at <= end:
        found.append(decision(at.replace(microsecond=rng.randrange(1, 1_000_000)), rng))
        at += timedelta(seconds=step_s)
    return found


def current_data(at, rng, unknown_share=0.04):
    """The `current_data` object of one reading; some leaves are the string "Unknown"."""
    local = at.astimezone(ZONE)
    pv_w = int(max(0.0, math.sin((local.hour - 6.5) / 10.5 * math.pi)) * 5000) if 6 < local.hour < 17 else 0
    house_w = rng.randrange(250, 2200)
    battery_w = rng.randrange(-2500, 2500)
    grid_w = pv_w + battery_w - house_w
    amps = [round(grid_w / 3 / 233 + rng.uniform(-0.2, 0.2), 2) for _ in range(3)]
    data = {
        "timestamp": naive_iso(at),
        "date": local.strftime("%Y-%m-%d"),
        "time": local.strftime("%H:%M:%S"),
        "battery": {
            "soc_percent": rng.randrange(5, 101),
            "voltage": round(rng.uniform(395, 430), 1),
            "current": round(battery_w / 410, 1),
            "power_w": battery_w,
            "power_kw": battery_w / 1000,
            "temperature": round(rng.uniform(17, 30), 1),
            "charging_status": rng.random() < 0.3,
            "fast_charging_enabled": False,
        },
        "photovoltaic": {
            "current_power_w": pv_w,
            "current_power_kw": pv_w / 1000,
            "pv1_power_w": pv_w // 2,
            "pv2_power_w": pv_w - pv_w // 2,
            "pv1_voltage": 412.3,
            "pv1_current": 3.1,
            "pv2_voltage": 398.7,
            "pv2_current": 2.9,
            "daily_production_kwh": round(local.hour * 0.7, 1),
            "efficiency_percent": 0.0,
        },
        "grid": {
            "power_w": grid_w,
            "power_kw": grid_w / 1000,
            "voltage": round(rng.uniform(228, 243), 1),
            "flow_direction": "Export" if grid_w > 0 else "Import" if grid_w < 0 else "Neutral",
            "import_rate": grid_w if grid_w > 0 else 0,
            "export_rate": -grid_w if grid_w < 0 else 0,
            "l1_current_a": amps[0],
            "l2_current_a": amps[1],
            "l3_current_a": amps[2],
            "l1_power": grid_w // 3,
            "l2_power": grid_w // 3,
            "l3_power": grid_w - 2 * (grid_w // 3),
            "total_exported_kwh": 2210.7,
            "total_imported_kwh": 8123.4,
            "today_exported_kwh": round(local.hour * 0.31, 1),
            "today_imported_kwh": round(local.hour * 0.42, 1),
        },
        "house_consumption": {
            "current_power_w": house_w,
            "current_power_kw": house_w / 1000,
            "daily_total_kwh": round(local.hour * 0.55, 1),
            "total_consumption_kwh": 15321.9,
            "calculated_power_w": 0.0,
            "calculated_power_kw": 0.0,
        },
        "system": {
            "inverter_model": "GW10KN-ET",
            "inverter_serial": "9010KETU000W0000",
            "connection_status": "Connected",
            "last_update": naive_iso(at, microseconds=False),
        },
        "tariff_zone": zone_of(local),
    }
    if rng.random() < 0.5:
        data["weather"] = {
            "current_conditions": {
                "temperature": round(rng.uniform(-5, 25), 1),
                "cloud_cover_estimated": rng.randrange(101),
            }
        }
    for group in ("battery", "photovoltaic", "grid"):
        for key in sorted(data[group]):
            if key not in ("flow_direction", "charging_status") and rng.random() < unknown_share:
                data[group][key] = "Unknown"
    make_unknown_kw(data)
    return data


def make_unknown_kw(data):
    """Where a W value is unknown the coordinator writes 0.0 kW and a neutral flow."""
    for group, watts, kilowatts in (
        ("battery", "power_w", "power_kw"),
        ("grid", "power_w", "power_kw"),
        ("photovoltaic", "current_power_w", "current_power_kw"),
    ):
        if data[group][watts] == "Unknown":
            data[group][kilowatts] = 0.0
    if data["grid"]["power_w"] == "Unknown":
        data["grid"]["flow_direction"] = "Neutral"


def all_unknown(at):
    """A reading in which every leaf is unknown, as after a failed poll of the inverter."""
    data = current_data(at, random.Random(0), unknown_share=0)
    for group in ("battery", "photovoltaic", "grid", "house_consumption", "system"):
        data[group] = {key: "Unknown" for key in data[group]}
    data.pop("weather", None)
    return data


def state_row(at, rng, decision_count=0, data=None):
    """One `system_state` row; the metrics column is a JSON text that the caller dumps."""
    metrics = {
        "current_data": data or current_data(at, rng),
        "decision_count": decision_count,
        "uptime_seconds": 86400.5,
        "pv_efficiency": 0.0,
        "battery_utilization": 0.0,
        "price_score": None,
    }
    return {
        "timestamp": naive_iso(at + timedelta(milliseconds=180)),
        "state": "monitoring",
        "uptime": 86400.5,
        "active_modules": '["data_collector", "price_analyzer"]',
        "last_error": None,
        "metrics": metrics,
        "created_at": created_at(at + timedelta(seconds=1)),
    }


def states(begin, end, seed):
    """State rows every minute, and a second one every 5 minutes, oldest first; the newest lies at `end`."""
    rng = random.Random(f"states {seed}")
    found, minutes = [], int((end - begin).total_seconds() // 60)
    for index in range(minutes + 1):
        at = end - timedelta(minutes=minutes - index, seconds=1)
        found.append(state_row(at, rng, decision_count=index // 15))
        if index % 5 == 0 and index < minutes:
            found.append(state_row(at + timedelta(seconds=20, microseconds=1234), rng, decision_count=index // 15))
    return found
