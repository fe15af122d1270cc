#!/usr/bin/env python3
"""Who gets in, from outside: networks, proxies, names, tokens, origins; configs that must not start; a token that never
shows. Every cell of the table is in tests/gate.rs; here are those that matter, with real requests to real servers.

A client of any address is made with a trusted proxy on 127.0.0.1 that tells for whom it asks. Who comes from 127.0.0.2
is on loopback, too, but no proxy: what it tells is not believed.
"""

import contextlib
import json
import re
import socket
import subprocess
import time

from lib import Tally, Workshop, arguments, finish
from visitors import (
    BASIC,
    FRAMED,
    GUARDED,
    HOME,
    HOSTS,
    NAMED,
    NEIGHBOUR,
    NOT_STARTING,
    ORIGINS,
    PAGES,
    PEERS,
    SAFE,
    SECRET,
    TAILNET,
    TAILSCALE,
    TOKENS,
    forwarded,
)
from wire import Broken, Stream, Wire, once

CHALLENGES = ['Basic realm="Wattboard"', "Bearer"]


class Site:
    """A site with these keys of `web_server`, without anybody to ask for prices, and its server."""

    def __init__(self, shop, name, keys):
        self.root = shop.site(name, days=2, pse_url="http://127.0.0.1:9")
        config = self.root / "config" / "master_coordinator_config.yaml"
        text = config.read_text()
        for key, value in keys.items():
            text = re.sub(rf"(?m)^  {key}: .*\n", "", text)
            text = text.replace("web_server:\n", f"web_server:\n  {key}: {value}\n", 1)
        config.write_text(text)
        for file, content in (("wattboard", f"{SECRET}\nanother line\n"), ("short", "too-short\n"), ("empty", "\n")):
            (self.root / "config" / f"{file}.token").write_text(content)
        self.config = config


def fits(status, right):
    return status in (right if isinstance(right, tuple) else (right,))


def judge(tally, name, cells, server, path="/api/v1/about", source=None):
    """One table: (what it is about, header lines, host, right) for each cell."""
    wrong = []
    for label, lines, host, right in cells:
        try:
            answer = once(server.address, path, lines, host=host, source=source)
        except (Broken, OSError) as error:
            wrong.append(f"{label}: {error!r}")
            continue
        lacking = [header for header in SAFE if len(answer.all(header)) != 1]
        if not fits(answer.status, right) or lacking:
            wrong.append(f"{label}: {answer.status} {answer.body[:80] if answer.status != 200 else ''} {lacking}")
        if answer.status in (401, 403):
            code = answer.json().get("code")
            if answer.status == 403 and code not in ("forbidden", "host_not_allowed") or b"soc_" in answer.body:
                wrong.append(f"{label}: the refusal is {answer.body[:100]!r}")
        # A line each: Chromium does not understand two ways in one line.
        if answer.all("www-authenticate") != (CHALLENGES if answer.status == 401 else []):
            wrong.append(f"{label}: WWW-Authenticate is {answer.all('www-authenticate')}")
    print(f"{name}: {len(cells)} cells, {len(wrong)} wrong")
    tally.check(not wrong, f"{name}: everybody is answered as the config says", "; ".join(wrong[:6]))
    return len(cells)


def peers(tally, shop):
    """Networks, and proxies that tell."""
    server = shop.serve(Site(shop, "home", HOME).root)
    cells = [(f"for {whom}", forwarded(*whom), "localhost", right) for whom, right in PEERS]
    count = judge(tally, "peers through a trusted proxy", cells, server)
    cells = [(f"127.0.0.2 for {whom}", forwarded(*whom), "localhost", 200) for whom, _ in PEERS]
    count += judge(tally, "peers through a stranger on loopback", cells, server, source=NEIGHBOUR)
    for path in ("/", "/health", "/api/v1/events", "/logs/download/master.log", "/nonesuch"):
        cells = [(f"{path} from outside", forwarded("203.0.113.9"), "localhost", 403)]
        count += judge(tally, f"{path} from outside", cells, server, path)
    server = shop.serve(Site(shop, "tailscale", TAILSCALE).root)
    cells = [(f"for {whom}", forwarded(*whom), "localhost", right) for whom, right in TAILNET]
    return count + judge(tally, "a list of networks of one's own", cells, server)


def names(tally, shop):
    """Hosts, in the header and in absolute targets."""
    server = shop.serve(Site(shop, "named", NAMED).root)
    own = socket.gethostname()
    cells = [(f"Host: {host}", [], host, right) for host, right in (*HOSTS, (own, 200), (own.upper(), 200))]
    count = judge(tally, "names", cells, server)
    for target, right in (("http://house.example/health", 200), ("http://evil.example/health", 403)):
        count += judge(tally, f"target {target}", [(target, [], "localhost", right)], server, target)
    with Wire(server.address) as wire:
        wire.send(b"GET /health HTTP/1.0\r\n\r\n")
        tally.check(wire.answer().status == 200, "names: HTTP/1.0 may come without")
    return count


def tokens(tally, shop):
    """The token: who has it, who has not, and who tries too often."""
    site = Site(shop, "guarded", GUARDED)
    server = shop.serve(site.root, wait=True)
    cells = [(str(lines), list(lines), "localhost", right) for lines, right in TOKENS]
    # Every wrong one counts for its client: these are the clients of a whole house.
    cells = [
        (label, [*lines, *forwarded(f"192.168.7.{index}")], host, right)
        for index, (label, lines, host, right) in enumerate(cells)
    ]
    count = judge(tally, "tokens", cells, server)
    right = f"Authorization: Bearer {SECRET}"
    for path in ("/", "/status", "/api/v1/events", "/api/v1/state", "/logs/download/master.log", "/nonesuch"):
        count += judge(
            tally, f"{path} without the token", [(path, forwarded("10.0.0.1"), "localhost", 401)], server, path
        )
    count += judge(tally, "/health needs none", [("/health", [], "localhost", 200)], server, "/health")
    cells = [("from outside, with the token", [right, *forwarded("203.0.113.9")], "localhost", 403)]
    cells += [("a stranger's name, with the token", [right], "evil.example", 403)]
    count += judge(tally, "the token opens no other door", cells, server)
    for query in (f"?token={SECRET}", f"?access_token={SECRET}", f"?auth={SECRET}"):
        count += judge(tally, "no token in an address", [(query, [], "localhost", 401)], server, f"/status{query}")
    too_many(tally, server, right)
    never_shown(tally, server, right, site)
    return count


def too_many(tally, server, right):
    """Ten wrong ones in a row, then 429; the right one gets in, and one more is heard every 6 s."""
    somebody, other = forwarded("192.168.9.9"), forwarded("192.168.9.10")

    def ask(whom, *lines):
        answer = once(server.address, "/status", [*whom, *lines])
        return answer.status, answer.get("retry-after")

    wrong = "Authorization: Bearer wrong-wrong-wrong-wrong"
    seen = [ask(somebody)[0] for _ in range(20)]
    tally.check(seen == [401] * 20, "429: to ask without a token is no failure", str(seen))
    began = time.monotonic()
    seen = [ask(somebody, wrong)[0] for _ in range(10)]
    tally.check(seen == [401] * 10, "429: ten wrong ones are heard", str(seen))
    status, pause = ask(somebody, wrong)
    good = status == 429 and (pause or "").isdigit() and 1 <= int(pause) <= 6
    tally.check(good, "429: the eleventh is turned away, with Retry-After", f"{status} {pause}")
    tally.check(ask(somebody, right)[0] == 200, "429: the right one always gets in")
    tally.check(ask(other, wrong)[0] == 401, "429: everybody has ten of their own")
    tally.check(ask(somebody, wrong)[0] == 429, "429: still turned away")
    if good:
        time.sleep(max(0.0, began + 6.5 - time.monotonic()))
        seen = [ask(somebody, wrong)[0] for _ in range(2)]
        tally.check(seen == [401, 429], "429: one more is heard after 6 s", str(seen))


def never_shown(tally, server, right, site):
    """Nowhere in the log, in answers, on the command line or in the environment."""
    shown = []
    for path in (
        "/api/v1/about",
        "/status",
        "/api/v1/state",
        "/",
        "/health",
        "/logs?lines=1000",
        f"/nonesuch?{SECRET[:5]}",
    ):
        answer = once(server.address, path, [right])
        if SECRET.encode() in answer.body or SECRET in str(answer.headers) or BASIC.encode() in answer.body:
            shown.append(path)
    for name in ("cmdline", "environ"):
        if SECRET.encode() in open(f"/proc/{server.pid}/{name}", "rb").read():
            shown.append(name)
    text = server.log_text()
    if SECRET in text or BASIC in text or "another line" in text:
        shown.append("the log")
    tally.check(not shown, "the token shows nowhere", str(shown))
    checked = subprocess.run(
        [server.process.args[0], "check", "--config", site.config], capture_output=True, text=True, timeout=60
    )
    tally.check(SECRET not in checked.stdout + checked.stderr, "wattboard check does not show it either")
    loud = server.root / "config"
    with contextlib.suppress(OSError):
        (loud / "wattboard.token").write_text("another-secret-that-is-long\n")
    tally.check(once(server.address, "/status", [right]).status == 200, "a token that changes counts after a restart")


def origins(tally, shop):
    """Which pages may read answers, and which may show them in a frame."""
    server, wrong = shop.serve(Site(shop, "pages", PAGES).root), []
    for origin, may in ORIGINS:
        for method in ("GET", "OPTIONS"):
            lines = [f"Origin: {origin}"] + (["Access-Control-Request-Method: GET"] if method == "OPTIONS" else [])
            answer = once(server.address, "/prices" if method == "OPTIONS" else "/status", lines, method)
            allowed, vary = answer.get("access-control-allow-origin"), (answer.get("vary") or "").lower()
            if (
                allowed != (origin if may else None)
                or answer.status not in (200, 204)
                or (may and "origin" not in vary)
            ):
                wrong.append(f"{method} {origin}: {answer.status} {allowed} Vary: {vary}")
            if answer.get("access-control-allow-credentials"):
                wrong.append(f"{method} {origin}: credentials are allowed")
    print(f"origins: {2 * len(ORIGINS)} cells, {len(wrong)} wrong")
    tally.check(not wrong, "origins: only the home's pages may read", "; ".join(wrong[:5]))
    refused = once(server.address, "/status", ["Origin: http://192.168.1.9", *forwarded("203.0.113.9")])
    tally.check(
        refused.status == 403 and not refused.get("access-control-allow-origin"), "origins: no leave with a 403"
    )
    shut = shop.serve(Site(shop, "shut", {}).root)
    answer = once(shut.address, "/status", ["Origin: http://192.168.1.9"])
    tally.check(answer.get("access-control-allow-origin") is None, "origins: none unless cors_enabled")
    shut.end()
    keys = {"cors_enabled": "true", "cors_origins": '["*"]'}
    anybody = shop.serve(Site(shop, "anybody", keys).root, wait=False)
    try:  # it may refuse to start; it may not let everybody read
        anybody.listening()
        allowed = once(anybody.address, "/status", ["Origin: https://evil.example"]).get("access-control-allow-origin")
        tally.check(allowed is None, "origins: a star in the config is never obeyed", str(allowed))
    except RuntimeError:
        tally.check("web_server.cors_origins" in anybody.log_text(), "origins: a star is refused", anybody.log_text())
    framed = shop.serve(Site(shop, "framed", FRAMED).root)
    page = once(framed.address, "/")
    good = "frame-ancestors 'self' https://ha.local:8123" in page.get("content-security-policy", "")
    tally.check(
        good and page.get("x-frame-options") is None, "frames: who is named may show the page", str(page.headers)
    )
    return 2 * len(ORIGINS) + 3


def spoofed(tally, shop):
    """Without trusted proxies nobody is believed, and nobody is locked out by what is told."""
    server = shop.serve(Site(shop, "plain", {}).root)
    cells = [(f"{whom}", forwarded(*whom), "localhost", 200) for whom, _ in PEERS]
    return judge(tally, "no proxy is trusted", cells, server)


def limited(tally, shop):
    """Limits of the config hold: 4 connections for an address, 16 headers, 1 KiB a head, 1 s a head and idle."""
    keys = "{per_address: 4, headers: 16, head_bytes: 1024, head_seconds: 1, idle_seconds: 1, event_streams: 1}"
    server = shop.serve(Site(shop, "limited", {"limits": keys}).root)
    answers = [
        once(server.address, "/health", lines).status for lines in (["X: y"] * 10, ["X: y"] * 20, [f"X: {'y' * 1200}"])
    ]
    tally.check(answers == [200, 431, 431], "limits: heads", str(answers))
    took = []
    for sent in (b"GET /hea", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        with Wire(server.address, 10) as wire:
            wire.send(sent)
            began = time.monotonic()
            with contextlib.suppress(OSError, Broken):
                while wire.answer():
                    pass
            took.append(round(time.monotonic() - began, 1))
    tally.check(all(0.9 <= one <= 3 for one in took), "limits: half a head and idleness end after a second", str(took))
    first = Stream(server.address)
    second = once(server.address, "/api/v1/events").status
    first.close()
    tally.check((first.status, second) == (200, 503), "limits: one event stream", f"{first.status} {second}")
    return 7


def not_starting(tally, shop):
    """Configs that are wrong: exit code 2, one line that names the key, and no secret."""
    wrong = []
    for number, (keys, named) in enumerate(NOT_STARTING):
        site = Site(shop, f"wrong-{number}", keys)
        try:
            done = subprocess.run(
                [shop.binary, "serve", "--config", site.config, "--port", "0"],
                capture_output=True,
                text=True,
                timeout=10,
            )
            words = done.stderr.strip()
            if done.returncode != 2 or named not in words or len(words.splitlines()) != 1 or "too-short" in words:
                wrong.append(f"{json.dumps(keys)}: code {done.returncode}, {words[:200]!r}")
        except subprocess.TimeoutExpired:
            wrong.append(f"{json.dumps(keys)}: it serves")
    print(f"configs that are wrong: {len(NOT_STARTING)}, {len(wrong)} not refused as they should be")
    tally.check(not wrong, "a wrong config: code 2 and a line that names the key", "; ".join(wrong))
    return len(NOT_STARTING)


def main():
    given = arguments(__doc__.split("\n\n")[0])
    tally, count = Tally(), 0
    with Workshop(given.bin, given.keep) as shop:
        for part in (peers, spoofed, names, tokens, origins, limited, not_starting):
            try:
                count += part(tally, shop)
            except (Broken, OSError, RuntimeError) as error:
                tally.check(False, f"{part.__name__}: ran to its end", repr(error))
        for server in shop.started:
            tally.check("panicked" not in server.log_text(), "no panic in the log") if not server.alive() else None
    print(f"{count} cells in all")
    finish(tally)


if __name__ == "__main__":
    main()
