"""Plain text -> the same outline as HTML: bullets make items, indentation makes depth."""

from __future__ import annotations

import re
from typing import NamedTuple

from monitor.furniture import is_picture, without_mark
from monitor.outline import Block, Elements, Outline, RawLink
from monitor.text import tidy

_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|main|div|section|article|h[1-6]|ul|ol|p|table|span|a)\b[^<]*>",
    re.IGNORECASE,
)
_BULLET = re.compile(r"([•·▪◦‣●○■□*+–—-]|\d{1,3}[.)])(?:\s+)(?=\S)")
_TITLE_LIMIT = 120
_SENTENCE_END = (".", "!", "?", ":", "…", ".”", '."', ",", ";")


def looks_like_html(text: str) -> bool:
    """Content decides, whatever the header says."""
    found = _HTML.search(text, 0, 100_000)
    return found is not None


class _Line(NamedTuple):
    indent: int
    bullet: str
    text: str
    blank_after: bool
    blank_before: bool


def read_text(text: str) -> Outline:
    """The outline of a page that was saved as plain text."""
    lines = _lines(text)
    elements = Elements()
    blocks: list[Block] = []
    item, open_indent, before = -1, -1, -1
    for line in lines:
        if line.bullet:
            item, open_indent = elements.add("li", -1), line.indent
            place = item
            _append(blocks, elements, before, place, "/text/li", line.text)
        else:
            if item >= 0 and line.indent <= open_indent:
                item, open_indent = -1, -1
            look = "/text/li" if item >= 0 else "/text"
            if line.blank_after or item < 0:
                place = elements.add("p", item)
                look += "/p"
            else:
                place = item
                look += "/a"
            _append(blocks, elements, before, place, look, line.text)
        before = place
    title, start = _title(blocks)
    return Outline("text", blocks, elements, title, start, "", "", None, None, "text", True)


def _lines(text: str) -> list[_Line]:
    raw = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n")
    lines: list[_Line] = []
    blank_before = True
    for number, line in enumerate(raw):
        content = line.strip()
        if not content:
            blank_before = True
            continue
        indent = len(line) - len(line.lstrip())
        bullet = ""
        found = _BULLET.match(content)
        if found:
            bullet = found[1]
            content = content[found.end() :].strip()
        following = raw[number + 1].strip() if number + 1 < len(raw) else ""
        lines.append(_Line(indent, bullet, tidy(content), not following, blank_before))
        blank_before = False
    return lines


def _append(
    blocks: list[Block], elements: Elements, before: int, place: int, look: str, text: str
) -> None:
    path = elements.path(place)
    rise = 0
    for mine, its in zip(path, elements.path(before), strict=False):
        if mine != its:
            break
        rise += 1
    clean, outside = without_mark(text)
    bare = look.endswith("/li/a") or (outside and bool(clean) and not look.endswith("/li"))
    links = (RawLink(clean, "", outside),) if bare else ()
    blocks.append(
        Block(clean if outside else text, place, len(path), rise, look, 0, links, bare, None, None)
    )


def _title(blocks: list[Block]) -> tuple[str, int]:
    """The last short line before the first sentence."""
    title, start = "", 0
    for number, block in enumerate(blocks):
        text = block.text
        if len(text) > _TITLE_LIMIT or text.endswith(_SENTENCE_END) or block.look.endswith("/li"):
            break
        if not is_picture(text):
            title, start = text, number + 1
    return title, start
