#!/usr/bin/env python3
"""Line 1: in an empty folder, clone, `make run`: live demo numbers that move; `make test` passes.

Clones the commit that is checked out, builds it from nothing, and looks at the demo as a browser's page would.
"""

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

BASE = "http://127.0.0.1:8080"
TOP = Path(__file__).resolve().parents[2]


def get(path):
    """(status, body) of an answer; (0, "") where there is none."""
    try:
        with urllib.request.urlopen(BASE + path, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except OSError:
        return 0, ""


def wait_for(holds, seconds):
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.5)
    return False


def main():
    """Runs both commands of the README in a fresh clone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", help="not used: the clone builds its own")
    parser.add_argument("--skip-test", action="store_true", help="leave `make test` out")
    given = parser.parse_args()
    checks = []

    def check(holds, what, detail=""):
        checks.append(bool(holds))
        print(f"{'ok  ' if holds else 'FAIL'} {what}{'' if holds or not detail else ': ' + detail}")

    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "wattboard"
        subprocess.run(["git", "clone", "-q", TOP, clone], check=True)
        began = time.monotonic()
        run = subprocess.Popen(["make", "run"], cwd=clone, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
        try:
            check(wait_for(lambda: get("/prices")[0] == 200, 1200), "make run serves the demo")
            print(f"     built and serving after {time.monotonic() - began:.0f} s")
            status, page = get("/")
            check(status == 200 and "Wattboard" in page, "the page is there")
            check(json.loads(get("/status")[1]).get("demo") is True, "/status says that it is a demo")
            first = get("/current-state")[1]
            moved = wait_for(lambda: json.loads(get("/current-state")[1])["timestamp"] != json.loads(first)["timestamp"], 60)
            check(moved, "the numbers move")
        finally:
            os.killpg(run.pid, signal.SIGTERM)
            run.wait(timeout=30)
        if not given.skip_test:
            began = time.monotonic()
            test = subprocess.run(["make", "test"], cwd=clone, capture_output=True, text=True)
            check(test.returncode == 0, "make test passes", (test.stdout + test.stderr)[-2000:])
            print(f"     after {time.monotonic() - began:.0f} s")
    print(f"{sum(checks)} passed, {len(checks) - sum(checks)} failed")
    raise SystemExit(0 if all(checks) else 1)


if __name__ == "__main__":
    main()
