#!/usr/bin/env python3
"""A stand-in for the PSE price API on a free loopback port; the first line printed is `port N`.

    fake_pse.py [--mode ok] [--publish-hour 14 | --publish-at HH:MM] [--now ISO] [--seed N] [--prices FILE] [--port N]
                [--tls FOLDER]

Serves `/api/csdac-pln`, `/api/rce-pln` and `/api/pdgsz` with `$filter`, `$orderby`, `$first` and pages of 100
by `nextLink`. Tomorrow is published from the given local time on. While it runs, these paths change it:

    /_mode?m=NAME[&entity=E]    the behaviour (pse_modes.py says which there are), of all entities or of one
    /_publish?at=HH:MM[&entity=E]   when tomorrow is published (24:00: never)
    /_now?at=ISO                the present instant to play; it goes on from there
    /_seed?s=N                  another set of rows for every day
    /_page?size=N               the page size of the mode `paged`
    /_count                     requests so far, by entity, by mode, and those that followed a link to a stranger
    /_log[?clear=1]             every request: entity, filter, after, at (played local time), real (epoch seconds),
                                mode, user_agent, answered (epoch seconds, null while it is under way)
"""

import argparse
import gzip
import json
import ssl
import sys
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))
import pse_modes  # noqa: E402
from localtime import ZONE, now_utc, parse_end  # noqa: E402
from pse_modes import MODES  # noqa: E402
from pse_rows import days_of, rows_of, rows_with, superseded  # noqa: E402

ENTITIES = ("csdac-pln", "rce-pln", "pdgsz")
PAGE = 100


def minute_of(text):
    """`HH:MM` as minutes after midnight; 24:00 is allowed."""
    hour, _, minute = text.partition(":")
    found = int(hour) * 60 + int(minute or 0)
    if not 0 <= found <= 24 * 60:
        raise ValueError(f"{text} is not a time of day")
    return found


class Api(ThreadingHTTPServer):
    """The server with its modes, its clock, its counts and its log."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, mode="ok", publish_hour=14, now=None, port=0, publish_at=None, seed=0, prices=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.modes = dict.fromkeys(ENTITIES, mode)
        minute = minute_of(publish_at) if publish_at else publish_hour * 60
        self.publish = dict.fromkeys(ENTITIES, minute)
        self.counts = {name: 0 for name in ENTITIES + ("total", "stranger")}
        self.by_mode, self.entries = {}, []
        self.seed, self.page_size, self.prices = seed, PAGE, prices or {}
        self.offset = (parse_end(now) - now_utc()) if now else timedelta(0)
        self.lock = threading.Lock()
        self.stranger, self.scheme = None, "http"

    def speak_tls(self, folder):
        """With the folder's server.pem and server.key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(folder) / "server.pem", Path(folder) / "server.key")
        self.socket, self.scheme = context.wrap_socket(self.socket, server_side=True), "https"

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is expected here."""

    def server_close(self):
        super().server_close()
        if self.stranger:
            self.stranger.shutdown()
            self.stranger.server_close()

    def local_now(self):
        return (now_utc() + self.offset).astimezone(ZONE)

    def rows(self, entity, condition):
        """The published rows that the filter names."""
        now = self.local_now()
        newest = now.date() + timedelta(days=now.hour * 60 + now.minute >= self.publish[entity])
        found = []
        for day in days_of(condition, now.date()):
            if day <= newest:
                given = self.prices.get(entity, {}).get(str(day))
                rows = rows_of(entity, day, self.seed) if given is None else rows_with(entity, day, given)
                if entity == "pdgsz" and "is_active eq true" not in condition:
                    rows = superseded(rows) + rows
                found += rows
        return found

    def note(self, entity, query, agent):
        """Counts a request and writes it into the log; returns its entry."""
        mode = self.modes.get(entity, "ok")
        entry = {
            "entity": entity,
            "filter": query.get("$filter", ""),
            "after": query.get("$after"),
            "at": self.local_now().isoformat(),
            "real": time.time(),
            "mode": mode,
            "user_agent": agent,
            "answered": None,
        }
        with self.lock:
            self.counts["total"] += 1
            self.by_mode[mode] = self.by_mode.get(mode, 0) + 1
            if entity in ENTITIES:
                self.counts[entity] += 1
            self.entries.append(entry)
        return entry

    def strange_address(self):
        """Another loopback host that counts who follows a link to it."""
        with self.lock:
            if self.stranger is None:
                self.stranger = ThreadingHTTPServer(("127.0.0.2", 0), Stranger)
                self.stranger.daemon_threads, self.stranger.counts = True, self.counts
                threading.Thread(target=self.stranger.serve_forever, daemon=True).start()
        return f"127.0.0.2:{self.stranger.server_port}"


class Stranger(BaseHTTPRequestHandler):
    """Counts requests that should never have come."""

    def log_message(self, *_):
        """Stays quiet."""

    def do_GET(self):  # noqa: N802
        self.server.counts["stranger"] += 1
        body = b'{"value": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Handler(BaseHTTPRequestHandler):
    """One request: the control paths, else an entity in its present mode."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Stays quiet."""

    def do_GET(self):  # noqa: N802 (the name that http.server asks for)
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        if url.path.startswith("/_"):
            return self.control(url.path, query)
        entity = url.path.rsplit("/", 1)[-1]
        entry = self.server.note(entity, query, self.headers.get("User-Agent"))
        try:
            if url.path != f"/api/{entity}" or entity not in ENTITIES:
                return self.send(404, {"error": {"code": "NotFound", "message": f"no entity {entity}"}})
            return pse_modes.answer(self, entity, query, entry["mode"])
        finally:
            entry["answered"] = time.time()

    def control(self, path, query):
        """The paths that begin with an underscore."""
        api, which = self.server, query.get("entity")
        chosen = (which,) if which else ENTITIES
        if which and which not in ENTITIES:
            return self.send(400, {"error": f"entity is one of {', '.join(ENTITIES)}"})
        if path == "/_mode":
            if query.get("m") not in MODES:
                return self.send(400, {"error": f"m is one of {', '.join(MODES)}"})
            api.modes.update(dict.fromkeys(chosen, query["m"]))
            return self.send(200, {"mode": query["m"], "modes": api.modes})
        if path == "/_count":
            return self.send(200, {**api.counts, "by_mode": api.by_mode})
        if path == "/_log":
            with api.lock:
                entries = list(api.entries)
                if query.get("clear"):
                    api.entries.clear()
            return self.send(200, entries)
        try:
            if path == "/_publish":
                api.publish.update(dict.fromkeys(chosen, minute_of(query["at"])))
            elif path == "/_now":
                api.offset = parse_end(query["at"]) - now_utc()
            elif path == "/_seed":
                api.seed = int(query["s"])
            elif path == "/_page":
                api.page_size = max(1, int(query["size"]))
            else:
                return self.send(404, {"error": f"no control path {path}"})
        except (KeyError, ValueError) as error:
            return self.send(400, {"error": f"{path}: {error}"})
        return self.send(200, {"now": api.local_now().isoformat(), "publish": api.publish, "seed": api.seed})

    def page(self, entity, query, size=None, link_host=None, endless=False):
        """One page of rows and, when there is more, the link to the next one; `size` overrules `$first`."""
        rows = self.server.rows(entity, query.get("$filter", ""))
        if query.get("$orderby", "").endswith(" desc"):
            rows = rows[::-1]
        begin = int(query.get("$after", 0))
        size = max(1, min(size or int(query.get("$first", PAGE)), 100_000))
        answer = {"value": rows[begin : begin + size]}
        if endless or begin + size < len(rows):
            kept = {key: value for key, value in query.items() if key != "$after"}
            kept["$after"] = str(0 if endless else begin + size)
            text = "&".join(f"{quote(key, safe='$')}={quote(value)}" for key, value in kept.items())
            host = link_host or f"127.0.0.1:{self.server.server_port}"
            answer["nextLink"] = f"{self.server.scheme}://{host}/api/{entity}?{text}"
        return answer

    def send(self, status, body, kind="application/json; charset=utf-8", compress=False, headers=None):
        """A whole answer with its length."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        body = gzip.compress(body) if compress else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if compress:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser(description="a stand-in for the price API")
    parser.add_argument("--mode", choices=MODES, default="ok")
    parser.add_argument("--publish-hour", type=int, default=14)
    parser.add_argument("--publish-at", help="HH:MM, in place of --publish-hour")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prices", help="JSON: entity, date, PLN/MWh of its quarter-hours in order; null for one left out")
    parser.add_argument("--tls", help="speak TLS with server.pem and server.key of this folder")
    parser.add_argument("--now", help="the present instant to play, naive local or with an offset")
    given = parser.parse_args()
    prices = json.loads(Path(given.prices).read_text()) if given.prices else None
    api = Api(given.mode, given.publish_hour, given.now, given.port, given.publish_at, given.seed, prices)
    if given.tls:
        api.speak_tls(given.tls)
    print(f"port {api.server_port}", flush=True)
    try:
        api.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
