#!/usr/bin/env python3
"""What /logs answers agrees with a plain reference over a generated log, for every level, q, since and before.

The log has tracebacks, messages of many lines, emoji, ANSI colours, NULs, CRLF, broken bytes, lines without a head, lines
that look like a head but are none, empty lines and lines of 1 MB.
"""

import itertools
import random
import re
from datetime import datetime, timedelta
from urllib.parse import quote

from lib import FAST, Tally, Workshop, arguments, finish, wait_for

from localtime import UTC, ZONE, now_utc

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
NAME, SHOWN_BYTES, MARK = "master_coordinator.log", 8192, " […]"
STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)")
MANY = {"limits": "{log_file_kib: 65536, logs_kib: 131072}"}

MESSAGES = (
    "Data collected successfully",
    "🔋 Battery: 71% (charging) 👩‍👩‍👧 żółć ŁÓDŹ Straße ΑΒΓΣ",
    "\x1b[31mred\x1b[0m and \x1b]0;title\x07 bell",
    "with\0a\0NUL",
    "carriage\rreturn in the middle",
    "ends with a space ",
    "state: {'a': 1} - ERROR - not a level",
    "two  - - dashes - WARNING",
    '"quotes" \\ and \u2028 separators \u0085 \u00a0 \ufeff',
    "",
    "% & + # ? = query",
    "<script>alert(1)</script>",
)
HEADLESS = (
    "Traceback (most recent call last):",
    '  File "/opt/goodwe/src/master_coordinator.py", line 412, in run',
    "TimeoutError: no answer from 192.168.1.30",
    "",
    "\tindented",
    "ERROR in the middle of nowhere",
    "2026-11-22 without more",
    "2026-13-45 99:99:99,999 - m - ERROR - no such time",
    "WARNING - m - ERROR - no time at all",
    "2026-11-22 10:00:00,000 - m - LOUD - no such level",
    "2026-11-22 10:00:00,000 - m - ERROR",
    "2026-11-22 10:00:00,000 ERROR m: another format",
    "\x002026-11-22 10:00:00,000 - m - ERROR - after a NUL",
    " 2026-11-22 10:00:00,000 - m - ERROR - after a space",
    "zażółć 🔋 continued",
)


def generate(rng, count):
    """The bytes of a log, its times going up over two days up to now."""
    out, at = [], now_utc() - timedelta(hours=46)
    step = timedelta(hours=45.9) / count
    out.append(b"a line before any head\n")
    for number in range(count):
        at += step
        local = at.astimezone(ZONE)
        level = rng.choices(LEVELS, (20, 50, 15, 10, 5))[0]
        level = rng.choice((level, level, level, level.lower(), f" {level} "))
        text = rng.choice(MESSAGES)
        separator = rng.choice((" ", " ", " ", "T"))
        head = f"{local:%Y-%m-%d}{separator}{local:%H:%M:%S},{rng.randrange(1000):03d} - {rng.choice(('__main__', 'a.b', ''))} - {level} - "
        line = f"{head}{text} #{number}".encode()
        if rng.random() < 0.02:
            line += b" broken \xff\xfe\xc5 byte \xf0\x9f"
        out.append(line + rng.choice((b"\n", b"\n", b"\n", b"\r\n")))
        if rng.random() < 0.15:
            for _ in range(rng.randrange(1, 6)):
                out.append(rng.choice(HEADLESS).encode() + rng.choice((b"\n", b"\n", b"\r\n", b"\r\r\n")))
        if rng.random() < 4 / count:
            out.append(head.encode() + rng.choice((b"x", "ł".encode(), "🔋".encode(), b"\0", b"\xff")) * 300_000 + b"end\n")
    for extra in range(-2, 6):  # around the length from which lines are cut
        for letter in ("y", "ż", "🔋"):
            size = SHOWN_BYTES + extra
            body = (letter * (size // len(letter.encode()) + 1)).encode()[:size]
            out.append(body.decode(errors="ignore").encode() + b"\r\n" * (extra % 2) + b"\n" * (1 - extra % 2))
    return b"".join(out)


def shown(line):
    """A line's text as it is told: one carriage return at its end is part of the line end, long ones are cut."""
    line = line.removesuffix(b"\r")
    if len(line) <= SHOWN_BYTES:
        return line.decode(errors="replace")
    end = SHOWN_BYTES
    while end > SHOWN_BYTES - 4 and line[end] & 0xC0 == 0x80:
        end -= 1
    return line[:end].decode(errors="replace") + MARK


def parse_time(text):
    """The instant at a line's beginning, or None."""
    found = STAMP.match(text)
    if not found:
        return None
    try:
        return datetime(*map(int, found.groups()), tzinfo=ZONE).astimezone(UTC)
    except ValueError:
        return None


def reference(data):
    """(text, level, time) of each line."""
    *lines, _ = data.split(b"\n")
    level, at, read = None, None, []
    for line in map(shown, lines):
        fields = line.split(" - ", 3)
        named = fields[2].strip().upper() if len(fields) == 4 else None
        at = parse_time(line) or at
        if STAMP.match(line) and named in LEVELS:
            level = named
        read.append((line, level, at))
    return read


def wanted(read, level="", words="", since=None, before=None):
    """The lines that such a query means."""
    name, above = level.rstrip("+").upper(), level.endswith("+")
    names = LEVELS[LEVELS.index(name) :] if above else (name,)
    return [
        text
        for text, own, at in read
        if (not name or own in names)
        and (not words or words.lower() in text.lower())
        and (since is None or (at is not None and at >= since))
        and (before is None or (at is not None and at < before))
    ]


def queries(rng):
    """(level, q, since, before) in many combinations."""
    levels = ["", *LEVELS, *(f"{name}+" for name in LEVELS), "warning", "Error+"]
    words = ["", "battery", "ŻÓŁĆ", "\x1b[31", "\0", "timeouterror", "👩‍👩‍👧", "% & + #", "\ufffd", " - ", "straße", "\r", "end"]
    words += ["\u2028", "no such words", "MARK […]", "y" * 200, "łódź", "αβγσ", "<script>"]
    now = now_utc().replace(microsecond=0)
    times = [None, now - timedelta(hours=40), now - timedelta(hours=25, minutes=7), now - timedelta(hours=3), now - timedelta(days=9)]
    yield from itertools.product(levels, [""], [None], [None])
    yield from itertools.product(["", "ERROR+"], words, [None], [None])
    yield from itertools.product(["", "INFO", "WARNING+"], [""], times, times)
    for _ in range(150):
        yield rng.choice(levels), rng.choice(words), rng.choice(times), rng.choice(times)


def path_of(level, words, since, before, lines):
    """The request; times now with the site's offset, now in UTC."""
    parts = [f"lines={lines}", f"level={quote(level)}"]
    parts += [f"q={quote(words)}"] if words else []
    parts += [f"since={since:%Y-%m-%dT%H:%M:%SZ}"] if since else []
    parts += [f"before={quote(before.astimezone(ZONE).isoformat())}"] if before else []
    return "/logs?file=master&" + "&".join(parts)


def compare(tally, server, read, rng, label):
    """Every query."""
    wrong, count, found = [], 0, 0
    for level, words, since, before in queries(rng):
        expected = wanted(read, level, words, since, before)
        lines = rng.choice((1, 100, 1000))
        path = path_of(level, words, since, before, lines)
        status, answer = server.json(path)
        count, found = count + 1, found + bool(expected)
        if status != 200:
            wrong.append(f"{path}: {status}")
        elif answer["lines"] != expected[-lines:] or answer["filtered_lines"] != len(expected):
            pairs = zip(reversed(answer["lines"]), reversed(expected))
            unlike = next(((one[:80], two[:80]) for one, two in pairs if one != two), None)
            wrong.append(f"{path}: {answer['filtered_lines']} lines, not {len(expected)}; {unlike}")
    print(f"{label}: {len(read)} lines, {count} queries, {found} of them with lines, {len(wrong)} wrong")
    tally.check(not wrong, f"{label}: every answer is that of the reference", "\n  ".join(wrong[:6]))


def counts(tally, server, read):
    """/logs/files counts the same."""
    entry = next(one for one in server.json("/logs/files")[1]["log_files"] if one["name"] == NAME)
    own = {name.lower(): sum(level == name for _, level, _ in read) for name in LEVELS}
    own["none"] = sum(level is None for _, level, _ in read)
    tally.check(entry["lines_in_memory"] == own, "/logs/files counts the same", f"{entry['lines_in_memory']} {own}")


def main():
    given = arguments(__doc__.split("\n\n")[0], lines=(30_000, "lines with a head"), seed=(6, "of the log"))
    tally, rng = Tally(), random.Random(given.seed)
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=2, pse_url=api.url, intervals=FAST, extra=MANY)
        data = generate(rng, given.lines)
        path = root / "logs" / NAME
        path.write_bytes(data)
        server, read = shop.serve(root), reference(data)

        def known():
            return (server.json("/logs?file=master&lines=1")[1] or {}).get("total_lines", 0) == len(read)

        tally.check(wait_for(known, 15), "all of it is in memory", str(server.json("/logs?lines=1")))
        compare(tally, server, read, rng, "at the start")
        counts(tally, server, read)
        # The same, written while it is followed, in pieces that end anywhere.
        more, at = generate(rng, 3000), 0
        with path.open("ab", buffering=0) as log:
            while at < len(more):
                size = rng.choice((1, 7, 100, 5000, 300_000))
                log.write(more[at : at + size])
                at += size
        read = reference(data + more)
        tally.check(wait_for(known, 15), "what came is in memory", str(server.json("/logs?lines=1")))
        compare(tally, server, read, rng, "as it came")
        tally.check("panicked" not in server.log_text(), "no panic", server.log_text()[-500:])
    finish(tally)


if __name__ == "__main__":
    main()
