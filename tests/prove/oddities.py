"""Requests that are odd, each with the answers that are right: a table, and what judges it.

An entry is sent as it is on a connection of its own. `right` names the statuses of the answers in order, each one
status or several of which any will do; `then` says whether the connection is closed afterwards (`shut`), serves on
(`open`), or either. What names a path of its own must be answered for that path.
"""

import re
import socket
import time
from typing import NamedTuple

from wire import Broken, Wire

SEVERAL = "X-Many: a\r\n"
REFUSED = (400, 405, 411, 413, 501)


class Odd(NamedTuple):
    """One oddity; `right` may hold `0` for a close without an answer."""

    name: str
    sent: bytes
    right: tuple
    then: str = ""
    half: bool = False
    mark: str = ""


def plain(target="/health", version="HTTP/1.1", more="", method="GET", host="Host: localhost\r\n"):
    return f"{method} {target} {version}\r\n{host}{more}\r\n".encode("latin-1")


def odd(name, sent, *right, then="", half=False, mark=""):
    return Odd(name, sent, tuple(one if isinstance(one, tuple) else (one,) for one in right), then, half, mark)


def marked(count):
    """Pipelined requests whose answers name them."""
    return b"".join(plain(f"/nonesuch-{index}") for index in range(count))


SHUT = {"then": "shut"}
ODD = (
    # Several at once, and ends of connections
    odd("four pipelined requests", marked(4), 404, 404, 404, 404, then="open", mark="in order"),
    odd("two hundred pipelined requests", marked(200), *[404] * 200, then="open", mark="in order"),
    odd("pipelined, the last one closes", plain() + plain(more="Connection: close\r\n"), 200, 200, **SHUT),
    odd("nothing after Connection: close", plain(more="Connection: close\r\n") + plain(), 200, **SHUT),
    odd("CONNECTION: ClOsE", plain(more="CONNECTION: ClOsE\r\n"), 200, **SHUT),
    odd("Connection: keep-alive, close", plain(more="Connection: keep-alive, close\r\n"), 200, **SHUT),
    odd("a half-closed client", plain("/nonesuch-0"), 404, half=True, mark="in order", **SHUT),
    odd("a half-closed client, three requests", marked(3), 404, 404, 404, half=True, mark="in order", **SHUT),
    odd("half a head, then half-closed", b"GET /health HTTP/1.1\r\nHo", (0, 400), half=True, **SHUT),
    odd("nothing, then half-closed", b"", 0, half=True, **SHUT),
    odd("an empty line before the request", b"\r\n" + plain(), (200, 400)),
    odd("three empty lines before the request", b"\r\n" * 3 + plain(), (200, 400)),
    odd("8 KiB of empty lines", b"\r\n" * 4096, (0, 400, 414, 431), half=True, **SHUT),
    odd("a good request, then garbage", plain() + b"\0\1\2\r\n\r\n", 200, 400, **SHUT),
    # Versions
    odd("HTTP/1.0", plain(version="HTTP/1.0"), 200, **SHUT),
    odd("HTTP/1.0 without Host", plain(version="HTTP/1.0", host=""), 200, **SHUT),
    odd("HTTP/1.0 keep-alive", plain(version="HTTP/1.0", more="Connection: keep-alive\r\n"), 200, then="open"),
    odd("HTTP/0.9", b"GET /health\r\n\r\n", (0, 400, 505), **SHUT),
    odd("HTTP/1.2", plain(version="HTTP/1.2"), (200, 400, 505)),
    odd("HTTP/2.0", plain(version="HTTP/2.0"), (400, 505), **SHUT),
    odd("HTTP/9.9", plain(version="HTTP/9.9"), (400, 505), **SHUT),
    odd("http/1.1", plain(version="http/1.1"), (400, 505), **SHUT),
    odd("HTTP/1.10", plain(version="HTTP/1.10"), (400, 505), **SHUT),
    odd("no version at all", b"GET /health \r\nHost: localhost\r\n\r\n", 400, **SHUT),
    odd("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (0, 400, 505), **SHUT),
    odd("h2c is not taken up", plain(more="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), 200),
    odd("a TLS ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), (0, 400), **SHUT),
    odd("an SSH greeting", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", (0, 400), **SHUT),
    # Targets
    odd("an absolute target", plain("http://localhost/nonesuch-0"), 404, then="open", mark="in order"),
    odd("an absolute target of a stranger", plain("http://evil.example/health"), 403),
    odd("an absolute target without a path", plain("http://localhost"), (200, 400)),
    odd("a target in https", plain("https://localhost/health"), (200, 400)),
    odd("no slash", plain("health"), 400),
    odd("an authority", plain("localhost:80", method="CONNECT"), (400, 405)),
    odd("//", plain("//"), (400, 404)),
    odd("//health", plain("//health"), (400, 404)),
    odd("/./health", plain("/./health"), (400, 404)),
    odd("/a/../health", plain("/a/../health"), (400, 404)),
    odd("/%2e%2e/health", plain("/%2e%2e/health"), (400, 404)),
    odd("/logs/download/..", plain("/logs/download/.."), (400, 404)),
    odd(
        "/logs/download/%2e%2e%2f", plain("/logs/download/%2e%2e%2fconfig%2fmaster_coordinator_config.yaml"), (400, 404)
    ),
    odd("/logs/download//etc/passwd", plain("/logs/download//etc/passwd"), (400, 404)),
    odd("/logs/download/ with NUL", plain("/logs/download/master.log%00.log"), (400, 404)),
    odd("/assets/..%2f", plain("/assets/..%2f..%2fetc%2fpasswd"), (400, 404)),
    odd("/health%00", plain("/health%00"), (400, 404)),
    odd("/%zz", plain("/%zz"), (400, 404)),
    odd("/%", plain("/%"), (400, 404)),
    odd("/health/", plain("/health/"), (200, 404)),
    odd("/HEALTH", plain("/HEALTH"), 404),
    odd("/he%61lth", plain("/he%61lth"), (200, 404)),
    odd("/health?", plain("/health?"), 200),
    odd("/health#part", plain("/health#part"), (200, 400, 404)),
    odd("a space in the target", plain("/health x"), 400, **SHUT),
    odd("two spaces", b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, **SHUT),
    odd("a tab for a space", b"GET\t/health\tHTTP/1.1\r\nHost: localhost\r\n\r\n", 400, **SHUT),
    odd("raw UTF-8 in the target", plain("/zażółć".encode().decode("latin-1")), (400, 404)),
    odd("bytes that are no UTF-8", plain("/\xff\xfe"), (400, 404)),
    odd("an unknown parameter", plain("/health?nonesuch=1"), (200, 400)),
    odd("max_age_seconds twice", plain("/health?max_age_seconds=99999&max_age_seconds=1"), (200, 400, 503)),
    odd("max_age_seconds=NaN", plain("/health?max_age_seconds=NaN"), 400),
    odd("max_age_seconds=-1", plain("/health?max_age_seconds=-1"), 400),
    odd("max_age_seconds=1e999", plain("/health?max_age_seconds=1e999"), 400),
    odd("lines=99999999999999999999", plain("/logs?lines=99999999999999999999"), 400),
    odd("year=-1", plain("/monthly-summary?year=-1"), 400),
    odd("month=13", plain("/monthly-summary?year=2026&month=13"), 400),
    odd("a 7 KiB query", plain("/nonesuch?" + "a" * 7000), 404),
    odd("a thousand parameters", plain("/nonesuch?" + "a=b&" * 1000), 404),
    # Heads
    odd("a NUL in the target", plain("/heal\0th"), 400, **SHUT),
    odd("a NUL in a value", plain(more="X-Odd: a\0b\r\n"), 400, **SHUT),
    odd("a NUL in a name", plain(more="X-\0dd: a\r\n"), 400, **SHUT),
    odd("bare LF", b"GET /health HTTP/1.1\nHost: localhost\n\n", 400, **SHUT),
    odd("one bare LF", b"GET /health HTTP/1.1\r\nHost: localhost\nX-Odd: a\r\n\r\n", 400, **SHUT),
    odd("bare CR", plain(more="X-Odd: a\rb\r\n"), 400, **SHUT),
    odd("bare CR for a line end", b"GET /health HTTP/1.1\rHost: localhost\r\n\r\n", 400, **SHUT),
    odd("obs-fold", plain(more="X-Odd: a\r\n b\r\n"), 400, **SHUT),
    odd("a tab as obs-fold", plain(more="X-Odd: a\r\n\tb\r\n"), 400, **SHUT),
    odd("a space before the first header", b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n", 400, **SHUT),
    odd("a space before the colon", plain(more="X-Odd : a\r\n"), 400, **SHUT),
    odd("Host with a space before the colon", plain(host="Host : localhost\r\n"), 400, **SHUT),
    odd("a header without a colon", plain(more="X-Odd\r\n"), 400, **SHUT),
    odd("a header without a name", plain(more=": a\r\n"), 400, **SHUT),
    odd("a header without a value", plain(more="X-Odd:\r\n"), 200, then="open"),
    odd("no space after the colon", plain(more="X-Odd:a\r\n"), 200, then="open"),
    odd("bytes above 127 in a value", plain(more="X-Odd: \xff\xfe\r\n"), (200, 400)),
    odd("a bell in a value", plain(more="X-Odd: \x07\r\n"), 400, **SHUT),
    odd("a name with parentheses", plain(more="X(odd): a\r\n"), 400, **SHUT),
    odd("62 headers", plain(more=SEVERAL * 62), 200, then="open"),
    odd("100 headers", plain(more=SEVERAL * 100), (400, 431), **SHUT),
    odd("a head of 7.9 KiB", plain(more="X-Odd: " + "a" * 7900 + "\r\n"), 200, then="open"),
    odd("a head of 9 KiB", plain(more="X-Odd: " + "a" * 9100 + "\r\n"), 431, **SHUT),
    odd("a target of 9 KiB", plain("/" + "a" * 9100), (414, 431), **SHUT),
    odd("a method of 9 KiB", plain(method="A" * 9100), (400, 405, 414, 431, 501), **SHUT),
    odd("no Host", plain(host=""), 400, **SHUT),
    odd("two Hosts", plain(host="Host: localhost\r\nHost: localhost\r\n"), 400),
    odd("an empty Host", plain(host="Host:\r\n"), (400, 403)),
    odd("Host with a path", plain(host="Host: localhost/x\r\n"), (400, 403)),
    odd("Host with a user", plain(host="Host: localhost@evil.example\r\n"), (400, 403)),
    odd("Host of a stranger", plain(host="Host: evil.example\r\n"), 403),
    odd("Range of a prepared answer", plain("/metrics", more="Range: bytes=0-1\r\n"), (200, 206), then="open"),
    odd("Range that is nonsense", plain("/metrics", more="Range: bytes=9-1,zzz\r\n"), (200, 416)),
    # Bodies
    odd("Content-Length: 0", plain(more="Content-Length: 0\r\n"), 200, then="open"),
    odd("GET with a body", plain(more="Content-Length: 5\r\n") + b"abcde", 413, **SHUT),
    odd("GET with a request for a body", plain(more="Content-Length: 50\r\n") + plain("/nonesuch-0"), 413, **SHUT),
    odd("GET with a body of 100 GB", plain(more="Content-Length: 100000000000\r\n"), 413, **SHUT),
    odd("POST with a body", plain(method="POST", more="Content-Length: 3\r\n") + b"abc", (405, 413), **SHUT),
    odd("the same Content-Length twice", plain(more="Content-Length: 0\r\nContent-Length: 0\r\n"), 400, **SHUT),
    odd(
        "conflicting Content-Lengths", plain(more="Content-Length: 0\r\nContent-Length: 50\r\n") + plain(), 400, **SHUT
    ),
    odd("a list of Content-Lengths", plain(more="Content-Length: 0, 0\r\n"), 400, **SHUT),
    odd("Content-Length: +0", plain(more="Content-Length: +0\r\n"), 400, **SHUT),
    odd("Content-Length: -1", plain(more="Content-Length: -1\r\n"), 400, **SHUT),
    odd("Content-Length: 0x0", plain(more="Content-Length: 0x0\r\n"), 400, **SHUT),
    odd("an empty Content-Length", plain(more="Content-Length:\r\n"), 400, **SHUT),
    odd("Content-Length beyond 64 bits", plain(more=f"Content-Length: {'9' * 30}\r\n"), (400, 413), **SHUT),
    odd(
        "chunked",
        plain(method="POST", more="Transfer-Encoding: chunked\r\n") + b"3\r\nabc\r\n0\r\n\r\n",
        REFUSED,
        **SHUT,
    ),
    odd("chunked GET with a request inside", plain(more="Transfer-Encoding: chunked\r\n") + plain(), REFUSED, **SHUT),
    odd("Transfer-Encoding: identity", plain(more="Transfer-Encoding: identity\r\n"), REFUSED, **SHUT),
    odd("Transfer-Encoding: xchunked", plain(more="Transfer-Encoding: xchunked\r\n"), REFUSED, **SHUT),
    odd(
        "Transfer-Encoding and Content-Length",
        plain(more="Transfer-Encoding: chunked\r\nContent-Length: 0\r\n") + b"0\r\n\r\n",
        REFUSED,
        **SHUT,
    ),
    odd("Expect: 100-continue without a body", plain(more="Expect: 100-continue\r\n"), 200),
    odd(
        "Expect: 100-continue with a body",
        plain(method="POST", more="Expect: 100-continue\r\nContent-Length: 3\r\n"),
        (405, 413, 417),
        **SHUT,
    ),
    odd("Expect: the impossible", plain(more="Expect: the-impossible\r\n"), (200, 417)),
    # Methods
    odd("get", plain(method="get"), (400, 405, 501)),
    odd("BREW", plain(method="BREW"), 405, mark="allow"),
    odd("POST", plain(method="POST"), 405, mark="allow"),
    odd("PUT", plain(method="PUT"), 405, mark="allow"),
    odd("DELETE", plain(method="DELETE"), 405, mark="allow"),
    odd("PATCH", plain(method="PATCH"), 405, mark="allow"),
    odd("TRACE", plain(method="TRACE", more="Cookie: secret\r\n"), 405, mark="allow"),
    odd("POST of what is not there", plain("/nonesuch", method="POST"), (404, 405)),
    odd("a method with a bracket", plain(method="G[T"), (400, 405, 501)),
    odd("no method", b" /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, **SHUT),
    odd("OPTIONS *", plain("*", method="OPTIONS"), 204, then="open"),
    odd("OPTIONS /status", plain("/status", method="OPTIONS"), 204, then="open", mark="allow"),
    odd("GET *", plain("*"), (400, 404)),
    # Headers that other servers obey
    odd("X-HTTP-Method-Override", plain(more="X-HTTP-Method-Override: DELETE\r\n"), 200),
    odd("X-Original-URL", plain("/nonesuch-0", more="X-Original-URL: /health\r\n"), 404, mark="in order"),
    odd("X-Forwarded-Host of a stranger", plain(more="X-Forwarded-Host: evil.example\r\n"), (200, 403)),
    odd("Proxy-Connection", plain(more="Proxy-Connection: keep-alive\r\n"), 200),
    odd("If-Modified-Since", plain("/metrics", more="If-Modified-Since: nonsense\r\n"), 200),
)


def judge(address, entry, seconds=3.0):
    """What was wrong with this one: words, or nothing."""
    with Wire(address, seconds) as wire:
        try:
            wire.send(entry.sent)
        except OSError as error:  # closed while a long one was still being sent
            if not any(0 in right or 431 in right for right in entry.right):
                return f"while sending: {error!r}"
        if entry.half:
            try:
                wire.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        head_only = entry.sent.startswith(b"HEAD")
        for number, right in enumerate(entry.right):
            began = time.monotonic()
            try:
                answer = wire.answer(head_only)
            except TimeoutError:
                return f"answer {number}: nothing in {time.monotonic() - began:.1f} s"
            except (Broken, OSError) as error:
                if isinstance(error, ConnectionError) and 0 in right:
                    return ""
                return f"answer {number}: {error!r}"
            status = answer.status if answer else 0
            if status not in right:
                return f"answer {number}: {status} {answer.body[:150] if answer else ''}, not {right}"
            if answer is None:
                return ""
            wrong = judged(entry, answer, number)
            if wrong:
                return wrong
        closing = (answer.get("connection") or "").lower() == "close"
        if entry.then == "shut" or (entry.then == "" and closing):
            return "" if wire.closed(2) else f"after {status} still open: {wire.rest[:100]!r}"
        try:
            after = wire.ask("/nonesuch-after", ["Connection: close"])
        except (Broken, OSError) as error:
            return f"the next request: {error!r}"
        if after is None:
            return "closed, though nothing said so" if entry.then == "open" or answer.version == "HTTP/1.1" else ""
        return "" if b"nonesuch-after" in after.body else f"the next request was answered by {after}"[:300]


def judged(entry, answer, number):
    """What is wrong with one answer beyond its status."""
    if answer.get("date") is None and answer.status != 400:
        return f"{answer.status} without a Date"
    if answer.status >= 400:
        try:
            body = answer.json()
            if not isinstance(body["error"], str) or not re.fullmatch(r"[a-z_]+", body["code"]):
                return f"the error is {answer.body[:150]!r}"
        except (ValueError, KeyError, TypeError):
            return f"the error is {answer.body[:150]!r}"
    if answer.status == 405 and answer.get("allow") != "GET, HEAD, OPTIONS":
        return f"405 with Allow: {answer.get('allow')}"
    if entry.mark == "allow" and not answer.get("allow"):
        return "no Allow"
    if entry.mark == "in order" and f'/nonesuch-{number}"' not in answer.json().get("error", "") + '"':
        return f"answer {number} is another's: {answer.body[:150]!r}"
    if b"secret" in answer.body:
        return "the request comes back"
    return ""
