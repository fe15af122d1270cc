#!/usr/bin/env python3
"""At most 12 MiB after a million mixed requests, and not 256 KiB more than after half of them.

wrk asks every path over 16 connections: plain, packed, and with the tag that is known, so that a 304 comes. Past
prices are fetched beforehand: a backfill would take memory of its own.
"""

import re
import subprocess

from lib import PATHS, Tally, Workshop, arguments, finish, wait_for
from wire import once

RESIDENT_KIB, GROWN_KIB = 12 * 1024, 256
ALL = PATHS + (
    "/prices.ics",
    "/api/v1/prices",
    "/api/v1/state",
    "/api/v1/about",
    "/monthly-summary?year=2026&month=10",
    "/logs?file=data&lines=1000&level=WARNING%2B",
    "/nonesuch",
)
MIX = """local heads = {%s}
local n = 0
request = function()
  n = n + 1
  local head = heads[n %% #heads + 1]
  return wrk.format('GET', head[1], head[2])
end
"""


def lua(address):
    """Every path three times: plain, packed, and with its tags."""
    heads = []
    for path in ALL:
        forms = ["nil", "{['Accept-Encoding'] = 'gzip'}"]
        tag = once(address, path, ("Accept-Encoding: gzip",)).get("etag")
        forms.append(
            f"{{['Accept-Encoding'] = 'gzip', ['If-None-Match'] = '{tag}'}}" if tag else "{['Accept'] = '*/*'}"
        )
        heads += [f"{{'{path}', {form}}}" for form in forms]
    return MIX % ", ".join(heads)


def ask(shop, server, count):
    """At least that many more requests, in runs of 5 s, each with the tags of its time: how many were answered."""
    script, done, rates, errors = shop.folder / "mix.lua", 0, [], []
    for _ in range(200):
        script.write_text(lua(server.address))
        command = ["wrk", "-t1", "-c16", "-d5s", "-s", str(script), server.base]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        found = re.search(r"(\d+) requests in", run.stdout)
        done += int(found.group(1)) if found else 0
        rates += re.findall(r"Requests/sec:\s+([\d.]+)", run.stdout)
        errors += re.findall(r"Socket errors.*", run.stdout)
        if done >= count or not found:
            break
    print(f"wrk: {done} requests, {', '.join(rates)} a second")
    return done, errors


def main():
    given = arguments(__doc__.split("\n\n")[0], requests=(1_000_000, "requests in all"), days=(60, "days of the site"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=given.days, pse_url=api.url)
        config = root / "config" / "master_coordinator_config.yaml"
        filled = subprocess.run(
            [shop.binary, "prices", "backfill", "--pause", "1", "--config", config], capture_output=True, text=True
        )
        tally.check(filled.returncode == 0, "past prices are fetched beforehand", filled.stderr[-300:])
        server = shop.serve(root)
        tally.check(server.loaded(60), "loaded")
        tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), "prices are there")
        before = server.json("/api/v1/about")[1]["requests"]["by_status"]
        print(f"resident after loading: {server.memory_kib()} KiB")
        sizes, done = [], 0
        for _ in range(2):
            number, errors = ask(shop, server, given.requests // 2)
            done += number
            tally.check(not errors, "no socket errors", str(errors[:2]))
            sizes.append(server.memory_kib())
            print(f"resident after {done} requests: {sizes[-1]} KiB (at most {server.memory_kib('VmHWM')} KiB)")
        about = server.json("/api/v1/about")[1]
        seen = {kind: number - before[kind] for kind, number in about["requests"]["by_status"].items()}
        print(f"answers: {seen}")
        tally.check(done >= given.requests, "every request was answered", str(done))
        tally.check(sum(seen.values()) >= done, "all are counted in /api/v1/about", f"{seen} for {done}")
        tally.check(seen["3xx"] > done / 20, "304s are among them", str(seen))
        tally.check(seen["4xx"] < done / 15 and not seen["5xx"], "only /nonesuch is an error", str(seen))
        tally.check(not about["requests"]["contained_panics"], "no handler panicked", str(about["requests"]))
        tally.check(sizes[1] <= RESIDENT_KIB, f"resident memory at most {RESIDENT_KIB} KiB", f"{sizes[1]} KiB")
        grown = sizes[1] - sizes[0]
        tally.check(grown <= GROWN_KIB, f"at most {GROWN_KIB} KiB more than after half", f"{grown:+} KiB")
        code, took = server.end()
        tally.check(code == 0 and took < 2, "stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
    finish(tally)


if __name__ == "__main__":
    main()
