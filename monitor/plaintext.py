"""Plain text -> the same outline as HTML: bullets make items, indentation makes depth.

Layouts met: lists with bullets or numbers, whose content is indented or not; titles and texts
in groups between empty lines; titles and texts that take turns, told apart by their length;
Markdown's headings, bold lines and links; lines broken at a fixed width. A short line at the end
of an item, or one that says it leads to another site, is a link.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from monitor.blocks import Block, Elements, Outline, RawLink
from monitor.furniture import is_picture, without_mark
from monitor.text import heading_key, tidy

_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|main|div|section|article|h[1-6]|ul|ol|p|table|span|a)\b"
    r"[^<]*>",
    re.IGNORECASE,
)
_BULLET = re.compile(r"(?:[•·∙⁃▪◦‣●○■□◆◇▶►▸➤➜→»›✓✔*+–—-]|\d{1,3}[.)])\s+(?=\S)")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_RULE = re.compile(r"(?:=+|-+|_+|\*{3,}|~+)")
_BOLD = re.compile(r"(?:\*\*|__)(.+?)(?:\*\*|__)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)[^)]*\)")
_TITLE_LIMIT = 120
_SENTENCE_END = (".", "!", "?", ":", "…", ".”", '."', ",", ";", ".»", ".)")
_NARROW = 40
_WIDE = 100
_MOST_PAIRS = 1000
"""So many lines that go on are enough to tell where they were broken."""


def looks_like_html(text: str) -> bool:
    """Content decides, whatever the header says."""
    return _HTML.search(text, 0, 100_000) is not None


class _Line(NamedTuple):
    """`width`: of the line as it stood; `blank_before`, `blank_after`: beside an empty line.

    `marker` is the bullet or number the line began with, "" where there is none.
    """

    indent: int
    marker: str
    level: int
    text: str
    width: int
    blank_before: bool
    blank_after: bool

    @property
    def bullet(self) -> bool:
        return bool(self.marker)

    @property
    def is_short(self) -> bool:
        return len(self.text) <= _TITLE_LIMIT and not self.text.endswith(_SENTENCE_END)


def read_text(text: str, headings: frozenset[str] = frozenset()) -> Outline:
    """The outline of a page that was saved as plain text. `headings`: keys of the profile's."""
    lines = _unwrapped(_lines(text, headings))
    writer = _Writer(headings)
    lines = _grouped(lines, headings)
    if any(line.bullet for line in lines):
        writer.write_list(lines)
    else:
        writer.write_turns(lines)
    blocks = writer.blocks
    title, start = _title(blocks)
    return Outline("text", blocks, writer.elements, title, start, "", "", None, None, "text", True)


def _lines(text: str, headings: frozenset[str]) -> list[_Line]:
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
                own = content[0] == "-" or heading_key(lines[-1].text) in headings
                lines[-1] = lines[-1]._replace(level=2 if own else 1, blank_after=True)
            blank = True
            continue
        level = 0
        if heading := _HEADING.fullmatch(content):
            level, content = len(heading[1]), heading[2]
        bullet = _BULLET.match(content) if not level else None
        marker = bullet[0].strip() if bullet else ""
        if bullet:
            content = content[bullet.end() :]
        indent = len(row) - len(row.lstrip())
        text, width = tidy(content), len(row.rstrip())
        lines.append(_Line(indent, marker, level, text, width, blank, not following))
        blank = False
    return lines


def _unwrapped(lines: list[_Line]) -> list[_Line]:
    """Paragraphs broken at a fixed width, joined: a line was broken where no word more fitted.

    After a title a capital begins the text rather than goes on with the title.
    """
    width = _line_width(lines)
    if not width:
        return lines
    joined: list[_Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if (
            before is not None
            and not (line.blank_before or line.level or before.level)
            and not (line.bullet and (before.bullet or before.indent != line.indent))
            and not (before.bullet and line.text[:1].isupper())
            and _is_full(before, line, width)
            and not without_mark(before.text)[1]
        ):
            joined[-1] = before._replace(
                text=" ".join(filter(None, (before.text, line.marker, line.text))),
                width=line.width,
                blank_after=line.blank_after,
            )
            continue
        joined.append(line)
    return joined


def _line_width(lines: list[_Line]) -> int:
    """The width at which most lines that go on were broken; 0 where none were."""
    pairs = [
        (line, following)
        for line, following in itertools.pairwise(lines)
        if not (line.blank_after or following.bullet or following.level or line.level)
    ][:_MOST_PAIRS]
    best, most = 0, max(2, 0.3 * len(pairs))
    for width in sorted({line.width for line, _ in pairs if _NARROW <= line.width <= _WIDE}):
        full = sum(_is_full(line, following, width) for line, following in pairs)
        wider = sum(line.width > width for line, _ in pairs)
        if full > most and wider * 10 <= len(pairs):
            best, most = width, full
    return best


def _is_full(line: _Line, following: _Line, width: int) -> bool:
    """Whether the next line's first word did not fit on this one."""
    word = following.marker or following.text.split(" ", 1)[0]
    return line.width <= width < line.width + 1 + len(word)


def _grouped(lines: list[_Line], headings: frozenset[str]) -> list[_Line]:
    """Items that stand as groups of lines between empty lines: each first line opens one."""
    keys = [heading_key(line.text) for line in lines]
    known = [n for n, key in enumerate(keys) if key in headings] or [len(lines)]
    first = known[0]
    if any(line.bullet for line in lines[first : max(known[-1], first + 2)]):
        return lines
    opens = [
        n
        for n in range(first + 1, len(lines))
        if lines[n].blank_before and keys[n] not in headings and not lines[n].level
    ]
    many = [n for n in opens if not lines[n].blank_after]
    if len(many) < 2 or len(many) * 2 < len(opens) or not all(lines[n].is_short for n in many):
        return lines
    first_lines = set(opens)
    grouped = lines[: first + 1]
    for n in range(first + 1, len(lines)):
        line = lines[n]
        if n in first_lines and line.is_short:
            line = line._replace(marker="•")
        elif n not in first_lines and keys[n] not in headings and not line.level:
            line = line._replace(indent=line.indent + 1)
        grouped.append(line)
    return grouped


class _Writer:
    def __init__(self, headings: frozenset[str]) -> None:
        self.headings = headings
        self.blocks: list[Block] = []
        self.elements = Elements()
        self.before = -1

    # -- lists

    def write_list(self, lines: list[_Line]) -> None:
        """Bullets open items; what is indented below a bullet lies inside its item."""
        items = self.items(lines)
        links = _links(lines, items)
        place = -1
        for number, line in enumerate(lines):
            if number in items:
                place = self.elements.add("li", -1)
                self.add(line, place, "/li")
                content = items[number]
            elif place >= 0 and number not in content:
                place = -1
            if number in items:
                continue
            if number in links:
                self.add(line, place, "/li/a", link=True)
                continue
            look = f"/h{line.level}" if line.level else "/li/p" if place >= 0 else "/p"
            self.add(line, self.elements.add("p", place), look)

    def items(self, lines: list[_Line]) -> dict[int, range]:
        """The line each item begins with -> the lines of its content."""
        flush = self.is_flush(lines)
        found: dict[int, range] = {}
        item, indent, texts = -1, -1, 0
        for number, line in enumerate(lines):
            if line.bullet and (item < 0 or line.indent <= indent or not texts):
                item, indent, texts = number, line.indent, 0
                found[item] = range(number + 1, number + 1)
                continue
            if item < 0:
                continue
            ends = line.level or heading_key(line.text) in self.headings
            if ends or (line.indent <= indent and not flush):
                item, indent = -1, -1
                continue
            texts += 1
            found[item] = range(item + 1, number + 1)
        return found

    def is_flush(self, lines: list[_Line]) -> bool:
        """Whether no line is indented below its bullet: then all that follows one is its own."""
        pairs = itertools.pairwise(lines)
        return not any(
            before.bullet and not line.bullet and line.indent > before.indent
            for before, line in pairs
        )

    # -- titles and texts that take turns

    def write_turns(self, lines: list[_Line]) -> None:
        """No bullets: a short line before a text is a title; short lines after one are links."""
        bold = sum(_BOLD.fullmatch(line.text) is not None for line in lines) > 2
        for number, line in enumerate(lines):
            if line.level:
                self.add(line, self.elements.add("h", -1), f"/h{line.level}")
                continue
            if not line.is_short or heading_key(line.text) in self.headings:
                self.add(line, self.elements.add("p", -1), "/p")
                continue
            following = lines[number + 1] if number + 1 < len(lines) else None
            title = following is not None and not following.is_short and not following.level
            if bold:
                title = _BOLD.fullmatch(line.text) is not None
            link = not title and (self.in_item() or bold)
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


def _links(lines: list[_Line], items: dict[int, range]) -> set[int]:
    """The short lines at the end of an item that are its links.

    Where links stand close to what follows and paragraphs apart from it, that tells them. Else a
    short line is a link where a text comes before it, or where other items have such links.
    """
    long = [line for line in lines if len(line.text) > _TITLE_LIMIT]
    spaced = len(long) > 2 and sum(line.blank_after for line in long) > 0.8 * len(long)
    tails: list[tuple[range, bool]] = []
    for content in items.values():
        first = content.stop
        while first > content.start and _may_be_link(lines[first - 1], spaced):
            first -= 1
        if first < content.stop:
            tails.append((range(first, content.stop), first > content.start))
    after_text = [lines[n] for tail, told in tails if told for n in tail]
    close = sum(not line.blank_after for line in after_text)
    apart = spaced and close * 2 > len(after_text)
    found: set[int] = set()
    for tail, told in tails:
        for n in tail:
            if told or not apart:
                is_link = told or bool(after_text)
                if apart and lines[n].blank_after and n + 1 < tail.stop:
                    is_link = False
            else:
                is_link = not lines[n].blank_after
            if is_link or n - 1 in found:
                found.add(n)
    return found


def _may_be_link(line: _Line, spaced: bool) -> bool:
    """Where paragraphs stand apart, a line right before the next bullet is none."""
    clean, outside = without_mark(line.text)
    if outside and clean:
        return not line.bullet
    loose = spaced and line.blank_before and not line.blank_after
    short = line.is_short or (loose and len(line.text) <= _TITLE_LIMIT)
    return short and not line.bullet


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
