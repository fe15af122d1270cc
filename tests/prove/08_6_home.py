#!/usr/bin/env python3
"""What Wattboard offers to home automation, tried: Home Assistant, Node-RED, evcc's tariff, shell examples.

A demo house is served, and each of them is pointed at it: the package of sensors is loaded by a Home Assistant that really
runs (its states are read by its REST API, also after Wattboard has gone: everything must be unavailable then, nothing 0),
the flow by a Node-RED without its editor, the scripts by sh. What is not installed below target/home is told and not
tried; `make proof-needs` installs it.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import Path

from lib import Child, Tally, Workshop, arguments, finish, wait_for

TOP = Path(__file__).resolve().parent.parent.parent
CONFIG = TOP / "config"
ADDRESS = "http://127.0.0.1:8080"
NUMBERS = (
    ("battery", "live/battery/soc_percent"),
    ("battery_power", "live/battery/power_w"),
    ("solar_power", "live/photovoltaic/current_power_w"),
    ("house_power", "live/house_consumption/current_power_w"),
    ("grid_power", "live/grid/current_power_w"),
    ("import_today", "today/imported_kwh"),
    ("buying_price", "prices/current/buy_pln_kwh"),
    ("selling_price", "prices/current/sell_pln_kwh"),
)


def free_port():
    """A port that nobody listens on just now."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, data=None, headers=None):
    """A JSON answer, or None."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers or {}), timeout=10) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def within(document, path):
    for key in path.split("/"):
        document = document.get(key) if isinstance(document, dict) else None
    return document


class Demo(Child):
    """`wattboard demo` on a free port."""

    def __init__(self, binary):
        super().__init__([binary, "demo", "--port", "0", "--days", "2", "--log-level", "warning"])
        self.base = None

    def ready(self):
        self.base = re.search(r"http://\S+", self.first_line(60)).group(0).rstrip("/")
        return wait_for(lambda: within(fetch(f"{self.base}/api/v1/state") or {}, "prices/current/rank"), 60)


def try_evcc(tally, base):
    """The list that evcc decodes into its `api.Rates` (start, end: time.Time; value: float64), against /api/v1/prices."""
    for kind in ("buy", "sell"):
        rates = fetch(f"{base}/api/v1/prices?format=evcc&price={kind}")
        days = [fetch(f"{base}/api/v1/prices?day={day}") for day in ("today", "tomorrow")]
        slots = [(slot["start"], slot["end"], slot[f"{kind}_pln_kwh"]) for day in days for slot in day["slots"]]
        known = [slot for slot in slots if slot[2] is not None]
        tally.check([(r["start"], r["end"], r["value"]) for r in rates] == known, f"evcc, {kind}: every price that is known")
        fits = all(set(rate) == {"start", "end", "value"} and isinstance(rate["value"], (int, float)) for rate in rates)
        times = [datetime.fromisoformat(rate[end]) for rate in rates for end in ("start", "end")]
        tally.check(fits and all(at.tzinfo for at in times), f"evcc, {kind}: the fields and times of its rates")
        tally.check(times == sorted(times), f"evcc, {kind}: in order, none overlaps")
        print(f"evcc, {kind}: {len(rates)} quarter-hours; evcc itself is a Go program that was not to be had here")


def script(name, *words, base, **env):
    found = subprocess.run(
        [CONFIG / "shell" / name, *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "WATTBOARD": base, **env},
    )
    return found.returncode, found.stdout, found.stderr


def try_shell(tally, base, folder):
    missing = [name for name in ("curl", "jq") if not shutil.which(name)]
    if missing:
        return print(f"shell examples: not tried, {missing} not installed")
    code, out, errors = script("cheapest-hours.sh", "3", base=base)
    print("cheapest-hours.sh 3\n" + "".join(f"     {line}\n" for line in out.splitlines()), end="")
    rates = fetch(f"{base}/api/v1/prices?format=evcc")
    hours = {}
    for rate in rates:
        hours.setdefault(int(datetime.fromisoformat(rate["start"]).timestamp() // 3600), []).append(rate)
    whole = [part for part in hours.values() if len(part) == 4]
    ahead = [part for part in whole if datetime.fromisoformat(part[-1]["end"]).timestamp() > time.time()]
    ahead.sort(key=lambda part: sum(rate["value"] for rate in part))
    told = [line.split()[0] for line in out.splitlines()]
    tally.check(code == 0 and told == [part[0]["start"] for part in ahead[:3]], "cheapest-hours.sh: the three", errors)
    rank = within(fetch(f"{base}/api/v1/state"), "prices/current/rank")
    state, log = folder / "state", folder / "log"
    on, off = f"echo on >>{log}", f"echo off >>{log}"
    for hours in (24, 24, 1 if rank > 4 else 24):
        code, _, errors = script("charge-when-cheap.sh", str(hours), on, off, base=base, STATE=str(state))
        tally.check(code == 0, f"charge-when-cheap.sh {hours}", errors)
    wanted = ["on", "off"] if rank > 4 else ["on"]
    tally.check(log.read_text().split() == wanted, "charge-when-cheap.sh runs a command when that changes", log.read_text())
    for words in ((), ("0", on, off), ("x", on, off), ("3", on)):
        tally.check(script("charge-when-cheap.sh", *words, base=base)[0] == 2, f"charge-when-cheap.sh {len(words)} words: 2")
    before = state.read_text()
    code, _, errors = script("charge-when-cheap.sh", "24", on, off, base="http://127.0.0.1:1", STATE=str(state))
    tally.check(code != 0 and errors and state.read_text() == before, "without an answer nothing is changed")


class HomeAssistant:
    """Runs with the package and nothing else."""

    def __init__(self, shop, hass, base):
        self.folder, self.hass, port = shop.folder / "ha", hass, free_port()
        (self.folder / "packages").mkdir(parents=True)
        text = (CONFIG / "home-assistant" / "wattboard.yaml").read_text()
        (self.folder / "packages" / "wattboard.yaml").write_text(text.replace(ADDRESS, base))
        (self.folder / "configuration.yaml").write_text(
            "homeassistant:\n  time_zone: Europe/Warsaw\n  packages: !include_dir_named packages\n"
            f"http:\n  server_host: 127.0.0.1\n  server_port: {port}\napi:\nauth:\n"
        )
        self.base, self.token = f"http://127.0.0.1:{port}", None

    def check(self, tally):
        how = [self.hass, "--script", "check_config", "-c", self.folder]
        found = subprocess.run(how, capture_output=True, text=True, timeout=180, check=False)
        bad = [line for line in (found.stdout + found.stderr).splitlines() if "ERROR" in line or "Failed" in line]
        tally.check(found.returncode == 0 and not bad, "Home Assistant: check_config", str(bad[:3]))
        how = [self.hass, "--script", "auth", "-c", self.folder, "add", "trial", "trial-pass"]
        subprocess.run(how, capture_output=True, timeout=120, check=False)

    def start(self, shop):
        return shop._add(Child([self.hass, "-c", self.folder, "--skip-pip"], cwd=self.folder))

    def login(self):
        """An access token, as a browser gets one."""
        client = {"client_id": f"{self.base}/"}
        sends = {"Content-Type": "application/json"}
        ask = {**client, "handler": ["homeassistant", None], "redirect_uri": f"{self.base}/"}
        flow = fetch(f"{self.base}/auth/login_flow", json.dumps(ask).encode(), sends)
        if not flow:
            return None
        who = {**client, "username": "trial", "password": "trial-pass"}
        done = fetch(f"{self.base}/auth/login_flow/{flow['flow_id']}", json.dumps(who).encode(), sends) or {}
        form = {**client, "grant_type": "authorization_code", "code": done.get("result", "")}
        self.token = (fetch(f"{self.base}/auth/token", urllib.parse.urlencode(form).encode()) or {}).get("access_token")
        return self.token

    def states(self):
        found = fetch(f"{self.base}/api/states", headers={"Authorization": f"Bearer {self.token}"}) or []
        return {state["entity_id"]: state for state in found if "wattboard" in state["entity_id"]}


def try_home_assistant(tally, shop, hass, demo):
    """The package is loaded, its states are those of the API; returns how to look after Wattboard has gone."""
    if not hass.exists():
        print(f"Home Assistant: not tried, {hass} is not installed (make proof-needs)")
        return None
    home = HomeAssistant(shop, hass, demo.base)
    home.check(tally)
    process = home.start(shop)
    if not tally.check(wait_for(home.login, 180, 1), "Home Assistant runs", "\n".join(list(process.errors)[-5:])):
        return None
    filled = wait_for(lambda: home.states().get("sensor.wattboard_buying_price", {}).get("state", "un")[:2] != "un", 120, 1)
    states, answer = home.states(), fetch(f"{demo.base}/api/v1/state")
    tally.check(filled and len(states) >= 20, "Home Assistant: the sensors are there", str(sorted(states)))
    for name, path in NUMBERS:
        state = states.get(f"sensor.wattboard_{name}", {}).get("state", "missing")
        value = within(answer, path)
        # Powers move between the two looks: that it is a number in the same unit is what counts.
        near = re.fullmatch(r"-?\d+(\.\d+)?", state) and abs(float(state) - value) <= max(300, abs(value))
        exact = "price" in name or "today" in name
        tally.check(float(state) == value if exact and near else near, f"Home Assistant: {name}", f"{state}, {value}")
    for hours in (1, 3):
        window = next(window for window in answer["prices"]["cheapest"] if window["hours"] == hours)
        state = states[f"sensor.wattboard_cheapest_{hours}_h"]["state"]
        same = datetime.fromisoformat(state) == datetime.fromisoformat(window["start"])
        tally.check(same, f"Home Assistant: the cheapest {hours} h", f"{state}, {window['start']}")
    cheap = "on" if answer["prices"]["current"]["rank"] <= 12 else "off"
    tally.check(states["binary_sensor.wattboard_cheap_now"]["state"] == cheap, "Home Assistant: cheap now")
    tally.check(states["binary_sensor.wattboard_trouble"]["state"] == "off", "Home Assistant: no trouble")
    card = set(re.findall(r"entity: (\S+)", (CONFIG / "home-assistant" / "card.yaml").read_text()))
    tally.check(card <= set(states), "Home Assistant: every entity of the card is there", str(card - set(states)))
    print(f"Home Assistant: {len(states)} entities; the card is drawn by its frontend in a browser, which was not tried")
    return home


def try_node_red(tally, shop, red, demo):
    """The flow runs; returns how to look after Wattboard has gone."""
    if not red.exists():
        print(f"Node-RED: not tried, {red} is not installed (make proof-needs)")
        return None
    folder, port = shop.folder / "node-red", free_port()
    folder.mkdir()
    text = (CONFIG / "node-red" / "wattboard.json").read_text().replace(ADDRESS, demo.base)
    # Once a minute is often enough for a house, not for a trial.
    (folder / "flows.json").write_text(text.replace('"repeat": "60"', '"repeat": "2"'))
    (folder / "settings.js").write_text(
        f"module.exports = {{ uiHost: '127.0.0.1', uiPort: {port}, flowFile: 'flows.json', disableEditor: true,"
        " telemetry: { enabled: false }, logging: { console: { level: 'warn' } } };"
    )
    shop._add(Child(["node", red, "--userDir", folder, "--settings", folder / "settings.js"], cwd=folder))

    def seen():
        told = fetch(f"http://127.0.0.1:{port}/context/flow/wattboard-tab/wattboard")
        return json.loads(told["msg"]) if told and told.get("format") == "Object" else None

    found = wait_for(seen, 90, 1)
    if not tally.check(found, "Node-RED: the flow runs"):
        return None
    answer = fetch(f"{demo.base}/api/v1/state")
    price, window = answer["prices"]["current"], next(w for w in answer["prices"]["cheapest"] if w["hours"] == 3)
    print(f"Node-RED: {json.dumps(found)}")
    tally.check(found["buy_pln_kwh"] == price["buy_pln_kwh"], "Node-RED: the price")
    tally.check(found["cheap_now"] == (price["rank"] <= 12), "Node-RED: whether it is cheap")
    tally.check(found["cheapest_3_h"] == window, "Node-RED: the cheapest three hours")
    tally.check(isinstance(found["soc_percent"], (int, float)), "Node-RED: the battery")
    return seen


def main():
    given = arguments(__doc__.split("\n\n")[0], home=(str(TOP / "target" / "home"), "where they are installed"))
    tally, home = Tally(), Path(given.home)
    with Workshop(given.bin, given.keep) as shop:
        demo = shop._add(Demo(shop.binary))
        tally.check(demo.ready(), "the demo knows its prices")
        try_evcc(tally, demo.base)
        try_shell(tally, demo.base, shop.folder)
        seen = try_node_red(tally, shop, home / "node_modules" / "node-red" / "red.js", demo)
        assistant = try_home_assistant(tally, shop, home / "venv" / "bin" / "hass", demo)
        demo.end(signal.SIGTERM)
        if seen:
            tally.check(wait_for(lambda: seen() is None, 20, 1), "Node-RED: without an answer nothing is known")
        if assistant:
            unavailable = lambda: {s["state"] for s in assistant.states().values()} == {"unavailable"}  # noqa: E731
            gone = wait_for(unavailable, 90, 1)
            told = {name: state["state"] for name, state in assistant.states().items() if state["state"] != "unavailable"}
            tally.check(gone, "Home Assistant: without an answer all is unavailable, nothing 0", str(told))
    finish(tally)


if __name__ == "__main__":
    sys.exit(main())
