#!/usr/bin/env python3
"""The journal through a stand-in `journalctl` that is normal, slow, failing, missing, flooding, and through the real one.

Lines arrive within 2.5 s, within 500 ms while somebody follows; a flood takes no more memory than logs may, and other answers
at most twice as long; after SIGTERM and after a kill no child is left within 2 s, and no zombie at any time.
"""

import json
import os
import shutil
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

from lib import FAST, Tally, Workshop, arguments, finish, wait_for
from wire import Calm, Listeners, Stream, quantile

from localtime import ZONE, now_utc

STANDIN = Path(__file__).resolve().parent / "journalctl_standin.py"
LEVELS = ("INFO", "DEBUG", "WARNING", "INFO", "ERROR")
ARRIVED_S, FOLLOWED_MS, RATIO, GONE_S = 2.5, 500, 2.0, 2.0
FLOOD_KIB = 3072
LINES = 250


def entry(number, at=None):
    """Line `number` of the journal, as --output=short-iso shows it."""
    local = (at or now_utc()).astimezone(ZONE)
    level = LEVELS[number % len(LEVELS)]
    head = f"{local:%Y-%m-%dT%H:%M:%S%z} solar python3[812]: {local:%Y-%m-%d %H:%M:%S},000"
    text = ("Battery: 57 % ⚡", "Decision made: wait", "no answer")[number % 3]
    return f"{head} - master_coordinator - {level} - {text} number {number};"


class Case:
    """A server whose journalctl is the stand-in, and the file that says how that behaves."""

    def __init__(self, shop, root, name, **known):
        self.folder = shop.folder / name
        (self.folder / "bin").mkdir(parents=True)
        (self.folder / "bin" / "journalctl").symlink_to(STANDIN)
        self.control, self.journal = self.folder / "control.json", self.folder / "journal"
        self.journal.write_text("")
        self.say(**known)
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        self.server = shop.serve(root, env={"PATH": path, "JOURNALCTL_STANDIN": str(self.control)})

    def say(self, **known):
        """How it behaves from now on."""
        beside = self.control.with_suffix(".new")
        beside.write_text(json.dumps({"file": str(self.journal), "record": True, **known}))
        beside.rename(self.control)

    def write(self, lines):
        with self.journal.open("a") as journal:
            journal.write("".join(f"{line}\n" for line in lines))

    def ask(self, query=""):
        status, answer = self.server.json(f"/logs?file=journal&lines=1000{query}")
        return answer if status == 200 else {"lines": [], "note": f"{status} {answer}"}

    def children(self):
        """Everything that it has started so far."""
        calls = Path(f"{self.control}.calls")
        return [json.loads(line)["pid"] for line in calls.read_text().splitlines()] if calls.exists() else []


def state_of(pid):
    """The letter of its state and its parent, or None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def zombies(server):
    """Dead children that were not reaped."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if state_of(pid) == ("Z", server.pid)]


def no_zombie(tally, server, when):
    # One that ended this moment is reaped at the next look.
    tally.check(wait_for(lambda: not zombies(server), 3), f"{when}: no zombie", str(zombies(server)))


def gone(tally, case, number, when):
    """Ends the server; nothing that it started is left."""
    wait_for(lambda: any(state_of(pid) for pid in case.children()), 5)  # between two there may be none for a moment
    children = case.children()
    tally.check(any(state_of(pid) for pid in children), f"{when}: a child is there", str(children))
    code, took = case.server.end(number)
    began = time.monotonic()

    def lives(pid):
        state = state_of(pid)
        # Whoever inherits those of a killed server reaps them when it likes.
        return state and not (number == signal.SIGKILL and state[0] == "Z")

    left = not wait_for(lambda: not any(lives(pid) for pid in children), GONE_S, 0.02)
    print(f"{when}: code {code} after {took:.2f} s, its {len(children)} children gone {time.monotonic() - began:.2f} s later")
    tally.check(not left, f"{when}: no child and no zombie is left", str([(pid, state_of(pid)) for pid in children]))
    if number == signal.SIGTERM:
        tally.check(code == 0 and took < 2.5, f"{when}: the stop is in order", f"{code} after {took:.2f} s")


def arrives(case, line, seconds):
    """Seconds until /logs has a line."""
    began = time.monotonic()
    wait_for(lambda: line in case.ask("&q=number")["lines"][-5:], seconds, 0.02)
    return time.monotonic() - began


def normal(tally, shop, root):
    old = now_utc() - timedelta(minutes=30)
    lines = [entry(number, old + timedelta(seconds=number)) for number in range(300)]
    case = Case(shop, root, "normal")
    case.write(lines)
    server = case.server
    tally.check(wait_for(lambda: case.ask()["lines"] == lines, 70), "what the journal has is there", str(case.ask())[:300])
    tally.check("note" not in case.ask(), "no note where all is well", str(case.ask().get("note")))
    time.sleep(1)
    filters = {
        "&level=WARNING%2B": [line for line in lines if " - WARNING" in line or " - ERROR" in line],
        "&level=debug": [line for line in lines if " - DEBUG" in line],
        "&q=DECISION": [line for line in lines if "Decision" in line],
        f"&since={(old + timedelta(seconds=200)):%Y-%m-%dT%H:%M:%SZ}": [
            line for line in lines if datetime.fromisoformat(line[:24]) >= (old + timedelta(seconds=200)).replace(microsecond=0)
        ],
    }
    for query, expected in filters.items():
        tally.check(case.ask(query)["lines"] == expected, f"{query} is right", f"{len(case.ask(query)['lines'])} {len(expected)}")
    summary = server.json("/logs?file=summary")[1]
    counts = {one["topic"]: one["count"] for one in summary["happenings"]}
    tally.check("journal" in summary["source"] and counts.get("decision_made") and counts.get("error"), "summary is the journal's", str(counts))
    new = [entry(300 + number) for number in range(LINES)]
    case.write(new)
    took = arrives(case, new[-1], 5)
    tally.check(took <= ARRIVED_S, f"{LINES} lines arrive within {took:.2f} s, allowed {ARRIVED_S}")
    tally.check(case.ask()["lines"] == lines + new, "each once, in order")
    listeners = Listeners()
    stream = listeners.add(Stream(server.address, "?file=journal&follow=true", path="/logs"))
    time.sleep(0.5)
    first = [event.data.get("line") for event in stream.events]
    tally.check(first[1:] == (lines + new)[-20:], "who follows is told the last 20", str(first)[:300])
    times = []
    for number in range(LINES // 5):
        line, before = entry(1000 + number), time.monotonic()
        case.write([line])
        wait_for(lambda: stream.events[-1].data.get("line") == line, 3, 0.005)
        heard = stream.events[-1]
        times.append((heard.at - before) * 1000 if heard.data.get("line") == line else float("inf"))
    print(f"followed: a line arrives after {min(times):.0f} to {max(times):.0f} ms")
    tally.check(max(times) <= FOLLOWED_MS, f"the slowest of {len(times)} after {max(times):.0f} ms, allowed {FOLLOWED_MS}")
    burst = [entry(2000 + number) for number in range(LINES)]
    case.write(burst)
    wait_for(lambda: stream.events[-1].data.get("line") == burst[-1], 3, 0.005)
    told = [event.data.get("line") for event in stream.events[-LINES:]]
    tally.check(told == burst, f"{LINES} at once are told once, in order")
    listeners.stop()
    no_zombie(tally, server, "normal")
    return case


def noted(tally, case, words, when, seconds=10):
    """Within seconds the note says why, and an answer is still 200."""
    found = wait_for(lambda: words in case.ask().get("note", ""), seconds)
    tally.check(found, f"{when}: the note says why", str(case.ask())[-300:])
    print(f"{when}: {case.ask().get('note')!r}")


def failing(tally, shop, root):
    case = Case(shop, root, "failing", mode="fail")
    noted(tally, case, "Failed to open files: Input/output error", "failing")
    stream = Stream(case.server.address, "?file=journal&follow=true", path="/logs")
    time.sleep(0.3)
    stream.read()
    told = [event.data for event in stream.events]
    tally.check(told[0]["type"] == "start" and {one["type"] for one in told[1:]} == {"error"}, "who follows is told why", str(told))
    stream.close()
    no_zombie(tally, case.server, "failing")
    line = entry(1)
    case.write([line])
    case.say()
    tally.check(wait_for(lambda: case.ask()["lines"] == [line], 15), "when it works again, its lines are there", str(case.ask()))
    tally.check(wait_for(lambda: "note" not in case.ask(), 10), "and the note goes", str(case.ask().get("note")))
    case.say(mode="fail")
    noted(tally, case, "Input/output error", "failing later")
    tally.check(case.ask()["lines"] == [line], "what was told stays")
    more = [entry(number) for number in range(2, 30)]
    case.write(more)
    case.say()
    tally.check(wait_for(lambda: case.ask()["lines"] == [line, *more], 15), "what came meanwhile is told once", str(case.ask())[:300])
    return case


def slow(tally, shop, root):
    lines = [entry(number) for number in range(12)]
    case = Case(shop, root, "slow", mode="slow")
    case.write(lines)
    tally.check(wait_for(lambda: case.ask()["lines"] == lines, 70), "slow: whole lines, each once", str(case.ask())[:300])
    return case


def missing(tally, shop, root):
    server = shop.serve(root, env={"PATH": "/nonexistent"})

    def note():
        return (server.json("/logs?file=journal")[1] or {}).get("note", "")

    tally.check(wait_for(lambda: "not installed" in note(), 8), "missing: the note says so", note())
    tally.check(server.json("/logs?file=summary")[1]["source"].count("log file"), "missing: summary is the log file's")
    server.end()


def real(tally, shop, root):
    """The real one, where there is one: lines, or a reason why there are none."""
    if not shutil.which("journalctl"):
        return print("there is no journalctl on this machine")
    server = shop.serve(root)

    def answer():
        return server.json("/logs?file=journal")[1] or {}

    def known():
        found = answer()
        starting = ("still being", "not read yet")
        return found and (found["lines"] or not any(words in found.get("note", "") for words in starting))

    known = wait_for(known, 10)
    print(f"the real one: {len(answer().get('lines', []))} lines, note {answer().get('note')!r}")
    tally.check(known, "the real one: lines, or why there are none", str(answer()))
    no_zombie(tally, server, "the real one")
    code, took = server.end()
    tally.check(code == 0 and took < 2.5, "the real one: the stop is in order", f"{code} after {took:.2f} s")


def p99(server, seconds):
    calm = Calm(server.address, "/current-state", "/decisions", "/api/v1/state", "/logs?file=journal&lines=100")
    time.sleep(seconds)
    measured = calm.finish()
    return quantile(measured.milliseconds(), 0.99), measured


def flooding(tally, case):
    """The same server without and in a flood that somebody follows; the best of three, as this machine is shared."""
    server, listeners = case.server, Listeners()
    listeners.add(Stream(server.address, "?file=journal&follow=true&q=nothing+like+this", path="/logs"))
    number, ratios = next(number for number, name in server.threads_by_id().items() if name == "logs"), []
    schedstat = Path(f"/proc/{server.pid}/task/{number}/schedstat")
    least = server.memory_kib("VmHWM")
    while len(ratios) < 3 and min(ratios, default=RATIO + 1) > RATIO:
        if ratios:  # the flood goes on until its child ends
            case.say()
            count = len(case.children())
            os.kill(case.children()[-1], signal.SIGKILL)
            tally.check(wait_for(lambda: len(case.children()) > count, 10), "flooded: another child")
            time.sleep(1)
        calm, _ = p99(server, 3)
        case.say(mode="flood")
        time.sleep(1)
        before = int(schedstat.read_text().split()[0])
        busy, measured = p99(server, 3)
        share = (int(schedstat.read_text().split()[0]) - before) / 1e9 / 3.3
        ratios.append(busy / calm)
        print(f"flooded: p99 {busy:.2f} ms, without {calm:.2f}; the thread logs takes {share:.0%} of a processor; bad {measured.bad[:3]}")
        tally.check(not measured.bad, "flooded: no bad answer", str(measured.bad[:3]))
    tally.check(min(ratios) <= RATIO, f"flooded: p99 {min(ratios):.2f} times that without, allowed {RATIO}")
    listeners.stop()
    most = server.memory_kib("VmHWM")
    tally.check(most <= least * 1.1 + FLOOD_KIB, f"flooded: {most} KiB at most, {least} before")
    no_zombie(tally, server, "flooded")


def main():
    given = arguments(__doc__.split("\n\n")[0])
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=2, pse_url=api.url, intervals=FAST)
        case = normal(tally, shop, root)
        flooding(tally, case)
        gone(tally, case, signal.SIGTERM, "stopped in a flood")
        gone(tally, slow(tally, shop, root), signal.SIGKILL, "killed")
        gone(tally, failing(tally, shop, root), signal.SIGTERM, "stopped")
        stubborn = Case(shop, root, "stubborn", stubborn=True)
        stubborn.write([entry(1)])
        tally.check(wait_for(lambda: stubborn.ask()["lines"], 10), "stubborn: its line is there")
        time.sleep(1)
        gone(tally, stubborn, signal.SIGTERM, "stopped, with a child that ignores it")
        missing(tally, shop, root)
        real(tally, shop, root)
        for server in (case.server, stubborn.server):
            tally.check("panicked" not in server.log_text(), "no panic", server.log_text()[-500:])
    finish(tally)


if __name__ == "__main__":
    main()
