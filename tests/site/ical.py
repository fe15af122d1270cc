"""A strict reader of the calendars that the server writes (RFC 5545): anything that a calendar program might choke on
is `Broken`.

In: the bytes. Out: the events as mappings of property name to text, with `start` and `end` as instants.
"""

import re
from datetime import datetime

from localtime import UTC

PROPERTY = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):(.*)', re.S)
TEXTS = ("SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "X-WR-CALNAME")
ONCE = ("UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "SEQUENCE", "LAST-MODIFIED", "CLASS")


class Broken(ValueError):
    """What is wrong with the calendar."""


def content_lines(body):
    """The unfolded lines. Every line ends with CRLF and has at most 75 octets before it."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Broken(f"not UTF-8: {error}") from None
    if not body.endswith(b"\r\n"):
        raise Broken("the last line does not end with CRLF")
    if re.search(rb"(?<!\r)\n|\r(?!\n)", body):
        raise Broken("a line ends with something else than CRLF")
    lines = []
    for raw in body[:-2].split(b"\r\n"):
        if len(raw) > 75:
            raise Broken(f"a line of {len(raw)} octets: {raw[:60]!r}")
        if not raw:
            raise Broken("an empty line")
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Broken(f"folded within a character: {raw!r}") from None
        if raw[:1] in b" \t":
            if not lines:
                raise Broken("the first line is a continuation")
            lines[-1] += raw[1:]
        else:
            lines.append(raw)
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        raise Broken("a control character")
    return [line.decode("utf-8") for line in lines]


def unescaped(value):
    """A TEXT value; a bare comma or semicolon, or an unknown escape, is wrong."""
    if re.search(r"(?<!\\)(?:\\\\)*[,;]", value):
        raise Broken(f"a bare comma or semicolon in {value!r}")
    if re.search(r"\\(?![\\;,nN])", re.sub(r"\\\\", "", value)):
        raise Broken(f"an unknown escape in {value!r}")
    return re.sub(r"\\(.)", lambda found: "\n" if found.group(1) in "nN" else found.group(1), value)


def utc_time(name, value, parameters):
    """A UTC date-time."""
    if parameters or not re.fullmatch(r"\d{8}T\d{6}Z", value):
        raise Broken(f"{name}{parameters}:{value} is not a UTC time")
    return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def add(holder, kind, name, parameters, value):
    """One property of a calendar or an event."""
    if name in holder and (kind == "VCALENDAR" or name in ONCE):
        raise Broken(f"{name} twice in one {kind}")
    holder[name] = unescaped(value) if name in TEXTS else value
    if name in ("DTSTART", "DTEND", "DTSTAMP", "LAST-MODIFIED"):
        moment = utc_time(name, value, parameters)
        holder.update({"start": moment} if name == "DTSTART" else {"end": moment} if name == "DTEND" else {})


def finished(event):
    """An event with everything that it must have."""
    for name in ("UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "CATEGORIES"):
        if not event.get(name):
            raise Broken(f"an event without {name}: {event}")
    if event["end"] <= event["start"]:
        raise Broken(f"an event that ends before it begins: {event['UID']}")
    return event


def read(body):
    """The events of a calendar."""
    stack, events, calendar = [], [], None
    for line in content_lines(body):
        found = PROPERTY.fullmatch(line)
        if not found:
            raise Broken(f"not a property: {line!r}")
        name, parameters, value = found.group(1).upper(), found.group(2), found.group(3)
        if name == "BEGIN":
            if (value == "VCALENDAR") != (not stack) or (calendar is not None and not stack):
                raise Broken(f"BEGIN:{value} inside {[kind for kind, _ in stack]}")
            stack.append((value, {}))
        elif name == "END":
            if not stack or stack[-1][0] != value:
                raise Broken(f"END:{value} inside {[kind for kind, _ in stack]}")
            kind, holder = stack.pop()
            if kind == "VEVENT":
                events.append(finished(holder))
            elif kind == "VCALENDAR":
                calendar = holder
        elif not stack:
            raise Broken(f"{name} outside of the calendar")
        else:
            add(stack[-1][1], stack[-1][0], name, parameters, value)
    if stack or calendar is None:
        raise Broken("the calendar is not closed")
    if calendar.get("VERSION") != "2.0" or not calendar.get("PRODID"):
        raise Broken(f"VERSION or PRODID: {calendar}")
    uids = [event["UID"] for event in events]
    if len(set(uids)) != len(uids):
        raise Broken("a UID occurs twice")
    return events
