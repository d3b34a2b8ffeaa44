"""HTML -> one flat outline: the page's texts in reading order, each with its place in the tree.

The outline is a list of blocks (`blocks`), each with the element it stands in, its depth and look.

Nothing is judged here: menus, page header and footer are left out by their roles, everything
else is kept. Hidden, collapsed and aria-hidden panels are kept too, since folding is only
presentation.

Speed: this runs on every changed page. So the tree is not asked node by node, but cut into tags
and texts at once (`markup`), each tag as written is looked into once a page (`shapes`), what was
read before is not read again (`passages`), one loop meets the rest, and an element that holds one
text only is written down without descending.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from monitor.blocks import Block, Elements, Lead, Outline, RawLink, Tail
from monitor.furniture import is_icon, is_symbol, says_outside, without_mark
from monitor.markup import (
    FOREIGN,
    VOID,
    Attributes,
    Markup,
    attribute_of,
    attributes_of,
    flatten,
    name_of,
    walk,
    without_foreign_text,
)
from monitor.passages import NONE_KNOWN, Passage, divide, recall, remember
from monitor.shapes import (
    BLOCK,
    BR,
    DIALOG_ROLES,
    DRAWING,
    END,
    END_TAG,
    IMAGE,
    INLINED,
    KNOWN,
    LANDMARK,
    LEVELS,
    LINK,
    NOTHING,
    SKIPPED_ROLES,
    SKIPPING,
    TELLING_ROLES,
    Shape,
    Shapes,
)
from monitor.text import tidy

MAX_DEPTH = 120
"""Elements nested deeper than this are read, but no longer told apart."""
MAX_INLINE = 40
MAX_TAGS = 100_000
BREAK = "\x00"


_MOST_LANDMARKS = 300
"""Judging one costs: beyond this, headers, footers and dialogs are ordinary elements, and every nav
is a menu."""
_SECTIONING = frozenset(
    ("article", "section", "aside", "li", "details", "td", "dd", "blockquote", "figure", "fieldset")
)
_CUT_RIGHTLY = FOREIGN | {"a"}
_OUTGROWS_HEADING = frozenset("ul ol dl table article section details".split())
"""What no heading holds: one around them was never closed, and ends before them."""
_BOLD = frozenset(("strong", "b"))
_ENDS_SENTENCE = (".", "!", "?", ":", "…", ".”", '."', ".»", ".)")
_SEPARATORS = " \n\x00,;|·•/–—-&+"
_ITEMS = ("/li", "/td", "/dd")
"""Where a first line of its own may be a title."""
_LINK_SIGNS = _SEPARATORS + ".»›→▸►>"
"""What may stand beside a link and is no text."""
_COOKIES = re.compile(r"\b(?:kakor|cookies?|informasjonskapsler|evästei)", re.IGNORECASE)
_PARAGRAPHS = frozenset(
    "p h1 h2 h3 h4 h5 h6 summary button dt blockquote figcaption heading tab".split()
)

_new = tuple.__new__
"""A named tuple without its checks: blocks and links are made by the hundred."""

Inline = tuple[tuple[str, int], ...]
_Stream = Iterator[tuple[int, str, str, Shape, Shape]]


class _OpenLink:
    __slots__ = ("blocks", "first", "href", "label", "marked")

    def __init__(self, first: int, href: str, label: str, marked: bool) -> None:
        self.first = first
        self.href = href
        self.label = label
        self.marked = marked
        self.blocks = 0


class _Scribe:
    """Gathers the pieces of the block being read, and writes it down at the next boundary."""

    __slots__ = ("blocks", "link_ref", "links", "open_link", "pieces", "places")

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.pieces: list[str] = []
        self.places: list[Inline] = []
        self.links: list[tuple[int, int, RawLink]] = []
        self.open_link: _OpenLink | None = None
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

    def _divide_link(self, link: _OpenLink) -> None:
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


class _Walk:
    """One pass over the tree's tags, without recursion. `sectioned`: all of it is in a section."""

    def __init__(
        self,
        markup: Markup,
        shapes: list[Shape],
        sectioned: bool,
        known: Mapping[int, Passage] = NONE_KNOWN,
    ) -> None:
        self.markup = markup
        self.shapes = shapes
        self.sectioned = sectioned
        self.known = known
        self.scribe = _Scribe()
        self.elements = Elements()
        self.starts: list[int] = []
        """The tag at which each element begins."""
        self.complete = len(self.shapes) <= MAX_TAGS
        self.balanced = False
        self.ends: dict[str, dict[int, int]] = {}
        self.has_empty_links = False
        self.last_heading = -1
        self.footed: set[str] = set()
        self.ended = False
        self.judged = 0

    def run(self) -> None:
        """Fill the scribe's blocks. One loop with local names, since it meets every tag."""
        scribe, elements = self.scribe, self.elements
        blocks, pieces, places = scribe.blocks, scribe.pieces, scribe.places
        links, write = scribe.links, scribe.write
        tags, parents, written = elements.tags, elements.parents, elements.written
        starts = self.starts
        place, depth, look, level, low = -1, 0, "", 0, 0
        ref: str | None = None
        inline: Inline = ()
        inlines = 0
        stack: list[tuple] = []  # type: ignore[type-arg]
        stream = self.stream()
        text = next(stream)[2]
        if text and not text.isspace():
            pieces.append(text)
            places.append(inline)
        for at, tag, text, (kind, name, step, own, special), following in stream:
            if kind == END:
                if not stack:
                    self.balanced = at + 1 == len(self.shapes)
                    break
                left = stack.pop()
                if len(left) == 3:
                    inline, first, opened = left
                    if opened:
                        scribe.end_link()
                    elif first >= 0:
                        self.drop_symbol(first)
                else:
                    if pieces or links:
                        if write(place, depth, low, look, level, ref):
                            low = depth
                    elif scribe.open_link is None:
                        scribe.link_ref = None  # of a link without words
                    place, depth, look, level, ref, inline = left
                    if depth < low:
                        low = depth
            elif kind >= BLOCK:
                if (
                    kind == LANDMARK or (special is not None and "role" in special)
                ) and self.left_out(at, name, special, place):
                    if self.ended:
                        self.balanced = self.is_closed_from(at, len(stack))
                        break
                    text = skip(stream, name)
                elif following is END_TAG and not text:
                    text = next(stream)[2]
                else:
                    if pieces or links:
                        if write(place, depth, low, look, level, ref):
                            low = depth
                    elif scribe.open_link is None:
                        scribe.link_ref = None  # of a link without words
                    if depth < MAX_DEPTH:
                        number = len(tags)
                        tags.append(name)
                        parents.append(place)
                        written.append(tag)
                        starts.append(at)
                        inner = depth + 1
                    else:
                        number, inner = place, depth
                    if following is END_TAG and special is None:
                        text = tidy(text)
                        if text:
                            if scribe.open_link is None:
                                blocks.append(
                                    _new(
                                        Block,
                                        (
                                            text,
                                            number,
                                            inner,
                                            low,
                                            look + step,
                                            own or level,
                                            (),
                                            False,
                                            None,
                                            None,
                                            ref,
                                            False,
                                        ),
                                    )
                                )
                            else:
                                pieces.append(text)
                                places.append(())
                                write(number, inner, low, look + step, own or level, ref)
                            low = depth
                        text = next(stream)[2]
                    else:
                        stack.append((place, depth, look, level, ref, inline))
                        inline = ()
                        if special is None:
                            if depth < MAX_DEPTH:
                                look += step
                        else:
                            role = special.get("role")
                            look += f"/{role}" if role in TELLING_ROLES else step
                            level = _aria_level(special) if role == "heading" else level
                            ref = _opens(special, role) or ref
                        level = own or (0 if name in _OUTGROWS_HEADING else level)
                        place, depth = number, inner
            elif kind == INLINED:
                if following is not END_TAG or (text and special is not None):
                    inlines += 1
                    hidden = special is not None and special.get("aria-hidden") == "true"
                    stack.append((inline, len(pieces) if hidden else -1, False))
                    if len(inline) < MAX_INLINE:
                        inline = (*inline, (name, inlines))
                else:
                    if text:
                        inlines += 1
                        if pieces or not text.isspace():
                            pieces.append(text)
                            if len(inline) < MAX_INLINE:
                                places.append((*inline, (name, inlines)))
                            else:
                                places.append(inline)
                    text = next(stream)[2]
            elif kind == LINK:
                href = attribute_of(tag, "href")
                inlines += 1
                within = (*inline, ("a", inlines)) if len(inline) < MAX_INLINE else inline
                if not pieces:
                    controls = special.get("aria-controls") if special is not None else None
                    scribe.link_ref = controls or _fragment(href)
                if text or following is not END_TAG:
                    opened = href is not None and scribe.open_link is None
                    label, marked = "", False
                    if opened and (" rel=" in tag or " title=" in tag or " aria-label=" in tag):
                        label, marked = _link_words(attributes_of(tag))
                    if opened and following is END_TAG:
                        pieces.append(text)
                        places.append(within)
                        scribe.add_link(len(pieces) - 1, href or "", label, marked)
                        text = next(stream)[2]
                    else:
                        if opened:
                            scribe.open_link = _OpenLink(len(pieces), href or "", label, marked)
                        stack.append((inline, -1, opened))
                        inline = within
                else:
                    text = next(stream)[2]
            elif kind == BR:
                if pieces:
                    pieces.append(BREAK)
                    places.append(inline)
            elif kind == IMAGE:
                self.meet_picture(at, name)
            elif kind == DRAWING:
                self.meet_picture(at, name)
                text = skip(stream, name)
            elif kind == SKIPPING:
                text = skip(stream, name)
            elif kind == KNOWN:
                if pieces or links:
                    if write(place, depth, low, look, level, ref):
                        low = depth
                else:
                    scribe.link_ref = None
                passage = self.known[at]
                starts += [at] * len(passage.tags)
                recall(passage, place, low, elements, blocks)
                if passage.blocks:
                    low = depth
            if text:
                if not text.isspace():
                    pieces.append(text)
                    places.append(inline)
                elif pieces and pieces[-1] != BREAK:
                    pieces[-1] += " "
        if pieces or links:
            scribe.end_link()
            write(place, depth, low, look, level, ref)

    def stream(self) -> _Stream:
        """Each tag with its number, the text after it, its shape, and the next tag's shape."""
        tags, texts = self.markup
        following = self.shapes[1:]
        following.append(END_TAG)
        return zip(range(MAX_TAGS), tags, texts, self.shapes, following, strict=False)

    def is_closed_from(self, at: int, depth: int) -> bool:
        """Whether each element still open, and each opened from here on, is closed by the end."""
        for kind, name, *_ in self.shapes[at:]:
            if kind == END:
                depth -= 1
            elif kind not in (NOTHING, KNOWN) and name not in VOID:
                depth += 1
        return depth == -1

    def drop_symbol(self, first: int) -> None:
        """An aria-hidden piece that is only a sign («+», an icon font's name) is no text."""
        text = "".join(self.scribe.pieces[first:]).strip()
        if text and is_symbol(text):
            del self.scribe.pieces[first:], self.scribe.places[first:]

    def meet_picture(self, at: int, name: str) -> None:
        """A picture's words may say that the link it stands in leads outside, or name the link."""
        scribe, markup = self.scribe, self.markup
        if scribe.open_link is None and not scribe.links:
            return
        attributes = attributes_of(markup.tags[at])
        alt = attributes.get("alt") or attributes.get("aria-label") or ""
        words = f"{alt} {attributes.get('title') or ''}"
        if name == "svg":
            words += " " + markup.text_between(at, self.end_of(at, name))
        if says_outside(words):
            scribe.mark_link()
        elif scribe.open_link is not None and not scribe.open_link.label and alt:
            scribe.open_link.label = tidy(alt)

    def left_out(self, at: int, tag: str, special: Attributes | None, place: int) -> bool:
        """Menus (a bar of tabs is none), alerts, the page's header and footer, cookie dialogs."""
        role = special.get("role") if special is not None else None
        if role in SKIPPED_ROLES:
            return True
        if tag == "nav":
            self.judged += 1
            if self.judged > _MOST_LANDMARKS:
                return True
            return not any(' role="tab"' in inner for inner in self.inside(at, tag))
        dialog = tag == "dialog" or role in DIALOG_ROLES
        if not dialog and tag not in ("header", "footer"):
            return False
        self.judged += 1
        if self.judged > _MOST_LANDMARKS:
            return False
        if dialog and _COOKIES.search(self.markup.text_between(at, self.end_of(at, tag))):
            return True
        if tag not in ("header", "footer") or self.in_section(place):
            return False
        titled = any(block.level == 1 for block in self.scribe.blocks)
        if tag == "header":
            return not titled and all(name_of(inner) != "h1" for inner in self.inside(at, tag))
        if titled and self.is_cards(at, place):
            return False
        self.ended = titled
        return True

    def is_cards(self, at: int, place: int) -> bool:
        """Whether a footer is one of many: more of the page's headings come, or it stands alike."""
        if self.last_heading < 0:
            headed = [n for n, passage in self.known.items() if passage.holds(LEVELS)]
            headed.append(self.markup.last_outside(LEVELS, ("footer", "nav")))
            self.last_heading = max(headed)
        kind = self.elements.written[place] if place >= 0 else ""
        if self.last_heading > self.end_of(at, "footer"):
            self.footed.add(kind)
        return kind in self.footed

    def end_of(self, at: int, name: str) -> int:
        """The tag that closes the element opened at `at`."""
        end = self.markup.next_end(at, name)
        if end is not None:
            return end
        if name not in self.ends:
            self.ends[name] = self.markup.ends(name)
        return self.ends[name].get(at, len(self.shapes))

    def inside(self, at: int, name: str) -> list[str]:
        """The tags inside it."""
        return self.markup.tags[at + 1 : self.end_of(at, name)]

    def in_section(self, place: int) -> bool:
        """Whether an element inside `place` belongs to an article, an item or the like."""
        tags, parents = self.elements.tags, self.elements.parents
        while place >= 0:
            if tags[place] in _SECTIONING:
                return True
            place = parents[place]
        return self.sectioned


def skip(stream: _Stream, name: str) -> str:
    """Go on to the end of the element just opened; the text after it."""
    close = f"/{name}"
    depth = 0
    for _, tag, text, shape, _ in stream:
        if tag == close:
            if not depth:
                return text
            depth -= 1
        elif shape[1] == name:
            depth += 1
    return ""


def _written(root: LexborNode) -> str:
    """A node as the parser writes it, without its scripts."""
    html = root.html or ""
    foreign = root.css_first(", ".join(FOREIGN)) is not None
    return without_foreign_text(html) if foreign else html


def _read_written(written: str, sectioned: bool) -> _Walk | None:
    """What was written, cut and read; None where it can't be cut rightly."""
    html = written
    for _ in range(2):
        flat, shapes = flatten(html), Shapes()
        found = list(map(shapes.__getitem__, flat[1::2]))
        if shapes.odd <= _CUT_RIGHTLY:
            divided = divide(flat, found, shapes, MAX_TAGS)
            reader = _Walk(divided.markup, divided.shapes, sectioned, divided.known)
            reader.has_empty_links = "a" in shapes.odd
            reader.run()
            if reader.balanced:
                remember(divided.fresh, reader.starts, reader.elements, reader.scribe.blocks)
            return reader if reader.balanced or not reader.complete else None
        html = without_foreign_text(written)
    return None


def _read_node(root: LexborNode) -> _Walk:
    """The same from the tree itself: cut if that is right, else node by node."""
    sectioned = _in_section(root)
    reader = _read_written(_written(root), sectioned)
    if reader is not None and reader.has_empty_links:
        reader = reader if all(map(_has_address, root.css("a[href]"))) else None
    if reader is None:
        markup, shapes = walk(root, MAX_TAGS + 1), Shapes()
        reader = _Walk(markup, list(map(shapes.__getitem__, markup.tags)), sectioned)
        reader.run()
    return reader


def _in_section(root: LexborNode) -> bool:
    node: LexborNode | None = root
    for _ in range(MAX_DEPTH):
        if node is None:
            return False
        if node.tag in _SECTIONING:
            return True
        node = node.parent
    return False


def _has_address(node: LexborNode) -> bool:
    """`<a href>` leads nowhere, but is written like `<a href="">`, which leads to the page."""
    return node.attributes.get("href") is not None


def _aria_level(attributes: Attributes) -> int:
    level = attributes.get("aria-level") or "2"
    return int(level) if level in "123456789" else 2


def _opens(attributes: Attributes, role: str | None) -> str | None:
    ref = attributes.get("aria-controls")
    return ref or (_fragment(attributes.get("href")) if role in ("tab", "button") else None)


def _link_words(attributes: Attributes) -> tuple[str, bool]:
    """(the name a link without words has, whether its attributes say that it leads outside)."""
    label = attributes.get("aria-label") or ""
    title = attributes.get("title") or ""
    marked = "external" in (attributes.get("rel") or "").split()
    if label or title:
        marked = marked or says_outside(f"{label} {title}")
    return (without_mark(label)[0] if label else ""), marked


def leads_nowhere(href: str) -> bool:
    """Whether an address is a place on the page itself, or a script."""
    if href[:1] in ("/", "h"):
        return False
    return not href.strip() or href.lstrip().lower().startswith(("#", "javascript:"))


def _fragment(href: str | None) -> str | None:
    return href[1:] if href and href[0] == "#" and len(href) > 1 else None


class _Head(NamedTuple):
    title: str
    language: str
    canonical: str | None
    base: str | None


def _head(tree: LexborHTMLParser) -> _Head:
    title, canonical, base, language = "", None, None, ""
    root = tree.root
    if root is not None and root.attributes:
        language = root.attributes.get("lang") or root.attributes.get("xml:lang") or ""
    node = tree.head.child if tree.head is not None else None
    while node is not None:
        tag = node.tag
        if tag == "title":
            title = title or tidy(node.text() or "")
        elif tag == "link" and canonical is None:
            if (node.attributes.get("rel") or "").lower() == "canonical":
                canonical = node.attributes.get("href")
        elif tag == "base" and base is None:
            base = node.attributes.get("href")
        elif tag == "meta" and not language:
            name = (node.attributes.get("name") or "").lower()
            if name in ("dcterms.language", "dc.language"):
                language = node.attributes.get("content") or ""
        node = node.next
    return _Head(title, language, canonical, base)


class Content(NamedTuple):
    """All that an outline is read from: equal contents, equal outlines."""

    written: str
    """The content area as the parser writes it, without its scripts."""
    sectioned: bool
    area: str
    head: _Head
    outer_title: str
    """The h1 above or beside `<main>`, in the page's header: the title where `<main>` has none."""


def content_of(html: bytes) -> Content:
    """The content area of an HTML document in UTF-8: its `<main>` if there is one."""
    tree = LexborHTMLParser(html)
    root, area = _area(tree)
    if root is None:
        return Content("", False, area, _head(tree), "")
    title = _outer_title(tree) if area == "main" else ""
    return Content(_written(root), _in_section(root), area, _head(tree), title)


def read_content(content: Content) -> Outline | None:
    """The outline of a content area; None where it takes the whole document to tell."""
    reader = _read_written(content.written, content.sectioned) if content.written else None
    if reader is None or reader.has_empty_links or not reader.scribe.blocks:
        return None
    outline = _outline(reader, content.area, content.head)
    return outline if outline.title else outline._replace(title=content.outer_title)


def read_html(html: bytes) -> Outline:
    """The outline of an HTML document in UTF-8, looked for in `<main>` if there is one."""
    tree = LexborHTMLParser(html)
    root, area = _area(tree)
    outline = _read_area(root, area, tree)
    if area == "main" and not outline.blocks:
        return _read_area(tree.body, "body", tree)
    if area == "main" and not outline.title:
        return outline._replace(title=_outer_title(tree))
    return outline


def read_whole_body(html: bytes) -> Outline:
    """The same, whatever `<main>` says: for pages whose list stands outside it."""
    tree = LexborHTMLParser(html)
    return _read_area(tree.body, "body", tree)


def _read_area(root: LexborNode | None, area: str, tree: LexborHTMLParser) -> Outline:
    return _outline(_read_node(root) if root is not None else None, area, _head(tree))


def _area(tree: LexborHTMLParser) -> tuple[LexborNode | None, str]:
    """Where the content stands, and what that is called."""
    mains = tree.css("main, [role=main]") if tree.body is not None else []
    return (mains[0], "main") if len(mains) == 1 else (tree.body, "body")


def _outer_title(tree: LexborHTMLParser) -> str:
    """The h1 that stands above `<main>`, in the page's header, or beside it."""
    for node in tree.css("h1"):
        parent = node.parent
        while parent is not None and parent.tag not in ("footer", "nav", "main"):
            parent = parent.parent
        if parent is None:
            return tidy(node.text() or "")
    return ""


def _outline(reader: _Walk | None, area: str, head: _Head) -> Outline:
    blocks: list[Block] = []
    elements, complete = Elements(), True
    if reader is not None:
        blocks, elements, complete = reader.scribe.blocks, reader.elements, reader.complete
    blocks = with_panels_in_place(with_column_heads(blocks, elements), elements)
    title, start = "", 0
    for number, block in enumerate(blocks):
        if block.level == 1:
            title, start = block.text.replace("\n", " "), number + 1
            break
    return Outline("html", blocks, elements, title, start, *head, area, complete)


def with_column_heads(blocks: list[Block], elements: Elements) -> list[Block]:
    """Rows of `th` only, and everything in `thead`, told apart as column headings."""
    if "tr" not in elements.tags:
        return blocks
    cells: dict[int, list[str]] = {}
    for number, tag in enumerate(elements.tags):
        if tag in ("td", "th"):
            cells.setdefault(elements.parents[number], []).append(tag)
    heads = {row for row, tags in cells.items() if len(tags) >= 2 and "td" not in tags}
    heads |= {number for number, tag in enumerate(elements.tags) if tag == "thead"}
    return [
        block._replace(head=True) if not heads.isdisjoint(elements.path(block.place)) else block
        for block in blocks
    ]


# -- panels


def with_panels_in_place(blocks: list[Block], elements: Elements) -> list[Block]:
    """Panels that stand apart from their controls (tabs, some accordions) moved to follow them.

    Nothing moves where every panel already follows its own control. Tabs may hold accordions, so
    the outermost controls come first.
    """
    if not any(block.ref or block.look.endswith("/tab") for block in blocks):
        return blocks
    for nesting in range(3):
        panel_of = panels_of(blocks, elements)
        panels = set(panel_of.values())
        depths = {
            index: len(panels.intersection(elements.path(blocks[index].place)))
            for index in panel_of
        }
        level = {index: panel for index, panel in panel_of.items() if depths[index] == nesting}
        if len(level) >= 2:
            blocks = moved_under(blocks, elements, level)
        if max(depths.values(), default=0) <= nesting:
            break
    return blocks


def moved_under(
    blocks: list[Block], elements: Elements, panel_of: dict[int, int], named: bool = False
) -> list[Block]:
    """The panels moved to follow their controls; also those that say their names, if `named`."""
    content: dict[int, list[int]] = {panel: [] for panel in panel_of.values()}
    owner: dict[int, int] = {}
    for index, block in enumerate(blocks):
        panel = elements.outermost(block.place, content)
        if panel >= 0:
            content[panel].append(index)
            owner[index] = panel
    apart = []
    for index, panel in panel_of.items():
        mine = content[panel]
        if not mine or index in mine or (not named and _says_its_own_name(blocks, index, mine)):
            continue
        between = range(index + 1, mine[0])
        if mine[0] < index or any(n in panel_of or owner.get(n, panel) != panel for n in between):
            apart.append(index)
    if apart:
        apart = [index for index, panel in panel_of.items() if index not in content[panel]]
    moved = {number for index in apart for number in content[panel_of[index]]}
    if not moved or not moved.isdisjoint(apart):
        return blocks
    order: list[int] = []
    for index, block in enumerate(blocks):
        if index in moved:
            continue
        order.append(index)
        if index in apart:
            panel = panel_of[index]
            order.extend(content[panel])
            elements.parents[panel] = elements.parents[block.place]
    return renumbered([blocks[index] for index in order], elements)


def panels_of(blocks: list[Block], elements: Elements) -> dict[int, int]:
    """Control (a block's number) -> the element it opens: by id, by label, tabs by their order."""
    refs = {block.ref for block in blocks if block.ref}
    labels: dict[str, int] = {}
    opened: list[int] = []
    ids: dict[str, int] = {}
    for number, tag in enumerate(elements.written):
        if ' id="' in tag:
            name = attribute_of(tag, "id")
            if name in refs and elements.tags[number] not in LEVELS:
                ids.setdefault(name or "", number)
        if ' role="' in tag and attribute_of(tag, "role") == "tabpanel":
            opened.append(number)
            labels.setdefault(attribute_of(tag, "aria-labelledby") or "", number)
    found: dict[int, int] = {}
    taken: set[int] = set()
    for index, block in enumerate(blocks):
        panel = ids.get(block.ref) if block.ref else None
        if panel is None and block.look.endswith("/tab"):
            name = elements.attribute(block.place, "id")
            panel = labels.get(name) if name else None
        if panel is not None and panel not in taken and not elements.inside(block.place, panel):
            found[index] = panel
            taken.add(panel)
    if not found:
        tabs = [index for index, block in enumerate(blocks) if block.look.endswith("/tab")]
        if len(tabs) == len(opened):
            return dict(zip(tabs, opened, strict=True))
    return found


def _says_its_own_name(blocks: list[Block], control: int, content: list[int]) -> bool:
    """A table of contents leads to a section that repeats its name as a heading."""
    name = blocks[control].text
    return any(blocks[n].level and blocks[n].text == name for n in content)


def renumbered(blocks: list[Block], elements: Elements) -> list[Block]:
    """The blocks in a new order, or under new parents: depth and rise counted again."""
    result: list[Block] = []
    before: list[int] = []
    for block in blocks:
        path = elements.path(block.place)
        rise = 0
        for mine, its in zip(path, before, strict=False):
            if mine != its:
                break
            rise += 1
        result.append(block._replace(depth=len(path), rise=rise))
        before = path
    return result
