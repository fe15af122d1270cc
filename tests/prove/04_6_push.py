#!/usr/bin/env python3
"""32 subscribers of `/api/v1/events` while the site is written: everybody hears everything, in order, at the same time.

One of them never reads (its receive buffer is 4096 bytes) and is dropped; the others notice nothing. One leaves and
comes back with its `Last-Event-ID`. The live interval of 10 s allows one publication of the house in 10 s; 200
publications to 31 subscribers are in tests/events.rs.
"""

import statistics
import threading
import time

from lib import FAST, Tally, Workshop, arguments, finish, wait_for
from wire import Listeners, Stream, Wire, once, quantile

from localtime import now_utc
from site_files import log_line

SEATS, SPREAD_MS, GROWN_KIB = 32, 50, 1024
KINDS = (("?log=master", 10), ("", 15), ("?topics=state", 6))  # and one that never reads
TOPICS = {"?log=master": ("state", "prices", "decision", "health", "log"), "?topics=state": ("state",)}
TOPICS[""] = TOPICS["?log=master"][:4]


class Log:
    """Writes into the coordinator's log: much while it is to overflow a subscriber, then little."""

    def __init__(self, root):
        self.path, self.much, self.stopping = root / "logs" / "master_coordinator.log", True, threading.Event()
        self.written = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stopping.wait(1.0):
            with self.path.open("ab") as log:
                for _ in range(150 if self.much else 2):
                    self.written += 1
                    log.write(log_line(now_utc(), "__main__", "INFO", f"line {self.written} of the proof {'.' * 60}"))


class House:
    """The streams, and what each must have heard."""

    def __init__(self, tally, server):
        self.tally, self.server, self.listeners = tally, server, Listeners()
        self.streams = []

    def fill(self):
        """Everybody takes a seat; the one that never reads is the last."""
        for query, count in KINDS:
            for _ in range(count):
                self.streams.append(self.listeners.add(Stream(self.server.address, query)))
        self.rude = Wire(self.server.address, 5, receive_buffer=4096)
        self.rude.send(b"GET /api/v1/events?log=master HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(1)
        heads = {(stream.status, stream.header("content-type"), stream.retry) for stream in self.streams}
        self.tally.check(heads == {(200, "text/event-stream", 3000)}, "31 streams are open, retry: 3000", str(heads))
        for stream in self.streams:
            names = [event.name for event in stream.events]
            self.tally.check(
                set(names) >= set(TOPICS[stream.query]) - {"log"} and not stream.wrong,
                f"the first events tell what holds {stream.query}",
                f"{names} {stream.wrong}",
            ) if stream in (self.streams[0], self.streams[12], self.streams[-1]) else None

    def one_more(self):
        """The 33rd is sent away, politely."""
        answer = once(self.server.address, "/api/v1/events")
        told = answer.get("retry-after", "")
        self.tally.check(
            answer.status == 503 and told.isdigit() and int(told) > 0 and "error" in answer.json(),
            "the 33rd gets 503 with Retry-After",
            f"{answer.status} {told} {answer.body[:100]!r}",
        )

    def judge(self, since, leaver):
        """Everything that was heard after `since`, the number of the last event before all were there."""
        heard = {}
        for stream in self.streams:
            for event in stream.events:
                if event.id and event.number > since:
                    heard.setdefault(event.number, event)
        numbers = sorted(heard)
        gaps = [number for number, after in zip(numbers, numbers[1:]) if after != number + 1]
        counts = {name: sum(event.name == name for event in heard.values()) for name in TOPICS["?log=master"]}
        print(f"events {numbers[0]} to {numbers[-1]}: {counts}")
        self.tally.check(not gaps, "no gap in the ids of all together", str(gaps[:5]))
        runs = {event.id.rsplit("-", 1)[0] for event in heard.values()}
        self.tally.check(len(runs) == 1, "one beginning of all ids", str(runs))
        unlike = []
        for index, stream in enumerate(self.streams):
            expected = [number for number in numbers if heard[number].name in TOPICS[stream.query]]
            got = [event.number for event in stream.events if event.id and event.number > since]
            if got != expected:
                unlike.append(
                    f"{index} {stream.query}: lacks {sorted(set(expected) - set(got))[:5]}, {got[:3]}..{got[-3:]}"
                )
            others = [
                event.number
                for event in stream.events
                if event.id and event.data != heard.get(event.number, event).data
            ]
            unlike += [f"{index}: other data in {others[:3]}"] if others else []
            unlike += [f"{index}: {stream.wrong[:2]}"] if stream.wrong else []
        self.tally.check(
            not unlike, "each hears all of its topics once, in order, the same text", "; ".join(unlike[:4])
        )
        self.spread(numbers, leaver)
        return counts

    def spread(self, numbers, leaver):
        """The time between the first and the last that heard an event; who was away does not count."""
        times = {}
        for stream in self.streams:
            for event in stream.events if stream is not leaver else ():
                if event.id:
                    times.setdefault(event.number, []).append(event.at)
        spreads = {number: (max(times[number]) - min(times[number])) * 1000 for number in numbers if number in times}
        values = list(spreads.values())
        print(
            f"spread of {len(values)} events over up to 30 readers: median {statistics.median(values):.2f}, "
            f"p95 {quantile(values, 0.95):.2f}, largest {max(values):.2f} ms"
        )
        late = {number: round(value) for number, value in spreads.items() if value > SPREAD_MS}
        self.tally.check(not late, f"all hear an event within {SPREAD_MS} ms of each other", str(late))

    def comments(self, seconds):
        """A comment every 15 s on every stream."""
        wrong = []
        for index, stream in enumerate(self.streams):
            pauses = [after - before for before, after in zip(stream.comments, stream.comments[1:])]
            if len(stream.comments) < int(seconds / 15) - 1 or any(not 14 <= pause <= 16.5 for pause in pauses):
                wrong.append(
                    f"{index}: {len(stream.comments)} comments, pauses {[round(pause, 1) for pause in pauses]}"
                )
        self.tally.check(not wrong, "a comment every 15 s", "; ".join(wrong[:3]))


def rude_is_dropped(tally, server, house, seconds=75):
    """It gets what the kernel holds for it and no more; how long it took."""
    began = time.monotonic()

    def dropped():
        probe = Stream(server.address)
        probe.close()
        return probe.status == 200  # its seat is free

    gone = wait_for(dropped, seconds, 1.0)
    took = time.monotonic() - began
    print(f"the one that never reads is dropped after {took:.0f} s" if gone else f"not dropped in {seconds} s")
    tally.check(gone, f"who never reads is dropped within {seconds} s")
    if not gone:
        return
    rest = 0
    house.rude.socket.settimeout(2)
    try:
        while rest < 1_000_000 and (piece := house.rude.socket.recv(65536)):
            rest += len(piece)
    except TimeoutError:
        tally.check(False, "its connection is closed")
    except OSError:
        pass
    house.rude.socket.close()
    print(f"it had been sent {rest} bytes that it could still read")
    tally.check(rest < 300_000, "it was not sent everything", str(rest))
    told = server.json("/api/v1/about")[1]["connections"]
    counted = {name: number for name, number in told["closed"].items() if "slow" in name and number}
    tally.check(bool(counted), "/api/v1/about counts who was dropped", str(told))
    ways = told["open"] + sum(told["closed"].values())
    tally.check(ways == told["accepted"], "who came is there, or has left in some way", f"{ways}: {told}")


def main():
    given = arguments(__doc__.split("\n\n")[0], days=(5, "days of the site"), seconds=(150.0, "how long they listen"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url, intervals=FAST)
        server, alone = shop.serve(root), shop.serve(root)  # the other one has no subscribers
        tally.check(server.loaded(60) and alone.loaded(60), "loaded")
        tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
        log = Log(root)
        log.thread.start()
        time.sleep(12)  # the log's tail is as long as it gets
        writer = shop.writer(root, "--interval-ms", "100", "--decision-s", "20")
        for each in (server, alone):
            for path in ("/current-state", "/api/v1/about", "/health") * 50:
                each.get(path)
        before, before_alone = server.memory_kib(), alone.memory_kib()
        threads = len(server.threads_by_id())
        house = House(tally, server)
        house.fill()
        began = time.monotonic()
        house.one_more()
        since = max(event.number for stream in house.streams for event in stream.events if event.id)
        rude_is_dropped(tally, server, house)
        log.much = False
        time.sleep(3)
        leaver = house.streams[0]
        house.listeners.drop(leaver)
        left_at = leaver.events[-1].id
        time.sleep(22)
        again = Stream(server.address, leaver.query, last_id=left_at)
        time.sleep(0.2)
        again.events[:0] = leaver.events  # both lives are one
        lived = len(leaver.events)
        house.streams[0] = house.listeners.add(again)
        time.sleep(1)
        missed = [event.name for event in again.events[lived:]]
        print(f"away for 22 s from {left_at} on: told {missed}")
        tally.check(missed.count("state") >= 2, "who comes back is told each event that it missed", str(missed))
        while time.monotonic() - began < given.seconds:
            time.sleep(1)
        peak, after = server.memory_kib("VmHWM"), server.memory_kib()
        site = alone.memory_kib() - before_alone
        print(
            f"resident {before} -> {after} KiB (at most {peak}), of which the site's growth {site:+} KiB, measured "
            f"without subscribers; threads {threads} -> {len(server.threads_by_id())}"
        )
        tally.check(
            after - before - site <= GROWN_KIB,
            f"subscribers cost at most {GROWN_KIB} KiB",
            f"{after - before - site:+} KiB",
        )
        tally.check(len(server.threads_by_id()) == threads, "no more threads")
        # Nothing is under way while it is counted: the log rests, and the writer.
        log.stopping.set()
        writer.finish()
        time.sleep(4)
        elapsed = time.monotonic() - began
        code, took = server.end()
        time.sleep(0.5)
        tally.check(code == 0 and took < 2, "stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
        ends = {(stream.events[-1].name, stream.ended) for stream in house.streams}
        tally.check(ends == {("bye", "closed")}, "the last event is bye, then the stream ends", str(ends))
        counts = house.judge(since, again)
        least = int(given.seconds / 10) - 1
        tally.check(counts["state"] >= least, f"at least {least} publications of the house", str(counts))
        tally.check(counts["decision"] >= 2 and counts["log"] >= 20, "decisions and log lines came too", str(counts))
        house.streams[0].comments = house.streams[1].comments  # it was away for a while
        house.comments(elapsed)
        house.listeners.stop()
    finish(tally)


if __name__ == "__main__":
    main()
