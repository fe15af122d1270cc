#!/usr/bin/env python3
"""The page's first load in Chromium: bytes and requests, first paint beside an empty page's, all numbers, Lighthouse.

The site is full: days of rows, prices, a reading of just now. Each load is made by a browser that was just started;
the empty page (a word of HTML, served by nginx) takes turns with ours, since machines differ. Bytes and requests are
counted by a proxy in between: heads, icon and event stream are among them.
"""

import json
import os
import socket
import subprocess
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from lib import Child, Tally, Workshop, arguments, chromium, finish, wait_for

HERE = Path(__file__).resolve().parent
WIRE_BYTES, REQUESTS, RATIO, NUMBERS_MS, SHIFT = 70 * 1024, 6, 1.6, 250, 0.0
LEAST = {"performance": 98, "accessibility": 100, "best-practices": 100}
EMPTY = '<!doctype html><html lang="en"><meta charset="utf-8"><title>empty</title><p>word</p></html>\n'
NGINX = """worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 64; }}
http {{ access_log off; types {{ text/html html; }}
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; server {{ listen 127.0.0.1:{port}; root {dir}/www; }} }}
"""


def empty_page(shop):
    """An empty page's address."""
    folder = shop.folder / "empty"
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "index.html").write_text(EMPTY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder, port=port))
    shop._add(Child(["nginx", "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log"]))
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 5)
    return f"http://127.0.0.1:{port}/"


def run(script, *more, seconds=600):
    """What a script of ours prints, parsed."""
    done = subprocess.run(["node", HERE / script, *map(str, more)], capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise RuntimeError(f"{script}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def loads(tally, browser, server, empty, rounds):
    """What loads cost."""
    seen = run("cold.mjs", browser, f"{server.base}/", empty, rounds)
    ours, theirs, wire = seen["loads"], seen["empty"], seen["wire"]
    names = [request.split(" ")[1] for request in wire["requests"]]
    print(f"over the wire: {wire['bytes']:,} bytes in {len(names)} requests on {wire['connections']} connections: {', '.join(names)}")
    tally.check(wire["bytes"] <= WIRE_BYTES, f"at most {WIRE_BYTES:,} bytes over the wire", f"{wire['bytes']:,}")
    tally.check(len(names) <= REQUESTS, f"at most {REQUESTS} requests", str(names))
    hosts = {urlsplit(url).netloc for load in ours for url in load["requests"]}
    tally.check(hosts == {server.address}, "this host alone is asked", str(hosts))
    for path, begun, ended in ours[0]["resources"]:
        print(f"  {begun:6.1f} .. {ended:6.1f} ms {path}")
    first, blank = (sorted(load["first"] for load in of) for of in (ours, theirs))
    print(f"first contentful paint of {rounds}: {first} ms; of an empty page: {blank} ms")
    ratio = median(first) / median(blank)
    print(f"medians: {median(first):.0f} and {median(blank):.0f} ms, ratio {ratio:.2f}")
    tally.check(ratio <= RATIO, f"first contentful paint at most {RATIO} x an empty page's", f"{ratio:.2f}")
    known = sorted(round(load["painted"] or 1e9) for load in ours)
    print(f"all {ours[0]['known']} numbers are painted after {known} ms (in the document after {sorted(round(load['at'] or 1e9) for load in ours)})")
    tally.check(median(known) < NUMBERS_MS, f"all numbers of the first view under {NUMBERS_MS} ms", f"{median(known)} ms")
    state = server.json("/api/v1/state")[1]
    reasons = {*state["unknown"], *(f"live.{name}" for name in state["live"].get("unknown", {}))}
    lacking = {name for load in ours for name in load["unknown"]}
    lacking = [name for name in lacking if name.partition("#/")[2].replace("/", ".") not in reasons]
    tally.check(not lacking and ours[0]["known"] >= 10, "every number that is known is there", str(sorted(lacking)))
    shifts = max(load["shifts"] for load in ours)
    tally.check(shifts <= SHIFT, "nothing moves while it loads", f"{shifts:.4f}")
    print(f"longest task: {max(load['longest'] for load in ours):.0f} ms (below 50 they do not count)")
    errors = [error for load in ours for error in load["errors"]]
    tally.check(not errors, "no error in the console", str(errors[:3]))


def lighthouse(tally, browser, server):
    """Lighthouse's judgement, as a phone and as a desktop."""
    for form in ("mobile", "desktop"):
        found = run("lighthouse/judge.mjs", browser, f"{server.base}/", form)
        print(f"Lighthouse {found['version']}, {form}: {found['scores']}; {found['metrics']}")
        for name, least in LEAST.items():
            score = found["scores"][name]
            tally.check(score >= least, f"{form}: {name} at least {least}", f"{score}: {found['faults'].get(name)}")


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        rounds=(15, "loads of each page"),
        days=(60, "days of the site"),
        lighthouse=(1, "0 leaves Lighthouse out"),
    )
    tally, browser = Tally(), chromium()
    if not tally.check(browser, "a Chromium is installed"):
        finish(tally)
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url)
        server = shop.serve(root)
        tally.check(server.loaded(60), "loaded")
        tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
        today = "/api/v1/energy?by=day"
        tally.check(wait_for(lambda: server.get(today)[0] == 200, 30), "past days are summed")
        loads(tally, browser, server, empty_page(shop), given.rounds)
        if given.lighthouse:
            lighthouse(tally, browser, server)
    finish(tally)


if __name__ == "__main__":
    os.environ.pop("DISPLAY", None)
    main()
