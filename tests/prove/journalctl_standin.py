#!/usr/bin/env python3
"""A stand-in for `journalctl`, for machines without a journal. Put it (or a link to it) as `journalctl` first into PATH.

It understands what the server calls: [--user] -u UNIT [-n N] [--follow] [--no-tail] [--since=@SECONDS] --no-pager
--output=short-iso, and takes `-f`, `-n all`, `--lines=N` and `--unit=UNIT` too; anything else is an error, exit status 1.

How it behaves is read from the JSON file that JOURNALCTL_STANDIN names (missing: all defaults), again and again
while it runs:
  mode      normal    what the journal has, then with --follow what comes (the default)
            slow      the same in pieces of 1 to 40 bytes, 20 ms apart, cut anywhere, also within a character
            fail      a complaint and exit status 1, at once and also while it follows
            flood     with --follow the newest line again and again, as fast as it is read
            silent    with --follow nothing, for ever
            closed    with --follow it closes its output and lives on
            denied    the hint about the groups, no lines
            none      no lines
            no_files  no journal on this machine
            hang      neither lines nor an end
  unit      "system" (default), "user" or "both": which kind of unit has the lines
  pace      lines a second, 1 by default. Line number i bears the time i / pace since 1970, so that every call, at any time,
            tells the same lines. Each tenth goes on over two more, each 17th is a web server's (werkzeug).
  begin     the journal's first second; by default an hour before now
  file      the journal instead: a text file with lines in short-iso, appended to at will (whole lines)
  die_after with --follow: exit status 1 after so many entries (the tellings of this one process are counted)
  stubborn  true: SIGTERM is ignored
  record    true: each call is appended to FILE.calls, as a line of JSON with pid, arguments and time
"""

import json
import os
import random
import re
import select
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

CONTROL = Path(os.environ.get("JOURNALCTL_STANDIN", "/nonexistent"))
UNIT = "goodwe-master-coordinator"
MODES = "normal slow fail flood silent closed denied none no_files hang".split()
HINT = """Hint: You are currently not seeing messages from other users and the system.
      Users in groups 'adm', 'systemd-journal' can see all messages.
      Pass -q to turn off this notice."""
LOOK_S = 0.05


class Trouble(Exception):
    """Ends the program with exit status 1 and this complaint."""


def control():
    try:
        known = json.loads(CONTROL.read_text())
    except (OSError, ValueError):
        known = {}
    if known.get("mode", "normal") not in MODES:
        raise Trouble(f"no such mode: {known['mode']}")
    return known


def parse(given):
    """The call: user, unit, lines (None: all), follow, since (None: from the beginning)."""
    call = {"user": False, "unit": None, "lines": None, "follow": False, "since": None}
    given, counted, no_tail = list(given), False, False
    while given:
        word = given.pop(0)
        name, _, value = word.partition("=")
        if word in ("-n", "-u", "-o", "-S"):
            name = {"-n": "--lines", "-u": "--unit", "-o": "--output", "-S": "--since"}[word]
            value = given.pop(0) if given else ""
        if name == "--user":
            call["user"] = True
        elif name in ("-f", "--follow"):
            call["follow"] = True
        elif name == "--no-tail":
            no_tail = True
        elif name == "--unit":
            call["unit"] = value.removesuffix(".service")
        elif name == "--lines" and (value.isdigit() or value == "all"):
            call["lines"], counted = (int(value) if value != "all" else None), True
        elif name == "--since" and re.fullmatch(r"@\d+", value):
            call["since"] = int(value[1:])
        elif name == "--output" and value == "short-iso" or name in ("--no-pager", "-q", "--quiet"):
            pass
        else:
            raise Trouble(f"journalctl: unrecognized option '{word}'")
    if no_tail:
        call["lines"] = None
    elif call["follow"] and not counted and call["since"] is None:
        call["lines"] = 10
    return call


def message(number, at):
    """What line `number` of this time says: the lines of one entry."""
    head = "solar python3[812]: "
    indent = " " * (len("2026-11-22T14:02:24+0100 ") + len(head))
    level = ("INFO", "INFO", "WARNING", "INFO", "ERROR", "DEBUG")[number % 6]
    if number % 17 == 0:
        return [f'{head}INFO:werkzeug:127.0.0.1 "GET / HTTP/1.1" 200']
    text = ("Battery: 57 % ⚡", "Decision made: wait", "PV: 1234 W, dom cały", "Status - State: ok")[number % 4]
    stamp = at.strftime("%Y-%m-%d %H:%M:%S,000")
    lines = [f"{head}{stamp} - master_coordinator - {level} - {text} ({number})"]
    if number % 10 == 0:
        lines += [f"{indent}Traceback (most recent call last):", f'{indent}  File "x.py", line {number}']
    return lines


class Made:
    """A journal that is reckoned: entry i at i / pace."""

    def __init__(self, known):
        self.pace = float(known.get("pace", 1))
        begin = float(known.get("begin", time.time() - 3600))
        self.first = int(begin * self.pace) + 1

    def last(self):
        return int(time.time() * self.pace)

    def second(self, number):
        return int(number / self.pace)

    def after_second(self, second):
        return max(self.first, int(-(-second * self.pace // 1)))

    def entry(self, number):
        at = datetime.fromtimestamp(self.second(number)).astimezone()
        lines = message(number, at)
        return "\n".join([f"{at:%Y-%m-%dT%H:%M:%S%z} {lines[0]}", *lines[1:]]) + "\n"


class Kept:
    """A journal that is a text file: its entries, in order."""

    first = 0

    def __init__(self, path):
        self.path = Path(path)
        self.entries = []
        self.position = 0
        self.last()

    def last(self):
        try:
            with self.path.open("rb") as file:
                file.seek(self.position)
                data = file.read()
        except FileNotFoundError:
            data = b""
        data = data[: data.rfind(b"\n") + 1]
        self.position += len(data)
        for line in data.decode("utf-8", "surrogateescape").splitlines(keepends=True):
            if line.startswith(" ") and self.entries:
                self.entries[-1] += line
            else:
                self.entries.append(line)
        return len(self.entries) - 1

    def second(self, number):
        return int(datetime.strptime(self.entries[number].split(" ")[0], "%Y-%m-%dT%H:%M:%S%z").timestamp())

    def after_second(self, second):
        return next((i for i in range(len(self.entries)) if self.second(i) >= second), len(self.entries))

    def entry(self, number):
        return self.entries[number]


def rest():
    """A moment; the end, as that of the real one, when nobody reads any more."""
    hangup = select.poll()
    hangup.register(1, 0)
    found = hangup.poll(LOOK_S * 1000)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in found):
        os._exit(1)
    if found:  # It closed its output itself.
        time.sleep(LOOK_S)


def tell(text, slowly):
    data = text.encode("utf-8", "surrogateescape")
    while data:
        size = random.randint(1, 40) if slowly else len(data)
        sys.stdout.buffer.write(data[:size])
        sys.stdout.buffer.flush()
        data = data[size:]
        if slowly:
            time.sleep(0.02)


def follow(journal, number, known):
    told = 0
    while True:
        mode = known.get("mode", "normal")
        if mode == "fail":
            raise Trouble("Failed to iterate through journal: Input/output error")
        while mode == "flood":
            tell(journal.entry(max(journal.first, journal.last())) * 1000, False)
        if mode == "closed":
            os.close(1)
        while mode in ("silent", "closed", "hang"):
            rest()
            mode = control().get("mode", "normal") if mode != "closed" else mode
        last = journal.last()
        while number <= last:
            tell(journal.entry(number), mode == "slow")
            number, told = number + 1, told + 1
            if told == known.get("die_after"):
                raise Trouble("Failed to process journal events: Bad message")
        rest()
        known = control()


def run(given):
    known = control()
    mode = known.get("mode", "normal")
    if known.get("record"):
        with open(f"{CONTROL}.calls", "a") as calls:
            calls.write(json.dumps({"pid": os.getpid(), "arguments": given, "time": time.time()}) + "\n")
    if known.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    call = parse(given)
    if mode == "fail":
        raise Trouble("Failed to open files: Input/output error")
    while mode == "hang":
        rest()
        mode = control().get("mode", "normal")
    if mode in ("denied", "no_files"):
        print(HINT if mode == "denied" else "No journal files were found.", file=sys.stderr, flush=True)
    kind = "user" if call["user"] else "system"
    mine = call["unit"] == UNIT and known.get("unit", "system") in (kind, "both")
    journal = Kept(known["file"]) if "file" in known else Made(known)
    if not mine or mode in ("denied", "no_files", "none"):
        print("-- No entries --", flush=True)
        return
    last = journal.last()
    number = journal.first if call["since"] is None else journal.after_second(call["since"])
    if call["lines"] is not None:
        number = max(number, last + 1 - call["lines"])
    if call["follow"]:
        follow(journal, number, known)
    if number > last:
        print("-- No entries --", flush=True)
    while number <= last:
        end = min(last + 1, number + 500)
        tell("".join(journal.entry(i) for i in range(number, end)), mode == "slow" and call["lines"] != 1)
        number = end


if __name__ == "__main__":
    # As the real one: it ends when nobody reads.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        run(sys.argv[1:])
    except Trouble as trouble:
        print(trouble, file=sys.stderr, flush=True)
        os._exit(1)
