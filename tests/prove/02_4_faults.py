#!/usr/bin/env python3
"""Each fault for real against the running binary: made, seen in `/status` or the answer, lifted, recovery seen.

The faults have sites and servers of their own and run side by side; `--only WORD` runs those whose name
contains it.
"""

import shutil
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import faults_database
from lib import Tally, Workshop, arguments, finish

import faults_outside

FAULTS = faults_database.ALL + faults_outside.ALL


def attempt(shop, tally, api, fault, faults_binary):
    """One fault; whatever goes wrong in it is a failed check, and its server's last lines are printed."""
    bench = faults_database.Bench(shop, tally, api, fault.__name__)
    bench.faults_binary = faults_binary
    before, began = len(tally.failures), time.monotonic()
    try:
        fault(bench)
    except Exception:  # noqa: BLE001 (a broken fault must not hide the others)
        tally.check(False, f"{bench.name}: ran to its end", traceback.format_exc(limit=4))
    failed = [name for name in tally.failures[before:] if name.startswith(bench.name)]
    if bench.server:
        tally.check(
            "panicked" not in bench.server.log_text() or fault is faults_outside.refresher_panics,
            f"{bench.name}: no panic in the log",
        )
        code, took = bench.server.end()
        tally.check(
            code == 0 and took < 2.5, f"{bench.name}: stopped in 2 s with code 0", f"code {code} after {took:.2f} s"
        )
        if failed:
            print("\n".join(f"     {bench.name} log: {line}" for line in list(bench.server.errors)[-12:]))
    print(f"---- {fault.__name__}: {time.monotonic() - began:.0f} s", flush=True)


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        only=("", "only faults whose name contains this"),
        faults_bin=("", "a build with the feature `faults`"),
        parallel=(8, "faults at once"),
    )
    tally = Tally()
    chosen = [fault for fault in FAULTS if given.only in fault.__name__]
    with Workshop(given.bin, given.keep) as shop:
        faults_binary = shutil.copy(given.faults_bin, shop.folder / "wattboard-faults") if given.faults_bin else None
        api = shop.price_api()
        with ThreadPoolExecutor(given.parallel) as pool:
            for fault in chosen:
                pool.submit(attempt, shop, tally, api, fault, faults_binary)
    finish(tally)


if __name__ == "__main__":
    main()
