"""The checks of `/logs`, `/logs/files` and downloads against the log files themselves."""

import json
import re

NAMES = {
    "master": "master_coordinator.log",
    "data": "enhanced_data_collector.log",
    "enhanced_data_collector": "enhanced_data_collector.log",
    "fast_charge": "fast_charge.log",
}
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
HEAD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - .*? - (DEBUG|INFO|WARNING|ERROR|CRITICAL) - ")


def lines_of(path):
    """The lines of a log, a broken byte replaced."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    return text.rstrip("\n").split("\n") if text else []


def filtered(lines, level):
    """The lines of that level (with a plus: and above), continuation lines with the line that they follow."""
    if not level:
        return lines
    name, above = level.rstrip("+").upper(), level.endswith("+")
    wanted = LEVELS[LEVELS.index(name) :] if above else (name,)
    kept, keeping = [], False
    for line in lines:
        head = HEAD.match(line)
        keeping = head.group(1) in wanted if head else keeping
        if keeping:
            kept.append(line)
    return kept


def check(checker):
    """Every named log with and without level and number of lines; the list; downloads and what they refuse."""
    tally, ask = checker.tally, checker.server.request
    for name, file_name in NAMES.items():
        path = checker.root / "logs" / file_name
        if not path.exists():
            continue
        for lines, level in (
            (100, ""),
            (1000, ""),
            (1, ""),
            (1000, "ERROR"),
            (50, "warning"),
            (1000, "WARNING%2B"),
            (10, "INFO+"),
        ):
            url = f"/logs?file={name}&lines={lines}&level={level}"
            status, _, body = ask(url)
            if not tally.check(status == 200, f"{url} answers 200", f"{status} {body[:100]!r}"):
                continue
            answer, whole = json.loads(body), lines_of(path)
            plain = level.replace("%2B", "+")
            matching = filtered(whole, plain)
            expected = {
                "log_file": file_name,
                "total_lines": len(whole),
                "filtered_lines": len(matching),
                "returned_lines": min(lines, len(matching)),
                "lines": matching[-lines:],
            }
            found = [
                f"{key} {str(answer.get(key))[:120]} is not {str(value)[:120]}"
                for key, value in expected.items()
                if answer.get(key) != value
            ]
            tally.check(not found, f"{url} equals the file", "; ".join(found[:3]))
    on_disk = {path.name: path.stat().st_size for path in (checker.root / "logs").glob("*.log")}
    listed = {
        entry["name"]: entry["size"] for entry in (checker.answers.get("/logs/files") or {"log_files": []})["log_files"]
    }
    tally.check(listed == on_disk, "/logs/files equals the folder", f"{listed} is not {on_disk}")
    for name, file_name in (
        *((name, name) for name in on_disk),
        ("master.log", NAMES["master"]),
        ("data.log", NAMES["data"]),
    ):
        path = checker.root / "logs" / file_name
        if path.exists():
            status, headers, body = ask(f"/logs/download/{name}")
            good = (
                status == 200
                and body == path.read_bytes()
                and "attachment" in (headers.get("Content-Disposition") or "")
            )
            tally.check(good, f"/logs/download/{name} is the file", f"{status}, {len(body)} bytes")
    for name in (
        "..%2fconfig%2fmaster_coordinator_config.yaml",
        "../config/master_coordinator_config.yaml",
        "nonesuch.log",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/data/goodwe_energy.db",
        "master_coordinator.log%00.txt",
        "",
    ):
        status, _, _ = ask(f"/logs/download/{name}")
        tally.check(status in (400, 404), f"/logs/download/{name} is refused", str(status))
