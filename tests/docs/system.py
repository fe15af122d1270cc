"""Fragments that change a machine (packages, services) run on one of their own: a clean Debian under its systemd, in a container."""

import re
import shutil
import socket
import subprocess
import sys

from markdown import ROOT

sys.path.insert(0, str(ROOT / "tests" / "prove"))
import container  # noqa: E402

TARGET = "x86_64-unknown-linux-musl"
HOME = "/home/pi"


class System:
    """The container with the user `pi`, whose home has a site, a package and a tarball; `sudo` is there, `make` is not."""

    def __init__(self, house):
        self.house, self.folder = house, house.folder / "system"
        self.box = container.Container(self.folder)

    def __enter__(self):
        self.box.__enter__()
        try:
            self._furnish()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.box.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _furnish(self):
        home = self.box.root / HOME.strip("/")
        self.box.run("useradd -m -s /bin/bash pi && printf '#!/bin/sh\\nexec \"$@\"\\n' >/usr/local/bin/sudo && chmod 755 /usr/local/bin/sudo")
        shutil.copytree(self.house.home / "goodwe", home / "goodwe")
        config = home / "goodwe" / "config" / "master_coordinator_config.yaml"
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        config.write_text(re.sub(r"(?m)^  port: \d+", f"  port: {port}", config.read_text()))
        for script, out in (("deb.sh", "wattboard_test_amd64.deb"), ("tarball.sh", "wattboard-test.tar.gz")):
            words = [self.house.binary, TARGET] if script == "deb.sh" else [self.house.binary]
            subprocess.run([ROOT / "packaging" / script, *words, home / out], check=True, capture_output=True)
        self.box.run(f"chown -R pi:pi {HOME}")

    def run(self, fragment):
        """Runs a fragment as `pi` would write it in his home."""
        script = f"set -e; cd {HOME}; export HOME={HOME} USER=pi PATH=/usr/local/bin:$PATH\n{fragment.text}"
        done = self.box.run(f"bash -c {quoted(script)}", check=False, timeout=300)
        assert done.returncode == 0, f"{fragment}: {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
        return done.stdout


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def why_not():
    """Why there can be no such machine here; None where there can."""
    return container.why_not()
