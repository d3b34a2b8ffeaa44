"""Pieces of text -> blocks: what stands between two block boundaries, written down.

A block's text is mostly one piece. Where it is several (links, bold words, line breaks), they tell
what it begins and ends with, which links stand bare before or after it, and where an empty line
makes two blocks of it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from monitor.addresses import leads_nowhere
from monitor.blocks import Block, Lead, RawLink, Tail
from monitor.furniture import is_icon, is_symbol, without_mark
from monitor.text import tidy

BREAK = "\x00"
"""A piece that is a line break."""
_BOLD = frozenset(("strong", "b"))
_ENDS_SENTENCE = (".", "!", "?", ":", "…", ".”", '."', ".»", ".)")
_SEPARATORS = " \n\x00,;|·•/–—-&+"
_ITEMS = ("/li", "/td", "/dd")
"""Where a first line of its own may be a title."""
_LINK_SIGNS = _SEPARATORS + ".»›→▸►>"
"""What may stand beside a link and is no text."""
_PARAGRAPHS = frozenset(
    "p h1 h2 h3 h4 h5 h6 summary button dt blockquote figcaption heading tab".split()
)

_new = tuple.__new__
"""A named tuple without its checks: blocks and links are made by the hundred."""

Inline = tuple[tuple[str, int], ...]
"""The inline elements around a piece, from the outermost, each by its name and its number."""


class OpenLink:
    __slots__ = ("blocks", "first", "href", "label", "marked")

    def __init__(self, first: int, href: str, label: str, marked: bool) -> None:
        self.first = first
        self.href = href
        self.label = label
        self.marked = marked
        self.blocks = 0


class Scribe:
    """Gathers the pieces of the block being read, and writes it down at the next boundary."""

    __slots__ = ("blocks", "link_ref", "links", "open_link", "pieces", "places")

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.pieces: list[str] = []
        self.places: list[Inline] = []
        self.links: list[tuple[int, int, RawLink]] = []
        self.open_link: OpenLink | None = None
        self.link_ref: str | None = None

    # -- links

    def add_link(self, first: int, href: str, label: str, marked: bool) -> None:
        """The pieces from `first` on are a link's."""
        pieces = self.pieces
        raw = pieces[first] if len(pieces) == first + 1 else "".join(pieces[first:])
        text = tidy(raw.replace(BREAK, " ") if BREAK in raw else raw)
        if href[:1] == "#" and text and is_symbol(text):
            del pieces[first:], self.places[first:]  # a heading's address («#», «¶»)
            return
        clean, outside = without_mark(text)
        if clean != text:
            place = self.places[first] if first < len(self.places) else ()
            pieces[first:] = [(" " if raw[:1].isspace() else "") + clean]
            self.places[first:] = [place]
        clean = clean or label
        if clean:
            link = _new(RawLink, (clean, href, marked or outside))
            self.links.append((first, len(pieces), link))

    def end_link(self) -> None:
        link = self.open_link
        self.open_link = None
        if link is not None:
            label = "" if link.blocks else link.label
            self.add_link(min(link.first, len(self.pieces)), link.href, label, link.marked)

    def mark_link(self) -> None:
        """An icon's name said that the link it stands in (or just after) leads outside."""
        if self.open_link is not None:
            self.open_link.marked = True
        elif self.links:
            first, last, link = self.links[-1]
            self.links[-1] = (first, last, link._replace(marked=True))

    # -- blocks

    def write(
        self, place: int, depth: int, rise: int, look: str, level: int, ref: str | None
    ) -> bool:
        """The pieces gathered are a block's. Whether they say anything, and one was written."""
        pieces, links = self.pieces, self.links
        before = len(self.blocks)
        if self.open_link is not None:
            self._divide_link(self.open_link)
        if len(pieces) == 1:
            text, wrap = tidy(pieces[0]), self.places[0]
            if text and text != BREAK:
                raw = tuple([link for _, _, link in links]) if links else ()
                look = f"{look}{_wrapped(wrap)}" if wrap else look
                self._add(text, place, depth, rise, look, level, raw, bool(raw), ref)
        elif not pieces:
            raw = tuple([link for _, _, link in links])
            self._add("", place, depth, rise, look, level, raw, True, ref)
        else:
            self._write_many(_Where(place, depth, rise, look, level, ref))
        pieces.clear()
        self.places.clear()
        links.clear()
        self.link_ref = None
        return len(self.blocks) > before

    def _add(
        self,
        text: str,
        place: int,
        depth: int,
        rise: int,
        look: str,
        level: int,
        links: tuple[RawLink, ...],
        bare: bool,
        ref: str | None,
        lead: Lead | None = None,
        tail: Tail | None = None,
    ) -> None:
        ref = self.link_ref or ref
        written = (text, place, depth, rise, look, level, links, bare, lead, tail, ref, False)
        self.blocks.append(_new(Block, written))

    def _divide_link(self, link: OpenLink) -> None:
        """A link around whole blocks: each of them is plain text, the first gives it its words."""
        if not self.pieces:
            return
        text = tidy("".join(self.pieces[link.first :]).replace(BREAK, " "))
        if text and not link.blocks:
            self.links.append((link.first, len(self.pieces), RawLink(text, link.href, link.marked)))
        link.blocks += 1
        link.first = 0

    def _write_many(self, where: _Where) -> None:
        pieces, places, links = self.pieces, self.places, self.links
        covered = _covered(links) == len(pieces)
        if links and not covered:
            self._drop_loose_marks()
        for number, piece in enumerate(pieces):
            if places[number] and len(piece) < 100 and is_icon(piece.strip()):
                pieces[number] = ""
        if covered and BREAK not in pieces:
            self._write_links(where)
            return
        if links and not covered and where.look.rsplit("/", 1)[-1] not in _PARAGRAPHS:
            before, after = self._bare_ends()
            if before or after:
                begin = links[before - 1][1] if before else 0
                end = links[len(links) - after][0] if after else len(pieces)
                self._write_spans(where, (0, begin, end, len(pieces)))
                return
        self._write_spans(where, (0, *_double_breaks(pieces), len(pieces)))

    def _write_links(self, where: _Where) -> None:
        """Nothing but links, one after the other."""
        text = tidy("".join(self.pieces))
        told = _told(self.pieces, self.places)
        wrap = _shared(told)
        links = tuple([link for _, _, link in self.links])
        lead, tail = None, None
        if leads_nowhere(links[0].href):  # a title that folds, with words for it
            lead, tail = _ends(self.pieces, self.places, told, len(wrap))
        place, depth, rise, look, level, ref = where
        look += _wrapped(wrap)
        self._add(text, place, depth, rise, look, level, links, True, ref, lead, tail)

    def _write_spans(self, where: _Where, cuts: tuple[int, ...]) -> None:
        """A block for each run of pieces between two cuts; the later stand beside the first."""
        for first, last in pairwise(cuts):
            if first < last:
                written = len(self.blocks)
                self._write_span(where, first, last)
                if len(self.blocks) > written:
                    where = where._replace(rise=where.depth)

    def _drop_loose_marks(self) -> None:
        """«Länk till annan webbplats» right after a link, outside its element."""
        inside = {n for first, last, _ in self.links for n in range(first, last)}
        for number, piece in enumerate(self.pieces):
            if number in inside or len(piece) > 120 or piece.isspace() or not self.places[number]:
                continue
            clean, outside = without_mark(piece.strip())
            if not clean.strip(" .,;"):
                self.pieces[number] = " "
                if outside:
                    self._mark_before(number)

    def _mark_before(self, number: int) -> None:
        for index in range(len(self.links) - 1, -1, -1):
            first, last, link = self.links[index]
            if last <= number:
                self.links[index] = (first, last, link._replace(marked=True))
                return

    def _bare_ends(self) -> tuple[int, int]:
        """How many links stand bare before and after a text that has no paragraph of its own."""
        pieces, links = self.pieces, self.links
        after, end = 0, len(pieces)
        for first, last, _ in reversed(links):
            if "".join(pieces[last:end]).strip(_SEPARATORS):
                break
            end = first
            after += 1
        if not after or not _may_end("".join(pieces[:end])):
            after = 0
        before, begin = 0, 0
        for first, last, _ in links[: len(links) - after]:
            if "".join(pieces[begin:first]).strip(_SEPARATORS):
                break
            begin = last
            before += 1
        if before and not _may_begin("".join(pieces[begin:])):
            before = 0
        return before, after

    def _write_span(self, where: _Where, first: int, last: int) -> None:
        pieces, places = self.pieces[first:last], self.places[first:last]
        inside = [link for link in self.links if first <= link[0] and link[1] <= last]
        text = _lines("".join(pieces))
        if not text and not inside:
            return
        bare = bool(inside) and not self._outside(inside, first, last).strip(_LINK_SIGNS)
        told = _told(pieces, places)
        wrap = _shared(told)
        lead, tail = (None, None) if bare else _ends(pieces, places, told, len(wrap))
        place, depth, rise, look, level, ref = where
        if not (lead or bare or wrap) and "\n" in text and look.endswith(_ITEMS):
            line, _, rest = text.partition("\n")
            lead = Lead("br", line, rest.lstrip("\n"), False)
        links = tuple([link for _, _, link in inside])
        self._add(
            text, place, depth, rise, look + _wrapped(wrap), level, links, bare, ref, lead, tail
        )

    def _outside(self, links: list[tuple[int, int, RawLink]], first: int, last: int) -> str:
        """The text of a run of pieces that is no link's."""
        if _covered(links, first) == last:
            return ""
        outside, at = [], first
        for begin, end, _ in links:
            outside.append("".join(self.pieces[at:begin]))
            at = end
        outside.append("".join(self.pieces[at:last]))
        return "".join(outside)


def _covered(links: list[tuple[int, int, RawLink]], first: int = 0) -> int:
    """How many pieces in a row, from `first` on, are links'."""
    for begin, end, _ in links:
        if begin != first:
            return -1
        first = end
    return first


class _Where(NamedTuple):
    place: int
    depth: int
    rise: int
    look: str
    level: int
    ref: str | None


def _wrapped(wrap: Inline) -> str:
    """The inline elements as part of a look; one never closed piles up, and counts once."""
    if len(wrap) <= 1:
        return "/" + wrap[0][0] if wrap else ""
    look, before = "", ""
    for tag, _ in wrap:
        if tag != before:
            look += "/" + tag
        before = tag
    return look


def _double_breaks(pieces: list[str]) -> list[int]:
    """Where an empty line ends a paragraph: a block after it begins there."""
    if pieces.count(BREAK) < 2:
        return []
    found: list[int] = []
    breaks = 0
    for number, piece in enumerate(pieces):
        if piece == BREAK:
            breaks += 1
        elif piece and not piece.isspace():
            if breaks >= 2:
                found.append(number)
            breaks = 0
    return found


def _may_end(text: str) -> bool:
    """Whether a text without a paragraph of its own is over, so that links after it are bare."""
    body = text.rstrip(" \n\t" + BREAK)
    if not body.strip(_SEPARATORS):
        return False
    if body.endswith(_ENDS_SENTENCE) or BREAK in text[len(body) :]:
        return True
    return text == body and body[-1] not in "([\"'”»-/"


def _may_begin(text: str) -> bool:
    word = text.strip()
    return bool(word) and (word[0].isupper() or text.lstrip(" \n").startswith(BREAK))


def _lines(raw: str) -> str:
    if BREAK not in raw:
        return tidy(raw)
    text = "\n".join(tidy(line) for line in raw.split(BREAK)).strip("\n")
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def _told(pieces: list[str], places: list[Inline]) -> list[Inline]:
    """Where the pieces stand that hold text."""
    return [
        place
        for piece, place in zip(pieces, places, strict=True)
        if piece and piece != BREAK and not piece.isspace()
    ]


def _shared(told: list[Inline]) -> Inline:
    """The inline elements around the whole of a block."""
    if not told:
        return ()
    wrap = told[0]
    for place in told:
        shared = 0
        for mine, its in zip(wrap, place, strict=False):
            if mine != its and not (mine[0] == its[0] and mine[0] in _BOLD):
                break
            shared += 1
        wrap = wrap[:shared]
    return wrap


def _ends(
    pieces: list[str], places: list[Inline], told: list[Inline], at: int
) -> tuple[Lead | None, Tail | None]:
    """The inline elements a block begins and ends with, inside the `at` elements around it all."""
    if not told:
        return None, None
    first, last = told[0], told[-1]
    lead = _lead(pieces, places, at, first[at]) if len(first) > at else None
    tail = _tail(pieces, places, at, last[at]) if len(last) > at else None
    return lead, tail


def _tail(
    pieces: list[str], places: list[Inline], at: int, element: tuple[str, int]
) -> Tail | None:
    first = next(n for n, place in enumerate(places) if len(place) > at and place[at] == element)
    text, rest = _lines("".join(pieces[first:])), _lines("".join(pieces[:first]))
    return Tail(text, rest) if text and rest and len(text) <= 120 else None


def _lead(
    pieces: list[str], places: list[Inline], at: int, element: tuple[str, int]
) -> Lead | None:
    tag = element[0]
    cut = 0
    for count, (piece, place) in enumerate(zip(pieces, places, strict=True)):
        inside = len(place) > at and (
            place[at] == element or (tag in _BOLD and place[at][0] == tag)
        )
        if not inside and piece and not piece.isspace():
            cut = count
            break
    head, tail = "".join(pieces[:cut]), "".join(pieces[cut:])
    glued = bool(head) and not head[-1].isspace() and head[-1] != BREAK and tail[:1].isalnum()
    if glued and len(places[cut]) <= at:
        return None
    text, rest = _lines(head), _lines(tail)
    return Lead(tag, text, rest, tag == "a") if text and rest else None
