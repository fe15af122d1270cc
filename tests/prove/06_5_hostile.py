#!/usr/bin/env python3
"""A log with scripts, terminal escapes and line ends of all kinds: text in the page, escaped in answers, one event each.

Also files whose names are markup, have a newline in them, are no UTF-8 or are as long as a name can be.
"""

import html
import json
import os
import re
import time
from urllib.parse import quote

from lib import FAST, Tally, Workshop, arguments, chromium, drawn, finish, wait_for
from wire import Wire, once

from localtime import now_utc
from site_files import log_line

NAME = "master_coordinator.log"
MESSAGES = (
    "<script>alert(1)</script>",
    "<script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title = 'owned'\">",
    "</pre><h1 id=owned>owned</h1><pre>",
    "</script><svg/onload=document.title='owned'>",
    "&lt;b&gt; &amp; &#x3c;",
    "\x1b[2J\x1b[31mred\x1b]0;owned\x07\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31m one byte of control",
    'before\rdata: {"type": "log", "line": "forged"}',
    'before\r\rdata: {"type": "log", "line": "forged"}\r\rid: 9',
    "separators \u2028 and \u2029 and \x85 and \x0b and \x0c",
    "a\0NUL and \x7f and \ufeff",
    "right to left \u202e gnp.exe \u2066",
    'quotes " \' \\ \\n \\u0000 ${7*7} {{7*7}}',
    "javascript:alert(1) data:text/html,<script>alert(1)</script>",
)
NAMES = (
    b"<img src=x onerror=alert(1)>.log",
    b"new\nline.log",
    b"carriage\r\nX-Injected: yes\r\n.log",
    b"\xff\xfe broken.log",
    b"x" * 251 + b".log",
    "🔋\u2028żółć\u202e.log".encode(),
    b'quote" and \\ and ; filename=evil.exe.log',
    b"..log",
    b"%2e%2e%2f%00.log",
    b"\x1b[31m.log",
)
CONTROL = re.compile(rb"[\x00-\x1f]")


def stream(address, target, seconds=2.0):
    """What a stream tells in that time: its raw bytes after the head."""
    wire = Wire(address, seconds)
    wire.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    data, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            piece = wire.socket.recv(65536)
        except TimeoutError:
            break
        data += piece
        if not piece:
            break
    wire.socket.close()
    return data.partition(b"\r\n\r\n")[2]


def blocks(tally, data, what):
    """The fields of each event, by the letter of the specification: \\r is a line end too."""
    tally.check(not CONTROL.search(data.replace(b"\n", b"")), f"{what}: no control character but line feeds")
    events = []
    for block in re.split(r"\r\n|\r|\n", data.decode("utf-8")):
        if not block:
            events.append({})
        elif not block.startswith(":"):
            name, _, value = block.partition(": ")
            events[-1:] = [{**(events[-1] if events else {}), name: value}]
    return [event for event in events if "data" in event]


def answers(tally, server, lines):
    """/logs and both streams."""
    answer = once(server.address, f"/logs?file=master&lines={len(lines)}")
    tally.check(not CONTROL.search(answer.body), "/logs: every control character is escaped")
    tally.check(answer.json()["lines"] == lines, "/logs: the lines as they are")
    headers = (answer.get("content-type").split(";")[0], answer.get("x-content-type-options"))
    tally.check(headers == ("application/json", "nosniff"), "/logs: JSON, not to be guessed at", str(headers))
    for message in MESSAGES:
        found = once(server.address, f"/logs?file=master&q={quote(message)}").json()["lines"]
        tally.check(found == [line for line in lines if message in line], f"q={message[:30]!r} finds it", str(found))
    events = [json.loads(event["data"]) for event in blocks(tally, stream(server.address, "/logs?follow=true"), "follow")]
    tally.check([event["type"] for event in events] == ["start", *["log"] * len(lines)], "follow: one event each")
    tally.check([event.get("line") for event in events[1:]] == lines, "follow: the lines as they are")
    events = blocks(tally, stream(server.address, "/api/v1/events?log=master&topics=log"), "events")
    told = [line for event in events if event.get("event") == "log" for line in json.loads(event["data"])["lines"]]
    tally.check(told == lines, "events: the lines as they are", f"{len(told)} of {len(lines)}")
    tally.check({event.get("event") for event in events} <= {"log", "bye"}, "events: nothing forged", str(events)[:300])


def page(tally, server, lines):
    """What a browser draws."""
    browser = chromium()
    if not tally.check(browser, "a Chromium is installed"):
        return
    drawn_all = f"main:has(ol.lines li:nth-child({len(lines)})) section.files ul.rows li:nth-child({len(NAMES) - 1})"
    document = drawn(browser, f"{server.base}/#/logs?file=master", drawn_all)
    found = re.search(rb'<ol class="lines">(.*?)</ol>', document, re.S)
    shown = texts(found.group(1) if found else b"")
    # HTML has no way to write these; the parser that reads the document back changes them.
    odd = str.maketrans({"\0": "\ufffd", "\x9b": "›", "\x85": "…"})
    unlike = [pair for pair in zip(shown, lines) if pair[0].translate(odd) != pair[1].translate(odd)]
    same = not unlike and len(shown) == len(lines)
    tally.check(same, "the page shows the lines as text", f"{len(shown)} of {len(lines)}, {unlike[:2]!r}")
    tags = re.findall(r"<(\w[^\s/>]*)([^<>]*)>", found.group(1).decode() if found else "")
    tally.check({tag for tag, _ in tags} == {"li", "a", "span", "strong"}, "no element of a line", str(tags[:9]))
    names = {name for _, attributes in tags for name in re.findall(r"([^\s=]+)=\"[^\"]*\"", attributes)}
    tally.check(names <= {"data-level", "href", "tabindex", "lang", "dir", "class"}, "no attribute of a line", str(names))
    tally.check(b"<script>alert" not in document and b"<img src=x" not in document, "no markup of a line in the document")
    tally.check(b'id="owned"' not in document and b"<svg/" not in document, "no element of a line in the document")
    title = re.search(rb"<title>(.*?)</title>", document)
    tally.check(title and b"owned" not in title.group(1), "no script of a line has run", str(title))
    listed = re.search(rb'<ul class="rows">(.*?)</ul>', document, re.S)
    links = re.findall(rb'<a href="([^"]*)" download="">(.*?)</a>', listed.group(1) if listed else b"", re.S)
    told = {html.unescape(re.sub("<[^<>]*>", "", name.decode())): html.unescape(link.decode()) for link, name in links}
    readable = [name.decode() for name in NAMES if not name.startswith(b"\xff")]
    lacking = [name for name in readable if name not in told]
    tally.check(not lacking, "the page shows the names of files as text", f"{lacking!r} of {list(told)!r}")
    wrong = [name for name in readable if told.get(name) != "/logs/download/" + quote(name, safe="!'()*")]
    tally.check(not wrong, "a link to each file, its name escaped", f"{wrong!r}: {[told.get(name) for name in wrong]!r}")


def texts(items):
    """What stands in each element of a list, as its reader sees it."""
    found = re.findall(rb"<li\b[^<>]*>(.*?)</li>", items, re.S)
    return [html.unescape(re.sub("<[^<>]*>", "", item.decode())) for item in found]


def files(tally, server, folder):
    """/logs/files, /logs/rates and downloads."""
    answer = once(server.address, "/logs/files")
    tally.check(not CONTROL.search(answer.body), "/logs/files: every control character is escaped")
    listed = {entry["name"]: entry for entry in answer.json()["log_files"]}
    readable = [name.decode() for name in NAMES if not name.startswith(b"\xff")]
    tally.check(set(readable) <= set(listed), "/logs/files lists them", str(set(readable) - set(listed)))
    rates = once(server.address, "/logs/rates")
    tally.check(not CONTROL.search(rates.body), "/logs/rates: every control character is escaped")
    tally.check(set(readable) <= {log["name"] for log in rates.json()["logs"]}, "/logs/rates has them")
    for name in readable:
        got = once(server.address, f"/logs/download/{quote(name, safe='')}")
        disposition = got.get("content-disposition", "")
        good = got.status == 200 and got.body == (folder / name).read_bytes() and got.get("x-injected") is None
        tally.check(good and disposition.startswith("attachment"), f"{name[:40]!r} is sent as it is", f"{got.status} {disposition}")
        plain = re.fullmatch(r'attachment; filename="[^"\\\x00-\x1f\x7f]*"(; filename\*=UTF-8\'\'[\w.%~!#$&+^`|-]*)?', disposition)
        tally.check(plain, f"{name[:40]!r}: its name cannot break the header", disposition[:200])
    status = once(server.address, f"/logs/download/{quote(NAMES[3])}").status
    tally.check(status in (400, 404), "a name that is no UTF-8 is refused", str(status))


def main():
    given = arguments(__doc__.split("\n\n")[0])
    tally = Tally()
    with Workshop(given.bin, given.keep) as shop:
        api = shop.price_api()
        root = shop.site("site", days=2, pse_url=api.url, intervals=FAST)
        folder, now = root / "logs", now_utc()
        lines = [log_line(now, "m", "WARNING", message).decode().rstrip("\n") for message in MESSAGES]
        lines += list(MESSAGES)  # as the lines of a traceback are
        (folder / NAME).write_bytes("".join(f"{line}\n" for line in lines).encode())
        for name in NAMES:
            with open(os.fsencode(folder) + b"/" + name, "wb") as log:
                log.write(log_line(now, "m", "INFO", "hello"))
        server = shop.serve(root)

        def known():
            return (server.json("/logs?file=master")[1] or {}).get("total_lines", 0) == len(lines)

        tally.check(wait_for(known, 10) and server.loaded(30), "loaded")
        answers(tally, server, lines)
        files(tally, server, folder)
        page(tally, server, lines)
        raw = [line for line in server.log_text().split("\n") if "\x1b" in line or "\0" in line]
        tally.check(not raw, "the server's own log has no control characters", str(raw[:2]))
        tally.check("panicked" not in server.log_text(), "no panic", server.log_text()[-500:])
    finish(tally)


if __name__ == "__main__":
    main()
