"""Reads what documents have: code in fences or indented, spans in backticks, links, headings."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)```(\S*)\s*$")


@dataclass
class Fragment:
    """A block of code: where it stands, its language (`sh` where it is only indented) and its text."""

    file: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.file}:{self.line}"


class Document:
    """One Markdown file; paths are relative to the project's folder."""

    def __init__(self, path):
        self.name = path
        self.lines = (ROOT / path).read_text().splitlines()
        self.fragments, self.prose = [], []
        self._split()

    def _split(self):
        index, in_list = 0, False
        while index < len(self.lines):
            line = self.lines[index]
            fence = FENCE.match(line)
            if fence:
                first = index + 1
                index = first
                while not FENCE.match(self.lines[index]):
                    index += 1
                self._add(first + 1, fence.group(2), [text.removeprefix(fence.group(1)) for text in self.lines[first:index]])
            elif self._begins_code(index, in_list):
                first, least = index, 6 if in_list else 4
                while index < len(self.lines) and (not self.lines[index].strip() or self._indent(index) >= least):
                    index += 1
                index -= 1
                self._add(first + 1, "", [text[least:] for text in self.lines[first : index + 1]])
            else:
                if line.strip() and not line.startswith(" "):
                    in_list = bool(re.match(r"([-*]|\d+\.) ", line))
                self.prose.append((index + 1, line))
            index += 1

    def _indent(self, index):
        return len(self.lines[index]) - len(self.lines[index].lstrip(" "))

    def _begins_code(self, index, in_list):
        return (
            self.lines[index].strip() != ""
            and self._indent(index) >= (6 if in_list else 4)
            and (index == 0 or not self.lines[index - 1].strip())
        )

    def _add(self, line, language, texts):
        text = "\n".join(texts).strip("\n") + "\n"
        self.fragments.append(Fragment(self.name, line, language or guess(text), text))

    def spans(self):
        """(line, text) of what stands in single backticks outside code."""
        for number, line in self.prose:
            for text in re.findall(r"(?<!`)`([^`]+)`(?!`)", line):
                yield number, text

    def links(self):
        """(line, target) of links and pictures."""
        for number, line in self.prose:
            bare = re.sub(r"`[^`]*`", "", line)
            for target in re.findall(r"\]\(([^)\s]+)\)", bare):
                yield number, target

    def anchors(self):
        """What links may say after the `#`: headings as GitHub names them."""
        heads = [re.sub(r"^#+ ", "", line) for _, line in self.prose if re.match(r"#+ ", line)]
        return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def guess(text):
    """The language of a block that says none: the indented ones of the README are commands, or a server of nginx."""
    return "nginx" if text.lstrip().startswith("server {") else "sh"
