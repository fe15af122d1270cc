#!/usr/bin/env python3
"""Every view and /lite in both languages and themes at 320, 390, 768, 1280 and 1920 px: axe finds nothing, nothing scrolls sideways.

`--shots FOLDER` leaves pictures of the views there.
"""

import os
import subprocess
from pathlib import Path

from lib import Tally, arguments, finish

MATRIX = Path(__file__).resolve().parent.parent / "page" / "matrix.mjs"


def main():
    given = arguments(__doc__.split("\n\n")[0], shots=("", "a folder for pictures"))
    tally = Tally()
    command = ["node", MATRIX, *([Path(given.shots).resolve()] if given.shots else [])]
    done = subprocess.run(command, env={**os.environ, "WATTBOARD": given.bin}, capture_output=True, text=True, timeout=1200, check=False)
    print(done.stdout.rstrip())
    tally.check(done.returncode == 0, "axe finds nothing, nothing scrolls sideways", done.stderr[-2000:])
    finish(tally)


if __name__ == "__main__":
    main()
