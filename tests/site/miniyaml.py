"""A reader for the small part of YAML that the generated config uses, so that the checks need no package.

Understands nested block mappings, block lists of scalars, flow lists and mappings (`[{start: 13, end: 15}]`),
quoted and plain scalars, comments on lines of their own or after a value. Nothing else.
"""

import re


def load(text):
    """The mapping that `text` describes."""
    lines = []
    for raw in text.splitlines():
        stripped = re.sub(r"(^|\s)#(?=([^\"]*\"[^\"]*\")*[^\"]*$).*$", "", raw).rstrip()
        if stripped.strip():
            lines.append((len(stripped) - len(stripped.lstrip()), stripped.strip()))
    value, rest = _block(lines, 0)
    if rest != len(lines):
        raise ValueError(f"cannot read the line {lines[rest][1]!r}")
    return value


def _block(lines, position):
    """One block at the indentation of its first line; returns it and the next line's number."""
    indent = lines[position][0]
    if lines[position][1].startswith("- "):
        items = []
        while position < len(lines) and lines[position][0] == indent and lines[position][1].startswith("- "):
            items.append(scalar(lines[position][1][2:]))
            position += 1
        return items, position
    mapping = {}
    while position < len(lines) and lines[position][0] == indent:
        key, _, rest = lines[position][1].partition(":")
        position += 1
        if rest.strip():
            mapping[scalar(key)] = scalar(rest)
        elif position < len(lines) and lines[position][0] > indent:
            mapping[scalar(key)], position = _block(lines, position)
        else:
            mapping[scalar(key)] = None
    return mapping, position


def scalar(text):
    """A plain, quoted or flow value."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return [scalar(part) for part in _split(text[1:-1])]
    if text.startswith("{") and text.endswith("}"):
        pairs = (part.partition(":") for part in _split(text[1:-1]))
        return {scalar(key): scalar(value) for key, _, value in pairs}
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    if text in ("null", "~", ""):
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _split(text):
    """The parts of a flow collection between commas that are in no inner brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        if letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]
