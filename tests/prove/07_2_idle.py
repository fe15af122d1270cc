#!/usr/bin/env python3
"""A page that nobody touches: how busy its main thread is, whether its memory grows, what the server sees of it.

A coordinator writes; the server looks as often as by default and pushes what is new. After a minute, in which the
connections of the load end, a minute is measured: processor time of the page's main thread. Then a proxy in between says the reading again ten times a second, with
other numbers, for --minutes: the heap after collections, elements and listeners must stay.
"""

import json
import subprocess
from pathlib import Path
from statistics import linear_regression

from lib import Tally, Workshop, arguments, chromium, finish, wait_for

BUSY, GROWN_KIB = 0.005, 96
SETTLED = 2  # the first minutes are those in which the browser compiles what is hot


def quiet(tally, seen, seconds):
    """A minute of rest."""
    print(
        f"busy {seen['busy']:.3%} of {seconds} s (script {seen['script'] * 1000:.0f}, layout {seen['layout'] * 1000:.0f}, "
        f"styles {seen['styles'] * 1000:.0f} ms); {seen['changes']} times something changed on the page"
    )
    tally.check(seen["busy"] < BUSY, f"the main thread is busy for less than {BUSY:.1%}", f"{seen['busy']:.3%}")
    tally.check(seen["changes"] > 0, "readings came and were shown")
    others = seen["most"]["open"] - seen["most"]["event_streams"] - 1  # one asks /api/v1/about
    asked = seen["last"]["requests"] - seen["first"]["requests"] - seen["abouts"]
    print(f"event streams {seen['most']['event_streams']}, other connections at most {others}, {asked} questions in {seconds} s")
    tally.check(seen["most"]["event_streams"] == 1, "one event stream", str(seen["most"]))
    tally.check(others <= 1, "beside it at most one connection that is kept for the next question", str(others))
    tally.check(asked <= 3, "hardly anything is asked while news are pushed", str(asked))
    tally.check(not seen["errors"], "no error in the console", str(seen["errors"][:3]))


def fed(tally, seen, minutes):
    """Minutes of updates."""
    samples = seen["samples"]
    for sample in samples:
        print(f"  minute {sample['minute']:2}: {sample['heap'] / 1024:7,.0f} KiB, {sample['nodes']} nodes, {sample['listeners']} listeners, {sample['told']} readings")
    later = [sample for sample in samples if sample["minute"] >= SETTLED] if minutes > SETTLED + 1 else samples
    slope = linear_regression([sample["minute"] for sample in later], [sample["heap"] / 1024 for sample in later]).slope
    grown = slope * (later[-1]["minute"] - later[0]["minute"])
    print(f"heap from minute {later[0]['minute']} on: {slope:+.2f} KiB a minute, {grown:+.0f} KiB in all")
    told = samples[-1]["told"]
    tally.check(told >= minutes * 400, "readings came many times a second", str(told))
    tally.check(
        grown <= GROWN_KIB, f"the heap grows by at most {GROWN_KIB} KiB, {GROWN_KIB * 1024 // max(1, told)} bytes a reading", f"{grown:+.0f} KiB"
    )
    for what in ("nodes", "listeners"):
        # What an update replaced may wait to be collected at one look; what leaks is there at all later ones.
        counts = [sample[what] for sample in later]
        tally.check(min(counts[-3:]) - min(counts[:3]) <= 2, f"as many {what} at the end as at the beginning", str(counts))
    tally.check(not seen["errors"], "no error in the console", str(seen["errors"][:3]))


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        seconds=(60, "how long the page rests"),
        minutes=(10, "how long it is fed"),
        days=(30, "days of the site"),
    )
    tally, browser = Tally(), chromium()
    if not tally.check(browser, "a Chromium is installed"):
        finish(tally)
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url)
        shop.writer(root, "--interval-ms", "10000", "--energy-s", "300", "--decision-s", "300")
        server = shop.serve(root)
        tally.check(server.loaded(60) and wait_for(lambda: server.get("/prices")[0] == 200, 30), "loaded")
        command = ["node", Path(__file__).parent / "idle.mjs", browser, f"{server.base}/", given.seconds, given.minutes]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=given.seconds + given.minutes * 70 + 300
        )
        if tally.check(done.returncode == 0, "measured", done.stderr[-2000:]):
            seen = json.loads(done.stdout)
            quiet(tally, seen["quiet"], given.seconds)
            fed(tally, seen["fed"], given.minutes)
    finish(tally)


if __name__ == "__main__":
    main()
