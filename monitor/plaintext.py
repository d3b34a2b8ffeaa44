"""Plain text -> the same outline as HTML: bullets make items, indentation makes depth.

Layouts met: lists with bullets or numbers, whose content is indented or not; titles and texts
that take turns, told apart by their length; Markdown's headings, bold lines and links. A short
line at the end of an item, or one that says it leads to another site, is a link.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from monitor.furniture import is_picture, without_mark
from monitor.outline import Block, Elements, Outline, RawLink
from monitor.text import heading_key, tidy

_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|main|div|section|article|h[1-6]|ul|ol|p|table|span|a)\b"
    r"[^<]*>",
    re.IGNORECASE,
)
_BULLET = re.compile(r"(?:[•·▪◦‣●○■□*+–—-]|\d{1,3}[.)])\s+(?=\S)")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_RULE = re.compile(r"(?:=+|-+|_+|\*{3,}|~+)")
_BOLD = re.compile(r"(?:\*\*|__)(.+?)(?:\*\*|__)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)[^)]*\)")
_TITLE_LIMIT = 120
_SENTENCE_END = (".", "!", "?", ":", "…", ".”", '."', ",", ";", ".»", ".)")
_NARROW = 50
_WIDE = 100


def looks_like_html(text: str) -> bool:
    """Content decides, whatever the header says."""
    return _HTML.search(text, 0, 100_000) is not None


class _Line(NamedTuple):
    """`blank_before`, `blank_after`: whether an empty line stands there."""

    indent: int
    bullet: bool
    level: int
    text: str
    blank_before: bool
    blank_after: bool

    @property
    def is_short(self) -> bool:
        return len(self.text) <= _TITLE_LIMIT and not self.text.endswith(_SENTENCE_END)


def read_text(text: str, headings: frozenset[str] = frozenset()) -> Outline:
    """The outline of a page that was saved as plain text. `headings`: keys of the profile's."""
    lines = _lines(text)
    writer = _Writer(headings)
    if any(line.bullet for line in lines):
        writer.write_list(lines)
    else:
        writer.write_turns(lines)
    blocks = writer.blocks
    title, start = _title(blocks)
    return Outline("text", blocks, writer.elements, title, start, "", "", None, None, "text", True)


def _lines(text: str) -> list[_Line]:
    raw = text.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    rows = raw.split("\n")
    lines: list[_Line] = []
    blank = True
    for number, row in enumerate(rows):
        content = row.strip()
        if not content:
            blank = True
            continue
        following = rows[number + 1].strip() if number + 1 < len(rows) else ""
        if _RULE.fullmatch(content):
            if lines and not blank and content[0] in "=-" and len(content) > 2:
                lines[-1] = lines[-1]._replace(
                    level=1 if content[0] == "=" else 2, blank_after=True
                )
            blank = True
            continue
        level = 0
        if heading := _HEADING.fullmatch(content):
            level, content = len(heading[1]), heading[2]
        bullet = _BULLET.match(content) if not level else None
        if bullet:
            content = content[bullet.end() :]
        indent = len(row) - len(row.lstrip())
        lines.append(_Line(indent, bool(bullet), level, tidy(content), blank, not following))
        blank = False
    return _unwrapped(lines)


def _unwrapped(lines: list[_Line]) -> list[_Line]:
    """Paragraphs broken at a fixed width, joined: all lines but a paragraph's last are wide."""
    inner = [
        line
        for line, following in itertools.pairwise(lines)
        if not (line.blank_after or following.bullet or line.bullet or line.level)
    ]
    if len(inner) < 3 or any(len(line.text) > _WIDE for line in lines):
        return lines
    if sum(len(line.text) >= _NARROW for line in inner) < 0.8 * len(inner):
        return lines
    joined: list[_Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before is not None and not (line.blank_before or line.bullet or line.level):
            width = len(before.text) if before.blank_before or before.bullet else _NARROW
            if width >= _NARROW or len(before.text) > _WIDE:
                text = f"{before.text} {line.text}"
                joined[-1] = before._replace(text=text, blank_after=line.blank_after)
                continue
        joined.append(line)
    return joined


class _Writer:
    def __init__(self, headings: frozenset[str]) -> None:
        self.headings = headings
        self.blocks: list[Block] = []
        self.elements = Elements()
        self.before = -1

    # -- lists

    def write_list(self, lines: list[_Line]) -> None:
        """Bullets open items; what is indented below a bullet lies inside its item."""
        item, indent, paragraphs = -1, -1, 0
        long = [line for line in lines if len(line.text) > _TITLE_LIMIT]
        spaced = len(long) > 2 and sum(line.blank_after for line in long) > 0.8 * len(long)
        for number, line in enumerate(lines):
            if line.bullet and (item < 0 or line.indent <= indent or not paragraphs):
                item, indent, paragraphs = self.elements.add("li", -1), line.indent, 0
                self.add(line, item, "/li")
                continue
            if item >= 0 and line.indent <= indent:
                item, indent = -1, -1
            last = number + 1 == len(lines) or lines[number + 1].indent <= indent
            # Where paragraphs stand apart, a line right before the next bullet is none.
            loose = spaced and line.blank_before and not line.blank_after
            short = line.is_short or (loose and len(line.text) <= _TITLE_LIMIT)
            if item >= 0 and short and not line.bullet:
                bare = not line.blank_after and (line.blank_before or paragraphs > 0)
                if bare or (last and paragraphs > 0):
                    self.add(line, item, "/li/a", link=True)
                    continue
            paragraphs += 1
            look = f"/h{line.level}" if line.level else "/li/p" if item >= 0 else "/p"
            self.add(line, self.elements.add("p", item), look)

    # -- titles and texts that take turns

    def write_turns(self, lines: list[_Line]) -> None:
        """No bullets: a short line before a text is a title; short lines after one are links."""
        for number, line in enumerate(lines):
            if line.level:
                self.add(line, self.elements.add("h", -1), f"/h{line.level}")
                continue
            if not line.is_short or heading_key(line.text) in self.headings:
                self.add(line, self.elements.add("p", -1), "/p")
                continue
            following = lines[number + 1] if number + 1 < len(lines) else None
            title = following is not None and not following.is_short and not following.level
            link = not title and self.in_item()
            look = "/line/a" if link else "/line"
            self.add(line, self.elements.add("line", -1), look, link=link)

    def in_item(self) -> bool:
        """Whether the line before is a text or a link of an item."""
        return bool(self.blocks) and (
            self.blocks[-1].bare or (self.blocks[-1].look == "/p" and not self.is_heading())
        )

    def is_heading(self) -> bool:
        last = self.blocks[-1]
        return bool(last.level) or heading_key(last.text) in self.headings

    # -- blocks

    def add(self, line: _Line, place: int, look: str, *, link: bool = False) -> None:
        text, outside = without_mark(line.text)
        bold = _BOLD.fullmatch(text)
        if bold:
            text, look = bold[1], look + "/strong"
        links = [RawLink(tidy(m[1]), m[2], False) for m in _LINK.finditer(text)]
        rest = _LINK.sub("", text)
        text = _BOLD.sub(r"\1", _LINK.sub(r"\1", text))
        bare = bool(links) and not rest.strip(" ,;|·•")
        if not links and (link or outside) and text:
            links, bare = [RawLink(text, "", outside)], True
        elif outside and links:
            links[-1] = links[-1]._replace(marked=True)
        path = self.elements.path(place)
        rise = 0
        for mine, its in zip(path, self.elements.path(self.before), strict=False):
            if mine != its:
                break
            rise += 1
        self.blocks.append(
            Block(
                text, place, len(path), rise, look, line.level, tuple(links), bare, None, None, None
            )
        )
        self.before = place


def _title(blocks: list[Block]) -> tuple[str, int]:
    """A heading of level one, else the last short line before the first sentence."""
    for number, block in enumerate(blocks):
        if block.level == 1:
            return block.text, number + 1
    title, start = "", 0
    for number, block in enumerate(blocks):
        text = block.text
        if len(text) > _TITLE_LIMIT or text.endswith(_SENTENCE_END) or block.look == "/li":
            break
        if not is_picture(text):
            title, start = text, number + 1
    return title, start
