#!/usr/bin/env python3
"""Another process writes 100,000 lines at full speed and rotates the file 20 times: who follows hears each line once, in order.

Two follow at once, one of them with filters; a third never reads, and neither slows the others nor costs them a line. By
renaming, by copying and truncating, and 20 times within one look. A single new line arrives within 500 ms; who waits for
one costs next to no CPU.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from lib import FAST, Tally, Workshop, arguments, finish, wait_for
from wire import Listeners, Stream, Wire

from localtime import now_utc
from site_files import log_line

NAME, LINES, ROTATIONS, SINGLES = "master_coordinator.log", 100_000, 20, 50
ARRIVED_MS, CPU_SHARE, CALM_SHARE = 500, 0.02, 0.01
FILTERED = "?file=master&follow=true&level=WARNING%2B&q=even"
LEVELS = ("INFO", "DEBUG", "WARNING", "INFO", "ERROR", "INFO", "INFO", "CRITICAL")
WAIT_S = 40


def message(run, number):
    """What line `number` of a run says, and its level."""
    parity = "EVEN" if number % 2 == 0 else "odd"
    return LEVELS[number % len(LEVELS)], f"{run} {number} {parity} {'.' * (number % 120)}"


def write(path, run, lines, rotations, how):
    """The writer's own process: lines one by one, flushed each as `logging` does, the file rotated now and then."""
    path, every = Path(path), lines // (rotations + 1)
    log = path.open("ab", buffering=0)
    stamp = log_line(now_utc(), "", "", "")[:23]
    rotated = 0
    for number in range(lines):
        level, text = message(run, number)
        log.write(b"%s - writer - %s - %s\n" % (stamp, level.encode(), text.encode()))
        if number % every == every - 1 and rotated < rotations:
            rotated += 1
            if how == "copytruncate":
                # What is written between copy and truncation would be lost, and what the reader has not read by then.
                time.sleep(0.6)
                path.with_name(f"{NAME}.{rotated}").write_bytes(path.read_bytes())
                log.truncate(0)
                continue
            log.close()
            for older in range(2 * rotations, 0, -1):
                source = path.with_name(f"{NAME}.{older}")
                if source.exists():
                    source.rename(path.with_name(f"{NAME}.{older + 1}"))
            path.rename(path.with_name(f"{NAME}.1"))
            log = path.open("ab", buffering=0)
    log.close()


class House:
    """The server and who follows its log."""

    def __init__(self, tally, server, path):
        self.tally, self.server, self.path = tally, server, path
        self.listeners = Listeners()
        self.all, self.some = (
            self.listeners.add(Stream(server.address, query, path="/logs"))
            for query in ("?file=master&follow=true", FILTERED)
        )
        self.rude = Wire(server.address, 5, receive_buffer=4096)

    def never_reads(self):
        self.rude.send(b"GET /logs?file=master&follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def written(self, run, lines=LINES, rotations=ROTATIONS, how="rename"):
        """Starts the writer, waits until all was heard, judges."""
        command = [sys.executable, Path(__file__).resolve(), "--write", self.path, run, lines, rotations, how]
        began = time.monotonic()
        subprocess.run([str(part) for part in command], check=True, timeout=60)
        wrote = time.monotonic() - began
        last = f" {run} {lines - 1} "
        texts = [message(run, number) for number in range(lines)]
        loud = [text for level, text in texts if level in LEVELS[2:5:2] + LEVELS[7:] and "EVEN" in text]

        def over():
            return last in told(self.all)[-1] and f" {loud[-1].split(' .')[0]} " in told(self.some)[-1]

        wait_for(over, WAIT_S, 0.05)
        print(f"{run}: written in {wrote:.1f} s, heard {time.monotonic() - began:.1f} s after its beginning")
        for who, stream, expected in (
            ("all", self.all, [text for _, text in texts]),
            ("filtered", self.some, loud),
        ):
            heard = [line.split(" - ", 3)[3] for line in told(stream) if f" - {run} " in line]
            self.tally.check(heard == expected, f"{run}, {who}: each line once, in order", difference(heard, expected))
            odd = [event.data for event in stream.events if event.data["type"] not in ("start", "log")]
            self.tally.check(not odd and not stream.wrong, f"{run}, {who}: nothing else", f"{odd[:3]} {stream.wrong[:3]}")


def told(stream):
    """The lines that a stream told."""
    return [event.data["line"] for event in stream.events if event.data["type"] == "log"] or [""]


def difference(heard, expected):
    at = next((index for index, pair in enumerate(zip(heard, expected)) if pair[0] != pair[1]), min(len(heard), len(expected)))
    lost, twice = len(set(expected) - set(heard)), len(heard) - len(set(heard))
    return f"{len(heard)} of {len(expected)}, {lost} lost, {twice} twice; at {at}: {heard[at : at + 1]} is not {expected[at : at + 1]}"


def left_behind(tally, house):
    """What became of the one that never reads: it was dropped, or it is told honestly that lines were left out."""
    data = b""
    house.rude.socket.settimeout(1)
    try:
        while len(data) < 40_000_000 and (piece := house.rude.socket.recv(262_144)):
            data += piece
        how = "closed"
    except TimeoutError:
        how = "open"
    except OSError as error:
        how = type(error).__name__
    house.rude.socket.close()
    blocks = [block for block in data.partition(b"\r\n\r\n")[2].split(b"\n\n")[:-1] if block.startswith(b"data: ")]
    events = [json.loads(block[6:]) for block in blocks]
    numbers = [int(event["line"].split(" ")[8]) for event in events if " rename " in event.get("line", "")]
    gaps = [(one, two) for one, two in zip(numbers, numbers[1:]) if two != one + 1]
    said = [event for event in events if event["type"] == "error"]
    print(f"who never reads: {how}, had been sent {len(data)} bytes, {len(numbers)} lines, {len(gaps)} gaps, told {said}")
    tally.check(len(gaps) == len(said), "who never reads is dropped, or told of what was left out", f"{gaps[:3]} {said}")


def singles(tally, house):
    """One line at a time."""
    took = []
    for number in range(SINGLES):
        time.sleep(0.013 * (number % 7))
        text, before = f"single {number}.", len(house.all.events)
        written = time.monotonic()
        with house.path.open("ab") as log:
            log.write(log_line(now_utc(), "writer", "INFO", text))
        wait_for(lambda: len(house.all.events) > before, 3, 0.002)
        event = house.all.events[-1]
        tally.check(event.data.get("line", "").endswith(text), f"{text} is told", str(event)) if number % 10 == 0 else None
        took.append((event.at - written) * 1000 if event.data.get("line", "").endswith(text) else float("inf"))
    print(f"{SINGLES} single lines arrive after {min(took):.0f} to {max(took):.0f} ms, {sum(took) / len(took):.0f} on average")
    tally.check(max(took) <= ARRIVED_MS, f"the slowest after {max(took):.0f} ms, allowed {ARRIVED_MS}")


def cpu_share(server, seconds):
    """What share of a processor the thread `logs` takes."""
    number = next(number for number, name in server.threads_by_id().items() if name == "logs")
    path = Path(f"/proc/{server.pid}/task/{number}/schedstat")
    before = int(path.read_text().split()[0])
    time.sleep(seconds)
    return (int(path.read_text().split()[0]) - before) / 1e9 / seconds


def main():
    given = arguments(__doc__.split("\n\n")[0], seconds=(10.0, "how long it idles, twice"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=2, pse_url=api.url, intervals=FAST)
        path = root / "logs" / NAME
        path.write_bytes(b"")
        server = shop.serve(root)
        tally.check(wait_for(lambda: server.get("/logs?file=master")[0] == 200, 10), "the log is there")
        time.sleep(3)
        share = cpu_share(server, given.seconds)
        print(f"nobody follows: {share * 100:.3f} % of a processor")
        tally.check(share <= CALM_SHARE, f"at most {CALM_SHARE:.0%} while nobody follows")
        house = House(tally, server, path)
        share = cpu_share(server, given.seconds)
        print(f"two follow: {share * 100:.3f} % of a processor")
        tally.check(share <= CPU_SHARE, f"at most {CPU_SHARE:.0%} while two follow")
        house.written("before", 20_000, 4)
        house.never_reads()
        time.sleep(0.5)
        house.written("rename")
        left_behind(tally, house)
        # Within one look: it is a small file that is rotated as fast as it can be.
        for run in range(5):
            house.written(f"quick{run}", 210)
        for index in range(1, 60):
            path.with_name(f"{NAME}.{index}").unlink(missing_ok=True)
        house.written("truncate", 20_000, 8, "copytruncate")
        singles(tally, house)
        status, answer = server.json("/logs?file=master&lines=1")
        tally.check(status == 200 and answer["lines"][0].endswith(f"single {SINGLES - 1}."), "/logs has the last line", str(answer))
        house.listeners.stop()
        tally.check("panicked" not in server.log_text(), "no panic", server.log_text()[-500:])
    finish(tally)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6])
    else:
        main()
