#!/usr/bin/env python3
"""What it takes: size, memory, processor time and writes when idle, the start; beside a Flask stand-in, in one run.

The static binary of `make dist` for this machine is measured where there is one, else the given one, and the table says
which. Both servers have the same site and the same idle minutes beside each other; the coordinator does not write
meanwhile, and past prices are fetched beforehand, as on any day but the first. The stand-in
(`tests/bench/flask/standin.py`) is not the replaced dashboard, which is not here: a Flask program that reads the database at
each request, as that one did. `--write README.md` puts the table between its markers.
"""

import importlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import threading
import time
from pathlib import Path

from lib import Child, Server, Tally, Workshop, arguments, finish, wait_for

TOP = Path(__file__).resolve().parent.parent.parent
BEGIN, END = "<!-- footprint: written by tests/prove/08_5_footprint.py -->", "<!-- end of footprint -->"
SIZE_MIB, RESIDENT_MIB, CPU_PERCENT = 5.0, 12.0, 0.1
MIB, SETTLE_S = 1 << 20, 75
LOAD = ("/status", "/current-state", "/metrics")
CALLS = "write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat"
disk = importlib.import_module("02_5_disk")


def dist():
    """Binaries of `make dist`, by target."""
    found = sorted((TOP / "target" / "dist").glob("wattboard-*-*-linux-*"), key=lambda path: path.stat().st_mtime)
    return {re.search(r"(x86_64|aarch64|arm\w*)-.*", path.name).group(0): path for path in found if path.suffix not in (".gz", ".deb")}


class Taken:
    """What /proc says of a process."""

    def __init__(self, pid):
        self.pid = pid

    def read(self, name):
        return Path(f"/proc/{self.pid}/{name}").read_text()

    def resident_mib(self, field="VmRSS"):
        """MiB of /proc/PID/status: now (VmRSS), or the most there ever was (VmHWM)."""
        return int(re.search(rf"{field}:\s+(\d+)", self.read("status")).group(1)) / 1024

    def cpu_s(self):
        """By the scheduler's own count, in nanoseconds; of threads that live."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def by_thread(self):
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return {(t / "comm").read_text().strip(): int((t / "schedstat").read_text().split()[0]) / 1e6 for t in tasks}

    def written(self):
        return int(re.search(r"^write_bytes: (\d+)", self.read("io"), re.M).group(1))


def answers(address):
    """Whether /status is answered, by a connection of its own."""
    import http.client

    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/status")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def first_answer_ms(start, times=5):
    """From the start of the process to its first answer, the median of some; each is ended again."""
    took = []
    for _ in range(times):
        began = time.monotonic()
        process, address = start()
        answered = wait_for(lambda: answers(address(process)), 20, 0.001)
        took.append((time.monotonic() - began) * 1000)
        process.end()
        if not answered:
            raise RuntimeError("it never answered")
    return statistics.median(took)


def load(base, seconds):
    """Requests a second of wrk on eight connections, the paths in turn."""
    script = "local p={%s} local n=0 request=function() n=n+1 return wrk.format('GET',p[n%%#p+1]) end"
    lua = Path("/tmp") / f"wattboard-footprint-{os.getpid()}.lua"
    lua.write_text(script % ",".join(f"'{path}'" for path in LOAD))
    try:
        how = ["wrk", "-t1", "-c8", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", lua, base]
        out = subprocess.run(how, capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
    finally:
        lua.unlink()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), "Non-2xx" not in out


def file_writes(pid, seconds, folder):
    """Calls that write to a file, or change one's name or being, within that time; None without strace."""
    if not shutil.which("strace"):
        return None
    out = folder / f"strace-{pid}.txt"
    asked = ",".join(f"?{call}" for call in CALLS.split(","))
    command = ["strace", "-f", "-q", "-y", "-e", f"trace={asked}", "-o", out, "-p", str(pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    tracer.send_signal(signal.SIGINT)
    tracer.wait(20)
    # With -y a descriptor is followed by what it is: a path, or a word such as socket:[1] or anon_inode:[eventfd].
    calls = [line for line in out.read_text(errors="replace").splitlines() if re.match(r"\d+\s+\w+\(", line)]
    pipes = re.compile(r"\(\d+<(?!/)|\(\d+</dev/(null|pts|tty)")
    return [line for line in calls if not pipes.search(line)]


def settled(pid):
    """Waits until a start is over: a minute after it prices that are missing are asked for, and what comes is written."""
    time.sleep(SETTLE_S)
    since, last = time.monotonic(), Taken(pid).written()
    while time.monotonic() - since < 30:
        time.sleep(1)
        if (now := Taken(pid).written()) != last:
            since, last = time.monotonic(), now


class Flask:
    """The stand-in, with the Flask of the given folder."""

    def __init__(self, shop, root, venv):
        self.shop, self.python = shop, venv / "bin" / "python"
        self.database, self.venv = root / "data" / "goodwe_energy.db", venv

    def start(self):
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        child = self.shop._add(Child([self.python, TOP / "tests/bench/flask/standin.py", self.database, port]))
        return child, lambda _: f"127.0.0.1:{port}"

    def size_mib(self):
        """Flask and what it needs, as installed, pip left out; Python itself is not counted."""
        packages = next((self.venv / "lib").glob("python3*/site-packages"))
        files = [path for path in packages.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        ours = [path for path in files if not path.relative_to(packages).parts[0].startswith(("pip", "setuptools", "_dist"))]
        return sum(path.stat().st_size for path in ours) / MIB


def measure(name, process, address, given, rows):
    """Memory under load, and what of the load came through."""
    taken, seen, ended = Taken(process.pid), [], threading.Event()

    def sample():
        while not ended.wait(0.1):
            seen.append(taken.resident_mib())

    sampler = threading.Thread(target=sample)
    sampler.start()
    rate, good = load(f"http://{address}", given.load_seconds)
    ended.set()
    sampler.join()
    rows[name] |= {"loaded": max(seen), "rate": rate, "good": good}
    peak = taken.resident_mib("VmHWM")
    print(f"{name}: {max(seen):.2f} MiB at most under load, {taken.resident_mib():.2f} after it, {peak:.2f} at most since its start")


def idle(processes, seconds):
    """Processor time, by thread too, and bytes written of each, in the same minutes."""
    before = {name: (Taken(p.pid).cpu_s(), Taken(p.pid).by_thread(), Taken(p.pid).written()) for name, p in processes.items()}
    began = time.monotonic()
    time.sleep(seconds)
    took, found = time.monotonic() - began, {}
    for name, process in processes.items():
        taken, (cpu, threads, written) = Taken(process.pid), before[name]
        spent = {thread: ms - threads.get(thread, 0) for thread, ms in taken.by_thread().items()}
        found[name] = {
            "cpu": 100 * (taken.cpu_s() - cpu) / took,
            "written": (taken.written() - written) * 3600 / took,
            "idle": taken.resident_mib(),
        }
        top = sorted(spent.items(), key=lambda pair: -pair[1])[:5]
        print(f"{name}: {found[name]['cpu']:.3f} % of a core in {took:.0f} idle s; ms by thread: "
              + ", ".join(f"{thread} {ms:.0f}" for thread, ms in top))
    return found


def table(rows, which, sizes, days):
    """The table, as it stands in the README."""
    ours, theirs = rows["wattboard"], rows.get("flask")
    cell = lambda key, form: [form.format(ours[key]), form.format(theirs[key]) if theirs else "not measured"]  # noqa: E731
    lines = [
        BEGIN,
        "",
        "| | Wattboard | Flask stand-in [^flask] |",
        "|---|---:|---:|",
        "| size on disk | {} | {} and Python |".format(*cell("size", "{:.1f} MiB")),
        "| memory, idle | {} | {} |".format(*cell("idle", "{:.1f} MiB")),
        "| memory under load, at most | {} | {} |".format(*cell("loaded", "{:.1f} MiB")),
        "| processor when idle, of a core | {} | {} |".format(*cell("cpu", "{:.3f} %")),
        "| start to first answer | {} | {} |".format(*cell("start", "{:.0f} ms")),
        "| written an hour when idle | {} | {} |".format(*cell("written", "{:.0f} bytes")),
        "| requests a second, 8 connections, `/status`, `/current-state`, `/metrics` | {} | {} |".format(*cell("rate", "{:,.0f}")),
        "",
        f"Measured {time.strftime('%-d %B %Y')} on {os.cpu_count()} cores of x86_64 with {which}, page included, on a site of {days} days."
        + (f"\nSizes for other machines: {sizes}." if sizes else ""),
        "",
        "[^flask]: A Flask program that reads the same database at each request, as the replaced dashboard did. It is not that",
        "    dashboard, and does less for each request. When nobody asks it does nothing; Wattboard reads the site all the time.",
        "    The 767 requests a second above are of one path, 2 KiB; here two of the three read a day's or a month's decisions each time.",
        END,
    ]
    return "\n".join(lines)


def main():
    given = arguments(
        __doc__.split("\n\n")[0],
        seconds=(300.0, "idle time"),
        load_seconds=(30.0, "time under load"),
        days=(60, "days of the site"),
        flask=(str(TOP / "target" / "flask"), "a virtual environment with Flask"),
        write=("", "put the table into this file, between its markers"),
    )
    tally, made = Tally(), dist()
    static = next((path for target, path in made.items() if target.startswith("x86_64")), None)
    binary, which = (static, "the static binary of `make dist`") if static else (given.bin, "the binary of `cargo build --release`")
    print(f"measured: {binary}")
    with Workshop(binary, given.keep) as shop:
        environment, when = disk.quiet_hour(given.seconds + 300)
        api = shop.price_api(*(("--now", when.isoformat()) if environment else ()))
        root = shop.site("site", days=given.days, pse_url=api.url, **({"end": when} if environment else {}))
        disk.remember(tally, root, shop.binary, environment)

        def start():
            return shop._add(Server(shop.binary, root, env=environment)), lambda server: server.address

        rows = {"wattboard": {"size": Path(shop.binary).stat().st_size / MIB}}
        # The first start sums what is closed; what is measured is any later one.
        server, _ = start()
        tally.check(server.loaded(60), "loaded")
        server.end()
        rows["wattboard"]["start"] = first_answer_ms(start)
        server, _ = start()
        tally.check(server.loaded(60) and wait_for(lambda: server.get("/prices")[0] == 200, 30), "loaded, prices are there")
        processes = {"wattboard": server}
        flask, venv = None, Path(given.flask)
        if (venv / "bin" / "python").exists():
            flask = Flask(shop, root, venv)
            rows["flask"] = {"size": flask.size_mib(), "start": first_answer_ms(flask.start)}
            processes["flask"], address = flask.start()
            where = address(None)
            tally.check(wait_for(lambda: answers(where), 20), "the stand-in answers")
        else:
            print(f"Flask stand-in: not measured, {venv} is not there (make proof-needs)")
        settled(server.pid)
        for name, found in idle(processes, given.seconds).items():
            rows[name] |= found
        writes = file_writes(server.pid, min(60, given.seconds), shop.folder)
        if writes is None:
            print("strace is not installed: calls were not looked at")
        else:
            tally.check(not writes, "idle: no call writes to a file", str(writes[:3]))
        measure("wattboard", server, server.address, given, rows)
        if flask:
            measure("flask", processes["flask"], where, given, rows)
        ours = rows["wattboard"]
        sizes = ", ".join(
            f"{target.split('-')[0]} {path.stat().st_size / MIB:.1f} MiB" for target, path in made.items() if path != static
        )
        text = table(rows, which, sizes, given.days)
        print(text)
        tally.check(all(row["good"] for row in rows.values()), "every request under load was answered 200")
        tally.check(ours["size"] <= SIZE_MIB, f"at most {SIZE_MIB:.0f} MiB", f"{ours['size']:.2f} MiB, {which}")
        for name in ("idle", "loaded"):
            words = f"resident at most {RESIDENT_MIB:.0f} MiB, {name}"
            tally.check(ours[name] <= RESIDENT_MIB, words, f"{ours[name]:.2f} MiB")
        tally.check(ours["cpu"] <= CPU_PERCENT, f"idle: at most {CPU_PERCENT} % of a core", f"{ours['cpu']:.3f} %")
        tally.check(ours["written"] == 0, "idle: nothing is written", f"{ours['written']:.0f} bytes an hour")
        if given.write:
            target = Path(given.write)
            old = target.read_text()
            if BEGIN not in old or END not in old:
                raise SystemExit(f"{target} lacks the markers {BEGIN} and {END}")
            target.write_text(old.split(BEGIN)[0] + text + old.split(END, 1)[1])
    finish(tally)


if __name__ == "__main__":
    main()
