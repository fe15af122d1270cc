#!/usr/bin/env python3
"""A real browser opens the page on a fresh server, 100 times: it always draws the house, none hangs.

Headless Chromium loads the page and its parts and opens an event stream; what it drew is read back.
"""

import html
import re
import subprocess
import time

from lib import Tally, Workshop, arguments, chromium, drawn, finish


HOUSE = "/api/v1/state#/live/house_consumption/current_power_w"
READ = "Everything is being read"
DRAWN = f"main:has([data-of='{HOUSE}']:not([data-unknown])) .health .big:text-is('{READ}')"


def text_of(document, start):
    """The text of the element whose opening tag has this."""
    found = re.search(rf"<[^<>]*{re.escape(start)}[^<>]*>([^<]*)<", document)
    return html.unescape(found.group(1)) if found else ""


def main():
    given = arguments(__doc__.splitlines()[0], times=(100, "fresh servers"), days=(5, "days of the site"))
    browser = chromium()
    tally = Tally()
    tally.check(browser, "a Chromium is installed")
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        wrong, longest = [], 0.0
        for index in range(given.times if browser else 0):
            # Nobody writes to it: it must not grow old on a machine that is busy.
            if index % 20 == 0:
                root = shop.site(f"site-{index}", days=given.days, pse_url=api.url)
            server = shop.serve(root)
            began = time.monotonic()
            try:
                document = drawn(browser, server.base, DRAWN).decode(errors="replace")
            except subprocess.TimeoutExpired:
                document = ""
            longest = max(longest, time.monotonic() - began)
            house, status = text_of(document, f'data-of="{HOUSE}"'), READ in document
            if not re.fullmatch(r"[\d.,]+\s?kW", house) or not status:
                wrong.append(f"start {index}: house {house!r}, status {'drawn' if status else 'not drawn'}")
            code, took = server.end()
            if code != 0 or took > 2:
                wrong.append(f"start {index}: stopped with {code} after {took:.1f} s")
        print(f"{given.times} fresh servers opened by {browser}: {len(wrong)} wrong, longest {longest:.1f} s")
        tally.check(not wrong, "the page is drawn every time", "; ".join(wrong[:5]))
    finish(tally)


if __name__ == "__main__":
    main()
