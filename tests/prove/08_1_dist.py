#!/usr/bin/env python3
"""The binaries of `make dist`: static, small, and the same program as the native one on every machine.

Each runs natively or under qemu-user: the demo answers every path of its own /openapi.json with the shapes of the native
release, gives the same page byte for byte, fetches prices over TLS from an authority that only `price_analysis.ca_file`
names, reads files dated 2040, and stops on SIGTERM. At last the same commit is built once more, elsewhere.
What is not built yet is built first: some minutes each.
"""

import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from lib import Child, Tally, Workshop, arguments, finish, wait_for

ROOT = Path(__file__).resolve().parents[2]
TLS = ROOT / "tests/fixtures/tls"
MOST_BYTES = 5 * 1024 * 1024
X86 = "x86_64-unknown-linux-musl"
# What a target runs under.
TARGETS = {
    X86: [],
    "aarch64-unknown-linux-musl": ["qemu-aarch64", "-cpu", "cortex-a53"],
    "armv7-unknown-linux-musleabihf": ["qemu-arm", "-cpu", "cortex-a7"],
    "arm-unknown-linux-musleabihf": ["qemu-arm", "-cpu", "arm1176"],
}
# 2040-02-29T12:00:00Z: beyond what 32 bits can count.
FUTURE = 2_214_129_600
MORE = {
    "/api/v1/export": ["?what=days", "?what=prices&format=jsonl", "?what=energy&format=csv-pl"],
    "/api/v1/prices": ["", "?by=hour"],
    "/api/v1/energy": ["?by=hour", "?by=day", "?by=month"],
    "/decisions": ["?time_range=24h", "?time_range=7d"],
    "/logs": ["?file=master&lines=50", "?file=summary"],
}


def chosen(text):
    """Target names of a list, of `all` or of `none`; a part of the name is enough."""
    names = {"all": list(TARGETS), "none": []}.get(text)
    return names if names is not None else [name for part in text.split(",") for name in TARGETS if name.startswith(part)]


def run(command, seconds, **how):
    """A command's (exit code, output of both kinds)."""
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, **how
    )
    return done.returncode, done.stdout


def build(targets, seconds=5400, **how):
    code, text = run([ROOT / "packaging/dist/dist.sh", *targets], seconds, **how)
    if code:
        sys.exit(f"make dist failed:\n{text[-3000:]}")


def shape(value):
    """The keys and types of a value; a list is what its elements are."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in sorted(value.items())}
    if isinstance(value, list):
        kinds = {json.dumps(shape(part), sort_keys=True) for part in value}
        return [json.loads(kind) for kind in sorted(kinds)]
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, (int, float)) else "text"


class Demo(Child):
    """The demo of a binary; `.get` answers (status, type, body)."""

    def __init__(self, shop, name, command, patience):
        folder = shop.folder / f"tmp-{name}"
        folder.mkdir()
        self.patience = patience
        self.began = time.monotonic()
        super().__init__([*command, "demo", "--port", "0", "--seed", "8"], env={**os.environ, "TMPDIR": str(folder)}, cwd="/")
        self.address = self.first_line(patience).removeprefix("listening on http://").rstrip("/")

    def get(self, path):
        """One answer, on a connection of its own; of a stream its beginning."""
        connection = http.client.HTTPConnection(self.address, timeout=self.patience)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            kind = (answer.getheader("Content-Type") or "").split(";")[0]
            body = answer.read1(200) if kind == "text/event-stream" else answer.read()
            return answer.status, kind, body
        except (OSError, http.client.HTTPException) as error:
            return 0, "", repr(error).encode()
        finally:
            connection.close()

    def json(self, path):
        status, kind, body = self.get(path)
        return json.loads(body) if kind == "application/json" else {"status": status}


def questions(demo):
    """Every path that the program says it has, with an example where one is needed."""
    newest = demo.json("/api/v1/decisions?limit=1").get("decisions") or [{}]
    files = demo.json("/logs/files").get("log_files") or [{}]
    known = {"{id}": str(newest[0].get("id", "none")), "{name}": str(files[0].get("name", "none"))}
    found = []
    for path in demo.json("/openapi.json")["paths"]:
        plain = re.sub(r"\{\w+\}", lambda place: known[place.group()], path)
        found += [plain + query for query in MORE.get(path, [""])]
    return found


def differs(ours, native, path):
    """How the answers to a question differ in status, type or shape; None where they do not."""
    (status, kind, body), (status_native, kind_native, body_native) = ours.get(path), native.get(path)
    if (status, kind) != (status_native, kind_native):
        return f"{path}: {status} {kind}, native {status_native} {kind_native} {body[:80]!r}"
    if kind != "application/json":
        return None if body else f"{path}: nothing"
    mine, other = shape(json.loads(body)), shape(json.loads(body_native))
    return None if mine == other else f"{path}: {first_difference(mine, other)}"


def first_difference(mine, other, at="$"):
    if isinstance(mine, dict) and isinstance(other, dict):
        for key in sorted({*mine, *other}):
            if mine.get(key) != other.get(key):
                return first_difference(mine.get(key), other.get(key), f"{at}.{key}")
    if isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other) == 1:
        return first_difference(mine[0], other[0], f"{at}[]")
    return f"{at}: {json.dumps(mine)[:120]}, native {json.dumps(other)[:120]}"


def assets(demo):
    """The page's parts (what www/build.mjs makes): status, type and checksum by path."""
    www = ROOT / "www"
    names = ["charts.js", "style.css", "lite.css"]
    names += [file.name for file in www.glob("src/views/*.js") if file.name != "now.js"]
    names += [file.name for file in www.glob("icons/*") if file.name != "manifest.json"]
    names += [f"{file.stem}/{part}" for file in www.glob("lang/*.json") for part in ("shell.js", "manifest.json")]
    folder = re.search(rb"/assets/\w+/", demo.get("/")[2]).group().decode()
    answers = {folder + name: demo.get(folder + name) for name in names}
    return {path: (status, kind, hashlib.sha256(body).hexdigest()) for path, (status, kind, body) in answers.items()}


def outside(tally, name, binary):
    """What can be told without running it."""
    _, said = run(["file", "-b", binary], 30)
    print(f"{name}: {said.strip()}; {binary.stat().st_size:,} bytes")
    static = re.search(r"statically linked|static-pie linked", said) and "interpreter" not in said
    tally.check(bool(static), f"{name}: static", said)
    tally.check(", stripped" in said, f"{name}: stripped", said)
    _, said = run(["ldd", binary], 30)
    tally.check("=>" not in said and ("not a dynamic" in said or "statically linked" in said), f"{name}: ldd finds nothing", said)
    size = binary.stat().st_size
    tally.check(size <= MOST_BYTES, f"{name}: at most 5 MiB", f"{size:,} bytes")
    sums = dict(reversed(line.split("  ", 1)) for line in (binary.parent / "SHA256SUMS").read_text().splitlines())
    tally.check(sums.get(binary.name) == hashlib.sha256(binary.read_bytes()).hexdigest(), f"{name}: its line in SHA256SUMS")


def same_program(tally, name, ours, native):
    """Every path, the page and its parts."""
    both, first = (ours, native), ("/current-state", "/prices", "/decisions", "/monthly-comparison", "/api/v1/energy?by=month")
    ready = wait_for(lambda: all(one.get(path)[0] == 200 for one in both for path in first), 120, every=1)
    tally.check(bool(ready), f"{name}: the demo has loaded", str([(path, one.get(path)[0]) for one in both for path in first]))
    paths = questions(native)
    left = paths
    # One may have read what the other has not yet: past prices are asked for a minute after the start.
    for _ in range(30):
        wrong = [found for found in (differs(ours, native, path) for path in left) if found]
        left = [found.split(": ")[0] for found in wrong]
        if not left:
            break
        time.sleep(4)
    print(f"{name}: {len(paths)} questions, {len(left)} answered with another shape")
    tally.check(len(paths) > 30 and not left, f"{name}: every path answers with the native shapes", "; ".join(wrong)[:1500])
    mine, other = assets(ours), assets(native)
    print(f"{name}: the page has {len(mine)} parts")
    tally.check(len(mine) > 15 and all(part[0] == 200 for part in mine.values()), f"{name}: the page's parts are there", str(mine)[:500])
    tally.check(mine == other, f"{name}: byte for byte those of the native one", str({*mine.items()} ^ {*other.items()})[:500])


def over_tls(tally, shop, name, launcher, native, patience):
    """Prices from a server whose authority is in `ca_file`, and not without it; files of the year 2040."""
    api = shop._add(TlsApi())
    root = shop.site(f"site-{name}", pse_url=api.url, days=3)
    config = root / "config/master_coordinator_config.yaml"
    for file in [*root.glob("logs/*.log"), *root.glob("out/*.json")]:
        os.utime(file, (FUTURE, FUTURE))
    text = config.read_text()
    server = shop.serve(root, binary=launcher, wait=False)
    server.first_line(patience), server.listening()
    refused = wait_for(lambda: "UnknownIssuer" in str(server.errors_of("price")), patience)
    tally.check(bool(refused), f"{name}: who signed the price API's certificate is not known", str(server.errors_of("price")))
    tally.check(server.get("/prices")[0] != 200, f"{name}: no prices from a stranger")
    stopped(tally, f"{name} after a refused price API", server, patience)

    shutil.copy(TLS / "ca.pem", root / "config/ca.pem")
    with_ca, count = re.subn(r"(?m)^price_analysis:\n", "price_analysis:\n  ca_file: config/ca.pem\n", text)
    tally.check(count == 1, "the site's config has a section price_analysis")
    config.write_text(with_ca)
    server = shop.serve(root, binary=launcher, wait=False)
    server.first_line(patience), server.listening()
    there = wait_for(lambda: server.get("/prices")[0] == 200, patience)
    tally.check(bool(there), f"{name}: prices over TLS by ca_file", str(server.errors_of("price")))
    other = shop.serve(root, binary=native)
    wait_for(lambda: all(one.get("/current-state")[0] == 200 for one in (server, other)), patience)
    files = [{file["name"]: file.get("modified") for file in (one.json("/logs/files")[1] or {}).get("log_files", [])} for one in (server, other)]
    expected = datetime.fromtimestamp(FUTURE).year
    print(f"{name}: log files are dated {sorted(set(map(str, files[0].values())))}")
    tally.check(files[0] == files[1] and len(files[0]) > 2, f"{name}: log files as the native one reads them", str(files))
    tally.check(all(str(when).startswith(str(expected)) for when in files[0].values()), f"{name}: in the year 2040", str(files[0]))
    states = [(one.json("/current-state")[1] or {}).get("timestamp") for one in (server, other)]
    tally.check(states[0] == states[1] and bool(states[0]), f"{name}: the state as the native one reads it", str(states))
    other.end()
    stopped(tally, name, server, patience)
    api.end()


class TlsApi(Child):
    """The stand-in for the price API, over TLS."""

    def __init__(self):
        super().__init__([sys.executable, ROOT / "tests/site/fake_pse.py", "--tls", TLS])
        self.url = f"https://localhost:{self.first_line().split()[1]}"


def stopped(tally, name, process, patience):
    code, took = process.end(seconds=patience)
    limit = 2.5 if patience < 100 else 15
    tally.check(code == 0 and took < limit, f"{name}: stops on SIGTERM within {limit} s, code 0", f"code {code} after {took:.2f} s")


def twice(tally, shop, target, binary):
    """The same commit from a clone in another folder, with other folders for cargo."""
    clone, cargo = shop.folder / "elsewhere" / "clone", shop.folder / "cargo"
    tally.check(not run(["git", "-C", ROOT, "status", "--porcelain"], 60)[1].strip(), f"{target}: the checkout is a commit as it is")
    if not clone.exists():
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True, timeout=300)
        shutil.copytree(ROOT / "www/node_modules", clone / "www/node_modules", symlinks=True)
        cargo.mkdir()
        home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
        (cargo / "registry").symlink_to(home / "registry")
    how = {**os.environ, "CARGO_HOME": str(cargo), "CARGO_TARGET_DIR": str(shop.folder / "built"), "CARGO_NET_OFFLINE": "true"}
    how["WATTBOARD_PYTHON"] = str(ROOT / "target/dist-tools/venv/bin/python")
    began = time.monotonic()
    code, text = run([clone / "packaging/dist/dist.sh", target], 5400, env=how)
    if not tally.check(code == 0, f"{target}: builds elsewhere", text[-1500:]):
        return
    again = shop.folder / "built/dist" / binary.name
    sums = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (binary, again)]
    print(f"{target}: built again in {time.monotonic() - began:.0f} s: {sums[0][:16]}, {sums[1][:16]}")
    tally.check(sums[0] == sums[1], f"{target}: two builds are the same bytes", str(sums))


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        targets=("all", "which, by the beginnings of their names, with commas"),
        twice=(X86, "which are built once more: names, all or none"),
        build=("yes", "no: takes what lies in target/dist"),
    )
    targets, again = chosen(given.targets), chosen(given.twice)
    tally = Tally()
    if given.build == "yes":
        build(targets)
    version = re.search(r'(?m)^version = "(.*)"$', (ROOT / "Cargo.toml").read_text()).group(1)
    binaries = {name: ROOT / "target/dist" / f"wattboard-{version}-{name}" for name in targets}
    with Workshop(given.bin, given.keep) as shop:
        native = shop._add(Demo(shop, "native", [shop.binary], 30))
        for target, binary in binaries.items():
            name = target.split("-")[0]
            patience = 120 if TARGETS[target] else 40
            outside(tally, name, binary)
            ours = shop._add(Demo(shop, name, [*TARGETS[target], binary], patience))
            print(f"{name}: listens after {time.monotonic() - ours.began:.2f} s")
            same_program(tally, name, ours, native)
            stopped(tally, f"{name}: the demo", ours, patience)
            tally.check(not any((shop.folder / f"tmp-{name}").iterdir()), f"{name}: the demo leaves nothing behind")
            launcher = shop.folder / f"wattboard-{name}"
            words = " ".join(TARGETS[target])
            launcher.write_text(f'#!/bin/sh\nexec {words} "{binary}" "$@"\n')
            launcher.chmod(0o755)
            over_tls(tally, shop, name, launcher, shop.binary, patience)
        native.end()
        for target in again:
            twice(tally, shop, target, binaries.get(target) or ROOT / "target/dist" / f"wattboard-{version}-{target}")
    finish(tally)


if __name__ == "__main__":
    main()
