"""Receipts of sales: a week whose best choices are known by hand, weeks of wild prices over both changes of the clocks
against exact fractions, and every input missing once.

A sale is paid by the hour: the mean of its four quarter-hours, those below zero counted as 0.
"""

import json
import random
import subprocess
from datetime import date, datetime, timedelta
from fractions import Fraction

from hindsight import REACH, SLOT, UTC, ZONE, best, created, database, flowing, local, near, slots

from localtime import quarter_starts

KNOWN = date(2025, 6, 2)  # a Monday
WILD = (date(2025, 3, 26), date(2025, 5, 12), date(2025, 10, 22))
HOLE, UNKNOWN_DAY = KNOWN + timedelta(days=2), KNOWN + timedelta(days=4)
SALE = (
    "INSERT INTO coordinator_decisions(timestamp, action, parameters, created_at) VALUES (?, 'battery_selling', ?, ?)"
)
SESSION = (
    "INSERT INTO battery_selling_sessions(session_id, start_time, end_time, energy_sold_kwh, revenue_pln, status)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)


def known_price(day, hour, quarter):
    """PLN/MWh: 400, at night 200, below zero at noon, 1000 in the evening (by its mean alone from 18 to 19)."""
    if day == UNKNOWN_DAY or (day, hour, quarter) == (HOLE, 10, 1):
        return None
    if hour == 12:
        return -100 * (quarter + 1)
    if hour == 18:
        return (1600, 1200, 800, 400)[quarter]
    return 1000 if hour == 19 else 200 if 2 <= hour < 4 else 400


def wild_prices(day, rng):
    """Steps and noise, some below zero, some quarter-hours not there."""
    cents = [rng.choice((-25_000, 0, 10_000, 50_000)) + rng.randrange(90_000) for _ in quarter_starts(day)]
    return [None if rng.random() < 0.004 else price / 100 for price in cents]


def paid(prices, factor, per_hour):
    """What a kWh brings in each quarter-hour, PLN; a millionth is the least."""
    found = {}
    for day, day_prices in prices.items():
        starts = quarter_starts(day)
        for first in range(0, len(starts), 4):
            hour = day_prices[first : first + 4]
            if None not in hour:
                exact = [Fraction(str(price)) / 1000 for price in hour]
                mean = max(0, sum(exact) if per_hour else sum(max(price, 0) for price in exact)) / 4 * factor
                rounded = Fraction(int(mean * 10**6 + Fraction(1, 2)), 10**6)
                found.update(dict.fromkeys(starts[first : first + 4], rounded))
    return found


class Site:
    """A site that sold; its prices come from the stand-in into the memory."""

    def __init__(self, shop, name, prosumer=None, factor=Fraction(1), per_hour=False):
        rng = random.Random(13)
        every = {KNOWN + timedelta(days=step): None for step in range(8)}
        every = {day: [known_price(day, place // 4, place % 4) for place in range(96)] for day in every}
        for monday in WILD:
            every |= {day: wild_prices(day, rng) for day in (monday + timedelta(days=step) for step in range(8))}
        self.prices = paid(every, factor, per_hour)
        file = shop.folder / f"{name}-prices.json"
        file.write_text(json.dumps({"rce-pln": {str(day): prices for day, prices in every.items()}}))
        self.shop, self.api = shop, shop.price_api("--prices", str(file))
        self.root = shop.site(name, days=2, layout="sqlite", pse_url=self.api.url, prosumer=prosumer)
        self.connection, self.made = database(self.root), 0
        # Prices are asked for of days that have rows; one at five to midnight is near no decision.
        sql = "INSERT INTO energy_data(timestamp, battery_soc) VALUES (?, 50)"
        self.connection.executemany(sql, [(f"{day}T23:55:00",) for day in every])

    def sale(self, at, parameters=None, session=None):
        """A sale, and its session: (start, end, energy, what it brought)."""
        row = self.connection.execute(SALE, (local(at), json.dumps(parameters or {}), created(at)))
        if session:
            start, end, energy, brought = session
            ends = None if end is None else local(end)
            said = (f"sold-{row.lastrowid}", local(start), ends, energy, brought, brought and "completed")
            self.connection.execute(SESSION, said)
        return row.lastrowid

    def serve(self):
        self.connection.commit()
        self.connection.close()
        config = self.root / "config" / "master_coordinator_config.yaml"
        command = [self.shop.binary, "prices", "backfill", "--pause", "1", "--config", config]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        self.server = self.shop.serve(self.root)
        self.server.loaded(120)


def at(text):
    """A local time of the known week: day of the week (0 is Monday) and time."""
    day, time = text.split()
    return datetime.fromisoformat(f"{KNOWN + timedelta(days=int(day))}T{time}").replace(tzinfo=ZONE).astimezone(UTC)


def sold(energy, power=None, hours=None):
    """What the coordinator says of a sale."""
    said = {"energy_sold_kwh": energy, "selling_power_w": power, "estimated_duration_hours": hours}
    return {name: value for name, value in said.items() if value is not None}


# When, what the decision says, its session (start, end, kWh), and by hand: brought, best, difference, PLN.
BY_HAND = [
    ("0 12:15:00", sold(2, 4000), None, ("0", "2", "-2")),  # at noon, when nothing is paid
    ("0 18:00:00", sold(4, 4000), None, ("4", "4", "0")),  # in the best hour
    ("0 18:30:00", sold(8, 4000), None, ("6.80", "6.80", "0")),  # 1.5 h at 1.00, and half an hour at 0.40 in any case
    ("1 17:25:00", sold(9, 9000), ("1 17:30:00", "1 19:00:00", 3), ("2.40", "3", "-0.60")),  # the session's hours count
    ("1 20:00:00", sold(6, 2000), None, ("2.40", "2.40", "0")),  # no better hour follows
    ("2 01:30:00", sold(4, 4000), None, ("1.20", "1.60", "-0.40")),  # half of it at night
    ("3 05:59:30", sold(4, 4000), None, ("1.60", "1.60", "0")),  # 12 h end just before the evening
    ("3 06:00:30", sold(4, 4000), None, ("1.60", "1.62", "-0.02")),  # and with it half a minute of it is in reach
    ("3 07:00:00", sold(4, hours=2), None, ("1.60", "2.80", "-1.20")),  # 2 kW, so that only half of it fits into the evening
    ("3 08:00:00", sold(5), None, ("2", "5", "-3")),  # at the assumed 5 kW
]


def check_by_hand(tally, site, numbers):
    wrong = []
    for (when, said, session, amounts), number in zip(BY_HAND, numbers):
        _, told = site.server.json(f"/api/v1/decisions/{number}")
        receipt = told["receipt"]
        found = [(receipt[part] or {}).get("pln") for part in ("done", "alternative")] + [receipt["difference_pln"]]
        if [None if pln is None else Fraction(pln) for pln in found] != [Fraction(pln) for pln in amounts]:
            wrong.append((when, [str(pln) for pln in found], amounts))
    tally.check(not wrong, f"{len(BY_HAND)} sales of a known week brought what a pencil says", wrong)


def add_wild(site, rng):
    """Sales of the wild weeks, four hours apart so that no session covers another's: what is expected of each."""
    cases = []
    for monday in WILD:
        midnight = datetime(monday.year, monday.month, monday.day, tzinfo=ZONE).astimezone(UTC)
        for block in range(7 * 6):
            made = midnight + timedelta(hours=4 * block, seconds=rng.randrange(900))
            energy = Fraction(rng.randrange(100, 20_000), 1000)
            power, hours = rng.choice(((3300, None), (None, 1.5), (None, None), (4600, 2)))
            start, session, says = made, None, ("decision", "decision" if power or hours else "assumed")
            seconds = energy * 1000 / (power or (energy * 1000 / Fraction(hours) if hours else 5000)) * 3600
            own = energy
            if block % 2:
                start = made + timedelta(seconds=rng.randrange(-600, 800))
                seconds, own = Fraction(rng.randrange(600, 3 * 3600)), Fraction(rng.randrange(100, 12_000), 1000)
                session = (start, start + timedelta(seconds=int(seconds)), float(own), 1.5)
                says = ("session", "session")
                if start + timedelta(seconds=int(seconds)) <= made:  # over before the decision: not its own
                    session = None
            if session is None:
                start, own, says = made, energy, ("decision", "decision" if power or hours else "assumed")
                seconds = energy * 1000 / (power or (energy * 1000 / Fraction(hours) if hours else 5000)) * 3600
            number = site.sale(made, sold(float(energy), power, hours), session)
            cases.append((number, start, own, seconds, says, session is not None))
    return cases


def check_wild(tally, label, site, cases):
    wrong, differences, lacking = [], [], 0
    for number, start, energy, seconds, says, has_session in cases:
        _, told = site.server.json(f"/api/v1/decisions/{number}")
        receipt, prices = told["receipt"], site.prices
        done = flowing(energy, start, seconds, prices)
        other = best(energy, start, start + REACH, seconds, prices, dearest=True)
        difference = None if done is None or other is None else done - other
        amounts = [(receipt[part] or {}).get("pln") for part in ("done", "alternative")] + [receipt["difference_pln"]]
        reach = [at for at, _ in slots(start, start + REACH)]
        known = sum(at in prices for at in reach)
        chosen = (receipt["alternative"] or {}).get("slots") or []
        # Each quarter-hour that is told has its price, lies within reach, and is there once.
        firsts = [datetime.fromisoformat(slot["start"]).astimezone(UTC) for slot in chosen]
        quarters = [first - timedelta(seconds=first.timestamp() % 900) for first in firsts]
        sound = len(set(quarters)) == len(quarters) and all(
            quarter in reach and Fraction(slot["price_pln_kwh"]) == prices[quarter]
            for quarter, slot in zip(quarters, chosen)
        )
        good = (
            all(near(amount, exact) for amount, exact in zip(amounts, (done, other, difference)))
            and sound
            and (receipt["known_slots"], receipt["expected_slots"]) == (known, len(reach))
            and (receipt["energy_source"], receipt["power_source"]) == says
            and Fraction(receipt["energy_kwh"]) == Fraction(receipt["usable_kwh"]) == energy
            and (told["session"] or {"pln": None})["pln"] == (Fraction(3, 2) if has_session else None)
            and ("receipt.done" in told["unknown"]) == (done is None)
            and ("receipt.known_slots" in told["unknown"]) == (known < len(reach))
            and receipt["price"] == "sell"
        )
        if not good:
            exact = [None if value is None else float(value) for value in (done, other, difference)]
            wrong.append((number, [str(amount) for amount in amounts], exact, sound, known, receipt["known_slots"]))
        differences += [] if difference is None else [difference]
        lacking += difference is None
    text = f"{label}: {len(cases)} sales brought what exact fractions say, {lacking} of them for want of prices nothing"
    tally.check(not wrong and lacking, text, wrong[:3])
    worse = sum(difference < 0 for difference in differences)
    # The end of what was done is a microsecond's, which may be a little more than the energy.
    tally.check(max(differences) < Fraction(1, 10**6) and worse, f"{label}: none is better than the best, {worse} are worse")


# One input missing: when, what the decision says, its session, what is null, and what `unknown` says of it.
MISSING = [
    (
        "a price of what was sold",
        ("2 10:00:00", sold(4, 4000), None),
        {"receipt.done": "the prices of 0 of its 4 quarter-hours are known"},
        ["receipt.difference_pln", "receipt.difference_pln_kwh", "receipt.known_slots"],
    ),
    ("a price within reach", ("2 08:00:00", sold(4, 4000), None), {"receipt.known_slots": "44 of 48"}, []),
    (
        "all prices",
        ("4 08:00:00", sold(4, 4000), None),
        {"receipt.done": "0 of its 4", "receipt.alternative": "the prices of 0 of 48 quarter-hours within 12 h"},
        ["receipt.difference_pln", "receipt.difference_pln_kwh", "receipt.known_slots"],
    ),
    (
        "the energy",
        ("5 13:00:00", {"selling_power_w": 4000}, None),
        {"receipt.energy_kwh": "neither a session nor the decision says how much energy it was"},
        ["receipt.usable_kwh", "receipt.done.pln", "receipt.alternative.pln", "receipt.difference_pln"],
    ),
    ("the session", ("5 14:00:00", sold(4, 4000), None), {"session": "no recorded session covers the decision"}, []),
    (
        "the energy of the session",
        ("5 15:00:00", sold(4, 4000), ("5 15:00:00", "5 15:30:00", None)),
        {"session.energy_kwh": "the coordinator recorded none"},
        ["session.pln", "session.mean_pln_kwh", "session.status"],
    ),
    (
        "the end of the session",
        ("6 20:00:00", sold(4), ("6 20:00:00", None, 3)),
        {"session.end": "the coordinator recorded none"},
        [],
    ),
    (
        "a row beside it",
        ("6 14:00:00", sold(4, 4000), None),
        {"known_then.soc_pct": "no energy row lies within 10 min of the decision"},
        ["known_then.load_w", "known_then.pv_w"],
    ),
    (
        "time: it would take 60 h",
        ("6 15:00:00", sold(300, 5000), None),
        {"receipt.done": "longer than 48 h", "receipt.alternative": "longer than 48 h"},
        ["receipt.difference_pln", "receipt.difference_pln_kwh"],
    ),
    (
        "time: more than 12 h can take",
        ("6 01:00:00", sold(61, 5000), None),
        {"receipt.alternative": "48 of 48 quarter-hours within 12 h are known, which does not suffice"},
        ["receipt.difference_pln", "receipt.difference_pln_kwh"],
    ),
]


def leaf(answer, path):
    """What stands at a path; None where something on the way is null."""
    for name in path.split("."):
        answer = None if answer is None else answer.get(name)
    return answer


def check_missing(tally, site, numbers):
    for (name, _, said, more), number in zip(MISSING, numbers):
        _, told = site.server.json(f"/api/v1/decisions/{number}")
        unknown = told["unknown"]
        wrong = [(path, unknown.get(path)) for path, words in said.items() if words not in unknown.get(path, "")]
        wrong += [(path, "is not named") for path in more if not unknown.get(path)]
        paths = [path for path in (*said, *more) if path != "receipt.known_slots"]
        wrong += [(path, "is there") for path in paths if leaf(told, path) is not None]
        quiet = {path for path in unknown if path.startswith("receipt.")} - {*said, *more}
        tally.check(not wrong and not quiet, f"missing of a sale, and said: {name}", (wrong, quiet, told["receipt"]))
    # What is there without it all the same.
    answers = [site.server.json(f"/api/v1/decisions/{number}")[1] for number in numbers]
    receipts = {case[0]: told["receipt"] for case, told in zip(MISSING, answers)}
    without = receipts["the energy"]
    tally.check(
        (without["done"]["mean_pln_kwh"], without["difference_pln_kwh"]) == (Fraction(2, 5), Fraction(-3, 5)),
        "without the energy the figures of a single kWh stay",
        without,
    )
    taken = receipts["the energy of the session"]
    sources = (taken["energy_source"], taken["power_source"], taken["done"]["pln"])
    tally.check(sources == ("decision", "decision", Fraction(8, 5)), "the decision's energy takes its place", sources)
    taken = receipts["the end of the session"]
    sources = (taken["energy_source"], taken["power_source"], taken["power_w"])
    expected = ("session", "assumed", taken["method"]["assumed_power_w"])
    tally.check(sources == expected, "without an end its power is said to be assumed", sources)
    taken = receipts["a price within reach"]
    amounts = (taken["done"]["pln"], taken["alternative"]["pln"])
    text = "with a price missing elsewhere the best of the known ones is told"
    tally.check(amounts == (Fraction(8, 5), 4), text, amounts)


def moment(session):
    return session and (at(session[0]), session[1] and at(session[1]), session[2], None)


def check_sales(tally, shop):
    site = Site(shop, "sales")
    by_hand = [site.sale(at(when), said, moment(session)) for when, said, session, _ in BY_HAND]
    missing = [site.sale(at(when), said, moment(session)) for _, (when, said, session), _, _ in MISSING]
    wild = add_wild(site, random.Random(17))
    site.serve()
    check_by_hand(tally, site, by_hand)
    check_wild(tally, "each quarter-hour below zero counts as 0", site, wild)
    check_missing(tally, site, missing)
    _, told = site.server.json(f"/api/v1/decisions/{by_hand[0]}")
    sources = {day["source"] for day in told["prices"]}
    tally.check(sources == {"memory"}, "prices of sales are told to come from the memory", told["prices"])
    site.server.end()
    settings = {"negative_rule": "per_hour", "deposit_factor": 1.23}
    site = Site(shop, "deposit", settings, Fraction("1.23"), per_hour=True)
    wild = add_wild(site, random.Random(19))
    site.serve()
    check_wild(tally, "a mean below zero counts as 0, and 23 % more", site, wild)
    site.server.end()
