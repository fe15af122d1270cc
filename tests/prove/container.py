"""A clean Debian under its own systemd, in a container (debootstrap, systemd-nspawn). Needs root.

The base system is made once, below target/; each container is a copy of it. The host's network is shared.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SUITE = "bookworm"
BASE = ROOT / "target" / f"debian-{SUITE}"
PACKAGES = "systemd,systemd-sysv,dbus,init-system-helpers"
# Caches, logs and backups of the package manager and of systemd itself: not the package's.
APART = ("proc", "sys", "dev", "run", "tmp", "var/tmp", "var/log", "var/cache", "var/lib/apt", "var/lib/dpkg", "home")


def why_not():
    """Why there can be no container here; None where there can."""
    if os.geteuid() != 0:
        return "it takes root"
    missing = [tool for tool in ("debootstrap", "systemd-nspawn", "nsenter") if not shutil.which(tool)]
    return f"there is no {', '.join(missing)}" if missing else None


def base():
    """The base system, made where there is none yet."""
    if not (BASE / "ready").exists():
        shutil.rmtree(BASE, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, BASE]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=1800)
        (BASE / "ready").touch()
    return BASE


class Container:
    """A copy of the base system; booted and ended by the `with` statement."""

    def __init__(self, folder):
        self.root, self.process, self.leader = Path(folder), None, None
        subprocess.run(["cp", "-a", base(), self.root], check=True)
        (self.root / "ready").unlink()
        self.console = open(f"{folder}.console", "wb")  # noqa: SIM115 - closed at the end

    def __enter__(self):
        name = f"wattboard-prove-{os.getpid()}"
        command = ["systemd-nspawn", "-q", "-D", self.root, "-M", name, "--register=no", "--keep-unit", "--boot"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT, start_new_session=True
        )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            self.leader = self.leader or self._leader()
            if self.leader and self.run("systemctl is-system-running", check=False).stdout.strip() in ("running", "degraded"):
                return self
            time.sleep(0.5)
        self.__exit__()
        raise RuntimeError(f"systemd does not start here; see {self.console.name}")

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)  # nspawn asks its system to shut down
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.console.close()

    def _leader(self):
        """The container's process 1."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = children.read_text().split() if children.exists() else []
        return next((int(pid) for pid in found if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"), None)

    def run(self, script, check=True, timeout=120):
        """Runs a shell script in there; its output is text."""
        command = ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-p", "-C", "--root", "/bin/sh", "-c", f"cd /; {script}"]
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=timeout, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{script}: {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
        return done

    def outside(self, pid):
        """The process id out here of a process with this id in there."""
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                line = next((line for line in status.read_text().splitlines() if line.startswith("NSpid:")), "")
            except OSError:
                continue
            numbers = line.split()[1:]
            if len(numbers) > 1 and numbers[-1] == str(pid) and self._is_inside(int(status.parent.name)):
                return int(status.parent.name)
        return None

    def _is_inside(self, pid):
        try:
            return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{self.leader}/ns/pid")
        except OSError:
            return False

    def files(self):
        """Every path of the system but those that are other programs' own business."""
        found = set()
        for folder, names, files in os.walk(self.root):
            inside = os.path.relpath(folder, self.root)
            names[:] = [name for name in names if os.path.normpath(os.path.join(inside, name)) not in APART]
            found.update(os.path.normpath(os.path.join(inside, name)) for name in [*names, *files])
        return found
