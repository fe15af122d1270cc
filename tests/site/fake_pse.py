#!/usr/bin/env python3
"""A stand-in for the PSE price API on a free loopback port; the first line printed is `port N`.

    fake_pse.py [--mode ok] [--publish-hour 14] [--now ISO]

Serves `/api/csdac-pln`, `/api/rce-pln` and `/api/pdgsz` with `$filter`, `$orderby`, `$first` and pages of 100
by `nextLink`. `GET /_mode?m=NAME` switches the behaviour while running, `GET /_count` tells the requests so
far: ok, gzip, down (connection closed unanswered), slow (120 s), html, empty, truncated, huge (300 MB),
status500, drift (400 with the name of a missing property), nonext (a page of 100 and an endless nextLink).
Tomorrow is published from `--publish-hour` local time on.
"""

import argparse
import gzip
import json
import socket
import sys
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))
from localtime import ZONE, now_utc, parse_end  # noqa: E402
from pse_rows import days_of, rows_of  # noqa: E402

ENTITIES = ("csdac-pln", "rce-pln", "pdgsz")
MODES = ("ok", "gzip", "down", "slow", "html", "empty", "truncated", "huge", "status500", "drift", "nonext")
PAGE, HUGE_BYTES, SLOW_S = 100, 300_000_000, 120


class Api(ThreadingHTTPServer):
    """The server with its mode and its counts."""

    daemon_threads = True

    def __init__(self, mode="ok", publish_hour=14, now=None, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.mode, self.publish_hour = mode, publish_hour
        self.counts = {name: 0 for name in ENTITIES + ("total",)}
        self.by_mode = {}
        self.offset = (parse_end(now) - now_utc()) if now else timedelta(0)
        self.lock = threading.Lock()

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is expected here."""

    def local_now(self):
        return (now_utc() + self.offset).astimezone(ZONE)

    def rows(self, entity, condition):
        """The published rows that the filter names."""
        now = self.local_now()
        newest = now.date() + timedelta(days=now.hour >= self.publish_hour)
        return [row for day in days_of(condition, now.date()) if day <= newest for row in rows_of(entity, day)]


class Handler(BaseHTTPRequestHandler):
    """One request: the control paths, else an entity in the present mode."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Stays quiet."""

    def do_GET(self):  # noqa: N802 (the name that http.server asks for)
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
        api = self.server
        if url.path == "/_mode":
            if query.get("m") not in MODES:
                return self.send(400, {"error": f"m is one of {', '.join(MODES)}"})
            api.mode = query["m"]
            return self.send(200, {"mode": api.mode})
        if url.path == "/_count":
            return self.send(200, {**api.counts, "by_mode": api.by_mode})
        entity = url.path.rsplit("/", 1)[-1]
        with api.lock:
            api.counts["total"] += 1
            api.by_mode[api.mode] = api.by_mode.get(api.mode, 0) + 1
            if entity in api.counts:
                api.counts[entity] += 1
        if url.path != f"/api/{entity}" or entity not in ENTITIES:
            return self.send(404, {"error": {"code": "NotFound", "message": f"no entity {entity}"}})
        return self.misbehave(entity, query)

    def misbehave(self, entity, query):
        """The answer of the present mode."""
        mode = self.server.mode
        if mode == "down":
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if mode == "slow":
            deadline = time.monotonic() + SLOW_S
            while time.monotonic() < deadline and self.server.mode == "slow":
                time.sleep(0.2)
        if mode == "html":
            return self.send(
                200, b"<!DOCTYPE html><html><body>Przerwa techniczna</body></html>", "text/html; charset=utf-8"
            )
        if mode == "empty":
            return self.send(200, {"value": []})
        if mode == "status500":
            return self.send(500, {"error": {"code": "UnexpectedError", "message": "an internal error"}})
        if mode == "drift":
            return self.send(
                400,
                {
                    "error": {
                        "code": "BadRequest",
                        "message": "Could not find a property named 'business_date' on "
                        f"type 'default_namespace.{entity}'",
                    }
                },
            )
        if mode == "huge":
            return self.send_huge()
        for name in query:
            if name not in ("$filter", "$orderby", "$first", "$after", "$select"):
                return self.send(400, {"error": {"code": "BadRequest", "message": f"Invalid Query Parameter: {name}"}})
        answer = self.page(entity, query)
        if mode == "truncated":
            body = json.dumps(answer).encode()
            return self.send(200, body[: len(body) // 2])
        return self.send(200, answer, compress=mode == "gzip")

    def page(self, entity, query):
        """One page of rows and, when there is more, the link to the next one."""
        rows = self.server.rows(entity, query.get("$filter", ""))
        if query.get("$orderby", "").endswith(" desc"):
            rows = rows[::-1]
        begin, size = int(query.get("$after", 0)), int(query.get("$first", PAGE))
        size = max(1, min(size, 100_000))
        answer = {"value": rows[begin : begin + size]}
        endless = self.server.mode == "nonext"
        if endless or begin + size < len(rows):
            kept = {key: value for key, value in query.items() if key != "$after"}
            kept["$after"] = str(0 if endless else begin + size)
            text = "&".join(f"{quote(key, safe='$')}={quote(value)}" for key, value in kept.items())
            answer["nextLink"] = f"http://127.0.0.1:{self.server.server_port}/api/{entity}?{text}"
        return answer

    def send(self, status, body, kind="application/json; charset=utf-8", compress=False):
        """A whole answer with its length."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        body = gzip.compress(body) if compress else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if compress:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_huge(self):
        """300 MB of plausible JSON, streamed."""
        piece = b'{"dtime": "2026-01-01 00:15", "csdac_pln": 1.0},' * 2000
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(HUGE_BYTES))
        self.end_headers()
        self.wfile.write(b'{"value": [')
        sent = 11
        while sent < HUGE_BYTES:
            chunk = piece[: HUGE_BYTES - sent]
            self.wfile.write(chunk)
            sent += len(chunk)


def main():
    parser = argparse.ArgumentParser(description="a stand-in for the price API")
    parser.add_argument("--mode", choices=MODES, default="ok")
    parser.add_argument("--publish-hour", type=int, default=14)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--now", help="the present instant to play, naive local or with an offset")
    given = parser.parse_args()
    api = Api(given.mode, given.publish_hour, given.now, given.port)
    print(f"port {api.server_port}", flush=True)
    try:
        api.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
