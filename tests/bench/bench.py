#!/usr/bin/env python3
"""Speed and memory of the release binary beside two peers, in alternating runs of one session.

The peers serve the very bytes that Wattboard answers: nginx as files, a bare tiny_http as a constant. Shared machines
are noisy, so read the ratios, not the numbers. Needs wrk and nginx; loopback only; ends what it started.
"""

import argparse
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
NGINX = """worker_processes 2; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; tcp_nopush off; keepalive_requests 1000000; default_type application/json;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; server {{ listen 127.0.0.1:{port}; root {dir}/www; }} }}
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


def wrk(url, seconds, connections):
    """(requests per second, p50 in ms, p99 in ms) of one run."""
    out = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", url], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{url}: {out}")

    def latency(share):
        value, unit = re.search(rf"{share}%\s+([\d.]+)(us|ms|s)", out).groups()
        return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), latency(50), latency(99)


def main():
    """Runs everything and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--target", type=Path, default=TOP / "target/release")
    given = parser.parse_args()
    started = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        folder.chmod(0o755)  # nginx answers as another user
        try:
            api, port = listening([sys.executable, TOP / "tests/site/fake_pse.py"])
            started.append(api)
            make = [sys.executable, TOP / "tests/site/make_site.py", "--root", folder / "site", "--days", "60"]
            subprocess.run([*make, "--pse-url", f"http://127.0.0.1:{port}"], check=True, stdout=subprocess.DEVNULL)
            config = folder / "site/config/master_coordinator_config.yaml"
            server, base = listening([given.target / "wattboard", "serve", "--config", config, "--port", "0"])
            started.append(server)
            time.sleep(2)
            bodies = {}
            for name, path in (("status", "/status"), ("state", "/current-state"), ("week", "/decisions?time_range=7d")):
                with urllib.request.urlopen(base + path, timeout=10) as answer:
                    bodies[name] = (path, answer.read())
                (folder / "www").mkdir(exist_ok=True)
                (folder / "www" / name).write_bytes(bodies[name][1])
            nginx_port = free_port()
            (folder / "nginx.conf").write_text(NGINX.format(dir=folder, port=nginx_port))
            started.append(subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-p", folder, "-e", folder / "error.log"]))
            time.sleep(1)
            print(f"{given.connections} connections, best of {given.rounds} alternating runs of {given.seconds} s")
            print(f"{'':28}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'of nginx':>10}")
            for name, (path, body) in bodies.items():
                bare, bare_base = listening([given.target / "examples/bare_tiny_http", folder / "www" / name])
                started.append(bare)
                runners = {
                    "wattboard": base + path,
                    "nginx, the same as a file": f"http://127.0.0.1:{nginx_port}/{name}",
                    "bare tiny_http": bare_base,
                }
                best = {}
                for _ in range(given.rounds):
                    for label, url in runners.items():
                        best[label] = max(best.get(label, (0,)), wrk(url, given.seconds, given.connections))
                bare.terminate()
                print(f"{path}, {len(body)} bytes")
                for label, (rate, half, most) in best.items():
                    ratio = rate / best["nginx, the same as a file"][0]
                    print(f"  {label:26}{rate:12,.0f}{half:9.3f}{most:9.3f}{ratio:10.2f}")
            status = Path(f"/proc/{server.pid}/status").read_text()
            print("resident after all that:", re.search(r"VmRSS:\s+(.*)", status).group(1))
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait(timeout=10)


if __name__ == "__main__":
    main()
