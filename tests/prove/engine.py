"""Real engines for time series on loopback: VictoriaMetrics and InfluxDB, each with a data folder of its own in a workshop.

Both keep port and folder over `stop` (or `kill`) and `start`. Only processes started here are ended, by their own handles.
"""

import json
import shutil
import signal
import socket
import urllib.error
import urllib.parse
import urllib.request

from lib import Child, wait_for


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def first_of(*names):
    """The path of the first of these programs that is there."""
    found = next((path for path in map(shutil.which, names) if path), None)
    if not found:
        raise RuntimeError(f"none of {', '.join(names)} is installed")
    return found


class Engine:
    """A program that listens on a port of its own; `.url` is its address."""

    def __init__(self, shop, name, start=True):
        self.shop, self.folder, self.port = shop, shop.folder / name, free_port()
        self.folder.mkdir(exist_ok=True)
        self.url, self.child = f"http://127.0.0.1:{self.port}", None
        if start:
            self.start()

    def start(self, seconds=30):
        """Starts it (again) and waits until it answers."""
        self.child = self.shop._add(Child(self.command(), cwd=self.folder))
        if not wait_for(lambda: self.is_up() or not self.child.alive(), seconds, 0.1) or not self.child.alive():
            raise RuntimeError(f"{self.command()[0]} does not answer: {list(self.child.errors)[-5:]}")
        return self

    def stop(self, seconds=60):
        """Ends it as a service manager does; what it took is kept."""
        return self.child.end(seconds=seconds)

    def kill(self):
        """Ends it at once (-9)."""
        return self.child.end(signal.SIGKILL)

    @property
    def pid(self):
        return self.child.pid

    def ask(self, path, body=None, timeout=120, headers=None, **parameters):
        """(status, body) of a GET, of a POST where there is a body; (0, reason) when none came."""
        query = f"?{urllib.parse.urlencode(parameters, doseq=True)}" if parameters else ""
        request = urllib.request.Request(f"{self.url}{path}{query}", data=body, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError as error:
            return 0, repr(error).encode()

    def json(self, path, **parameters):
        status, body = self.ask(path, **parameters)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:500]!r}")
        return json.loads(body)

    def take(self, path, chunk=8 << 20, **parameters):
        """Sends a file of line protocol in pieces that end with a line; the number of lines."""
        sent = 0
        with open(path, "rb") as file:
            while True:
                piece = file.read(chunk)
                piece += file.readline()
                if not piece:
                    return sent
                status, said = self.write(piece, **parameters)
                if status not in (200, 204):
                    raise RuntimeError(f"after {sent} lines: {status} {said[:500]!r}")
                sent += piece.count(b"\n")


class VictoriaMetrics(Engine):
    """A single node that keeps everything; what was sent twice is there once."""

    def __init__(self, shop, name="victoria", more=(), start=True):
        self.more = tuple(more)
        super().__init__(shop, name, start)

    def command(self):
        return [
            first_of("victoria-metrics", "victoria-metrics-prod"),
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={self.folder / 'data'}",
            "-retentionPeriod=100y",
            "-dedup.minScrapeInterval=1ms",
            "-search.latencyOffset=0s",
            "-search.disableCache",
            "-memory.allowedBytes=256MB",
            "-selfScrapeInterval=0",
            *self.more,
        ]

    def is_up(self):
        return self.ask("/health", timeout=2)[0] == 200

    def write(self, lines, **parameters):
        """Line protocol as the v2 write API takes it."""
        return self.ask("/api/v2/write", body=lines, **parameters)

    def flush(self):
        """What was taken can be queried now."""
        self.ask("/internal/force_flush")

    def query(self, expression, time=None, **parameters):
        """An instant query: [(labels, value)], the value a float; `time` in seconds."""
        if time is not None:
            parameters["time"] = time
        found = self.json("/api/v1/query", query=expression, **parameters)["data"]["result"]
        return [(row["metric"], float(row["value"][1])) for row in found]

    def value(self, expression, time=None, default=None):
        """The one number of an instant query."""
        found = self.query(expression, time)
        if len(found) > 1:
            raise RuntimeError(f"{expression}: {len(found)} series")
        return found[0][1] if found else default

    def query_range(self, expression, start, end, step):
        """[(labels, [(seconds, value)])]."""
        found = self.json("/api/v1/query_range", query=expression, start=start, end=end, step=step)["data"]["result"]
        return [(row["metric"], [(at, float(value)) for at, value in row["values"]]) for row in found]

    def series(self, match='{__name__!=""}', start=0):
        """The labels of every series."""
        return self.json("/api/v1/series", **{"match[]": match, "start": start})["data"]

    def samples(self, match, start=0, end=None):
        """Every stored sample, as a query sees it: [(labels, [(milliseconds, value)])]."""
        parameters = {"match[]": match, "start": start, "reduce_mem_usage": 0}
        if end is not None:
            parameters["end"] = end
        status, body = self.ask("/api/v1/export", **parameters)
        if status != 200:
            raise RuntimeError(f"/api/v1/export: {status} {body[:500]!r}")
        rows = [json.loads(line) for line in body.splitlines()]
        return [(row["metric"], list(zip(row["timestamps"], row["values"]))) for row in rows]

    def delete(self, match):
        return self.ask("/api/v1/admin/tsdb/delete_series", **{"match[]": match})

    def metric(self, name):
        """The sum of one of its own metrics."""
        lines = self.ask("/metrics")[1].decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


CONFIG = """reporting-enabled = false
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  max-body-size = 0
[logging]
  level = "warn"
"""


class InfluxDB(Engine):
    """InfluxDB 1.x, as Debian has it, with a database `wattboard`; it takes the same lines at `/write`."""

    def command(self):
        config = self.folder / "influxdb.conf"
        if not config.exists():
            config.write_text(CONFIG.format(rpc=free_port(), folder=self.folder, port=self.port))
        return [first_of("influxd"), "run", "-config", config]

    def __init__(self, shop, name="influx", start=True):
        super().__init__(shop, name, start)

    def start(self, seconds=30):
        super().start(seconds)
        self.influxql("CREATE DATABASE wattboard")
        return self

    def is_up(self):
        return self.ask("/ping", timeout=2)[0] == 204

    def write(self, lines, **parameters):
        """Line protocol; 204 when it took every line."""
        return self.ask("/write", body=lines, db="wattboard", **parameters)

    def influxql(self, text):
        """Rows of a query: [(tags, columns, values)]."""
        status, body = self.ask("/query", body=b"", db="wattboard", q=text, epoch="ms")
        if status != 200:
            raise RuntimeError(f"{text}: {status} {body[:500]!r}")
        found = json.loads(body)["results"][0]
        if "error" in found:
            raise RuntimeError(f"{text}: {found['error']}")
        return [(row.get("tags", {}), row["columns"], row["values"]) for row in found.get("series", [])]
