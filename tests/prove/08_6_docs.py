#!/usr/bin/env python3
"""Line 6: every command and config fragment in README and docs runs as written, nginx's and Prometheus's by their own checkers."""

import subprocess
import sys
from pathlib import Path

from lib import arguments

RUN = Path(__file__).resolve().parents[1] / "docs" / "run.py"


def main():
    given = arguments(__doc__)
    return subprocess.run([sys.executable, RUN, "--bin", given.bin, "--all"]).returncode


if __name__ == "__main__":
    sys.exit(main())
