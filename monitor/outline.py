"""HTML -> one flat outline: the page's texts in reading order, each with its place in the tree.

The outline is a list of blocks. A block is one run of text between two block boundaries (a
paragraph, a heading, a list item's own text, a cell). `place` is the element it stands in,
`depth` how many elements are around it, and `rise` how many of them it shares with the block
before: with `rise` alone one can tell, without the tree, which blocks lie inside the same
element. `look` is the chain of tags down to the text.

Nothing is judged here: menus, page header and footer are left out by their roles, everything
else is kept. Hidden, collapsed and aria-hidden panels are kept too, since folding is only
presentation.

Speed: this runs on every changed page, and each touch of a node costs. So one loop walks the
tree once, ordinary elements are never asked for attributes (the few with a telling attribute
are looked up beforehand), and an element that holds one text only is written down without
descending.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from monitor.furniture import is_icon, is_symbol, says_outside, without_mark
from monitor.text import tidy

MAX_DEPTH = 120
"""Elements nested deeper than this are read, but no longer told apart."""
MAX_INLINE = 40
MAX_NODES = 100_000
BREAK = "\x00"


class RawLink(NamedTuple):
    """A link as written. `marked`: by words, `rel` or an icon's name, not by its host."""

    text: str
    href: str
    marked: bool


class Lead(NamedTuple):
    """The inline element a block begins with, where more text follows: a title's usual place."""

    tag: str
    text: str
    rest: str
    linked: bool


class Tail(NamedTuple):
    """The inline element a block ends with, and the text before it: a badge's usual place."""

    text: str
    rest: str


class Block(NamedTuple):
    text: str
    place: int
    """The number of the innermost element around it; -1: none."""
    depth: int
    rise: int
    look: str
    level: int
    """1-6 inside a heading, else 0."""
    links: tuple[RawLink, ...]
    bare: bool
    """Nothing but links."""
    lead: Lead | None
    tail: Tail | None
    ref: str | None
    """The id of the panel this block's control opens."""
    head: bool = False
    """A column heading of a table."""

    @property
    def drop(self) -> int:
        """How many elements begin with this block: 2 for the first paragraph of a list item."""
        return self.depth - self.rise


class Elements:
    """The elements around the blocks, by number; a parent's number is lower than its children's."""

    __slots__ = ("nodes", "parents", "tags")

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.parents: list[int] = []
        self.nodes: list[LexborNode | None] = []

    def add(self, tag: str, parent: int, node: LexborNode | None = None) -> int:
        self.tags.append(tag)
        self.parents.append(parent)
        self.nodes.append(node)
        return len(self.tags) - 1

    def attribute(self, number: int, name: str) -> str:
        node = self.nodes[number]
        return (node.attributes.get(name) or "") if node is not None else ""

    def classes(self, number: int) -> str:
        """The class attribute, its white space folded: it may hold line breaks."""
        return " ".join(self.attribute(number, "class").split())

    def path(self, number: int) -> list[int]:
        """The elements from the outermost down to `number`."""
        found = []
        while number >= 0:
            found.append(number)
            number = self.parents[number]
        found.reverse()
        return found

    def inside(self, number: int, outer: int) -> bool:
        while number > outer:
            number = self.parents[number]
        return number == outer


class Outline(NamedTuple):
    """`kind` is "html" or "text"; `area` says where the content was looked for (main, body)."""

    kind: str
    blocks: list[Block]
    elements: Elements
    title: str
    """The content's h1, or ""."""
    start: int
    """The first block after the title."""
    document_title: str
    language: str
    canonical: str | None
    base: str | None
    area: str
    complete: bool
    """False where the walk gave up: too many nodes."""


_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q rb rp rt"
    " ruby s samp small span strike strong sub sup time tt u var wbr".split()
)
_SKIP = frozenset(
    "script style template noscript head title meta link iframe object embed video audio canvas"
    " map select option datalist textarea input progress meter math frameset search hr"
    " -comment -doctype".split()
)
_SKIPPED_ROLES = ("navigation", "search", "banner", "contentinfo", "alert", "menu", "menubar")
_TELLING_ROLES = ("heading", "button", "tab")
_SPECIAL = "[role], [aria-controls], [aria-hidden=true]"
_MOST_LANDMARKS = 300
"""Headers, footers and dialogs beyond this are read as ordinary elements: judging one costs."""
_SECTIONING = frozenset(("article", "section", "aside", "li", "details", "td", "dd"))
_LEVELS = {f"h{n}": n for n in range(1, 7)}
_BOLD = frozenset(("strong", "b"))
_ENDS_SENTENCE = (".", "!", "?", ":", "…", ".”", '."', ".»", ".)")
_SEPARATORS = " \n\x00,;|·•/–—-&+"
_COOKIES = re.compile(r"\b(?:kakor|cookies?|informasjonskapsler|evästei)", re.IGNORECASE)
_PARAGRAPHS = frozenset(
    "p h1 h2 h3 h4 h5 h6 summary button dt blockquote figcaption heading tab".split()
)

_SKIPPING, _INLINED, _LINK, _BR, _PICTURE, _BLOCK, _LANDMARK = range(7)
_KINDS = (
    dict.fromkeys(_SKIP, _SKIPPING)
    | dict.fromkeys(_INLINE, _INLINED)
    | dict.fromkeys(("header", "footer", "dialog", "nav"), _LANDMARK)
    | {"br": _BR, "a": _LINK, "img": _PICTURE, "svg": _PICTURE}
)
_new_block = tuple.__new__
"""`Block._make` without its checks: blocks are made by the hundred."""

Inline = tuple[tuple[str, int], ...]
Attributes = dict[str, str | None]


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
        text = tidy(raw.replace(BREAK, " "))
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
            self.links.append((first, len(pieces), RawLink(clean, href, marked or outside)))

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
    ) -> None:
        """The pieces gathered are a block's."""
        pieces, links = self.pieces, self.links
        if self.open_link is not None:
            self._divide_link(self.open_link)
            links = self.links
        if len(pieces) == 1:
            text = tidy(pieces[0])
            if self.places[0]:
                look += _wrapped(self.places[0])
            if text and text != BREAK:
                raw = tuple([link for _, _, link in links]) if links else ()
                self.blocks.append(
                    _new_block(
                        Block,
                        (
                            text,
                            place,
                            depth,
                            rise,
                            look,
                            level,
                            raw,
                            raw != (),
                            None,
                            None,
                            self.link_ref or ref,
                            False,
                        ),
                    )
                )
        else:
            where = _Where(place, depth, rise, look, level, self.link_ref or ref)
            if pieces:
                self._write_many(where)
            else:
                self._add(where, "", (), tuple(link for _, _, link in links), True)
        pieces.clear()
        self.places.clear()
        if links:
            self.links = []
        self.link_ref = None

    def _add(
        self,
        where: _Where,
        text: str,
        wrap: Inline,
        links: tuple[RawLink, ...],
        bare: bool,
        lead: Lead | None = None,
        tail: Tail | None = None,
    ) -> None:
        look = where.look + _wrapped(wrap)
        place, depth, rise, _, level, ref = where
        self.blocks.append(
            _new_block(
                Block, (text, place, depth, rise, look, level, links, bare, lead, tail, ref, False)
            )
        )

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
        pieces, links = self.pieces, self.links
        if links:
            self._drop_loose_marks()
        for number, piece in enumerate(pieces):
            if self.places[number] and len(piece) < 100 and is_icon(piece.strip()):
                pieces[number] = ""
        if links and where.look.rsplit("/", 1)[-1] not in _PARAGRAPHS:
            before, after = self._bare_ends()
            if before or after:
                begin = links[before - 1][1] if before else 0
                end = links[len(links) - after][0] if after else len(pieces)
                for first, last in ((0, begin), (begin, end), (end, len(pieces))):
                    if first < last:
                        written = len(self.blocks)
                        self._write_span(where, first, last)
                        if len(self.blocks) > written:
                            where = where._replace(rise=where.depth)
                return
        first = 0
        for last in _double_breaks(pieces):
            written = len(self.blocks)
            self._write_span(where, first, last)
            if len(self.blocks) > written:
                where = where._replace(rise=where.depth)
            first = last
        self._write_span(where, first, len(pieces))

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
        links = tuple(link for _, _, link in inside)
        bare = False
        if links:
            outside, at = [], first
            for begin, end, _ in inside:
                outside.append("".join(self.pieces[at:begin]))
                at = end
            outside.append("".join(self.pieces[at:last]))
            bare = not "".join(outside).strip(_SEPARATORS)
        wrap, lead, tail = _wrap(pieces, places)
        if bare:
            lead = tail = None
        self._add(where, text, wrap, links, bare, lead, tail)


class _Where(NamedTuple):
    place: int
    depth: int
    rise: int
    look: str
    level: int
    ref: str | None


def _wrapped(wrap: Inline) -> str:
    """The inline elements as part of a look; one never closed piles up, and counts once."""
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


def _wrap(pieces: list[str], places: list[Inline]) -> tuple[Inline, Lead | None, Tail | None]:
    """The inline elements around the whole of a block, and those it begins and ends with."""
    told = [
        place
        for piece, place in zip(pieces, places, strict=True)
        if piece and piece != BREAK and not piece.isspace()
    ]
    if not told:
        return (), None, None
    first = wrap = told[0]
    for place in told[1:]:
        shared = 0
        for mine, its in zip(wrap, place, strict=False):
            if mine != its and not (mine[0] == its[0] and mine[0] in _BOLD):
                break
            shared += 1
        wrap = wrap[:shared]
    at = len(wrap)
    lead = _lead(pieces, places, at, first[at]) if len(first) > at else None
    tail = _tail(pieces, places, at, told[-1][at]) if len(told[-1]) > at else None
    return wrap, lead, tail


def _tail(
    pieces: list[str], places: list[Inline], at: int, element: tuple[str, int]
) -> Tail | None:
    first = next(n for n, place in enumerate(places) if len(place) > at and place[at] == element)
    text, rest = _lines("".join(pieces[first:])), _lines("".join(pieces[:first]))
    return Tail(text, rest) if text and rest and len(text) < 60 else None


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
    """One pass over the tree, without recursion."""

    def __init__(self, root: LexborNode) -> None:
        self.root = root
        self.scribe = _Scribe()
        self.elements = Elements()
        self.complete = True
        self.ended = False
        self.judged = 0
        self.specials: dict[int, Attributes] = {
            node.mem_id: node.attributes for node in root.css(_SPECIAL)
        }
        self.has_tabs = any(special.get("role") == "tab" for special in self.specials.values())

    def run(self) -> None:
        """Fill the scribe's blocks. One loop with local names, since it meets every node."""
        scribe, elements, specials, kinds = self.scribe, self.elements, self.specials, _KINDS
        blocks, pieces, places = scribe.blocks, scribe.pieces, scribe.places
        tags, parents, nodes = elements.tags, elements.parents, elements.nodes
        place, depth, look, level, low = -1, 0, "", 0, 0
        ref: str | None = None
        inline: Inline = ()
        inlines = 0
        stack: list[tuple] = []  # type: ignore[type-arg]
        special: Attributes | None = None
        budget = MAX_NODES
        node: LexborNode | None = self.root.child
        while node is not None:
            budget -= 1
            if budget < 0:
                self.complete = False
                break
            if node.is_text_node:
                text = node.text_content or ""
                if not text.isspace():
                    if text:
                        pieces.append(text)
                        places.append(inline)
                elif pieces and pieces[-1] != BREAK:
                    pieces[-1] += " "
            elif (kind := kinds.get(tag := node.tag or "", _BLOCK)) != _SKIPPING:
                if specials:
                    special = specials.get(node.mem_id)
                    if special is not None and special.get("role") in _TELLING_ROLES:
                        kind = _BLOCK
                if kind >= _BLOCK:
                    if (
                        kind == _LANDMARK or (special is not None and "role" in special)
                    ) and self.left_out(node, tag, special):
                        if self.ended:
                            break
                    elif (child := node.child) is not None:
                        if pieces or scribe.links:
                            scribe.write(place, depth, low, look, level, ref)
                            low = depth
                        if depth < MAX_DEPTH:
                            number = len(tags)
                            tags.append(tag)
                            parents.append(place)
                            nodes.append(node)
                            inner = depth + 1
                        else:
                            number, inner = place, depth
                        if special is None and child.next is None and child.is_text_node:
                            text = tidy(child.text_content or "")
                            if text and scribe.open_link is None:
                                blocks.append(
                                    _new_block(
                                        Block,
                                        (
                                            text,
                                            number,
                                            inner,
                                            low,
                                            look + "/" + tag,
                                            _LEVELS.get(tag, level),
                                            (),
                                            False,
                                            None,
                                            None,
                                            ref,
                                            False,
                                        ),
                                    )
                                )
                                low = depth
                            elif text:
                                pieces.append(text)
                                places.append(())
                                own = _LEVELS.get(tag, level)
                                scribe.write(number, inner, low, look + "/" + tag, own, ref)
                                low = depth
                        else:
                            stack.append((node, place, depth, look, level, ref, inline))
                            place, depth, inline = number, inner, ()
                            if special is None:
                                if depth < MAX_DEPTH:
                                    look += "/" + tag
                            else:
                                role = special.get("role")
                                look += "/" + (role if role in _TELLING_ROLES else tag)
                                level = _aria_level(special) if role == "heading" else level
                                ref = _opens(special, role) or ref
                            level = _LEVELS.get(tag, level)
                            node = child
                            continue
                elif kind == _INLINED:
                    child = node.child
                    if child is not None:
                        inlines += 1
                        within = inline
                        if len(inline) < MAX_INLINE:
                            within = (*inline, (tag, inlines))
                        if special is None and child.next is None and child.is_text_node:
                            text = child.text_content or ""
                            if pieces or not (text.isspace() or not text):
                                pieces.append(text)
                                places.append(within)
                        else:
                            hidden = special is not None and special.get("aria-hidden") == "true"
                            stack.append((node, inline, len(pieces) if hidden else -1, False))
                            inline = within
                            node = child
                            continue
                elif kind == _LINK:
                    attributes = node.attributes
                    href = attributes.get("href")
                    inlines += 1
                    within = (*inline, ("a", inlines)) if len(inline) < MAX_INLINE else inline
                    child = node.child
                    if not pieces:
                        scribe.link_ref = attributes.get("aria-controls") or _fragment(href)
                    if child is not None:
                        opened = href is not None and scribe.open_link is None
                        label, marked = "", False
                        if opened and len(attributes) > 1:
                            label, marked = _link_words(attributes)
                        if opened and child.next is None and child.is_text_node:
                            pieces.append(child.text_content or "")
                            places.append(within)
                            scribe.add_link(len(pieces) - 1, href or "", label, marked)
                        else:
                            if opened:
                                scribe.open_link = _OpenLink(len(pieces), href or "", label, marked)
                            stack.append((node, inline, -1, opened))
                            inline = within
                            node = child
                            continue
                else:
                    self.meet(node, kind, inline)
            following = node.next
            while following is None and stack:
                left = stack.pop()
                node = left[0]
                if len(left) == 4:
                    inline = left[1]
                    if left[3]:
                        scribe.end_link()
                    elif left[2] >= 0:
                        self.drop_symbol(left[2])
                else:
                    if pieces or scribe.links:
                        scribe.write(place, depth, low, look, level, ref)
                        low = depth
                    _, place, depth, look, level, ref, inline = left
                    if depth < low:
                        low = depth
                following = node.next
            node = following
        if pieces or scribe.links:
            scribe.end_link()
            scribe.write(place, depth, low, look, level, ref)

    def drop_symbol(self, first: int) -> None:
        """An aria-hidden piece that is only a sign («+», an icon font's name) is no text."""
        text = "".join(self.scribe.pieces[first:]).strip()
        if text and is_symbol(text):
            del self.scribe.pieces[first:], self.scribe.places[first:]

    def meet(self, node: LexborNode, kind: int, inline: Inline) -> None:
        """A line break or a picture."""
        scribe = self.scribe
        if kind == _BR:
            if scribe.pieces:
                scribe.pieces.append(BREAK)
                scribe.places.append(inline)
            return
        if scribe.open_link is None and not scribe.links:
            return
        attributes = node.attributes
        alt = attributes.get("alt") or attributes.get("aria-label") or ""
        words = f"{alt} {attributes.get('title') or ''}"
        if node.tag == "svg":
            words += " " + (node.text() or "")
        if says_outside(words):
            scribe.mark_link()
        elif scribe.open_link is not None and not scribe.open_link.label and alt:
            scribe.open_link.label = tidy(alt)

    def left_out(self, node: LexborNode, tag: str, special: Attributes | None) -> bool:
        """Menus (a bar of tabs is none), alerts, the page's header and footer, cookie dialogs."""
        role = special.get("role") if special is not None else None
        if role in _SKIPPED_ROLES:
            return True
        if tag == "nav":
            return not (self.has_tabs and node.css_first("[role=tab]") is not None)
        dialog = tag == "dialog" or role in ("dialog", "alertdialog")
        if not dialog and tag not in ("header", "footer"):
            return False
        self.judged += 1
        if self.judged > _MOST_LANDMARKS:
            return False
        if dialog and _COOKIES.search(node.text() or ""):
            return True
        if tag not in ("header", "footer") or _in_section(node):
            return False
        if tag == "header":
            return node.css_first("h1") is None
        self.ended = any(block.level == 1 for block in self.scribe.blocks)
        return True


def _in_section(node: LexborNode) -> bool:
    parent = node.parent
    for _ in range(MAX_DEPTH):
        if parent is None:
            return False
        if parent.tag in _SECTIONING:
            return True
        parent = parent.parent
    return False


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


def _fragment(href: str | None) -> str | None:
    return href[1:] if href and href[0] == "#" and len(href) > 1 else None


def read_html(html: bytes) -> Outline:
    """The outline of an HTML document in UTF-8, looked for in `<main>` if there is one."""
    tree = LexborHTMLParser(html)
    head = _head(tree)
    mains = tree.css("main, [role=main]") if tree.body is not None else []
    if len(mains) == 1:
        outline = _outline(mains[0], "main", head)
        if outline.blocks:
            return outline if outline.title else _with_outer_title(outline, tree)
    return _outline(tree.body, "body", head)


def read_whole_body(html: bytes) -> Outline:
    """The same, whatever `<main>` says: for pages whose list stands outside it."""
    tree = LexborHTMLParser(html)
    return _outline(tree.body, "body", _head(tree))


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


def _outline(root: LexborNode | None, area: str, head: _Head) -> Outline:
    blocks: list[Block] = []
    elements, complete = Elements(), True
    if root is not None:
        walk = _Walk(root)
        walk.run()
        blocks, elements, complete = walk.scribe.blocks, walk.elements, walk.complete
    blocks = with_panels_in_place(with_column_heads(blocks, elements), elements)
    title, start = "", 0
    for number, block in enumerate(blocks):
        if block.level == 1:
            title, start = block.text.replace("\n", " "), number + 1
            break
    return Outline("html", blocks, elements, title, start, *head, area, complete)


def _with_outer_title(outline: Outline, tree: LexborHTMLParser) -> Outline:
    """The h1 stands above `<main>`: in the page's header, or beside it."""
    for node in tree.css("h1"):
        parent = node.parent
        while parent is not None and parent.tag not in ("footer", "nav", "main"):
            parent = parent.parent
        if parent is None:
            return outline._replace(title=tidy(node.text() or ""))
    return outline


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
        panel_of = _panels(blocks, elements)
        panels = set(panel_of.values())
        depths = {
            index: len(panels.intersection(elements.path(blocks[index].place)))
            for index in panel_of
        }
        level = {index: panel for index, panel in panel_of.items() if depths[index] == nesting}
        if len(level) >= 2:
            blocks = _moved(blocks, elements, level)
        if max(depths.values(), default=0) <= nesting:
            break
    return blocks


def _moved(blocks: list[Block], elements: Elements, panel_of: dict[int, int]) -> list[Block]:
    content: dict[int, list[int]] = {panel: [] for panel in panel_of.values()}
    owner: dict[int, int] = {}
    for index, block in enumerate(blocks):
        for number in elements.path(block.place):
            if number in content:
                content[number].append(index)
                owner[index] = number
                break
    apart = []
    for index, panel in panel_of.items():
        mine = content[panel]
        if not mine or index in mine or _says_its_own_name(blocks, index, mine):
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
    return _renumbered([blocks[index] for index in order], elements)


def _panels(blocks: list[Block], elements: Elements) -> dict[int, int]:
    """Control (a block's number) -> the element it opens: by id, by label, tabs by their order."""
    refs = {block.ref for block in blocks if block.ref}
    labels: dict[str, int] = {}
    opened: list[int] = []
    ids: dict[str, int] = {}
    for number, node in enumerate(elements.nodes):
        attributes = node.attributes if node is not None else None
        if not attributes:
            continue
        name = attributes.get("id")
        if name in refs and elements.tags[number] not in _LEVELS:
            ids.setdefault(name or "", number)
        if attributes.get("role") == "tabpanel":
            opened.append(number)
            labels.setdefault(attributes.get("aria-labelledby") or "", number)
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


def _renumbered(blocks: list[Block], elements: Elements) -> list[Block]:
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
