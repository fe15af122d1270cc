#!/usr/bin/env python3
"""A house for the tests of the page: makes the site, stands in for the price API, and writes what it is told to.

    sites.py KIND FOLDER

The first line printed is JSON: `config`, and the environment in which the server's clock shows the played time.
Then each line of standard input is a command, answered by a line of JSON: `state WATTS`, `decision`,
`log TEXT`, `api MODE`. It ends with its standard input.
"""

import json
import random
import sqlite3
import sys
import threading
from datetime import timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "site"), str(HERE.parent / "prove")]
import fake_pse  # noqa: E402
import site_db  # noqa: E402
import site_rows  # noqa: E402
from faults_outside import fake_clock  # noqa: E402
from localtime import now_utc, parse_end, quarter_starts  # noqa: E402
from make_site import make_site  # noqa: E402
from pse_rows import price_pln_mwh  # noqa: E402
from site_files import FAST, log_line  # noqa: E402
from tariffs import TARIFFS  # noqa: E402

NOON = "2026-06-11T14:37:00+02:00"
SPRING, AUTUMN = "2026-03-29T15:07:00+02:00", "2026-10-25T15:07:00+01:00"
# Each has the word by which a test finds it, and none may become more than text.
MARK = "HOSTILE"
HOSTILE = (
    f"{MARK}<script>window.owned = 1</script>",
    f'{MARK}<img src=x onerror="window.owned = 1">',
    f"{MARK}</script><svg/onload=window.owned=1>",
    f"{MARK}&lt;b&gt; {{name}} {{{{hash}}}} ${{window.owned=1}} \u202e gnp.exe \u2028 \x1b[31m {'very_long_' * 40}",
    f"{MARK}javascript:window.owned=1",
)
KINDS = {
    "full": {"days": 40},
    "living": {"days": 2},
    "empty": {"layout": "empty", "mode": "down"},
    "stale": {"days": 3, "old_h": 3},
    "broken": {"days": 2, "mode": "status500"},
    "negative": {"days": 3},
    "spring": {"days": 3, "at": SPRING},
    "autumn": {"days": 3, "at": AUTUMN},
    "hostile": {"days": 2},
}


def below_zero(played):
    """Prices for the stand-in that are far below zero around noon, on each day about the played one."""
    days = [(played + timedelta(days=back)).date() for back in (-2, -1, 0, 1)]

    def prices(entity, day):
        hours = [(start, start.hour + 2) for start in quarter_starts(day)]
        return [-321.5 if 10 <= hour < 16 else price_pln_mwh(entity, start) for start, hour in hours]

    return {entity: {str(day): prices(entity, day) for day in days} for entity in ("csdac-pln", "rce-pln")}


def make_hostile(root):
    """Puts these texts into every column of text, every text of the metrics, the parameters, and the logs."""
    connection = sqlite3.connect(root / "data" / "goodwe_energy.db", isolation_level=None)
    draw = random.Random("hostile")
    for table, columns in (
        ("system_state", ("state", "active_modules", "last_error")),
        ("coordinator_decisions", ("decision_type", "action", "reason", "source_module")),
        ("charging_sessions", ("status",)),
        ("energy_data", ("tariff_zone",)),
    ):
        for column in columns:
            for (row,) in connection.execute(f"SELECT rowid FROM {table}").fetchall():
                if draw.random() < (0.3 if column in ("decision_type", "action") else 1):
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (draw.choice(HOSTILE), row))
    for table, column in (("system_state", "metrics"), ("coordinator_decisions", "parameters")):
        for row, text in connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall():
            changed = json.dumps(poisoned(json.loads(text), draw)) if text else text
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, row))
    connection.close()
    now = parse_end(NOON)
    for name in ("master_coordinator.log", "<img src=x onerror=window.owned=1>HOSTILE.log", 'quote" and ; HOSTILE.log'):
        lines = [log_line(now, text, level, text) for text in HOSTILE for level in ("ERROR", "INFO", "WARNING")]
        (root / "logs" / name).write_bytes(b"".join(lines) + "".join(f"{text}\n" for text in HOSTILE).encode())


def poisoned(value, draw):
    """The same, every text but times replaced."""
    if isinstance(value, dict):
        return {key: inside if "time" in key or key == "date" else poisoned(inside, draw) for key, inside in value.items()}
    if isinstance(value, list):
        return [poisoned(inside, draw) for inside in value]
    return draw.choice(HOSTILE) if isinstance(value, str) else value


class House:
    """The site, its price API, and the hand that writes into it."""

    def __init__(self, kind, folder):
        how = {"at": NOON, "days": 0, "mode": "ok", "old_h": 0, "layout": "sqlite", **KINDS[kind]}
        played = parse_end(how["at"])
        self.offset, self.rng, self.connection = played - now_utc(), random.Random(kind), None
        prices = below_zero(played) if kind == "negative" else None
        self.api = fake_pse.Api(mode=how["mode"], now=how["at"], prices=prices)
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.root = folder
        make_site(
            folder,
            days=how["days"],
            end=played - timedelta(hours=how["old_h"]),
            layout=how["layout"],
            pse_url=f"http://127.0.0.1:{self.api.server_address[1]}",
            intervals=FAST,
            electricity=TARIFFS["own_g12w"],
            kompas=True,
        )
        if kind == "hostile":
            make_hostile(folder)
        if kind == "broken":
            (folder / "data" / "goodwe_energy.db").write_bytes(b"this is no database " * 4096)

    def about(self):
        """What the server is started with."""
        clock = fake_clock(FAKETIME=f"{self.offset.total_seconds():+.6f}")
        if clock is None:
            sys.exit("the tests of the page need libfaketime (apt install faketime)")
        return {"config": str(self.root / "config" / "master_coordinator_config.yaml"), "env": clock}

    def told(self, word, rest):
        """Does what one line says."""
        now = now_utc() + self.offset
        if word == "api":
            self.api.modes = dict.fromkeys(self.api.modes, rest)
        elif word == "log":
            with (self.root / "logs" / "master_coordinator.log").open("ab") as log:
                log.write(log_line(now, "__main__", "INFO", rest))
        else:
            self.write(word, rest, now)
        return {"did": word}

    def write(self, word, rest, now):
        """A row in the database."""
        # Left open, as the coordinator leaves it.
        self.connection = self.connection or sqlite3.connect(
            self.root / "data" / "goodwe_energy.db", timeout=5, isolation_level=None
        )
        if word == "state":
            data = site_rows.current_data(now, self.rng, unknown_share=0)
            data["photovoltaic"].update(current_power_w=int(rest), current_power_kw=int(rest) / 1000)
            site_db.insert_states(self.connection, [site_rows.state_row(now, self.rng, data=data)])
        elif word == "decision":
            site_db.insert_decisions(self.connection, [site_rows.decision(now, self.rng)])
        else:
            raise ValueError(f"what is {word}?")


def main():
    house = House(sys.argv[1], Path(sys.argv[2]))
    print(json.dumps(house.about()), flush=True)
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        print(json.dumps(house.told(word, rest)), flush=True)


if __name__ == "__main__":
    main()
