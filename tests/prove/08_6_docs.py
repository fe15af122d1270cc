#!/usr/bin/env python3
"""Line 6: every command and config fragment in README and docs runs as written, nginx's and Prometheus's by their own checkers."""

import os
import sys
from pathlib import Path

from lib import arguments

RUN = Path(__file__).resolve().parents[1] / "docs" / "run.py"

if __name__ == "__main__":
    given = arguments(__doc__)
    os.execv(sys.executable, [sys.executable, str(RUN), "--bin", given.bin, "--all"])
