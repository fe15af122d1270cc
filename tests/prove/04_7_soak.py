#!/usr/bin/env python3
"""Minutes of mixed load with a fault every 30 s: no memory grows, no descriptor leaks, no request fails.

One server on a site that is written ten times a second, asked by wrk on 8 connections, by two askers and by 8 event
streams that come and go, three of which do not read; the faults are those of `soak.py`. Restarts under load are runs of
their own, at the end.
"""

from lib import Tally, Workshop, arguments, finish
from soak import Bench, judge_memory, soaked


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        minutes=(10.0, "how long; at least 4"),
        days=(30, "days of the site"),
        restarts=(3, "restarts under load afterwards"),
    )
    if given.minutes < 4:
        raise SystemExit("less than 4 minutes shows nothing: two of them are warm-up")
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        soaked(tally, Bench(shop, given.days), given.minutes, judge_memory, given.restarts)
    finish(tally)


if __name__ == "__main__":
    main()
