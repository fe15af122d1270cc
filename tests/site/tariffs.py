"""Tariffs as a config may hold them, one of each kind, and a writer of YAML for them.

`TARIFFS[name]` is the whole `electricity_tariff` part. Rates of tariffs of our own making are round on purpose.
"""

import json

from recompute_tariff import PRESETS

MARGIN = 0.0892
BOTH = [{"start": 6, "end": 13}, {"start": 15, "end": 22}]


def _selecting(name, entry, margin=MARGIN):
    others = {"g11": {"type": "static", "price": 0.3125}, "broken": {"type": "nonesuch"}}
    return {
        "tariff_type": name,
        "sc_component_type": "fixed",
        "sc_component_pln_kwh": margin,
        "distribution_pricing": {**others, name: entry},
    }


def of_preset(name, margin=MARGIN):
    """The tariff of a preset: the one place that knows where its name stands."""
    return {"tariff_type": name.split("/")[1], "preset": name, "sc_component_pln_kwh": margin}


def _season(months, zones):
    first, last = months
    return {
        "start_month": first[0],
        "start_day": first[1],
        "end_month": last[0],
        "end_day": last[1],
        "time_zones": zones,
    }


SUMMER, WINTER = ((4, 1), (9, 30)), ((10, 1), (3, 31))
TARIFFS = {
    "static": _selecting("g11", {"type": "static", "price": 0.2464}),
    "sample_g12w": _selecting(
        "g12w",
        {
            "type": "time_based",
            "peak_hours": {"start": 6, "end": 22},
            "off_peak_windows": [{"start": 13, "end": 15}],
            "prices": {"peak": 0.3298, "off_peak": 0.0512},
        },
    ),
    "own_g12w": _selecting(
        "g12w",
        {
            "type": "time_based",
            "peak_windows": BOTH,
            "weekends_off_peak": True,
            "holidays_off_peak": True,
            "seasons": {
                "summer": {"peak_windows": [{"start": 6, "end": 15}, {"start": 17, "end": 22}]},
                "winter": {"peak_windows": BOTH},
            },
            "prices": {"peak": 0.3298, "off_peak": 0.0512},
        },
        margin=0.1,
    ),
    "g13s": _selecting(
        "g13s",
        {
            "type": "seasonal_time_based",
            "requires_pse_forecast": True,
            "seasons": {
                "summer": _season(
                    SUMMER,
                    {
                        "day_peak_morning": {"start": 7, "end": 9},
                        "day_off_peak": {"start": 9, "end": 17},
                        "day_peak_evening": {"start": 17, "end": 21},
                        "night": {"start": 21, "end": 7},
                    },
                ),
                "winter": _season(
                    WINTER,
                    {
                        "day_peak_morning": {"start": 7, "end": 10},
                        "day_off_peak": {"start": 10, "end": 15},
                        "day_peak_evening": {"start": 15, "end": 21},
                        "night": {"start": 21, "end": 7},
                    },
                ),
            },
            "prices": {
                "working_days": {
                    "summer": {"day_peak": 0.29, "day_off_peak": 0.1, "night": 0.11},
                    "winter": {"day_peak": 0.34, "day_off_peak": 0.2, "night": 0.11},
                },
                "free_days": {"all_hours": 0.111},
            },
        },
    ),
    "g14dynamic": _selecting(
        "g14dynamic",
        {
            "type": "kompas_based",
            "requires_pse_peak_hours": True,
            "prices": {
                "recommended_usage": 0.0224,
                "normal_usage": 0.0893,
                "recommended_saving": 0.3881,
                "required_reduction": 2.3756,
            },
            "fallback_price": 0.5,
        },
    ),
    "zoned": _selecting(
        "mine",
        {
            "type": "zoned",
            "zones": {
                "summer": {
                    "working": {
                        "morning": [{"start": 7, "end": 13}],
                        "evening": [{"start": 19, "end": 22}],
                        "rest": [{"start": 22, "end": 7}, {"start": 13, "end": 19}],
                    },
                    "free": {"sun": [{"start": 10, "end": 16}], "rest": [{"start": 16, "end": 10}]},
                },
                "winter": {
                    "working": {
                        "morning": [{"start": 7, "end": 13}],
                        "evening": [{"start": 16, "end": 21}],
                        "rest": [{"start": 21, "end": 7}, {"start": 13, "end": 16}],
                    },
                    "free": {"rest": [{"start": 0, "end": 24}]},
                },
            },
            "prices": {
                "summer": {
                    "working": {"morning": 0.2203, "evening": 0.3898, "rest": 0.03},
                    "free": {"sun": 0.0, "rest": 0.031},
                },
                "winter": {"working": {"morning": 0.23, "evening": 0.41, "rest": 0.04}, "free": {"rest": 0.041}},
            },
        },
    ),
    **{name: of_preset(name) for name in PRESETS},
}


def dump(value, indent=0):
    """Block YAML of nested mappings; lists are written as flow."""
    lines = []
    for key, found in value.items():
        if isinstance(found, dict) and found:
            lines.append(f"{' ' * indent}{key}:\n{dump(found, indent + 2)}")
        elif isinstance(found, list):
            items = ", ".join(_flow(item) for item in found)
            lines.append(f"{' ' * indent}{key}: [{items}]\n")
        else:
            lines.append(f"{' ' * indent}{key}: {json.dumps(found)}\n")
    return "".join(lines)


def _flow(item):
    if isinstance(item, dict):
        return "{" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in item.items()) + "}"
    return json.dumps(item)
