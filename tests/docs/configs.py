"""Fragments that are no commands: parts of configs are read by the program whose they are."""

import json
import re
import shutil
import subprocess
import urllib.request
from datetime import datetime

from markdown import ROOT

KEY = re.compile(r"^\| `([^`]+)` \|", re.M)
ENTRY = "electricity_tariff.distribution_pricing.NAME."


def documented_keys():
    """Keys of docs/configure.md, which a test of the server compares with the code."""
    text = (ROOT / "docs" / "configure.md").read_text()
    keys = {key.replace("NAME.", ENTRY, 1) if key.startswith("NAME.") else key for key in KEY.findall(text)}
    return keys | {"web_server.enabled"}


def pairs(text):
    """(path, whether something is below it) of a fragment's keys: nested by indentation, as the documents write them."""
    found, stack = [], []
    for line in text.splitlines():
        bare = re.sub(r"\s+#.*$", "", line)
        match = re.match(r"^( *)([\w.-]+):(.*)$", bare)
        if not match:
            assert re.match(r"^ *- |^ *#|^ *$", line), f"not understood: {line}"
            continue
        indent = len(match.group(1))
        while stack and stack[-1][0] >= indent:
            stack.pop()
        stack.append((indent, match.group(2)))
        found.append((".".join(key for _, key in stack), match.group(3).strip() == ""))
    return found


def general(path):
    """A key as the document calls it."""
    return re.sub(r"^(electricity_tariff\.distribution_pricing\.)\w+", r"\1NAME", path)


def is_known(path, keys):
    path = general(path)
    below = path + "."
    inner = re.match(rf"({re.escape(ENTRY)}\w+)\.", path)
    return path in keys or any(key.startswith(below) for key in keys) or bool(inner and inner.group(1) in keys)


def laid_over(config, fragment):
    """The config with the fragment's sections in place of or within its own. Sections that both have are merged."""
    def split(text):
        sections, name = {}, None
        for line in text.splitlines():
            if re.match(r"^[\w]+:", line):
                name = line.split(":")[0]
                sections[name] = []
            elif name and line.strip() and not line.strip().startswith("#"):
                sections[name].append(line)
        return sections

    base, top = split(config), split(fragment)
    for name, lines in top.items():
        own = {line.split(":")[0] for line in lines if re.match(r"^  [\w-]+:", line)}
        kept, skipping = [], False
        for line in base.get(name, []):
            if re.match(r"^  [\w-]+:", line):
                skipping = line.split(":")[0] in own
            if not skipping:
                kept.append(line)
        # An entry of a fragment stands beside the config's own ones.
        base[name] = kept + lines
    return "".join(f"{name}:\n" + "".join(f"{line}\n" for line in lines) for name, lines in base.items())


def check_site(fragment, house):
    """A part of the coordinator's config: every key is known, `wattboard check` and the server take it without a warning."""
    keys = documented_keys()
    unknown = [path for path, _ in pairs(fragment.text) if not is_known(path, keys)]
    assert not unknown, f"{fragment}: keys that are not in docs/configure.md: {unknown}"
    token = house.home / "goodwe" / "config" / "wattboard.token"
    if not token.exists():
        token.write_text("a-token-of-the-documents-test\n")
        token.chmod(0o600)
    whole = house.config.read_text()
    try:
        changed = laid_over(whole, fragment.text)
        house.config.write_text(changed)
        code, out, errors = house.run(f"wattboard check --config {house.config}", 60)
        assert code == 0, f"{fragment}: {out}{errors}"
        complaints = [line for line in out.splitlines() if re.match(r"(warn|fail) +(config|token) ", line)]
        assert not complaints, f"{fragment}: {complaints}"
        process, base, _ = house.start([str(house.binary), "serve", "--config", str(house.config), "--port", "0"])
        with urllib.request.urlopen(f"{base}/health", timeout=10) as answer:
            assert json.load(answer)["status"] == "healthy"
        assert house.stop(process) == 0, fragment
    finally:
        house.config.write_text(whole)


def check_nginx(fragment, house):
    """`nginx -t` takes it within a whole config; names of others are those of this machine."""
    folder = house.folder / "nginx"
    folder.mkdir(exist_ok=True)
    if not (folder / "key.pem").exists():
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=house.example"]
        subprocess.run([*command, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    text = fragment.text
    if "ssl" in text and "ssl_certificate " not in text:
        text = text.replace("server {", f"server {{ ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;", 1)
    config = folder / "nginx.conf"
    config.write_text(f"pid {folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off;\n{text}\n}}\n")
    done = subprocess.run(["nginx", "-t", "-p", folder, "-c", config], capture_output=True, text=True)
    assert done.returncode == 0, f"{fragment}: {done.stderr}"


def check_prometheus(fragment, house):
    """promtool takes it: a config, or rules."""
    folder = house.folder / "prometheus"
    folder.mkdir(exist_ok=True)
    shutil.copy(ROOT / "config" / "prometheus" / "alerts.yml", folder)
    (folder / "wattboard.token").write_text("a-token-of-the-documents-test\n")
    file, text = folder / "prometheus.yml", fragment.text
    file.write_text(text)
    kind = "rules" if text.startswith("groups:") else "config"
    done = subprocess.run(["promtool", "check", kind, file], capture_output=True, text=True)
    assert done.returncode == 0, f"{fragment}: {done.stdout}{done.stderr}"


def check_ini(fragment, house):
    """Lines of the environment's file or of a drop-in: the packaged files have the key, and systemd takes the unit with it."""
    packaging = ROOT / "packaging"
    unit = (packaging / "systemd" / "wattboard.service").read_text()
    have = unit + (packaging / "wattboard.env").read_text() + (packaging / "user.conf").read_text()
    for key in re.findall(r"(?m)^(\w+)=", fragment.text):
        assert re.search(rf"(?m)^#?{key}=", have), f"{fragment}: {key} is in no packaged file"
    if fragment.text.startswith("["):
        folder = house.folder / "unit"
        drop_in = folder / "wattboard.service.d"
        drop_in.mkdir(parents=True, exist_ok=True)
        program = str(house.folder / "bin" / "wattboard")
        (folder / "wattboard.service").write_text(unit.replace("/usr/bin/wattboard", program))
        (drop_in / "own.conf").write_text(fragment.text.replace("/usr/bin/wattboard", program))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", folder / "wattboard.service"], capture_output=True, text=True
        )
        assert done.returncode == 0 and not done.stderr.strip(), f"{fragment}: {done.stderr}"


def check_cron(fragment, house):
    """Five fields of a time, and a command that ends well here."""
    for line in fragment.text.splitlines():
        when = re.match(r"((?:[\d*/,-]+ ){5})(.+)$", line)
        assert when, f"{fragment}: not a line of a crontab: {line}"
        port = house.base.rsplit(":", 1)[1]
        command = when.group(2).replace("127.0.0.1:8080", f"127.0.0.1:{port}").replace("/usr/local/bin/", "config/shell/")
        code, out, errors = house.run(f"plug() {{ :; }}; export -f plug; {command}")
        assert code == 0 and not errors, f"{fragment}: {code} {out}{errors}"


def check_home_assistant(fragment, house):
    """What is told to be written stands in the package's own comment, which a proof loads into a Home Assistant."""
    package = (ROOT / "config" / "home-assistant" / "wattboard.yaml").read_text()
    lines = {line.lstrip("# ").rstrip() for line in package.splitlines() if line.startswith("#")}
    assert all(line.strip() in lines for line in fragment.text.splitlines()), f"{fragment}: not what the package says"


def check_evcc(fragment, house):
    """evcc's `api.Rates`: what each `uri` answers is a list of start, end and value, in order."""
    addresses = re.findall(r"uri: (\S+)", fragment.text)
    assert addresses, fragment
    for address in addresses:
        assert re.search(r"source: http\n", fragment.text), fragment
        code, out, errors = house.run(f"curl -fsS '{address}'")
        rates = json.loads(out) if code == 0 else []
        assert rates and all(set(rate) == {"start", "end", "value"} for rate in rates), f"{fragment}: {address}: {errors}"
        times = [(datetime.fromisoformat(rate["start"]), datetime.fromisoformat(rate["end"])) for rate in rates]
        assert all(start < end for start, end in times) and times == sorted(times), fragment


def missing(*programs):
    return [program for program in programs if not shutil.which(program)]


def shape(wanted, real, place=""):
    """What a shortened answer of a document says that the real one does not: keys and types, of lists the first entry's."""
    if isinstance(wanted, dict):
        if not isinstance(real, dict):
            return [f"{place} is {type(real).__name__}"]
        # Reasons come and go with what is not known.
        if place.endswith("/unknown"):
            return []
        lacking = [f"{place}/{key} is not there" for key in wanted if key not in real]
        return lacking + [text for key in wanted if key in real for text in shape(wanted[key], real[key], f"{place}/{key}")]
    if isinstance(wanted, list):
        if not isinstance(real, list) or (wanted and not real):
            return [f"{place} is no list, or an empty one"]
        return shape(wanted[0], real[0], f"{place}/0") if wanted else []
    if wanted is None or real is None:
        return []
    number = (int, float)
    same = isinstance(wanted, bool) == isinstance(real, bool) and (
        isinstance(real, number) if isinstance(wanted, number) else type(wanted) is type(real)
    )
    return [] if same else [f"{place} is {real!r}, not such as {wanted!r}"]
