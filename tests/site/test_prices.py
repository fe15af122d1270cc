"""Tests of the stand-in's faults, of the recomputed tariffs and prices, and of the calendar's reader: against values
worked out by hand and the recorded days.
"""

import json
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent))
import answer_v1  # noqa: E402
import check_v1  # noqa: E402
import fake_pse  # noqa: E402
import ical  # noqa: E402
import miniyaml  # noqa: E402
import tariffs  # noqa: E402
from localtime import UTC, ZONE, parse_end, quarter_starts  # noqa: E402
from pse_rows import rows_of  # noqa: E402
from recompute_tariff import PRESETS, easter, is_free, is_holiday, preset_rate, rate_of  # noqa: E402
from recompute_v1 import Book, best_windows, day_answer, quartile_windows, rounded6, trend_of  # noqa: E402

SPRING, AUTUMN = date(2025, 3, 30), date(2025, 10, 26)


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def book(config, *days, seed=0):
    entities = ("csdac-pln", "rce-pln", "pdgsz")
    return Book(config, {entity: {day: rows_of(entity, day, seed) for day in days} for entity in entities})


class StandIn(unittest.TestCase):
    """Faults for one entity, the clock, the seed, the log."""

    def setUp(self):
        self.api = fake_pse.Api(now="2026-10-24T12:00:00+02:00")
        self.base = f"http://127.0.0.1:{self.api.server_port}"
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.addCleanup(self.api.server_close)
        self.addCleanup(self.api.shutdown)

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=5) as response:
            return json.loads(response.read())

    def rows(self, entity, condition, more=""):
        return self.get(f"/api/{entity}?$filter={quote(condition)}&$first=20000{more}")

    def test_a_mode_for_one_entity(self):
        self.get("/_mode?m=renamed&entity=csdac-pln")
        today = "business_date eq '2026-10-24'"
        self.assertIn("csdac_cena_pln", self.rows("csdac-pln", today)["value"][0])
        self.assertIn("rce_pln", self.rows("rce-pln", today)["value"][0])
        self.get("/_mode?m=incomplete")
        self.assertEqual(len(self.rows("csdac-pln", today)["value"]), 92)
        self.get("/_mode?m=nullrow")
        self.assertEqual([row["csdac_pln"] for row in self.rows("csdac-pln", today)["value"]].count(None), 1)
        self.get("/_mode?m=status429")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.rows("rce-pln", today)
        self.assertEqual((caught.exception.code, caught.exception.headers["Retry-After"]), (429, "30"))
        caught.exception.close()

    def test_the_clock_and_the_time_of_publication(self):
        tomorrow = "business_date eq '2026-10-25'"
        self.assertEqual(self.rows("csdac-pln", tomorrow)["value"], [])
        self.get("/_publish?at=13:52&entity=csdac-pln")
        self.get(f"/_now?at={quote('2026-10-24T13:52:01+02:00')}")
        self.assertEqual(len(self.rows("csdac-pln", tomorrow)["value"]), 100)
        self.assertEqual(self.rows("rce-pln", tomorrow)["value"], [])
        self.get(f"/_now?at={quote('2026-10-25T00:00:00+02:00')}")
        self.assertEqual(len(self.rows("rce-pln", tomorrow)["value"]), 100)

    def test_pages_and_links(self):
        self.get("/_mode?m=paged")
        self.get("/_page?size=40")
        today = "business_date eq '2026-10-24'"
        page, seen = self.rows("csdac-pln", today), []
        while True:
            seen += page["value"]
            if "nextLink" not in page:
                break
            page = self.get(page["nextLink"].removeprefix(self.base))
        self.assertEqual((len(seen), len(self.get("/_log"))), (96, 3))
        self.get("/_mode?m=otherhost")
        self.assertNotIn("127.0.0.1", self.rows("csdac-pln", today)["nextLink"])
        self.assertEqual(self.get("/_count")["stranger"], 0)

    def test_a_month_is_quick_and_logged(self):
        began = time.monotonic()
        condition = "business_date ge '2026-09-01' and business_date le '2026-09-30'"
        found = self.rows("csdac-pln", condition)
        self.assertEqual(len(found["value"]), 30 * 96)
        self.assertLess(time.monotonic() - began, 2)
        entry = self.get("/_log?clear=1")[0]
        self.assertEqual((entry["entity"], entry["filter"], entry["mode"]), ("csdac-pln", condition, "ok"))
        self.assertIn("2026-10-24T12:0", entry["at"])
        self.assertEqual(self.get("/_log"), [])

    def test_seeds_and_superseded_advice(self):
        today = "business_date eq '2026-10-24'"
        first = self.rows("csdac-pln", today)["value"]
        self.get("/_seed?s=7")
        self.assertNotEqual(self.rows("csdac-pln", today)["value"], first)
        self.assertEqual(len(self.rows("pdgsz", today)["value"]), 48)
        self.assertEqual(len(self.rows("pdgsz", f"{today} and is_active eq true")["value"]), 24)


class Tariffs(unittest.TestCase):
    def test_easter_and_the_holidays(self):
        known = {2024: (3, 31), 2025: (4, 20), 2026: (4, 5), 2027: (3, 28), 2038: (4, 25), 2285: (3, 22)}
        for year, day in known.items():
            self.assertEqual(easter(year), date(year, *day))
        self.assertTrue(all(is_holiday(date(2026, *day)) for day in ((4, 6), (5, 24), (6, 4), (12, 24), (1, 6))))
        self.assertFalse(is_holiday(date(2024, 12, 24)) or is_holiday(date(2026, 5, 2)) or is_free(date(2026, 6, 5)))
        self.assertEqual(sum(is_holiday(date(2026, 1, 1) + timedelta(days=at)) for at in range(365)), 14)

    def test_presets_by_hand(self):
        for name, when, price in (
            ("tauron-2026/g11", "2026-07-01T03:00", "0.2464"),
            ("tauron-2026/g12", "2026-07-05T06:00", "0.2841"),
            ("tauron-2026/g12", "2026-07-05T13:00", "0.0558"),
            ("tauron-2026/g12w", "2026-07-05T06:00", "0.0512"),
            ("tauron-2026/g12w", "2026-07-06T21:45", "0.3298"),
            ("tauron-2026/g12w", "2026-12-24T10:00", "0.0512"),
            ("pge-2026/g12w", "2026-07-06T14:00", "0.4276"),
            ("pge-2026/g12w", "2026-07-06T15:00", "0.0845"),
            ("pge-2026/g12w", "2026-01-07T15:00", "0.4276"),
            ("energa-2026/g12w", "2026-01-07T14:59", "0.0851"),
            ("tauron-2026/g13", "2026-01-07T07:00", "0.2203"),
            ("tauron-2026/g13", "2026-01-07T16:00", "0.3898"),
            ("tauron-2026/g13", "2026-07-06T16:00", "0.0392"),
            ("tauron-2026/g13", "2026-07-06T21:59", "0.3898"),
            ("tauron-2026/g13s", "2026-09-30T16:59", "0.1000"),
            ("tauron-2026/g13s", "2026-10-01T16:59", "0.3332"),
            ("tauron-2026/g13s", "2026-10-04T07:00", "0.1960"),
            ("tauron-2026/g13s", "2026-07-05T12:00", "0.0400"),
            ("tauron-2026/g13s", "2026-07-05T23:00", "0.1094"),
        ):
            self.assertEqual(str(preset_rate(name, local(when)).price), price, f"{name} {when}")
        advice = [preset_rate("tauron-2026/g14dynamic", local("2026-07-05T23:00"), at).price for at in range(4)]
        self.assertEqual([str(price) for price in advice], ["0.0224", "0.0893", "0.3881", "2.3756"])

    def test_every_preset_has_a_rate_for_every_hour(self):
        for name in PRESETS:
            for at in range(0, 365 * 24):
                moment = local("2026-01-01T00:00") + timedelta(hours=at)
                self.assertIsNotNone(preset_rate(name, moment, 1).price)

    def test_the_tariffs_of_the_configs_by_hand(self):
        def price(name, when, advice=None):
            return str(rate_of({"electricity_tariff": tariffs.TARIFFS[name]}, local(when).astimezone(UTC), advice).price)

        self.assertEqual(price("sample_g12w", "2026-07-05T06:00"), "0.3298")  # the coordinator knows no Sunday
        self.assertEqual(price("sample_g12w", "2026-07-05T14:00"), "0.0512")
        self.assertEqual(price("own_g12w", "2026-07-05T06:00"), "0.0512")
        self.assertEqual(price("own_g12w", "2026-06-04T06:00"), "0.0512")
        self.assertEqual(price("own_g12w", "2026-06-05T06:00"), "0.3298")
        self.assertEqual(price("own_g12w", "2026-06-05T14:59"), "0.3298")
        self.assertEqual(price("own_g12w", "2026-12-11T14:59"), "0.0512")
        self.assertEqual(price("g13s", "2026-07-06T06:59"), "0.11")
        self.assertEqual(price("g13s", "2026-07-06T07:00"), "0.29")
        self.assertEqual(price("g13s", "2026-01-07T14:00"), "0.2")
        self.assertEqual(price("g13s", "2026-12-24T14:00"), "0.111")
        self.assertEqual(price("g14dynamic", "2026-07-06T06:59"), "0.5")
        self.assertEqual(price("g14dynamic", "2026-07-06T06:59", 3), "2.3756")
        self.assertEqual(price("zoned", "2026-07-06T23:30"), "0.03")
        self.assertEqual(price("zoned", "2026-07-05T12:30"), "0.0")
        self.assertEqual(price("zoned", "2026-01-07T19:30"), "0.41")

    def test_the_configs_are_read_back_as_they_were_written(self):
        for name, tariff in tariffs.TARIFFS.items():
            self.assertEqual(miniyaml.load(tariffs.dump({"electricity_tariff": tariff}))["electricity_tariff"], tariff, name)


class RecordedDays(unittest.TestCase):
    """The figures that are published with the recorded days, in PLN/MWh."""

    def figures(self, day):
        config = {"electricity_tariff": tariffs.TARIFFS["sample_g12w"]}
        answer = day_answer(book(config, day), day, parse_end("2026-01-01T12:00:00"))
        shown = answer["statistics"]
        names = ("mean_market_pln_kwh", "min_market_pln_kwh", "max_market_pln_kwh")
        return answer, [str((shown[name] * 1000).quantize(Decimal("0.0001"))) for name in names]

    def test_spring(self):
        answer, figures = self.figures(SPRING)
        self.assertEqual(figures, ["328.9840", "-103.1700", "675.4600"])  # the mean to a millionth of PLN/kWh: 328.9843
        exact = sum(Fraction(str(row["csdac_pln"])) for row in rows_of("csdac-pln", SPRING)) / 92
        self.assertEqual(f"{float(exact):.4f}", "328.9843")
        starts = [slot["start"].astimezone(ZONE) for slot in answer["slots"]]
        self.assertEqual((len(starts), sum(moment.hour == 2 for moment in starts)), (92, 0))
        self.assertEqual(len(answer["windows"]["negative"]) > 0, True)

    def test_autumn(self):
        answer, figures = self.figures(AUTUMN)
        exact = sum(Fraction(str(row["csdac_pln"])) for row in rows_of("csdac-pln", AUTUMN)) / 100
        self.assertEqual((f"{float(exact):.4f}", figures[1:]), ("225.8253", ["4.1500", "644.4900"]))
        starts = [slot["start"].astimezone(ZONE) for slot in answer["slots"]]
        self.assertEqual((len(starts), sum(moment.hour == 2 for moment in starts)), (100, 8))
        hours = day_answer(
            book({"electricity_tariff": tariffs.TARIFFS["sample_g12w"]}, AUTUMN), AUTUMN, starts[0], by="hour"
        )["slots"]
        self.assertEqual(len(hours), 25)
        doubled = [entry["market"] for entry in hours if entry["start"].astimezone(ZONE).hour == 2]
        self.assertEqual((len(doubled), len(set(doubled))), (2, 2))

    def test_the_settlement_price_of_the_portal(self):
        self.assertEqual([row["rce_pln"] for row in rows_of("rce-pln", SPRING)][:1], [434.05])
        self.assertEqual(len(rows_of("rce-pln", SPRING)), 92)


class ByHand(unittest.TestCase):
    """Windows, quartiles, trend, selling: small numbers that can be checked on paper."""

    def slots(self, prices, begin="2026-06-10T00:00"):
        start = local(begin).astimezone(UTC)
        step = timedelta(minutes=15)
        return [
            {"start": start + step * at, "end": start + step * (at + 1), "buy": None if price is None else Fraction(price)}
            for at, price in enumerate(prices)
        ]

    def test_rounding(self):
        self.assertEqual(str(rounded6(Fraction("0.0000005"))), "0.000001")
        self.assertEqual(str(rounded6(Fraction("-0.0000005"))), "-0.000001")
        self.assertEqual(str(rounded6(Fraction("0.00000049"))), "0.000000")

    def test_windows_take_the_earliest_of_equals_and_step_over_holes(self):
        slots = self.slots([5, 1, 1, 1, 1, 9, None, 1, 1, 1, 1, 0])
        first, *longer = best_windows(slots, 1)
        self.assertEqual((first["start"], str(first["mean_buy_pln_kwh"])), (slots[8 - 0 - 0]["start"], "0.750000"))
        self.assertEqual(longer, [])
        flat = best_windows(self.slots([2] * 20), -1)
        self.assertEqual([(entry["hours"], entry["start"].minute) for entry in flat], [(1, 0), (2, 0), (3, 0), (4, 0)])

    def test_quartiles(self):
        cheap, dear = quartile_windows(self.slots([1, 2, 3, 4, 5, 6, 7, 8]))
        self.assertEqual([str(entry["mean_buy_pln_kwh"]) for entry in cheap + dear], ["1.500000", "7.500000"])
        self.assertEqual(quartile_windows(self.slots([3] * 9)), ([], []))
        cheap, dear = quartile_windows(self.slots([1, 9, 1, 9, 9]))  # p[1] = 1; p[3] = 9 is the median, not above it
        self.assertEqual((len(cheap), dear), (2, []))

    def test_trend_is_strict_and_knows_negative_prices(self):
        half = Fraction("0.5")
        for after, word in (("0.525", "stable"), ("0.525001", "rising"), ("0.475", "stable"), ("0.4749", "falling")):
            self.assertEqual(trend_of(half, [Fraction(after)]), word)
        self.assertEqual((trend_of(-half, [-half * 2]), trend_of(half, [])), ("falling", "stable"))

    def test_selling_by_both_rules(self):
        day, config = date(2026, 6, 10), {"electricity_tariff": tariffs.TARIFFS["sample_g12w"]}
        rows = rows_of("rce-pln", day)
        for row, price in zip(rows, (-100, 300, 100, 100)):
            row["rce_pln"] = price
        rows[4]["rce_pln"] = None
        start = quarter_starts(day)[0]

        def sold(at=start, **prosumer):
            found = Book({**config, "prosumer": prosumer}, {"rce-pln": {day: rows}}).sell(at)
            return None if found is None else str(rounded6(found))

        self.assertEqual(sold(), "0.125000")
        self.assertEqual(sold(negative_rule="per_hour"), "0.100000")
        self.assertEqual(sold(deposit_factor=1.23), "0.153750")
        self.assertIsNone(sold(start + timedelta(hours=1)))

    def test_the_comparison_finds_one_wrong_digit(self):
        day = date(2026, 6, 10)
        expected = day_answer(book({"electricity_tariff": tariffs.TARIFFS["sample_g12w"]}, day), day, local("2026-06-10T10:07"))
        answer = answer_v1.as_answer(expected)
        self.assertEqual(check_v1.differences(answer, expected), [])
        self.assertEqual((len(answer["slots"]), answer["current"]["of"], len(answer["next"])), (96, 96, 16))
        for path, value in (
            (("slots", 5, "buy_pln_kwh"), Decimal("0.1")),
            (("current", "rank"), 97),
            (("statistics", "min_at"), "2026-06-10T03:00:00Z"),
            (("windows", "cheapest"), []),
            (("provenance", "holes"), [{}]),
        ):
            spoiled = answer_v1.as_answer(expected)
            place = spoiled
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            self.assertEqual(len(check_v1.differences(spoiled, expected)), 1, path)


CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:a@b\r\nDTSTAMP:20260610T100000Z\r\n"
    "DTSTART:20260610T100000Z\r\nDTEND:20260610T110000Z\r\nSUMMARY:cheap\\, very\r\n  cheap\r\nCATEGORIES:CHEAP\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


class Calendar(unittest.TestCase):
    def test_a_good_one(self):
        (event,) = ical.read(CALENDAR.encode())
        self.assertEqual(event["SUMMARY"], "cheap, very cheap")
        self.assertEqual(event["start"], datetime(2026, 6, 10, 10, tzinfo=UTC))

    def test_bad_ones_are_refused(self):
        for old, new in (
            ("\r\n", "\n"),
            ("UID:a@b\r\n", ""),
            ("DTSTAMP:20260610T100000Z\r\n", ""),
            ("DTSTART:20260610T100000Z", "DTSTART:20260610T100000"),
            ("DTEND:20260610T110000Z", "DTEND:20260610T100000Z"),
            ("SUMMARY:cheap", "SUMMARY:" + "x" * 80),
            ("END:VEVENT\r\n", ""),
            ("cheap\\,", "cheap,"),
            ("VERSION:2.0", "VERSION:1.0"),
            ("END:VCALENDAR\r\n", "END:VCALENDAR"),
        ):
            with self.assertRaises(ical.Broken, msg=new):
                ical.read(CALENDAR.replace(old, new).encode())


if __name__ == "__main__":
    unittest.main()
