"""What fragments run in: a home with a site in `~/goodwe`, `wattboard` on the PATH, a checkout, and a server on any port that
`curl` finds under the addresses that the documents name."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from engines import PORT, free_port
from markdown import ROOT

# The documents' ports may be in use here: a server under test takes any free one.
WRAPPER = """#!/bin/bash
case "${{1:-serve}}" in serve | demo) ;; *) exec '{binary}' "$@" ;; esac
words=(--port 0)
while [ $# -gt 0 ]; do
    case "$1" in --port) shift 2 ;; *) words+=("$1"); shift ;; esac
done
exec '{binary}' "${{words[@]}}"
"""


# Where it can be had: processes of their own, so that a coordinator of this machine is not taken for the site's.
ALONE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]


class House:
    """Made on entering, gone on leaving, with every process that was started here."""

    def __init__(self, binary):
        self.binary = Path(binary).resolve()
        self.folder = Path(tempfile.mkdtemp(prefix="wattboard-docs-"))
        self.home, self.checkout = self.folder / "home", self.folder / "checkout"
        self.processes = []

    def __enter__(self):
        try:
            return self._made()
        except BaseException:
            self.__exit__()
            raise

    def _made(self):
        programs = self.folder / "bin"
        for folder in (programs, self.home, self.checkout / "target" / "release"):
            folder.mkdir(parents=True)
        for place in (programs / "wattboard", self.checkout / "target" / "release" / "wattboard"):
            place.write_text(WRAPPER.format(binary=self.binary))
            place.chmod(0o755)
        for name in os.listdir(ROOT):
            if name not in ("target", ".git"):
                (self.checkout / name).symlink_to(ROOT / name)
        kept = {key: value for key, value in os.environ.items() if key not in ("WATTBOARD_CONFIG", "STATE_DIRECTORY")}
        self.environment = {**kept, "HOME": str(self.home), "PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        self.environment |= {"XDG_RUNTIME_DIR": str(self.folder), "INFLUXDB_TOKEN": "a-token-of-the-documents-test"}
        tried = shutil.which("unshare") and subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0
        self.alone = ALONE if tried else []
        self._demo()
        port = self.base.rsplit(":", 1)[1]
        self._site(port)
        self.series_port = free_port()
        engine = f'connect-to = ":{PORT}:127.0.0.1:{self.series_port}"'
        (self.home / ".curlrc").write_text(f'{engine}\nconnect-to = "::127.0.0.1:{port}"\n')
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, command, seconds=30, **how):
        """Starts a server and waits for its address; answers (process, address, what it said on standard error)."""
        said = tempfile.TemporaryFile("w+", dir=self.folder)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True, env=self.environment, **how
        )
        self.processes.append(process)
        os.set_blocking(process.stdout.fileno(), False)
        deadline, heard = time.monotonic() + seconds, ""
        while time.monotonic() < deadline and process.poll() is None and "\n" not in heard:
            try:
                heard += os.read(process.stdout.fileno(), 65536).decode()
            except BlockingIOError:
                time.sleep(0.02)
        said.seek(0)
        errors = said.read()
        found = re.search(r"listening on (http://\S+)", heard)
        if not found:
            raise AssertionError(f"no server came up (exit code {process.poll()}): {heard}{errors}")
        return process, found.group(1), errors

    @staticmethod
    def stop(process):
        """SIGTERM, as whoever ends a server sends it; the exit code."""
        process.terminate()
        return process.wait(10)

    def _demo(self):
        _, self.base, said = self.start([self.binary, "demo", "--port", "0"], 60)
        self.simulated = Path(re.search(r"a simulated house in (\S+)", said).group(1))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with urlopen(f"{self.base}/status", timeout=10) as answer:
                if '"oldest":"' in answer.read().decode() and (self.simulated / "data" / "wattboard.db").exists():
                    return
            time.sleep(0.2)
        raise AssertionError("the demo did not sum its past months")

    def _site(self, port):
        """The simulated house as a site of its own, whose coordinator does not run; price API and server are the demo's."""
        site = self.home / "goodwe"
        shutil.copytree(self.simulated, site, ignore=shutil.ignore_patterns("*.db*"))
        (site / "out" / "energy_data").mkdir(parents=True, exist_ok=True)
        for name in ("goodwe_energy.db", "wattboard.db"):
            source = sqlite3.connect(f"file:{self.simulated}/data/{name}?mode=ro", uri=True, timeout=30)
            copy = sqlite3.connect(site / "data" / name)
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            source.close(), copy.close()
        self.config = site / "config" / "master_coordinator_config.yaml"
        text = self.config.read_text().replace("port: 8080", f"port: {port}")
        self.config.write_text(text)

    def run(self, script, seconds=60):
        """Runs lines of a shell as they are, in the checkout; (exit code, standard output, standard error)."""
        process = subprocess.Popen(
            [*self.alone, "bash", "-euo", "pipefail", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.checkout,
            start_new_session=True,
        )
        try:
            out, errors = process.communicate(timeout=seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return process.returncode, out, errors
