"""Engines of time series that documents name: each command is started as it is written, on ports and in folders that are free here,
until it says that it is well. One VictoriaMetrics stays for the commands that talk to port 8428."""

import re
import shlex
import socket
import subprocess
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

from markdown import ROOT

COMMAND = re.compile(r"^(victoria-metrics|vmagent|vmalert|vmauth)\b")
PORT = 8428  # VictoriaMetrics' own, as the documents have it


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def needed(line):
    """The programs that a line needs beside its own words."""
    return ["victoria-metrics"] if f":{PORT}" in line else []


def talked_to(house):
    """Starts the VictoriaMetrics behind the documents' port, unless it runs."""
    if not getattr(house, "talks", None):
        house.talks = started(house, "victoria-metrics -storageDataPath=/var/lib/series -retentionPeriod=10y", house.series_port)


def started(house, line, port=None):
    """Starts a command and waits until it is well; the process."""
    port = port or free_port()
    folder = house.folder / f"engine-{port}"
    folder.mkdir()
    line = re.sub(r"=/var/lib/", f"={folder}/", line).replace(f":{PORT}", f":{house.series_port}")
    line = line.replace("/etc/prometheus/", f"{ROOT}/config/prometheus/")
    process = subprocess.Popen(
        [*shlex.split(line), f"-httpListenAddr=127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL,
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=house.environment,
    )
    house.processes.append(process)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                if answer.status == 200:
                    return process
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{line}: exit code {process.poll()}: {(folder / 'log').read_text()[-1500:]}")


def run(line, house):
    """Starts a command of a document and stops it again; the exit code."""
    if needed(line):
        talked_to(house)
    process = started(house, line)
    process.terminate()
    return process.wait(30)


def check_vmauth(fragment, house):
    """vmauth starts with it, and lets a site that sends its token write."""
    talked_to(house)
    file = house.folder / "vmauth.yml"
    file.write_text(fragment.text.replace(f":{PORT}", f":{house.series_port}"))
    port = free_port()
    process = started(house, f"vmauth -auth.config={file}", port)
    token = re.search(r'bearer_token: "(.+)"', fragment.text).group(1)
    line = Request(f"http://127.0.0.1:{port}/api/v2/write", b"wattboard,site=another x=1\n", {"Authorization": f"Token {token}"})
    with urlopen(line, timeout=10) as answer:
        assert answer.status == 204, f"{fragment}: {answer.status}"
    process.terminate()
    assert process.wait(30) == 0, f"{fragment}: {process.returncode}"
