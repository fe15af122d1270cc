#!/usr/bin/env python3
"""Speed and memory of the release binary beside two peers, in alternating runs of one session.

The peers serve the very bytes that Wattboard answers: nginx as files, a bare tiny_http as a constant. Shared machines
are noisy, so read the ratios, not the numbers. Needs wrk and nginx; loopback only; ends what it started.
"""

import argparse
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
MARK = "<!-- written by make bench -->"
NGINX = """worker_processes 2; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; tcp_nopush off; keepalive_requests 1000000; default_type application/json;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  gzip_static on; gzip_vary on; scgi_temp_path {dir}/s; server {{ listen 127.0.0.1:{port}; root {dir}/www; }} }}
"""


def listening(command, **options):
    """Starts a program whose first line tells where it listens: (process, address)."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options)
    line = process.stdout.readline()
    return process, line.strip().rsplit(" ", 1)[-1]


def free_port():
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Run(NamedTuple):
    """One run of wrk."""

    rate: float
    half_ms: float
    most_ms: float


def wrk(url, seconds, connections, headers=()):
    """Requests per second, p50 and p99 of one run."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"]
    command += [part for header in headers for part in ("-H", header)]
    out = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{url}: {out}")

    def latency(share):
        value, unit = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", out).groups()
        return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    return Run(float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), latency(50), latency(99))


def best(runs):
    """The best of each figure."""
    return Run(max(run.rate for run in runs), min(run.half_ms for run in runs), min(run.most_ms for run in runs))


def fetch(url, headers=()):
    """Status, headers and body, as they are sent."""
    request = urllib.request.Request(url, headers=dict(header.split(": ", 1) for header in headers))
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.headers, answer.read()


class Bench:
    """Alternates the peers in one session, and writes down what came out."""

    def __init__(self, given, base, files, nginx_port):
        self.given, self.base, self.files, self.nginx_port = given, base, files, nginx_port
        self.lines, self.missed = [], []

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def table(self, title, runners, connections, reference):
        """Runs each in turn; answers the best of each."""
        found = {label: [] for label in runners}
        for _ in range(self.given.rounds):
            for label, (url, headers) in runners.items():
                headers = headers() if callable(headers) else headers
                found[label].append(wrk(url, self.given.seconds, connections, headers))
        figures = {label: best(runs) for label, runs in found.items()}
        self.say(f"\n{title}\n\n| | requests/s | p50 ms | p99 ms | of {reference} |\n|---|---:|---:|---:|---:|")
        for label, run in figures.items():
            ratio = run.rate / figures[reference].rate
            self.say(f"| {label} | {run.rate:,.0f} | {run.half_ms:.3f} | {run.most_ms:.3f} | {ratio:.2f} |")
        return figures

    def expect(self, what, value, least):
        """A line that must hold."""
        held = value >= least
        self.say(f"\n{'held' if held else 'MISSED'}: {what}: {value:.2f}, at least {least}")
        if not held:
            self.missed.append(what)

    def nginx(self, name):
        return f"http://127.0.0.1:{self.nginx_port}/{name}"

    def small(self, name, path, bare_base):
        """A small answer against both peers, 16 connections and one."""
        peers = {
            "wattboard": (self.base + path, ()),
            "nginx": (self.nginx(name), ()),
            "bare tiny_http": (bare_base, ()),
        }
        size = (self.files / name).stat().st_size
        many = self.table(f"`{path}`, {size} bytes, 16 connections", peers, 16, "nginx")
        self.expect(f"{path} of nginx", many["wattboard"].rate / many["nginx"].rate, 1.0)
        self.expect(f"{path} of bare tiny_http", many["wattboard"].rate / many["bare tiny_http"].rate, 1.8)
        self.expect(f"{path}: nginx's p99 of ours", many["nginx"].most_ms / many["wattboard"].most_ms, 1.0)
        del peers["bare tiny_http"]
        one = self.table(f"`{path}`, one connection, one at a time", peers, 1, "nginx")
        self.expect(f"{path}: nginx's p50 of ours", one["nginx"].half_ms / one["wattboard"].half_ms, 1.0)

    def week(self, path):
        """The largest answer, packed, and not sent at all."""
        gzip = "Accept-Encoding: gzip"
        body = fetch(self.base + path, [gzip])[2]
        (self.files / "week.gz").write_bytes(body)
        peers = {"wattboard": (self.base + path, [gzip]), "nginx": (self.nginx("week"), [gzip])}
        found = self.table(f"`{path}`, {len(body)} bytes gzipped, 16 connections", peers, 16, "nginx")
        self.expect("gzipped week of nginx with gzip_static", found["wattboard"].rate / found["nginx"].rate, 0.8)
        # The tag changes with each publication: it is asked for before each run.
        known = lambda: [gzip, f"If-None-Match: {fetch(self.base + path, [gzip])[1]['ETag']}"]  # noqa: E731
        peers = {"200": (self.base + path, [gzip]), "304": (self.base + path, known)}
        found = self.table(f"`{path}`, sent and not sent", peers, 16, "200")
        self.expect("a 304 of a 200", found["304"].rate / found["200"].rate, 1.0)


def machine():
    """What it ran on."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    count = len(os.sched_getaffinity(0))
    return f"{cpu.group(1).strip() if cpu else platform.machine()}, {count} cores, Linux {platform.release()}"


def main():
    """Runs everything and prints tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--target", type=Path, default=TOP / "target/release")
    parser.add_argument("--write", type=Path, help="write the tables to this file, below its first part")
    given = parser.parse_args()
    started = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        folder.chmod(0o755)  # nginx answers as another user
        files = folder / "www"
        files.mkdir()
        try:
            api, port = listening([sys.executable, TOP / "tests/site/fake_pse.py"])
            started.append(api)
            make = [sys.executable, TOP / "tests/site/make_site.py", "--root", folder / "site", "--days", "60"]
            subprocess.run([*make, "--pse-url", f"http://127.0.0.1:{port}"], check=True, stdout=subprocess.DEVNULL)
            config = folder / "site/config/master_coordinator_config.yaml"
            server, base = listening([given.target / "wattboard", "serve", "--config", config, "--port", "0"])
            started.append(server)
            time.sleep(2)
            paths = {"status": "/status", "state": "/current-state", "week": "/decisions?time_range=7d"}
            for name, path in paths.items():
                (files / name).write_bytes(fetch(base + path)[2])
            nginx_port = free_port()
            (folder / "nginx.conf").write_text(NGINX.format(dir=folder, port=nginx_port))
            nginx = ["nginx", "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log"]
            started.append(subprocess.Popen(nginx))
            time.sleep(1)
            bench = Bench(given, base, files, nginx_port)
            day = time.strftime("%-d %B %Y")
            bench.say(f"{day}; {machine()}; best of {given.rounds} alternating runs of {given.seconds} s.")
            for name in ("status", "state"):
                bare, bare_base = listening([given.target / "examples/bare_tiny_http", files / name])
                started.append(bare)
                bench.small(name, paths[name], bare_base)
                bare.terminate()
            bench.week(paths["week"])
            status = Path(f"/proc/{server.pid}/status").read_text()
            resident = re.search(r"VmRSS:\s+(.*)", status).group(1)
            bench.say(f"\nResident after all that: {resident}.")
            if given.write:
                kept = given.write.read_text().split(MARK)[0]
                given.write.write_text(kept + MARK + "\n" + "\n".join(bench.lines).strip() + "\n")
            if bench.missed:
                sys.exit("missed: " + "; ".join(bench.missed))
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait(timeout=10)


if __name__ == "__main__":
    main()
