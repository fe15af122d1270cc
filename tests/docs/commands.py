"""Shell fragments: what is run as it is, what is run until it listens, and what is left out, each with its reason."""

import re
import shutil
import subprocess

import engines
from markdown import ROOT

# (pattern, why it is not run here, where it is): nothing else may be left out.
EXEMPT = [
    (r"make [a-z-]+\b", "builds or tests for minutes; here: the target exists", "make"),
    (r"cargo test\b", "tests for minutes", "make test"),
    (r"python3 -m unittest discover -s tests/site", "tests of their own", "make test"),
    (r"tests/docs/run\.py", "this very test", "here"),
]
# What not every machine has: named, and failed with --all, where it is missing.
PROGRAMS = ("promtool", "jq", "nginx", "victoria-metrics", "vmagent", "vmalert")
SERVERS = re.compile(r"^(\S*/)?wattboard( (serve|demo)\b.*)?$")
ENDLESS = re.compile(r"^(curl .*(-N|--no-buffer)\b|(\S*/)?wattboard prices backfill)")


def lines_of(text):
    """Logical lines: continued ones joined, here-documents with what they hold, comments and empty ones left out."""
    found, lines = [], iter(text.splitlines())
    for line in lines:
        while line.endswith("\\"):
            line = line[:-1].rstrip() + " " + next(lines).strip()
        here = re.search(r"<<-?'?(\w+)'?", line)
        if here:
            for more in lines:
                line += "\n" + more
                if more.strip() == here.group(1):
                    break
        opened = re.match(r"(for|while|if) ", line)
        if opened and not re.search(r"\b(done|fi)\b", line):
            for more in lines:
                line += "\n" + more
                if re.match(r"(done|fi)\b", more):
                    break
        bare = re.sub(r"(^|\s)#.*$", "", line) if "\n" not in line else line
        if bare.strip():
            found.append(bare.rstrip())
    return found


def takes(line):
    """The words of a command; our scripts take jq."""
    return [*re.findall(r"[\w-]+", line), *(["jq"] if "config/shell/" in line else []), *engines.needed(line)]


def exemption(line):
    return next((entry for entry in EXEMPT if re.match(entry[0], line)), None)


class Commands:
    """Runs fragments one after the other; `ran` and `left` count."""

    def __init__(self, house):
        self.house, self.ran, self.left, self.lacking = house, [], [], []

    def run(self, fragment):
        """Runs a fragment; what it wrote to standard output."""
        wrote, script = "", []
        for line in lines_of(fragment.text):
            left = exemption(line)
            if left:
                self._look(line, fragment)
                self.left.append((f"{fragment}: {line}", left[1], left[2]))
            elif programs := [name for name in PROGRAMS if name in takes(line) and not shutil.which(name)]:
                self.lacking.append((f"{fragment}: {line}", programs))
            elif SERVERS.match(line):
                wrote += self._until_it_listens(line, fragment)
            elif engines.COMMAND.match(line):
                code = engines.run(line, self.house)
                assert code == 0, f"{fragment}: {line}: stopped with {code}"
                self.ran.append(f"{fragment}: {line}")
            elif ENDLESS.match(line):
                wrote += self._for_a_while(line, fragment)
            else:
                script.append(line)
        if script:
            if any(map(engines.needed, script)):
                engines.talked_to(self.house)
            code, out, errors = self.house.run("\n".join(script))
            assert code == 0, f"{fragment}: exit code {code}: {out[-500:]}{errors[-1500:]}"
            self.ran += [f"{fragment}: {line}" for line in script]
            wrote += out
        return wrote

    def _look(self, line, fragment):
        """Of what is not run: that it could be."""
        make = re.match(r"make ([a-z-]+)", line)
        if make:
            done = subprocess.run(["make", "-n", *make.group(1).split()], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, f"{fragment}: {line}: {done.stderr}"

    def _until_it_listens(self, line, fragment):
        process, _, _ = self.house.start(["bash", "-c", f"exec {line}"], cwd=self.house.checkout)
        code = self.house.stop(process)
        assert code == 0, f"{fragment}: {line}: stopped with {code}"
        self.ran.append(f"{fragment}: {line}")
        return ""

    def _for_a_while(self, line, fragment):
        code, out, errors = self.house.run(f"timeout 4 {line} || test $? = 124 -o $? = 130")
        assert code == 0 and (out or errors), f"{fragment}: {line}: {code} {out[-300:]}{errors[-300:]}"
        self.ran.append(f"{fragment}: {line}")
        return out
