#!/usr/bin/env python3
"""Half an hour at 20 times the pace with a fault every 30 s: memory, descriptors and threads stay flat.

The load and the faults are those of the shorter soak (`soak.py`), but every source is read 20 times as often as by
default, so that thirty minutes are ten hours of refreshes. Only a build with `--features faults` can be hurried. After a
warm-up of 5 minutes three series of looks once a second are judged twice each: by the slope of a straight line through
the medians of the minutes (least squares; clients that come in crowds and reset are a fault, no growth), and by the medians
of the two halves.
"""

import statistics
from pathlib import Path

from lib import Tally, Workshop, arguments, finish
from soak import Bench, soaked

HURRY, WARM_UP_S = 20, 300
# Name, place in a sample, the greatest slope a minute, the greatest difference of the halves' medians.
FLAT = (("resident KiB", 1, 40.0, 1024), ("descriptors", 3, 0.1, 2), ("threads", 4, 0.02, 0))


def slope(points):
    """Of the straight line that fits best, a minute."""
    middle_x = statistics.fmean(x for x, _ in points)
    middle_y = statistics.fmean(y for _, y in points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return 60 * sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def judge_flat(tally, began, samples):
    """By slope and by halves."""
    after = [sample for sample in samples if sample[0] - began >= WARM_UP_S]
    if not tally.check(len(after) >= 120, "enough samples after the warm-up", f"{len(after)}: give it more minutes"):
        return
    for name, place, steepest, most in FLAT:
        values = [sample[place] for sample in after]
        half = len(values) // 2
        first, last = statistics.median(values[:half]), statistics.median(values[half:])
        minutes = {}
        for sample in after:
            minutes.setdefault(int((sample[0] - began) // 60), []).append(sample[place])
        grows = slope([(60 * minute, statistics.median(part)) for minute, part in minutes.items()])
        print(f"{name}: {grows:+.3f} a minute (at most {steepest}); halves {first:.0f} and {last:.0f} (at most {most} more)")
        tally.check(grows <= steepest, f"{name}: the line through the minutes is flat", f"{grows:+.3f} a minute")
        tally.check(last - first <= most, f"{name}: the second half is as the first", f"{first:.0f}, then {last:.0f}")


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        minutes=(30.0, "how long; at least 8"),
        days=(30, "days of the site"),
        faults_bin=("target/faults/debug/wattboard", "the server, built with --features faults"),
    )
    if given.minutes < 8:
        raise SystemExit("less than 8 minutes shows nothing: five of them are warm-up")
    tally = Tally()
    with Workshop(str(Path(given.faults_bin).resolve()), given.keep) as shop:
        hurried = {"WATTBOARD_FAULT_HURRY": str(HURRY)}
        soaked(tally, Bench(shop, given.days, None, env=hurried), given.minutes, judge_flat, 0)
    finish(tally)


if __name__ == "__main__":
    main()
