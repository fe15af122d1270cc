#!/usr/bin/env python3
"""Every compatible endpoint on a 60-day site that another process writes every 100 ms; then as a user who may not
write.

Two rounds of `--seconds`: all endpoints are asked all the time, and checked to the last digit at start, middle
and end. No "database is locked" may appear in the server's log nor in the writer. In the second round the
server runs as `nobody` (when this script runs as root) and is started before the writer.
"""

import os
import time

from lib import FAST, NOBODY, Checker, Poller, Workshop, arguments, finish, Tally, wait_for


def check_now(tally, when, server, root, api):
    """One whole check; its counts are added to the tally."""
    checked = Checker(server.base, root, pse=api.url, quiet=True).run()
    tally.passed += checked.passed
    tally.failed += checked.failed
    tally.failures += [f"{when}: {name}" for name in checked.failures]
    print(f"{when}: {checked.summary()}", flush=True)


def reading_is_new(server):
    """Whether the state served is of the last 30 s."""
    status, answer = server.json("/current-state")
    return status == 200 and answer.get("cache_age_seconds") is not None and answer["cache_age_seconds"] < 30


def play(tally, shop, given, name, user, server_first):
    """One round."""
    api = shop.price_api()
    root = shop.site(name, days=given.days, pse_url=api.url, intervals=FAST)
    writer = None if server_first else shop.writer(root)
    server = shop.serve(root, user=user)
    tally.check(server.loaded(120), f"{name}: loaded")
    writer = writer or shop.writer(root)
    tally.check(
        wait_for(lambda: reading_is_new(server), 60),
        f"{name}: the writer's states are seen",
        str(server.json("/current-state")[1])[:200],
    )
    tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 60), f"{name}: prices are there")
    began = time.monotonic()
    with Poller(server, pause=0.01) as poller:
        check_now(tally, f"{name} at the start", server, root, api)
        time.sleep(max(0, given.seconds / 2 - (time.monotonic() - began)))
        check_now(tally, f"{name} in the middle", server, root, api)
        time.sleep(max(0, given.seconds - (time.monotonic() - began)))
        check_now(tally, f"{name} at the end", server, root, api)
    # Processes are looked at every 30 s.
    seen = wait_for(lambda: (server.json("/status")[1] or {}).get("coordinator_running") is True, 40)
    tally.check(seen, f"{name}: the coordinator's process is seen")
    print(
        f"{name}: {time.monotonic() - began:.0f} s, {poller.words()}, resident {server.memory_kib()} KiB "
        f"(at most {server.memory_kib('VmHWM')})"
    )
    tally.check(not poller.bad, f"{name}: every poll answered 200", "; ".join(poller.bad[:5]))
    strangers = [path for path in root.rglob("*") if user is not None and path.stat().st_uid == user]
    tally.check(not strangers, f"{name}: nothing of the server's user in the folder", str(strangers[:4]))
    summary = writer.finish()
    print(f"{name}: writer {summary}")
    tally.check(
        summary["locked"] == 0 and not summary["errors"], f"{name}: the writer was never locked out", str(summary)
    )
    code, took = server.end()
    tally.check(code == 0 and took < 2, f"{name}: stopped in 2 s with code 0", f"code {code} after {took:.2f} s")
    text = server.log_text().lower()
    tally.check("database is locked" not in text, f"{name}: no 'database is locked' in the log")
    tally.check("panicked" not in text, f"{name}: no panic in the log")


def main():
    given = arguments(__doc__.split("\n\n")[0], seconds=(300.0, "length of each round"), days=(60, "days of the site"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        play(tally, shop, given, "same-user", None, server_first=False)
        if os.geteuid() == 0:
            play(tally, shop, given, "other-user", NOBODY, server_first=True)
        else:
            print("other-user: not tried, this needs root")
    finish(tally)


if __name__ == "__main__":
    main()
