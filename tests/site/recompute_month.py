"""Days and months recomputed from the rows: exact sums, rounded once at the end, half away from zero."""

from collections import Counter
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from site_read import number

ZERO = Decimal(0)
SUMS = (
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
COUNTS = ("total_decisions", "charging_count", "wait_count", "selling_count")
GRID = ("real_grid_import_kwh", "grid_import_t1_kwh", "grid_import_t2_kwh", "grid_import_total_kwh")


def rounded(value, digits):
    """Rounded to that many decimals, half away from zero."""
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def amount(found, *keys):
    """The first of these keys that holds a number, else 0."""
    for key in keys:
        value = number(found.get(key))
        if value is not None:
            return value
    return ZERO


def sum_decisions(decisions):
    """The exact sums of one day's decisions."""
    day = {key: ZERO for key in SUMS if key not in GRID}
    day.update({key: 0 for key in COUNTS}, confidence=ZERO, sources=Counter(), prices=[])
    for found in decisions:
        day["total_decisions"] += 1
        day["confidence"] += amount(found, "confidence")
        if found["kind"] == "selling":
            day["selling_count"] += 1
            day["sources"]["battery_selling"] += 1
            day["total_energy_sold_kwh"] += amount(found, "energy_sold_kwh", "energy_kwh")
            revenue = amount(found, "expected_revenue_pln", "estimated_savings_pln")
            day["selling_revenue_pln"] += revenue
            day["total_savings_pln"] += revenue
        elif found["kind"] == "charging":
            day["charging_count"] += 1
            day["sources"][found.get("charging_source") or found.get("source") or "unknown"] += 1
            energy = amount(found, "energy_kwh")
            day["total_energy_kwh"] += energy
            day["total_cost_pln"] += amount(found, "estimated_cost_pln")
            day["total_savings_pln"] += amount(found, "estimated_savings_pln")
            zone = "t2" if found.get("tariff_zone") == "T2" else "t1"
            day[f"energy_charged_{zone}_kwh"] += energy
            price = number(found.get("current_price"))
            if price is not None and price > 0:
                day["prices"].append(price)
        else:
            day["wait_count"] += 1
    return day


def sum_grid_import(rows):
    """The exact grid import of one day's rows: by zone of the later row, and last minus first reading."""
    metered = [row for row in rows if row["import_kwh"] is not None]
    day = {key: ZERO for key in GRID}
    fell = False
    for earlier, later in zip(metered, metered[1:]):
        step = later["import_kwh"] - earlier["import_kwh"]
        fell = fell or step < 0
        if step > 0:
            day["grid_import_t1_kwh" if later["zone"] == "T1" else "grid_import_t2_kwh"] += step
    day["grid_import_total_kwh"] = day["grid_import_t1_kwh"] + day["grid_import_t2_kwh"]
    if metered:
        whole = metered[-1]["import_kwh"] - metered[0]["import_kwh"]
        day["real_grid_import_kwh"] = day["grid_import_total_kwh"] if fell else whole
    return day


def snapshot_day(saved):
    """A day that lives on only in its saved file; fields missing there count 0."""
    day = {key: number(saved.get(key)) or ZERO for key in SUMS}
    day.update({key: int(saved.get(key) or 0) for key in COUNTS})
    day["confidence"] = (number(saved.get("avg_confidence")) or ZERO) * day["total_decisions"]
    day["sources"] = Counter({key: int(value) for key, value in (saved.get("source_breakdown") or {}).items()})
    day["saved_stats"] = saved.get("price_stats")
    return day


def days_of_month(site, year, month, decision_cut, energy_cut):
    """The exact days of a month by ISO date: those with decisions up to the cut, and the saved ones without rows."""
    prefix = f"{year:04d}-{month:02d}-"
    decisions, energy = {}, {}
    for found in site.decisions:
        if found["timestamp"].startswith(prefix) and found["instant"] <= decision_cut:
            decisions.setdefault(found["timestamp"][:10], []).append(found)
    for row in site.energy:
        if row["timestamp"].startswith(prefix) and row["instant"] <= energy_cut:
            energy.setdefault(row["timestamp"][:10], []).append(row)
    days = {day: {**sum_decisions(found), **sum_grid_import(energy.get(day, []))} for day, found in decisions.items()}
    for stem, saved in site.snapshots.items():
        day = f"{stem[:4]}-{stem[4:6]}-{stem[6:]}"
        if day.startswith(prefix) and day not in days and day not in energy:
            days[day] = snapshot_day(saved)
    monthly = site.month_snapshots.get(f"{year:04d}{month:02d}")
    for saved in (monthly or {}).get("daily_summaries", []):
        if saved["date"] not in days and saved["date"] not in energy:
            days[saved["date"]] = snapshot_day(saved)
    return dict(sorted(days.items()))


def day_answer(day, iso):
    """One entry of `daily_summaries`."""
    answer = {"date": iso, **_figures(day), "file_count": day["total_decisions"]}
    if "saved_stats" in day:
        answer["price_stats"] = day["saved_stats"]
    elif day["prices"]:
        prices = day["prices"]
        answer["price_stats"] = {
            "min": rounded(min(prices), 4),
            "max": rounded(max(prices), 4),
            "avg": rounded(sum(prices) / len(prices), 4),
        }
    else:
        answer["price_stats"] = None
    return answer


def _figures(day):
    """What a day and a month have in common."""
    answer = {key: day[key] for key in COUNTS}
    answer.update({key: rounded(day[key], 2) for key in SUMS})
    count, energy = day["total_decisions"], day["total_energy_kwh"]
    answer["avg_confidence"] = rounded(day["confidence"] / count, 4) if count else ZERO
    answer["avg_cost_per_kwh"] = rounded(day["total_cost_pln"] / energy, 4) if energy else ZERO
    answer["source_breakdown"] = {key: value for key, value in day["sources"].items() if value}
    return answer


def month_exact(site, year, month, decision_cut, energy_cut):
    """The exact sums of a month, and its exact days."""
    days = days_of_month(site, year, month, decision_cut, energy_cut)
    total = {key: sum((day[key] for day in days.values()), ZERO) for key in SUMS}
    total.update({key: sum(day[key] for day in days.values()) for key in COUNTS})
    total["confidence"] = sum((day["confidence"] for day in days.values()), ZERO)
    total["sources"] = sum((day["sources"] for day in days.values()), Counter())
    total["days_with_data"] = len(days)
    return total, days


def month_answer(site, year, month, decision_cut, energy_cut):
    """What `/monthly-summary` must say."""
    total, days = month_exact(site, year, month, decision_cut, energy_cut)
    both = total["total_cost_pln"] + total["total_savings_pln"]
    share = rounded(total["total_savings_pln"] / both * 100, 1) if both > 0 else ZERO
    return {
        "year": year,
        "month": month,
        "month_name": month_name(month),
        **_figures(total),
        "savings_percentage": share,
        "days_with_data": total["days_with_data"],
        "daily_summaries": [day_answer(day, iso) for iso, day in days.items()],
    }


def month_name(month):
    """The English name of a month."""
    return (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    )[month - 1]


def month_before(day):
    """(year, month) of the month before that day's."""
    return (day.year - 1, 12) if day.month == 1 else (day.year, day.month - 1)


def change_pct(current, previous):
    """The change in per cent: 0 when both are 0, 100 when only the previous is."""
    if previous == 0:
        return ZERO if current == 0 else Decimal(100)
    return rounded((current - previous) / previous * 100, 1)


def comparison_answer(site, today, year, month, decision_cut):
    """What `/monthly-comparison?year=&month=` must say: the named month is the previous one, the current is today's."""
    far = site.energy[-1]["instant"] if site.energy else decision_cut
    current, _ = month_exact(site, today.year, today.month, decision_cut, far)
    previous, _ = month_exact(site, year, month, decision_cut, far)
    changes = {}
    for name, key, unit in (
        ("cost", "total_cost_pln", "pln"),
        ("energy", "total_energy_kwh", "kwh"),
        ("savings", "total_savings_pln", "pln"),
    ):
        changes[f"{name}_change_pct"] = change_pct(current[key], previous[key])
        changes[f"{name}_diff_{unit}"] = rounded(current[key] - previous[key], 2)
    answer = {"changes": changes}
    for label, total, named in (("current_month", current, today), ("previous_month", previous, date(year, month, 1))):
        energy = total["total_energy_kwh"]
        answer[label] = {
            "year": named.year,
            "month": named.month,
            "month_name": month_name(named.month),
            "total_cost_pln": rounded(total["total_cost_pln"], 2),
            "total_energy_kwh": rounded(energy, 2),
            "total_savings_pln": rounded(total["total_savings_pln"], 2),
            "avg_cost_per_kwh": rounded(total["total_cost_pln"] / energy, 4) if energy else ZERO,
            "days_with_data": total["days_with_data"],
            "charging_count": total["charging_count"],
        }
    return answer
