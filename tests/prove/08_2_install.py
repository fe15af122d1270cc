#!/usr/bin/env python3
"""The package on a clean Debian under its own systemd: installed, two lines edited, running, upgraded, downgraded, purged.

A container has nothing but a minimal Debian. The site lies in the home of a user that nobody else may enter; what an
earlier Wattboard had remembered in it is there as well. Also the plain tarball's install.sh, and the same package twice.
Without root, or where systemd cannot be started in a container, the unit is looked at by systemd-analyze alone, and that
is said.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import container
from holding import Held
from lib import FAST, Tally, Workshop, arguments, finish, make_site, wait_for

ROOT = container.ROOT
TARGET = "x86_64-unknown-linux-musl"
UNIT = ROOT / "packaging" / "systemd" / "wattboard.service"
SITE = "home/pi/goodwe"
MOST_EXPOSED = 2.0


def packages(tally, shop, binary):
    """The package, the same again, and one of a later version."""
    made = {}
    for name, version in (("one", None), ("again", None), ("later", "9.9.9")):
        out = shop.folder / f"wattboard_{name}.deb"
        env = {**os.environ, "DEB_VERSION": version or ""}
        done = subprocess.run(
            [ROOT / "packaging" / "deb.sh", binary, TARGET, out], env=env, capture_output=True, text=True, check=False
        )
        if not tally.check(done.returncode == 0, f"packaging/deb.sh makes a package ({name})", done.stderr[-500:]):
            return None
        made[name] = out
    digests = [hashlib.sha256(made[name].read_bytes()).hexdigest() for name in ("one", "again")]
    tally.check(digests[0] == digests[1], f"the same package twice has the same bytes: {digests[0][:16]}")
    return made


def analyzed(tally):
    """What systemd-analyze says of the unit by itself."""
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", UNIT], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "is not executable: No such file" not in line]
    tally.check(not said, "systemd-analyze verify has no complaint", "; ".join(said))


def exposure(text):
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    return float(found.group(1)) if found else 99.0


def tree(root):
    """Paths, kinds, modes, owners and contents below a folder."""
    found = {}
    for path in sorted(root.rglob("*")):
        meta = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(root))] = (meta.st_mode, meta.st_uid, digest)
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def get(port, path):
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def remembered(path):
    """How many prices a price memory holds."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        count = connection.execute("SELECT count(*) FROM price_slots").fetchone()[0]
    connection.close()
    return count


def live_in_place(shop, site):
    """What an earlier Wattboard, run in the site, leaves there: a price memory."""
    api = shop.price_api()
    config = site / "config" / "master_coordinator_config.yaml"
    before = config.read_text()
    server = None
    try:
        text = re.sub(r"https://api\.raporty\.pse\.pl|http://127\.0\.0\.1:\d+", api.url, before)
        config.write_text(text)
        server = shop.serve(site)
        own = site / "data" / "wattboard.db"
        wait_for(lambda: own.exists() and remembered(own) > 0, 30)
    finally:
        if server:
            server.end()
        api.end()
        config.write_text(before)
    return remembered(own)


class Service:
    """The unit in the container."""

    def __init__(self, box, port):
        self.box, self.port = box, port

    def show(self, name):
        return self.box.run(f"systemctl show -p {name} --value wattboard").stdout.strip()

    def is_up(self, seconds=30):
        """Active, and healthy by its own word."""
        return bool(wait_for(lambda: self.show("ActiveState") == "active" and get(self.port, "/health")[0] == 200, seconds))

    def status(self):
        return self.box.run("systemctl status --no-pager -n 30 wattboard", check=False).stdout


def prepared_site(shop, box, port):
    """A user, a site in its home that only it may enter, the coordinator's process and its journal; the memory's size."""
    box.run("useradd -m -s /bin/bash pi && chmod 700 /home/pi")
    site = box.root / SITE
    make_site(site, days=3, intervals=FAST, pse_url="http://127.0.0.1:9")
    config = site / "config" / "master_coordinator_config.yaml"
    text = config.read_text()
    text = re.sub(r"(?m)^(\s+)port:.*$", rf"\g<1>port: {port}", text, count=1)
    if f"port: {port}" not in text:
        text = text.replace("web_server:\n", f"web_server:\n  port: {port}\n", 1)
    config.write_text(text)
    kept = live_in_place(shop, site)
    box.run("chown -R pi:pi /home/pi")
    box.run(
        "systemd-run --quiet --unit=goodwe-master-coordinator --uid=pi /bin/sh -c "
        "'echo a line of the journal; while :; do sleep 1000; done' master_coordinator.py"
    )
    return site, kept


def installed(tally, box, debs, service):
    """The package before its two lines are edited."""
    box.run("cp /var/lib/dpkg/status /root/before; rm /root/before")
    for name, deb in debs.items():
        shutil.copy(deb, box.root / "root" / f"{name}.deb")
    done = box.run("apt-get install -y --no-install-recommends /root/one.deb", check=False, timeout=300)
    tally.check(done.returncode == 0, "apt install ./wattboard_*.deb", done.stdout[-500:] + done.stderr[-500:])
    tally.check("two lines are to be edited" in done.stdout, "it says which two lines are to be edited")
    time.sleep(2)
    state, restarts = service.show("ActiveState"), service.show("NRestarts")
    tally.check((state, restarts) == ("inactive", "0"), f"before that it is not started, nor failing: {state}, {restarts} restarts")
    tally.check("set WATTBOARD_CONFIG in /etc/wattboard/wattboard.env" in service.status(), "its status says what is missing")
    box.run(f"sed -i 's|^WATTBOARD_CONFIG=.*|WATTBOARD_CONFIG=/{SITE}/config/master_coordinator_config.yaml|' /etc/wattboard/wattboard.env")
    box.run("systemctl restart wattboard", check=False)
    tally.check(
        service.show("ActiveState") == "inactive" and "set User= in" in service.status(), "with one line alone it is not run as root"
    )
    box.run("sed -i 's|^User=.*|User=pi|' /etc/systemd/system/wattboard.service.d/user.conf && systemctl daemon-reload")
    done = box.run("systemctl restart wattboard", check=False)
    tally.check(done.returncode == 0 and service.is_up(), "two lines edited: it runs", done.stderr + service.status()[-1500:])


def running(tally, box, service, kept, before):
    """What it does under the unit's limits."""
    pid = service.show("MainPID")
    tally.check(service.show("User") == "pi" and service.show("Type") == "notify", f"as the site's owner, told ready by sd_notify: {service.show('StatusText')}")
    tally.check("serving /" + SITE in service.show("StatusText"), "its status says what it serves")
    done = box.run("runuser -u pi -- wattboard healthcheck --config /" + SITE + "/config/master_coordinator_config.yaml", check=False)
    tally.check(done.returncode == 0, f"wattboard healthcheck: {done.stdout.strip()}", done.stderr)
    status = json.loads(get(service.port, "/status")[1])
    tally.check(status.get("coordinator_running") is True, f"it sees the coordinator's process: {status.get('coordinator_pid')}")
    seen = wait_for(lambda: "a line of the journal" in get(service.port, "/logs?file=journal&lines=50")[1] or "a line of the journal" in get(service.port, "/logs?file=systemd&lines=50")[1], 15)
    tally.check(bool(seen), "it reads the coordinator's journal", get(service.port, "/logs?file=journal&lines=50")[1][:300])
    tally.check(get(service.port, "/current-state")[0] == 200, "it serves the house")
    state = box.root / "var/lib/wattboard"
    own = wait_for(lambda: (state / "wattboard.db").exists() and remembered(state / "wattboard.db"), 20)
    tally.check(own and own >= kept > 0, f"what was remembered in the site is taken over: {kept} prices, {own} in the state directory")
    tally.check(tree(box.root / SITE) == before, "nothing in the site is touched")
    limits = {name: service.show(name) for name in ("NoNewPrivileges", "ProtectSystem", "MemoryMax", "TasksMax", "WatchdogUSec")}
    tally.check(limits["NoNewPrivileges"] == "yes" and limits["ProtectSystem"] == "strict", f"limits: {limits}")
    procs = Path(f"/proc/{box.outside(pid)}/status").read_text()
    tally.check("Seccomp:\t2" in procs and "CapEff:\t0000000000000000" in procs, "its system calls are filtered, and it has no capability")
    score = exposure(box.run("systemd-analyze security --no-pager wattboard", check=False).stdout)
    tally.check(score <= MOST_EXPOSED, f"systemd-analyze security: {score} (at most {MOST_EXPOSED})")
    done = box.run("systemd-analyze verify --man=no /usr/lib/systemd/system/wattboard.service", check=False)
    said = [line for line in done.stderr.splitlines() if "wattboard" in line]
    tally.check(done.returncode == 0 and not said, "systemd-analyze verify has no complaint there", done.stderr[-500:])


def beside_a_writer(tally, shop, service, site):
    """The coordinator writes to its database, whose write-ahead log and index the unit may only read."""
    writer = shop.writer(site)
    fresh = wait_for(lambda: (json.loads(get(service.port, "/health")[1])["live"]["age_s"] or 99) < 5, 40)
    wal = (site / "data" / "goodwe_energy.db-wal").exists()
    storage = json.loads(get(service.port, "/status")[1]).get("storage")
    writer.finish()
    tally.check(bool(fresh) and wal, f"while the coordinator writes, new readings are seen: {storage}")


def watched(tally, box, service):
    """One thread held by ptrace: the watchdog restarts the service."""
    folder = "/run/systemd/system/wattboard.service.d"
    box.run(f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=6\\n' > {folder}/hurry.conf && systemctl daemon-reload && systemctl restart wattboard")
    tally.check(service.is_up(), "it runs with a watchdog of 6 s")
    time.sleep(15)
    tally.check(service.show("NRestarts") == "0", "and goes on running: 15 s without a restart")
    pid = box.outside(service.show("MainPID"))
    tid = next(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir() if (task / "comm").read_text().strip() == "prices")
    began = time.monotonic()
    with Held(tid) as held:
        ended = wait_for(held.is_gone, 40)
        took = time.monotonic() - began
    said = box.run("journalctl -u wattboard --no-pager -n 40").stdout
    why = "Watchdog timeout (limit 6s)!" in said and "does not answer: prices" in said
    tally.check(bool(ended) and why, f"the thread prices held by ptrace: the watchdog ends the service after {took:.0f} s", said)
    tally.check(bool(wait_for(lambda: service.show("NRestarts") == "1", 20)), "systemd starts it again")
    tally.check(service.is_up(40), "and it runs again")
    box.run(f"rm -r {folder} && systemctl daemon-reload && systemctl restart wattboard")


def changed(tally, box, service):
    """Upgrade and downgrade keep what is remembered and what was edited."""
    state = box.root / "var/lib/wattboard/wattboard.db"
    before = remembered(state)
    for name, words in (("later", "an upgrade"), ("one", "a downgrade")):
        old = service.show("MainPID")
        done = box.run(f"apt-get install -y --allow-downgrades --no-install-recommends /root/{name}.deb", check=False, timeout=300)
        up = done.returncode == 0 and service.is_up()
        version = box.run("dpkg-query -W -f '${Version}' wattboard").stdout
        tally.check(up and service.show("MainPID") != old, f"{words} to {version}: the new program runs", done.stderr[-500:])
        tally.check(remembered(state) >= before, f"{words}: {remembered(state)} prices are remembered, {before} before")
    tally.check("User=pi" in (box.root / "etc/systemd/system/wattboard.service.d/user.conf").read_text(), "the edited lines are as they were")


def purged(tally, box, before):
    box.run("apt-get remove -y wattboard", timeout=300)
    tally.check((box.root / "var/lib/wattboard/wattboard.db").exists(), "after a removal what was remembered is there")
    box.run("apt-get purge -y wattboard", timeout=300)
    left = sorted(path for path in box.files() - before if not path.startswith("root/"))
    tally.check(not left, f"purged: no file is left ({len(before)} before)", ", ".join(left[:10]))
    done = box.run("systemctl daemon-reload; systemctl list-units --all --no-legend 'wattboard*'; systemctl list-unit-files --no-legend 'wattboard*' || true")
    tally.check(not done.stdout.strip(), "and no unit", done.stdout)


def by_hand(tally, shop, box, binary, service):
    """The tarball's install.sh."""
    tarball = box.root / "root" / "wattboard-test.tar.gz"
    subprocess.run([ROOT / "packaging" / "tarball.sh", binary, tarball], check=True)
    again = shop.folder / "wattboard-test.tar.gz"
    subprocess.run([ROOT / "packaging" / "tarball.sh", binary, again], check=True)
    tally.check(tarball.read_bytes() == again.read_bytes(), "the same tarball twice has the same bytes")
    before = box.files()
    box.run("cd /root && tar xf wattboard-test.tar.gz && ./wattboard-test/install.sh && ./wattboard-test/install.sh")
    box.run(f"sed -i 's|^WATTBOARD_CONFIG=.*|WATTBOARD_CONFIG=/{SITE}/config/master_coordinator_config.yaml|' /etc/wattboard/wattboard.env")
    box.run("sed -i 's|^User=.*|User=pi|' /etc/systemd/system/wattboard.service.d/user.conf && systemctl daemon-reload && systemctl restart wattboard")
    tally.check(service.is_up(), "install.sh, run twice, and two lines edited: it runs", service.status()[-1500:])
    box.run("/root/wattboard-test/install.sh")
    edited = (box.root / "etc/systemd/system/wattboard.service.d/user.conf").read_text()
    tally.check("User=pi" in edited and service.is_up(), "install.sh over a running one keeps the edited lines")
    box.run("/root/wattboard-test/install.sh --uninstall")
    tally.check((box.root / "etc/wattboard/wattboard.env").exists() and not (box.root / "usr/local/bin/wattboard").exists(), "--uninstall leaves what was edited")
    # As a package that was removed and not purged leaves it.
    box.run("touch /var/lib/dpkg/info/wattboard.list")
    for flags in ("", "--purge"):
        done = box.run(f"/root/wattboard-test/install.sh {flags}", check=False)
        kept = (box.root / "etc/wattboard/wattboard.env").exists()
        tally.check(done.returncode == 1 and "apt purge" in done.stderr and kept, f"install.sh {flags} beside a package is refused", done.stderr)
    box.run("rm /var/lib/dpkg/info/wattboard.list")
    done = box.run("/root/wattboard-test/install.sh --prefix '/opt/a b'", check=False)
    tally.check(done.returncode == 2, "a --prefix with a space is refused", done.stderr)
    box.run("/root/wattboard-test/install.sh --purge")
    left = sorted(path for path in box.files() - before if not path.startswith("root/"))
    tally.check(not left, "--purge leaves nothing", ", ".join(left[:10]))


def main():
    given = arguments(__doc__, package_bin=(None, "the binary to package [default: the one of make dist, else --bin]"))
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        static = sorted((ROOT / "target" / "dist").glob(f"wattboard-*-{TARGET}"))
        binary = Path(given.package_bin or (static[-1] if static else given.bin)).resolve()
        analyzed(tally)
        debs = packages(tally, shop, binary)
        reason = container.why_not()
        if reason or not debs:
            print(f"no container, {reason}: the unit was only looked at")
            tally.check(debs is not None and os.geteuid() != 0, f"without root the package is made and its unit verified, not more ({reason})", reason or "")
            finish(tally)
        with container.Container(shop.folder / "debian") as box:
            port = free_port()
            service = Service(box, port)
            site, kept = prepared_site(shop, box, port)
            before, files = tree(site), box.files()
            installed(tally, box, debs, service)
            running(tally, box, service, kept, before)
            beside_a_writer(tally, shop, service, site)
            before = tree(site)
            watched(tally, box, service)
            changed(tally, box, service)
            purged(tally, box, files)
            tally.check(tree(site) == before, "the site is as it was before")
            by_hand(tally, shop, box, binary, service)
    finish(tally)


if __name__ == "__main__":
    main()
