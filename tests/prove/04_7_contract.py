#!/usr/bin/env python3
"""`/openapi.json` is valid OpenAPI 3.1, and the server does what it says.

Both tools come from outside and know nothing of this server: openapi-spec-validator reads the document,
schemathesis makes thousands of requests of it, right and wrong ones, and holds every answer against it (status,
type, schema, headers, methods). They are installed by pip into a virtual environment in the temporary folder.
Two servers are asked: one that is open, and one that asks for a token. The stream of `/api/v1/events` has no end
and is left out; that its head is as described is looked at here.
"""

import http.client
import json
import re
import subprocess
import venv

from lib import FAST, Tally, Workshop, arguments, finish, wait_for

TOOLS = ("schemathesis", "openapi-spec-validator")
TOKEN = "a-token-that-is-long-enough"
LEAST_CASES = 2000
# A watchdog asks /health for the 503 of old data.
CONFIG = """
[[operations]]
include-path = "/health"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", 503]

# Each parameter may be right, and the two ends of a range the wrong way round, or too far apart.
[[operations]]
include-path = "/api/v1/energy"
checks.positive_data_acceptance.expected-statuses = ["2xx", 304, 400, 401, 403, 503]

[[operations]]
include-path = "/api/v1/history"
checks.positive_data_acceptance.expected-statuses = ["2xx", 304, 400, 401, 403, 503]

[[operations]]
include-path = "/api/v1/export"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 503]
"""


def tools(shop, tally):
    """The folder of the tools' programs, or None."""
    folder = shop.folder / "tools"
    try:
        venv.create(folder, with_pip=True)
        made = subprocess.run(
            [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *TOOLS],
            capture_output=True,
            text=True,
            timeout=600,
        )
        trouble = "" if made.returncode == 0 else made.stderr[-400:]
    except (OSError, subprocess.SubprocessError) as error:
        trouble = str(error)
    tally.check(not trouble, "the tools are installed (this needs pip and its registry)", trouble)
    return None if trouble else folder / "bin"


def validate(tally, programs, document):
    """The independent validator, which must also find what is wrong."""
    for name, broken in (("as it is", False), ("with a parameter that has no name", True)):
        if broken:
            text = json.loads(document.read_text())
            del text["paths"]["/decisions"]["get"]["parameters"][0]["name"]
            document = document.with_name("broken.json")
            document.write_text(json.dumps(text))
        found = subprocess.run(
            [programs / "openapi-spec-validator", "--schema", "3.1", document],
            capture_output=True,
            text=True,
            timeout=120,
        )
        words = (found.stdout + found.stderr).strip()
        tally.check((found.returncode != 0) == broken, f"openapi-spec-validator: the document {name}", words[-400:])


def headers_of(server, path, headers=None):
    """(status, type) of a GET whose body is not read."""
    connection = http.client.HTTPConnection(server.address, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, (answer.getheader("Content-Type") or "").split(";")[0]
    finally:
        connection.close()


def schemathesis(shop, programs, source, *more):
    """One run: whether it found nothing, how many cases it made, what it printed."""
    config = shop.folder / "schemathesis.toml"
    config.write_text(CONFIG)
    run = subprocess.run(
        [
            *(programs / "schemathesis", "--config-file", config, "run", source, "--checks", "all", "--no-color"),
            *("--seed", "1", "--workers", "2", "--continue-on-failure", "--generation-database", ":memory:", *more),
        ],
        capture_output=True,
        text=True,
        cwd=shop.folder,
        timeout=1800,
    )
    words = run.stdout + run.stderr
    found = re.search(r"(\d+) generated", words)
    return run.returncode == 0, int(found.group(1)) if found else 0, words


def prove(tally, shop, programs, name, server, examples, token=None):
    """The whole description against one server; how many cases that were."""
    more = ["--header", f"Authorization: Bearer {token}"] if token else []
    held, cases, words = schemathesis(
        shop,
        programs,
        f"{server.base}/openapi.json",
        *("--exclude-operation-id", "events", "--max-examples", str(examples), *more),
    )
    print(f"{name}: {cases} cases")
    tally.check(held and cases > 0, f"{name}: schemathesis finds nothing", words[-6000:])
    return cases


def prove_the_tool(tally, shop, programs, server, document):
    """What is not so is found: each of these makes the description say something else than the server."""
    for what, operation, way, value in (
        ("a field of another type", "status", "components schemas Status properties server_uptime type", "string"),
        ("a field that is lacking", "health", "components schemas Health required", ["nowhere"]),
        ("a status that is not described", "decisions", "paths /decisions get responses 400", None),
        ("another type of content", "calendar", "paths /prices.ics get responses 200 content", {"image/png": {}}),
    ):
        broken = json.loads(document.read_text())
        *way, last = way.split()
        place = broken
        for part in way:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
        path = shop.folder / "wrong.json"
        path.write_text(json.dumps(broken))
        held, cases, words = schemathesis(
            shop,
            programs,
            path,
            *("--url", server.base, "--include-operation-id", operation, "--max-examples", "10"),
        )
        tally.check(not held and cases > 0, f"schemathesis finds {what}", words[-600:])


def main():
    given = arguments(__doc__.split("\n\n")[0], examples=(60, "cases of each operation and phase"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        programs = tools(shop, tally)
        if programs is None:
            finish(tally)
        api = shop.price_api()
        cases = 0
        for name, token in (("open", None), ("with a token", TOKEN)):
            extra = {"auth": "{token_file: config/token}"} if token else None
            root = shop.site(name.replace(" ", "-"), days=40, pse_url=api.url, intervals=FAST, kompas=True, extra=extra)
            if token:
                secret = root / "config" / "token"
                secret.write_text(token)
                secret.chmod(0o600)
            shop.writer(root)
            server = shop.serve(root)
            shown = {"Authorization": f"Bearer {token}"} if token else {}
            paths = ("/current-state", "/decisions", "/monthly-summary", "/monthly-comparison", "/prices")
            loaded = wait_for(lambda: all(server.get(path, headers=shown)[0] == 200 for path in paths), 60)
            tally.check(loaded, f"{name}: loaded")
            status, body = server.get("/openapi.json", headers=shown)
            tally.check(status == 200, f"{name}: the description is answered", str(status))
            document = shop.folder / "openapi.json"
            document.write_bytes(body)
            if not token:
                print(f"the description: {len(body)} bytes, {len(json.loads(body)['paths'])} paths")
                validate(tally, programs, document)
            stream = headers_of(server, "/api/v1/events", shown)
            tally.check(stream == (200, "text/event-stream"), f"{name}: the stream's head", str(stream))
            download = headers_of(server, "/logs/download/master.log", shown)
            tally.check(download == (200, "text/plain"), f"{name}: a download's head", str(download))
            if not token:
                prove_the_tool(tally, shop, programs, server, document)
            cases += prove(tally, shop, programs, name, server, given.examples, token)
            code, _ = server.end()
            text = server.log_text()
            tally.check(code == 0 and "panicked" not in text, f"{name}: the server lived and did not panic", text[-400:])
        print(f"{cases} cases in all")
        tally.check(cases >= LEAST_CASES, f"at least {LEAST_CASES} cases", str(cases))
    finish(tally)


if __name__ == "__main__":
    main()
