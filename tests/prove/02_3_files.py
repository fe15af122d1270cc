#!/usr/bin/env python3
"""Sites without a database: the same questions answered from the JSON files; and sites with nothing at all, honestly."""

import shutil
import time

from lib import PATHS, Checker, Tally, Workshop, arguments, finish, wait_for

import site_db


def check_site(tally, shop, api, name, prepare=None, **how):
    """A whole check of one site of files."""
    root = shop.site(name, pse_url=api.url, **how)
    if prepare:
        prepare(root)
    server = shop.serve(root)
    loaded = server.loaded(120)
    print(f"{name}: loaded after {time.monotonic() - server.started:.2f} s, resident {server.memory_kib()} KiB")
    tally.check(loaded, f"{name}: loaded")
    tally.check(wait_for(lambda: server.get("/prices")[0] == 200, 30), f"{name}: prices are there")
    checked = Checker(server.base, root, pse=api.url, quiet=True).run()
    print(f"{name}: {checked.summary()}", flush=True)
    tally.passed += checked.passed
    tally.failed += checked.failed
    tally.failures += [f"{name}: {failure}" for failure in checked.failures]
    code, took = server.end()
    tally.check(code == 0 and took < 2, f"{name}: stopped in 2 s with code 0", f"code {code} after {took:.2f} s")


def empty_database(root):
    """A database of version 4 without a row, beside the files."""
    site_db.create(root / "data" / "goodwe_energy.db").close()


def check_nothing(tally, shop, api, name, bare):
    """A site with a config and nothing else: nulls and reasons, no 500."""
    root = shop.site(name, layout="empty", pse_url=api.url)
    if bare:
        for folder in ("data", "out", "logs"):
            shutil.rmtree(root / folder)
    server = shop.serve(root)
    wait_for(lambda: server.get("/prices")[0] == 200, 30)
    server.loaded(20)
    answers = {path: server.json(path) for path in PATHS}
    bad = {path: status for path, (status, _) in answers.items() if status == 0 or status >= 500}
    tally.check(not bad, f"{name}: no 5xx", str(bad))
    for path in PATHS:
        if not path.startswith(("/logs", "/prices")):
            tally.check(answers[path][0] == 200, f"{name}: {path} answers 200", str(answers[path][0]))
    state = answers["/current-state"][1] or {}
    invented = {
        f"{group}.{key}": value
        for group in ("battery", "photovoltaic", "house_consumption", "grid")
        for key, value in (state.get(group) or {"missing": 1}).items()
        if value is not None
    }
    tally.check(not invented, f"{name}: /current-state invents nothing", str(invented))
    tally.check(state.get("data_source") == "none" and state.get("source") is None, f"{name}: data_source is none")
    tally.check(
        isinstance(state.get("unknown"), dict) and state["unknown"],
        f"{name}: /current-state says why",
        str(state.get("unknown")),
    )
    tally.check(
        "weather" in state and state["weather"] is None and state.get("recommendations", 1) is None,
        f"{name}: no weather, no recommendation",
    )
    decisions = answers["/decisions?time_range=24h"][1] or {}
    tally.check(
        decisions.get("decisions") == []
        and decisions.get("total_count") == 0
        and decisions.get("data_source") == "none",
        f"{name}: no decisions",
    )
    history = answers["/historical-data"][1] or {}
    tally.check(
        history.get("timestamps") == [] and history.get("data_points") == 0 and history.get("current_soc", 1) is None,
        f"{name}: no history",
        str(history)[:200],
    )
    month = answers["/monthly-summary"][1] or {}
    tally.check(
        month.get("total_cost_pln") == 0 and month.get("days_with_data") == 0 and month.get("daily_summaries") == [],
        f"{name}: a month of zeros",
        str(month)[:200],
    )
    tally.check(
        (answers["/metrics"][1] or {"efficiency_score": 1})["efficiency_score"] is None, f"{name}: no efficiency score"
    )
    status = answers["/status"][1] or {}
    tally.check(
        status.get("storage", {}).get("has_data") is False, f"{name}: has_data is false", str(status.get("storage"))
    )
    tally.check("panicked" not in server.log_text(), f"{name}: no panic in the log")
    server.end()


def main():
    given = arguments(__doc__.strip(), days=(60, "days of the sites"), files=(20_000, "files in one folder"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        check_site(
            tally,
            shop,
            api,
            "disabled-lines",
            days=given.days,
            layout="both",
            state_files="lines",
            database_enabled=False,
        )
        check_site(tally, shop, api, "absent-single", days=given.days, layout="files", state_files="single")
        check_site(tally, shop, api, "absent-both", days=3, layout="files", state_files="both")
        check_site(tally, shop, api, "many-files", days=given.days, layout="files", many_files=given.files)
        check_site(tally, shop, api, "empty-database", prepare=empty_database, days=3, layout="files")
        check_nothing(tally, shop, api, "nothing", bare=False)
        check_nothing(tally, shop, api, "bare", bare=True)
    finish(tally)


if __name__ == "__main__":
    main()
