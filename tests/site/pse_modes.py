"""How the stand-in for the price API misbehaves: one function for each mode, given the request.

ok, gzip: right answers. paged: right, but in pages of `/_page?size=` that ignore `$first`.
down: the connection is closed unanswered. slow: nothing for 120 s. html: a page in place of JSON. notjson: a
text that is no JSON. empty: no row at all. truncated: the body stops in the middle. huge: 300 MB. status500,
status503, status429 (with Retry-After). drift: 400 with the name of a missing property. renamed: the price column
has another name. incomplete: four rows are missing. nullrow: one price is null. otherhost: the link to the next
page leads to another host. nonext: a page of 100 and an endless link.
"""

import json
import socket
import time

PAGE, HUGE_BYTES, SLOW_S = 100, 300_000_000, 120
RENAMED = {"csdac_pln": "csdac_cena_pln", "rce_pln": "rce_cena_pln", "usage_fcst": "usage_forecast"}
MISSING_FROM, MISSING, NULL_AT = 40, 4, 50
RETRY_AFTER_S = 30


def answer(request, entity, query, mode):
    """Answers in that mode."""
    if mode not in FREE:
        for name in query:
            if name not in ("$filter", "$orderby", "$first", "$after", "$select"):
                message = f"Invalid Query Parameter: {name}"
                return request.send(400, {"error": {"code": "BadRequest", "message": message}})
    return TABLE[mode](request, entity, query)


def _ok(request, entity, query):
    return request.send(200, request.page(entity, query))


def _gzip(request, entity, query):
    return request.send(200, request.page(entity, query), compress=True)


def _paged(request, entity, query):
    return request.send(200, request.page(entity, query, size=request.server.page_size))


def _down(request, *_):
    request.close_connection = True
    return request.connection.shutdown(socket.SHUT_RDWR)


def _slow(request, entity, query):
    deadline = time.monotonic() + SLOW_S
    while time.monotonic() < deadline and request.server.modes[entity] == "slow":
        time.sleep(0.2)
    mode = request.server.modes[entity]
    return _ok(request, entity, query) if mode == "slow" else TABLE[mode](request, entity, query)


def _html(request, *_):
    page = b"<!DOCTYPE html><html><body>Przerwa techniczna</body></html>"
    return request.send(200, page, "text/html; charset=utf-8")


def _notjson(request, *_):
    return request.send(200, b"Przerwa techniczna do 15:00")


def _empty(request, *_):
    return request.send(200, {"value": []})


def _truncated(request, entity, query):
    body = json.dumps(request.page(entity, query)).encode()
    return request.send(200, body[: len(body) // 2])


def _status(status, message, headers=None):
    def send(request, *_):
        return request.send(status, {"error": {"code": "Unexpected", "message": message}}, headers=headers)

    return send


def _drift(request, entity, _query):
    message = f"Could not find a property named 'business_date' on type 'default_namespace.{entity}'"
    return request.send(400, {"error": {"code": "BadRequest", "message": message}})


def _renamed(request, entity, query):
    page = request.page(entity, query)
    page["value"] = [{RENAMED.get(key, key): value for key, value in row.items()} for row in page["value"]]
    return request.send(200, page)


def _incomplete(request, entity, query):
    """Four rows are missing of every day that is asked for (of a page that holds one)."""
    page = request.page(entity, query)
    first = 10 if entity == "pdgsz" else MISSING_FROM
    del page["value"][first : first + MISSING]
    return request.send(200, page)


def _nullrow(request, entity, query):
    page = request.page(entity, query)
    field = "usage_fcst" if entity == "pdgsz" else entity.replace("-", "_")
    for row in page["value"][10:11] if entity == "pdgsz" else page["value"][NULL_AT : NULL_AT + 1]:
        row[field] = None
    return request.send(200, page)


def _otherhost(request, entity, query):
    page = request.page(entity, query, size=10, link_host=request.server.strange_address())
    return request.send(200, page)


def _nonext(request, entity, query):
    return request.send(200, request.page(entity, query, endless=True))


def _huge(request, *_):
    """300 MB of plausible JSON, streamed."""
    piece = b'{"dtime": "2026-01-01 00:15", "csdac_pln": 1.0},' * 2000
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(HUGE_BYTES))
    request.end_headers()
    request.wfile.write(b'{"value": [')
    sent = 11
    while sent < HUGE_BYTES:
        chunk = piece[: HUGE_BYTES - sent]
        request.wfile.write(chunk)
        sent += len(chunk)


TABLE = {
    "ok": _ok,
    "gzip": _gzip,
    "down": _down,
    "slow": _slow,
    "html": _html,
    "notjson": _notjson,
    "empty": _empty,
    "truncated": _truncated,
    "huge": _huge,
    "status500": _status(500, "an internal error"),
    "status503": _status(503, "Service Unavailable"),
    "status429": _status(429, "Rate limit exceeded", {"Retry-After": str(RETRY_AFTER_S)}),
    "drift": _drift,
    "renamed": _renamed,
    "incomplete": _incomplete,
    "nullrow": _nullrow,
    "otherhost": _otherhost,
    "paged": _paged,
    "nonext": _nonext,
}
FREE = ("down", "html", "notjson", "empty", "huge", "drift", "status500", "status503", "status429")
MODES = tuple(TABLE)
