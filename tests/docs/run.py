#!/usr/bin/env python3
"""Runs every command and config fragment of README and docs as it is written, and checks links, keys, paths and warnings.

A fragment that is not recognised fails. What needs a program that is not here is named, and fails with --all.
"""

import argparse
import json
import re
import signal
import sys
import urllib.request
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import commands  # noqa: E402
import configs  # noqa: E402
import engines  # noqa: E402
from house import House  # noqa: E402
from markdown import ROOT, Document  # noqa: E402

RUN = ["README.md", "CONTRIBUTING.md", "SECURITY.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
LINKED = [*RUN, "ARCHITECTURE.md", "BENCHMARKS.md", "CHANGELOG.md", "tests/README.md"]
OUTSIDE = ("semver.org", "keepachangelog.com", "rustup.rs")
SECTIONS = r"(system|web_server|price_analysis|prosumer|battery_management|pse_peak_hours|electricity_tariff|data_storage|logging)"
FOLDERS = r"/(etc|var|usr|lib|run|proc|dev|home|tmp|opt|boot|sys|mnt|srv)\b"
OTHERS_PATHS = ("/api/config", "/api/v2/write")
SITE_KEYS = re.compile(rf"^{SECTIONS}:", re.M)
# Output that no command of ours writes: (document, how it begins, why).
TEXT_EXEMPT = []


class Tally:
    def __init__(self):
        self.passed, self.failed, self.kinds, self.needs = 0, [], Counter(), []

    def check(self, kind, what, work):
        """Counts what `work` does under a kind; an AssertionError or any other is a failure that is told."""
        self.kinds[kind] += 1
        try:
            answer = work()
            self.passed += 1
            return answer
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and the rest goes on
            self.failed.append(f"{kind}: {what}: {error}")
            print(f"FAIL {self.failed[-1]}", flush=True)
            return None

    def need(self, kind, fragment, programs):
        self.needs.append((kind, str(fragment), programs))


def kind_of(fragment):
    """What a fragment is, by its language and what stands in it."""
    language, text = fragment.language, fragment.text
    if language in ("sh", "json", "text", "nginx", "ini", "cron"):
        return language
    if language == "yaml":
        top = set(re.findall(r"^(\w+):", text, re.M))
        if top and all(re.match(rf"{SECTIONS}$", name) for name in top):
            return "config"
        if top & {"scrape_configs", "rule_files", "groups"}:
            return "prometheus"
        if "homeassistant" in top:
            return "home-assistant"
        if "tariffs" in top:
            return "evcc"
        if "users" in top:
            return "vmauth"
    raise AssertionError(f"{fragment}: a fragment that this test does not know: {language}: {text[:80]!r}")


def json_after(tally, fragment, wrote):
    def work():
        try:
            real = json.loads(wrote)
        except (TypeError, ValueError) as error:
            raise AssertionError(f"no command before it wrote JSON: {error}: {str(wrote)[:200]}") from None
        wrong = configs.shape(json.loads(fragment.text), real)
        assert not wrong, wrong

    tally.check("answer (json)", fragment, work)


def text_after(tally, fragment, wrote):
    def work():
        wanted = [re.escape(line).replace(r"\.\.\.", ".*") for line in fragment.text.splitlines()]
        real = (wrote or "").splitlines()
        for line in wanted:
            assert any(re.fullmatch(line, other) for other in real), f"no line is {line!r}: {real[:20]}"

    if any(fragment.file == file and fragment.text.startswith(begin) for file, begin, _ in TEXT_EXEMPT):
        tally.kinds["text, exempt"] += 1
    else:
        tally.check("output (text)", fragment, work)


# What makes a fragment one that changes a machine: it runs in a container of its own (`system`).
SIGN = re.compile(r"(?m)^(sudo|systemctl|journalctl|tar x)\b")


def run_on_a_machine(tally, fragments, house):
    """Fragments of packages and services, in the order of the documents."""
    import system  # noqa: PLC0415 - it takes what only proofs have

    why = system.why_not()
    if why:
        print(f"no container: {why}")
        tally.needs += [("machine", str(fragment), ["root", "debootstrap", "systemd-nspawn"]) for fragment in fragments]
        return
    with system.System(house) as machine:
        for fragment in fragments:
            tally.check("on a machine", fragment, lambda f=fragment: machine.run(f))


def run_fragments(tally, documents, house, runner):
    """Runs what can run here; the fragments that are for a machine of their own."""
    machine = []
    for document in documents:
        wrote = None
        for fragment in document.fragments:
            kind = tally.check("recognised", fragment, lambda f=fragment: kind_of(f))
            if kind == "sh" and SIGN.search(fragment.text):
                machine.append(fragment)
            elif kind == "sh":
                wrote = tally.check("shell", fragment, lambda f=fragment: runner.run(f))
            elif kind == "json":
                json_after(tally, fragment, wrote)
            elif kind == "text":
                text_after(tally, fragment, wrote)
            elif kind == "config":
                tally.check(kind, fragment, lambda f=fragment: configs.check_site(f, house))
            elif kind in OTHERS:
                programs, work = OTHERS[kind]
                lacking = configs.missing(*programs)
                if lacking:
                    tally.need(kind, fragment, lacking)
                else:
                    tally.check(kind, fragment, lambda f=fragment, w=work: w(f, house))
    return machine


OTHERS = {
    "nginx": (["nginx", "openssl"], configs.check_nginx),
    "prometheus": (["promtool"], configs.check_prometheus),
    "cron": ([], configs.check_cron),
    "ini": (["systemd-analyze"], configs.check_ini),
    "home-assistant": ([], configs.check_home_assistant),
    "evcc": ([], configs.check_evcc),
    "vmauth": (["vmauth", "victoria-metrics"], engines.check_vmauth),
}


def check_links(tally, document):
    folder = (ROOT / document.name).parent

    def work(target):
        if re.match(r"https?://", target):
            host = target.split("/")[2]
            assert host in OUTSIDE or re.match(r"(127\.0\.0\.1|localhost)", host), f"{target}: a place that nobody checked"
            return
        path, _, anchor = target.partition("#")
        file = (folder / path).resolve() if path else ROOT / document.name
        assert file.exists(), f"{target} is not there"
        if anchor:
            anchors = Document(str(file.relative_to(ROOT))).anchors()
            assert anchor in anchors, f"{target}: no such heading among {sorted(anchors)}"

    for line, target in document.links():
        tally.check("link", f"{document.name}:{line}", lambda t=target: work(t))


def check_spans(tally, document, usage, paths):
    keys = configs.documented_keys()
    words = set(re.findall(r"^  (\w+)\b", usage.split("flags of", 1)[0], re.M))
    flags = set(re.findall(r"--[a-z-]+", usage))

    def command(text):
        parts = text.split()[1:]
        if parts and not parts[0].startswith("-"):
            assert parts[0] in words, f"{text}: no such command among {sorted(words)}"
        wrong = [part for part in parts if part.startswith("--") and part not in flags]
        assert not wrong, f"{text}: no such flags: {wrong}"

    def key(text):
        path = re.match(r"[\w.]+", text).group(0).rstrip(".")
        assert configs.is_known(path, keys), f"{text}: not a key of docs/configure.md"

    def path(text):
        bare = re.split(r"[?{]", text)[0]
        known = bare in paths or any(re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(one)), bare) for one in paths)
        assert known, f"{text}: not a path of /openapi.json"

    for line, text in document.spans():
        place = f"{document.name}:{line}"
        if re.match(r"wattboard [a-z-]", text):
            tally.check("command in a sentence", place, lambda t=text: command(t))
        elif re.match(rf"{SECTIONS}\.[a-z_]", text):
            tally.check("key in a sentence", place, lambda t=text: key(t))
        elif re.match(r"/[a-z]", text) and not re.match(FOLDERS, text) and text not in OTHERS_PATHS:
            tally.check("path in a sentence", place, lambda t=text: path(t))


def warnings_of_the_code():
    """Pieces of texts that the program warns with or tells in /status, each with its file."""
    patterns = [r'log::(?:warn|error)!\(\s*"((?:[^"\\]|\\.)*)"']
    faults = r'Fault::\w+\((?:\s*(?:Kind::)?\w+,)?\s*(?:format!\(\s*)?"((?:[^"\\]|\\.)*)"'
    for file in sorted((ROOT / "src").rglob("*.rs")):
        place = file.relative_to(ROOT / "src")
        if "tests" in place.parts or place.name == "tests.rs" or place.parts[0] == "demo":
            continue
        text = file.read_text().split("#[cfg(test)]\nmod tests {")[0]
        for pattern in patterns + ([faults] if place.parts[0] in ("source", "refresh", "archive") else []):
            for literal in re.findall(pattern, text, re.S):
                literal = re.sub(r"\\\n\s*", "", literal)
                piece = max(re.split(r"\{[^}]*\}", literal), key=len).strip(" :;,()")
                if len(piece) >= 8:
                    yield place, piece


def check_warnings(tally):
    told = (ROOT / "docs" / "operate.md").read_text()

    def work(piece):
        assert piece in told, f"docs/operate.md does not explain {piece!r}"

    for place, piece in warnings_of_the_code():
        tally.check("warning explained", place, lambda p=piece: work(p))


def check_whole(tally, documents, house):
    """What holds of the documents together."""
    readme = (ROOT / "README.md").read_text()
    for document in documents:
        if document.name.startswith("docs/"):
            tally.check("linked from the README", document.name, lambda d=document: _assert(f"]({d.name}" in readme, "no link"))
        long = [number for number, line in document.prose if len(line) > 150 and not line.startswith(("|", "!["))]
        tally.check("lines", document.name, lambda wrong=long: _assert(not wrong, f"longer than 150: {wrong}"))
    measured = (ROOT / "BENCHMARKS.md").read_text()
    table = readme[readme.index("| requests/s, 16 connections |") :].split("\n\n")[0]
    for figure in re.findall(r"\d+,\d{3}", table):
        tally.check("figure of BENCHMARKS.md", "README.md", lambda f=figure: _assert(f in measured, f"{f} is not there"))
    with urllib.request.urlopen(f"{house.base}/openapi.json", timeout=10) as answer:
        description = json.load(answer)
    codes = set(description["components"]["schemas"]["Error"]["properties"]["code"].get("enum", []))
    told = (ROOT / "docs" / "api.md").read_text()
    for code in sorted(codes):
        tally.check("code explained", "docs/api.md", lambda c=code: _assert(f"`{c}`" in told, f"{c} is missing"))
    for path in sorted(description["paths"]):
        bare = path.split("{")[0]
        tally.check("path listed", "docs/api.md", lambda p=bare: _assert(f"`{p}" in told, f"{p} is missing"))
    return set(description["paths"])


def _assert(holds, text):
    assert holds, text


def check_exemptions(tally, runner, whole):
    """Tells what was left out and why; an exemption that nothing needs any more is a failure."""
    print(f"left out, each with its reason ({len(runner.left)}):")
    for line, why, where in runner.left:
        print(f"  {line}\n      {why} ({where})")
    lines = [line.split(": ", 1)[1] for line, _, _ in runner.left]
    for pattern, _, _ in commands.EXEMPT if whole else ():
        tally.check("exemption needed", pattern, lambda p=pattern: _assert(any(re.match(p, line) for line in lines), "nothing"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="target/debug/wattboard")
    parser.add_argument("--all", action="store_true", help="fail where a program is missing that a fragment needs")
    parser.add_argument("--only", default="", help="only documents with this in their name")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the house is cleared up when this is ended
    tally = Tally()
    existing = [name for name in RUN if (ROOT / name).exists()]
    documents = [Document(name) for name in existing if given.only in name]
    with House(given.bin) as house:
        runner = commands.Commands(house)
        usage = house.run("wattboard --help")[1]
        paths = check_whole(tally, documents, house) | {"/energy", "/history", "/system"}
        for name in LINKED:
            if (ROOT / name).exists() and given.only in name:
                check_links(tally, Document(name))
        for document in documents:
            check_spans(tally, document, usage, paths)
        check_warnings(tally)
        machine = run_fragments(tally, documents, house, runner)
        if machine and given.all:
            run_on_a_machine(tally, machine, house)
        elif machine:
            print(f"for a machine of their own, run by 08_6_docs.py: {', '.join(map(str, machine))}")
    check_exemptions(tally, runner, whole=not given.only)
    for line, programs in runner.lacking:
        tally.need("shell", line, programs)
    print(f"commands that ran: {len(runner.ran)}; left out: {len(runner.left)}")
    for kind, count in sorted(tally.kinds.items()):
        print(f"  {count:4} {kind}")
    for kind, fragment, programs in tally.needs:
        print(f"not run, {', '.join(programs)} missing: {kind} {fragment}")
        if given.all:
            tally.failed.append(f"{fragment} needs {programs}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
