"""`/api/v1/prices` recomputed exactly from the rows of the price API and the config.

`Book` holds the known rows by entity and day; `day_answer` says what the server must answer for a day at an
instant. Prices are fractions of PLN/kWh until the last moment. Timestamps are instants in UTC.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from localtime import UTC, ZONE, quarter_starts
from recompute_tariff import margin_of, rate_of, wants_advice
from site_read import number

QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
AHEAD = 16


def rounded6(value):
    """Rounded to six decimals, half away from zero; None stays."""
    if value is None:
        return None
    scaled = abs(Fraction(value)) * 1_000_000
    whole = (scaled.numerator * 2 + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if value >= 0 else -whole).scaleb(-6)


def mean(values):
    """The exact mean, or None of nothing."""
    return sum(values, Fraction(0)) / len(values) if values else None


def by_start(rows, field):
    """Prices in PLN/kWh by the UTC start of their quarter (`dtime_utc` minus 15 minutes); null rows are holes."""
    found = {}
    for row in rows:
        value = number(row.get(field))
        if value is not None:
            found[datetime.fromisoformat(row["dtime_utc"]).replace(tzinfo=UTC) - QUARTER] = Fraction(value) / 1000
    return found


class Book:
    """What is known: rows by entity and day, as the price API served them; the tariff; the advice when it is wanted."""

    def __init__(self, config, rows):
        self.config, self.rows = config, rows
        self.market, self.settled, self.advice = {}, {}, {}
        for found in rows.get("csdac-pln", {}).values():
            self.market.update(by_start(found, "csdac_pln"))
        for found in rows.get("rce-pln", {}).values():
            self.settled.update(by_start(found, "rce_pln"))
        if wants_advice(config):
            for found in rows.get("pdgsz", {}).values():
                for row in found:
                    if row["is_active"] and row["usage_fcst"] is not None:
                        self.advice[datetime.fromisoformat(row["dtime_utc"]).replace(tzinfo=UTC)] = row["usage_fcst"]
        prosumer = config.get("prosumer") or {}
        self.per_hour = prosumer.get("negative_rule", "per_quarter") == "per_hour"
        self.factor = Fraction(number(prosumer.get("deposit_factor", Decimal(1))))

    def known(self, day):
        """Whether any market price of the day is known."""
        return any(start in self.market for start in quarter_starts(day))

    def sell(self, start):
        """What a prosumer is paid for the hour of that quarter, exact."""
        hour = start.replace(minute=0)
        quarters = [self.settled.get(hour + QUARTER * index) for index in range(4)]
        if None in quarters:
            return None
        if self.per_hour:
            return max(Fraction(0), mean(quarters)) * self.factor
        return mean([max(Fraction(0), price) for price in quarters]) * self.factor

    def slot(self, start):
        """One quarter-hour with every component, exact."""
        advice = self.advice.get(start.replace(minute=0))
        rate = rate_of(self.config, start, advice)
        market, margin = self.market.get(start), Fraction(margin_of(self.config))
        known = market is not None and rate.price is not None
        return {
            "start": start,
            "end": start + QUARTER,
            "market": market,
            "margin": margin,
            "distribution": None if rate.price is None else Fraction(rate.price),
            "zone": rate.zone,
            "kompas": advice,
            "buy": market + margin + Fraction(rate.price) if known else None,
            "sell": self.sell(start),
            "fallback": rate.fallback,
        }

    def axis(self, day):
        return [self.slot(start) for start in quarter_starts(day)]


def hours_of(slots):
    """Real hours: the means of their known quarters."""
    hours = {}
    for slot in slots:
        hours.setdefault(slot["start"].replace(minute=0), []).append(slot)
    entries = []
    for start, quarters in hours.items():
        known = [slot for slot in quarters if slot["buy"] is not None]
        entry = {**quarters[0], "start": start, "end": start + HOUR, "received": len(known), "expected": len(quarters)}
        for key in ("market", "buy"):
            entry[key] = mean([slot[key] for slot in known])
        entries.append(entry)
    return entries


def joined(slots):
    """Runs of slots that follow one another without a gap."""
    runs = []
    for slot in slots:
        if runs and runs[-1][-1]["end"] == slot["start"]:
            runs[-1].append(slot)
        else:
            runs.append([slot])
    return runs


def spans(runs):
    return [{"start": run[0]["start"], "end": run[-1]["end"]} for run in runs]


def best_windows(slots, sign):
    """The cheapest (sign 1) or dearest (sign -1) contiguous 1 to 4 hours of known slots; the earliest of equals."""
    found = []
    for hours in (1, 2, 3, 4):
        length, best = hours * 4, None
        for at in range(len(slots) - length + 1):
            window = slots[at : at + length]
            if any(slot["buy"] is None for slot in window) or window[-1]["end"] - window[0]["start"] != HOUR * hours:
                continue
            total = sum(slot["buy"] for slot in window)
            if best is None or sign * total < sign * best[0]:
                best = (total, window)
        if best:
            window = best[1]
            found.append(
                {
                    "hours": hours,
                    "start": window[0]["start"],
                    "end": window[-1]["end"],
                    "mean_buy_pln_kwh": rounded6(best[0] / length),
                }
            )
    return found


def quartile_windows(slots):
    """The joined cheap and dear slots of a day: at or beyond the quartile, and beyond the median."""
    prices = sorted(slot["buy"] for slot in slots)
    count = len(prices)
    if not count:
        return [], []
    lower, upper = prices[-(-count // 4) - 1], prices[count - -(-count // 4)]
    median = (prices[(count - 1) // 2] + prices[count // 2]) / 2

    def shown(chosen):
        return [
            {
                "start": run[0]["start"],
                "end": run[-1]["end"],
                "mean_buy_pln_kwh": rounded6(mean([slot["buy"] for slot in run])),
            }
            for run in joined(chosen)
        ]

    cheap = [slot for slot in slots if slot["buy"] <= lower and slot["buy"] < median]
    dear = [slot for slot in slots if slot["buy"] >= upper and slot["buy"] > median]
    return shown(cheap), shown(dear)


def trend_of(now_buy, following):
    """More than five per cent of the present price, up or down; nothing known: stable."""
    after = mean(following)
    if after is None:
        return "stable"
    margin = abs(now_buy) / 20
    return "rising" if after - now_buy > margin else "falling" if now_buy - after > margin else "stable"


def statistics_of(book, day, slots, now_slot):
    """The figures of a day; `now_slot` is the present slot's start when the day is today."""
    known = [slot for slot in slots if slot["buy"] is not None]
    if not known:
        return None
    low, high = min(slot["buy"] for slot in known), max(slot["buy"] for slot in known)
    markets = [slot["market"] for slot in known]
    before = [slot["buy"] for slot in book.axis(day - timedelta(days=1)) if slot["buy"] is not None]
    average, yesterday = mean([slot["buy"] for slot in known]), mean(before)
    rest = [slot["buy"] for slot in known if now_slot is not None and slot["start"] >= now_slot]
    return {
        "mean_buy_pln_kwh": rounded6(average),
        "min_buy_pln_kwh": rounded6(low),
        "max_buy_pln_kwh": rounded6(high),
        "min_at": next(slot["start"] for slot in known if slot["buy"] == low),
        "max_at": next(slot["start"] for slot in known if slot["buy"] == high),
        "mean_market_pln_kwh": rounded6(mean(markets)),
        "min_market_pln_kwh": rounded6(min(markets)),
        "max_market_pln_kwh": rounded6(max(markets)),
        "remaining_mean_buy_pln_kwh": rounded6(mean(rest)),
        "yesterday_mean_buy_pln_kwh": rounded6(yesterday),
        "difference_to_yesterday_pln_kwh": None if yesterday is None else rounded6(average - yesterday),
    }


def day_answer(book, day, instant, by="slot"):
    """What the server must say of that day at that instant; None where it has no slots to show."""
    if not book.known(day):
        return None
    today = instant.astimezone(ZONE).date()
    slots = book.axis(day)
    known = [slot for slot in slots if slot["buy"] is not None]
    utc = instant.astimezone(UTC)
    now_slot = utc.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0) if day == today else None
    following_day = day + timedelta(days=1)
    ahead = slots + (book.axis(following_day) if book.known(following_day) else [])
    current, after = None, []
    if now_slot:
        after = [slot for slot in ahead if slot["start"] > now_slot][:AHEAD]
        here = next(slot for slot in slots if slot["start"] == now_slot)
        if here["buy"] is not None:
            current = {
                **{key: here[key] for key in ("start", "end", "market", "buy", "sell", "zone")},
                "rank": 1 + sum(slot["buy"] < here["buy"] for slot in known),
                "of": len(known),
                "trend": trend_of(here["buy"], [slot["buy"] for slot in after if slot["buy"] is not None]),
            }
    search = [slot for slot in ahead if slot["start"] >= now_slot] if now_slot else slots
    cheap, dear = quartile_windows(known)
    negative = [
        {**span, "min_market_pln_kwh": rounded6(min(slot["market"] for slot in run))}
        for run in joined([slot for slot in slots if slot["market"] is not None and slot["market"] < 0])
        for span in spans([run])
    ]
    return {
        "day": day.isoformat(),
        "by": by,
        "slots": slots if by == "slot" else hours_of(slots),
        "current": current,
        "next": after,
        "statistics": statistics_of(book, day, slots, now_slot),
        "windows": {
            "cheapest": best_windows(search, 1),
            "dearest": best_windows(search, -1),
            "negative": negative,
            "cheap": cheap,
            "dear": dear,
        },
        "provenance": {
            "received": sum(slot["market"] is not None for slot in slots),
            "expected": len(slots),
            "holes": spans(joined([slot for slot in slots if slot["market"] is None])),
        },
    }
