"""The distribution price of a quarter-hour, recomputed from the tariff of the config or from the presets' own rates.

In: the `electricity_tariff` part of the config, an instant, the grid operator's advice for its hour. Out: a
`Rate`: zone, price in PLN/kWh, and whether the price is a fallback. Nothing here knows market prices.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from localtime import ZONE
from site_read import number

DEFAULT_MARGIN = Decimal("0.0892")
ADVICE = ("recommended_usage", "normal_usage", "recommended_saving", "required_reduction")
BOTH_PEAKS = ((6, 13), (15, 22))

# Net distribution rates of 2026 in PLN/kWh, one preset each. Windows are hours, their ends excluded; `free` is for
# Saturdays, Sundays and public holidays, where it is left out they are as working days. The last zone of a list
# holds wherever no window does.
G13S_PRICES = {
    ("summer", "working"): ("0.1000", "0.2842", "0.1094"),
    ("summer", "free"): ("0.0400", "0.1176", "0.1094"),
    ("winter", "working"): ("0.1999", "0.3332", "0.1094"),
    ("winter", "free"): ("0.1200", "0.1960", "0.1094"),
}
G13S_WINDOWS = {
    "summer": (("day_off_peak", ((9, 17),)), ("day_peak", ((7, 9), (17, 21))), ("night", None)),
    "winter": (("day_off_peak", ((10, 15),)), ("day_peak", ((7, 10), (15, 21))), ("night", None)),
}
SELLERS_MARGIN = {"tauron": "0.0892", "pge": "0.0812", "enea": "0.095", "energa": "0.108"}
PRESETS = (
    "tauron-2026/g11",
    "tauron-2026/g12",
    "tauron-2026/g12w",
    "tauron-2026/g13",
    "tauron-2026/g13s",
    "tauron-2026/g14dynamic",
    "pge-2026/g12w",
    "energa-2026/g12w",
)
KOMPAS_RATES = ("0.0224", "0.0893", "0.3881", "2.3756")


@dataclass(frozen=True)
class Rate:
    """The distribution price of one quarter-hour; `zone` is None where the description names none."""

    zone: str | None
    price: Decimal | None
    fallback: bool = False


def easter(year):
    """Easter Sunday of the Gregorian calendar (the computus of Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def is_holiday(day):
    """Whether the day is a public holiday in Poland."""
    fixed = [(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26)]
    if day.year >= 2025:
        fixed.append((12, 24))
    moving = [easter(day.year) + timedelta(days=after) for after in (0, 1, 49, 60)]
    return (day.month, day.day) in fixed or day in moving


def is_free(day):
    """Saturday, Sunday or public holiday."""
    return day.weekday() >= 5 or is_holiday(day)


def season_of(day):
    """Summer is 1 April to 30 September."""
    return "summer" if 4 <= day.month <= 9 else "winter"


def inside(hour, windows):
    """Whether the hour lies in one of the windows (pairs, or mappings with `start` and `end`); they may wrap midnight."""
    for window in windows or ():
        start, end = (window["start"], window["end"]) if isinstance(window, dict) else window
        if start <= hour < end if start < end else (hour >= start or hour < end):
            return True
    return False


def preset_rate(name, local, advice=None):
    """The rate of a preset for a local time; `advice` is 0..3 or None."""
    operator, tariff = name.split("/")
    day, hour = local.date(), local.hour
    season, free = season_of(day), is_free(day)
    if tariff == "g11":
        return Rate(None, Decimal("0.2464"))
    if tariff == "g14dynamic":
        if advice is None:
            return Rate(None, Decimal(KOMPAS_RATES[1]), fallback=True)
        return Rate(None, Decimal(KOMPAS_RATES[advice]))
    if tariff == "g13":
        afternoon = ((19, 22),) if season == "summer" else ((16, 21),)
        if not free and inside(hour, ((7, 13),)):
            return Rate(None, Decimal("0.2203"))
        return Rate(None, Decimal("0.3898" if not free and inside(hour, afternoon) else "0.0392"))
    if tariff == "g13s":
        prices = dict(zip(("day_off_peak", "day_peak", "night"), G13S_PRICES[season, "free" if free else "working"]))
        zone = next(zone for zone, windows in G13S_WINDOWS[season] if windows is None or inside(hour, windows))
        return Rate(zone, Decimal(prices[zone]))
    peak, off_peak, windows = {
        "tauron-2026/g12": ("0.2841", "0.0558", BOTH_PEAKS),
        "tauron-2026/g12w": ("0.3298", "0.0512", BOTH_PEAKS),
        "energa-2026/g12w": ("0.4017", "0.0851", BOTH_PEAKS),
        "pge-2026/g12w": ("0.4276", "0.0845", ((6, 15), (17, 22)) if season == "summer" else BOTH_PEAKS),
    }[name]
    in_peak = inside(hour, windows) and not (free and tariff == "g12w")
    return Rate("peak" if in_peak else "off_peak", Decimal(peak if in_peak else off_peak))


def _time_based(entry, local):
    day, hour = local.date(), local.hour
    found = {**entry, **((entry.get("seasons") or {}).get(season_of(day)) or {})}
    if found.get("peak_windows"):
        peak = inside(hour, found["peak_windows"])
    else:
        peak = found["peak_hours"]["start"] <= hour < found["peak_hours"]["end"]
        peak = peak and not inside(hour, found.get("off_peak_windows"))
    if entry.get("weekends_off_peak") and day.weekday() >= 5:
        peak = False
    if entry.get("holidays_off_peak") and is_holiday(day):
        peak = False
    zone = "peak" if peak else "off_peak"
    return Rate(zone, number(entry["prices"][zone]))


def _seasonal(entry, local):
    day, hour = local.date(), local.hour
    season = season_of(day)
    if is_free(day):
        return Rate(None, number(entry["prices"]["free_days"]["all_hours"]))
    zones = entry["seasons"][season]["time_zones"]
    for name, windows in zones.items():
        if inside(hour, windows if isinstance(windows, list) else [windows]):
            zone = "day_peak" if name.startswith("day_peak") else name
            return Rate(zone, number(entry["prices"]["working_days"][season][zone]))
    raise ValueError(f"no zone for the hour {hour}")


def _zoned(entry, local):
    day = local.date()
    kind = "free" if is_free(day) else "working"
    for zone, windows in entry["zones"][season_of(day)][kind].items():
        if inside(local.hour, windows):
            return Rate(zone, number(entry["prices"][season_of(day)][kind][zone]))
    raise ValueError(f"no zone for the hour {local.hour}")


def rate_of(config, start, advice=None):
    """The rate of the quarter-hour that starts at that instant, by the tariff that the config selects."""
    tariff, local = config["electricity_tariff"], start.astimezone(ZONE)
    entry = (tariff.get("distribution_pricing") or {}).get(tariff.get("tariff_type", "g12w")) or {}
    preset = tariff.get("preset") or entry.get("preset")
    if preset:
        return preset_rate(preset, local, advice)
    if entry["type"] == "static":
        return Rate(None, number(entry["price"]))
    if entry["type"] == "kompas_based":
        if advice is None:
            return Rate(None, number(entry["fallback_price"]), fallback=True)
        return Rate(None, number(entry["prices"][ADVICE[advice]]))
    return {"time_based": _time_based, "seasonal_time_based": _seasonal, "zoned": _zoned}[entry["type"]](entry, local)


def margin_of(config):
    """The seller's margin of the config, PLN/kWh."""
    value = number(config["electricity_tariff"].get("sc_component_pln_kwh"))
    return DEFAULT_MARGIN if value is None else value


def wants_advice(config):
    """Whether the grid operator's advice is asked for: it is enabled, or the tariff needs it."""
    tariff = config["electricity_tariff"]
    entry = (tariff.get("distribution_pricing") or {}).get(tariff.get("tariff_type", "g12w")) or {}
    preset = tariff.get("preset") or entry.get("preset") or ""
    enabled = (config.get("pse_peak_hours") or {}).get("enabled")
    return bool(enabled) or entry.get("type") == "kompas_based" or preset.endswith("/g14dynamic")
