"""HTML -> one flat outline: the page's texts in reading order, each with its place in the tree.

The outline is a list of blocks. A block is one run of text between two block boundaries (a paragraph,
a heading, a list item's own text, a cell). Its `path` holds the numbers of the elements around it, and
`rise` says how many of them it shares with the block before: with `rise` alone one can tell, without
the tree, which blocks lie inside the same element. `look` is the chain of tags down to the text.

Nothing is judged here: menus, page header and footer are left out by their roles, everything else is
kept. Hidden, collapsed and aria-hidden panels are kept too, since folding is only presentation.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from monitor.furniture import is_icon, is_symbol, says_outside, without_mark
from monitor.text import tidy

MAX_DEPTH = 200
"""Elements nested deeper than this are read, but no longer told apart."""
MAX_NODES = 500_000
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


class Block(NamedTuple):
    text: str
    path: tuple[int, ...]
    rise: int
    look: str
    level: int
    links: tuple[RawLink, ...]
    bare: bool
    """Nothing but links."""
    lead: Lead | None
    ref: str | None
    """The id of the panel this block's control opens."""
    head: bool
    """A column heading of a table."""

    @property
    def drop(self) -> int:
        """How many elements begin with this block: 2 for the first paragraph of a list item."""
        return len(self.path) - self.rise


class Element(NamedTuple):
    tag: str
    role: str
    id: str
    classes: str
    labelled_by: str = ""


class Outline(NamedTuple):
    """`kind` is "html" or "text"; `area` says where the content was looked for (main, body)."""

    kind: str
    blocks: list[Block]
    elements: list[Element]
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
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q rb rp rt ruby s"
    " samp small span strike strong sub sup time tt u var".split()
)
_SKIP = frozenset(
    "script style template noscript head title meta link iframe object embed video audio canvas map"
    " select option datalist textarea input progress meter math frameset -comment -doctype nav"
    " search".split()
)
_SKIPPED_ROLES = frozenset(
    "navigation search banner contentinfo alert menu menubar alertdialog".split()
)
_TELLING_ROLES = ("heading", "button", "tab")
_SECTIONING = frozenset(("article", "section", "aside", "li", "details", "td", "dd"))
_LEVELS = {f"h{n}": n for n in range(1, 7)}
_BOLD = frozenset(("strong", "b"))
_ENDS_SENTENCE = (".", "!", "?", ":", "…", ".”", '."', ".»", ".)")
_SEPARATORS = " \n\x00,;|·•/–—-&+"
_COOKIES = re.compile(r"\b(?:kakor|cookies?|informasjonskapsler|evästei)", re.IGNORECASE)
_PARAGRAPHS = frozenset(
    ("p", "h1", "h2", "h3", "h4", "h5", "h6", "summary", "button", "dt", "blockquote", "figcaption")
)

_SKIPPING, _INLINED, _BLOCK, _BR, _LINK, _IMAGE, _SVG, _TEXT = range(8)
_KINDS = (
    dict.fromkeys(_SKIP, _SKIPPING)
    | dict.fromkeys(_INLINE, _INLINED)
    | {"br": _BR, "a": _LINK, "img": _IMAGE, "svg": _SVG, "-text": _TEXT, "wbr": _INLINED}
)

_NO_ATTRIBUTES: dict[str, str | None] = {}

Inline = tuple[tuple[str, int], ...]


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

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.elements: list[Element] = []
        self.path: tuple[int, ...] = ()
        self.look = ""
        self.level = 0
        self.low = 0
        self.inline: Inline = ()
        self.pieces: list[str] = []
        self.places: list[Inline] = []
        self.links: list[tuple[int, int, RawLink]] = []
        self.open_link: _OpenLink | None = None
        self.ref: str | None = None
        self.link_ref: str | None = None

    # -- pieces

    def add(self, text: str) -> None:
        if self.pieces or not text.isspace():
            self.pieces.append(text)
            self.places.append(self.inline)

    def begin_link(self, href: str, label: str, marked: bool) -> None:
        self.open_link = _OpenLink(len(self.pieces), href, label, marked)

    def end_link(self) -> None:
        link = self.open_link
        self.open_link = None
        if link is None:
            return
        first = link.first
        raw = "".join(self.pieces[first:]).replace(BREAK, " ")
        text = tidy(raw)
        clean, outside = without_mark(text)
        if clean != text:
            place = self.places[first] if first < len(self.places) else self.inline
            lead = " " if raw[:1].isspace() else ""
            self.pieces[first:] = [lead + clean]
            self.places[first:] = [place]
        if not clean and not link.blocks:
            clean = link.label
        if clean:
            raw_link = RawLink(clean, link.href, link.marked or outside)
            self.links.append((first, len(self.pieces), raw_link))

    def mark_link(self) -> None:
        """An icon's name said that the link it stands in (or just after) leads outside."""
        if self.open_link is not None:
            self.open_link.marked = True
        elif self.links:
            first, last, link = self.links[-1]
            self.links[-1] = (first, last, link._replace(marked=True))

    # -- blocks

    def flush(self) -> None:
        pieces = self.pieces
        if self.open_link is not None and pieces:
            # A link around whole blocks: each of them is plain text, the first gives it its words.
            link = self.open_link
            text = tidy("".join(pieces[link.first :]).replace(BREAK, " "))
            if text and not link.blocks:
                self.links.append((link.first, len(pieces), RawLink(text, link.href, link.marked)))
            link.blocks += 1
            link.first = 0
        if not pieces:
            if self.links:
                self._write("", (), tuple(link for _, _, link in self.links), None, bare=True)
                self.links = []
            return
        if len(pieces) == 1:
            text = tidy(pieces[0].replace(BREAK, " "))
            if text:
                self._write(text, self.places[0], tuple(link for _, _, link in self.links), None)
        else:
            self._flush_many()
        self.pieces = []
        self.places = []
        self.links = []
        self.link_ref = None

    def _flush_many(self) -> None:
        pieces, links = self.pieces, self.links
        if len(links) > 0:
            self._drop_loose_marks()
        for number, piece in enumerate(pieces):
            if len(piece) < 100 and self.places[number] and is_icon(piece.strip()):
                pieces[number] = ""
        if links and self.elements and not self._in_paragraph():
            before, after = self._bare_ends()
            if before or after:
                self._flush_parts(before, after)
                return
        self._flush_span(0, len(pieces))

    def _in_paragraph(self) -> bool:
        return bool(self.path) and self.elements[self.path[-1]].tag in _PARAGRAPHS

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
        after = 0
        end = len(pieces)
        for first, last, _ in reversed(links):
            if "".join(pieces[last:end]).strip(_SEPARATORS):
                break
            end = first
            after += 1
        text = "".join(pieces[:end])
        if after and text.strip(_SEPARATORS):
            body = text.rstrip()
            glued = text == body and not body.endswith(BREAK)
            apart = (
                body.rstrip(_SEPARATORS) != body and BREAK in body[len(body.rstrip(" \x00\n")) :]
            )
            if not (body.rstrip(BREAK + " ").endswith(_ENDS_SENTENCE) or glued or apart):
                after = 0
            elif glued and body[-1:] in "([\"'”»-/":
                after = 0
        elif after:
            after = 0
        before = 0
        begin = 0
        for first, last, _ in links[: len(links) - after]:
            if "".join(pieces[begin:first]).strip(_SEPARATORS):
                break
            begin = last
            before += 1
        if before:
            rest = "".join(pieces[begin:])
            word = rest.strip()
            if not word or not (word[0].isupper() or rest.lstrip(" \n").startswith(BREAK)):
                before = 0
        return before, after

    def _flush_parts(self, before: int, after: int) -> None:
        links, count = self.links, len(self.pieces)
        begin = links[before - 1][1] if before else 0
        end = links[len(links) - after][0] if after else count
        for first, last in ((0, begin), (begin, end), (end, count)):
            if first < last:
                self._flush_span(first, last)

    def _flush_span(self, first: int, last: int) -> None:
        pieces, places = self.pieces[first:last], self.places[first:last]
        inside = [link for link in self.links if first <= link[0] and link[1] <= last]
        raw = "".join(pieces)
        text = _lines(raw)
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
        if not text:
            return
        wrap, lead = _wrap(pieces, places)
        self._write(text, wrap, links, None if bare else lead, bare=bare if links else False)

    def _write(
        self,
        text: str,
        wrap: Inline,
        links: tuple[RawLink, ...],
        lead: Lead | None,
        bare: bool | None = None,
    ) -> None:
        look = self.look
        for tag, _ in wrap:
            look += "/" + tag
        path = self.path
        depth = len(path)
        low = self.low
        self.blocks.append(
            Block(
                text,
                path,
                low if low < depth else depth,
                look,
                self.level,
                links,
                bool(links) if bare is None else bare,
                lead,
                self.link_ref or self.ref,
                False,
            )
        )
        self.low = depth


def _lines(raw: str) -> str:
    if BREAK not in raw:
        return tidy(raw)
    lines = [tidy(line) for line in raw.split(BREAK)]
    text = "\n".join(lines).strip("\n")
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def _wrap(pieces: list[str], places: list[Inline]) -> tuple[Inline, Lead | None]:
    """The inline elements around the whole of a block, and the one it begins with, if any."""
    texts = [
        (piece, place)
        for piece, place in zip(pieces, places, strict=True)
        if piece != BREAK and piece and not piece.isspace()
    ]
    if not texts:
        return (), None
    wrap = texts[0][1]
    for _, place in texts[1:]:
        shared = 0
        for mine, its in zip(wrap, place, strict=False):
            if mine != its and not (mine[0] == its[0] and mine[0] in _BOLD):
                break
            shared += 1
        wrap = wrap[:shared]
    first = texts[0][1]
    if len(first) <= len(wrap):
        return wrap, None
    tag, number = first[len(wrap)]
    at = len(wrap)
    cut = 0
    for count, (piece, place) in enumerate(zip(pieces, places, strict=True)):
        inside = len(place) > at and (
            place[at] == (tag, number) or (tag in _BOLD and place[at][0] == tag)
        )
        if not inside and piece and not piece.isspace():
            cut = count
            break
    head, tail = "".join(pieces[:cut]), "".join(pieces[cut:])
    glued = bool(head) and not head[-1:].isspace() and head[-1:] != BREAK and tail[:1].isalnum()
    if glued and len(places[cut]) <= at:
        return wrap, None
    lead_text = _lines(head)
    rest = _lines(tail)
    if not lead_text or not rest:
        return wrap, None
    return wrap, Lead(tag, lead_text, rest, tag == "a")


class _Left(NamedTuple):
    """What to put back when a block element ends."""

    path: tuple[int, ...]
    look: str
    level: int
    ref: str | None
    inline: Inline
    tag: str


class _LeftInline(NamedTuple):
    inline: Inline
    hidden_from: int
    link: bool


class _Walk:
    """One pass over the tree, without recursion."""

    def __init__(self) -> None:
        self.scribe = _Scribe()
        self.sectioning = 0
        self.inline_number = 0
        self.ended = False
        self.complete = True
        self.rows: list[list[int]] = []
        self.heads: set[int] = set()

    def run(self, root: LexborNode) -> None:
        scribe, kinds = self.scribe, _KINDS
        stack: list[tuple[LexborNode, _Left | _LeftInline]] = []
        node: LexborNode | None = root.child
        budget = MAX_NODES
        while node is not None and not self.ended:
            budget -= 1
            if budget < 0:
                self.complete = False
                break
            tag = node.tag or ""
            kind = kinds.get(tag, _BLOCK)
            left: _Left | _LeftInline | None = None
            if kind == _TEXT:
                text = node.text_content
                if text:
                    scribe.add(text)
            elif kind == _BLOCK:
                left = self.enter(node, tag)
            elif kind == _INLINED:
                left = self.enter_inline(node, tag)
            elif kind == _LINK:
                left = self.enter_link(node)
            elif kind != _SKIPPING:
                self.meet(node, kind)
            if left is not None:
                child = node.child
                if child is not None:
                    stack.append((node, left))
                    node = child
                    continue
                self.leave(left)
            following = node.next
            while following is None and stack:
                node, left = stack.pop()
                self.leave(left)
                following = node.next
            node = following
        scribe.end_link()
        scribe.flush()

    def meet(self, node: LexborNode, kind: int) -> None:
        """A line break or a picture."""
        scribe = self.scribe
        if kind == _BR:
            if scribe.pieces:
                scribe.pieces.append(BREAK)
                scribe.places.append(scribe.inline)
            return
        if scribe.open_link is None and not scribe.links:
            return
        attributes = node.attributes
        alt = attributes.get("alt") or attributes.get("aria-label") or ""
        words = f"{alt} {attributes.get('title') or ''}"
        if kind == _SVG:
            words += " " + (node.text() or "")
        if says_outside(words):
            scribe.mark_link()
        elif kind == _IMAGE and scribe.open_link is not None and not scribe.open_link.label:
            scribe.open_link.label = tidy(alt)

    def enter(self, node: LexborNode, tag: str) -> _Left | None:
        """Begin a block element; None where its whole content is left out."""
        scribe = self.scribe
        attributes = node.attributes
        role = ""
        if attributes:
            role = attributes.get("role") or ""
            if role in _SKIPPED_ROLES:
                return None
            if (role == "dialog" or tag == "dialog") and _COOKIES.search(node.text() or ""):
                return None
        if tag == "footer" and not self.sectioning:
            scribe.flush()
            self.ended = any(block.level == 1 for block in scribe.blocks)
            return None
        if tag == "header" and not self.sectioning and node.css_first("h1") is None:
            return None
        scribe.flush()
        left = _Left(scribe.path, scribe.look, scribe.level, scribe.ref, scribe.inline, tag)
        scribe.inline = ()
        if len(scribe.path) < MAX_DEPTH:
            scribe.path = (*scribe.path, len(scribe.elements))
            known = attributes or _NO_ATTRIBUTES
            scribe.elements.append(
                Element(
                    tag,
                    role,
                    known.get("id") or "",
                    known.get("class") or "",
                    known.get("aria-labelledby") or "",
                )
            )
            scribe.look += "/" + (tag if role not in _TELLING_ROLES else role)
        if tag in _LEVELS:
            scribe.level = _LEVELS[tag]
        elif role == "heading":
            level = attributes.get("aria-level") or "2"
            scribe.level = int(level) if level in "123456789" else 2
        if tag in _SECTIONING:
            self.sectioning += 1
        if tag == "tr":
            self.rows.append([len(scribe.blocks), 0, 0])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1][1 if tag == "td" else 2] += 1
        if attributes and tag != "section":
            ref = attributes.get("aria-controls")
            if not ref and role in ("tab", "button"):
                ref = _fragment(attributes.get("href"))
            if ref:
                scribe.ref = ref
        return left

    def enter_inline(self, node: LexborNode, tag: str) -> _Left | _LeftInline | None:
        scribe = self.scribe
        attributes = node.attributes
        hidden_from = -1
        if attributes:
            if attributes.get("role") in _TELLING_ROLES:
                return self.enter(node, tag)
            if attributes.get("aria-hidden") == "true":
                hidden_from = len(scribe.pieces)
        self.inline_number += 1
        left = _LeftInline(scribe.inline, hidden_from, False)
        scribe.inline = (*scribe.inline, (tag, self.inline_number))
        return left

    def enter_link(self, node: LexborNode) -> _Left | _LeftInline | None:
        scribe = self.scribe
        attributes = node.attributes
        if attributes.get("role") in _TELLING_ROLES:
            return self.enter(node, "a")
        href = attributes.get("href")
        self.inline_number += 1
        left = _LeftInline(scribe.inline, -1, href is not None and scribe.open_link is None)
        scribe.inline = (*scribe.inline, ("a", self.inline_number))
        if not scribe.pieces:
            scribe.link_ref = attributes.get("aria-controls") or _fragment(href)
        if left.link:
            label = attributes.get("aria-label") or ""
            marked = "external" in (attributes.get("rel") or "").split() or says_outside(
                f"{label} {attributes.get('title') or ''}"
            )
            scribe.begin_link(href or "", without_mark(label)[0] if label else "", marked)
        return left

    def leave(self, left: _Left | _LeftInline) -> None:
        scribe = self.scribe
        if isinstance(left, _LeftInline):
            scribe.inline = left.inline
            if left.link:
                scribe.end_link()
            elif left.hidden_from >= 0:
                text = "".join(scribe.pieces[left.hidden_from :]).strip()
                if text and is_symbol(text):
                    del scribe.pieces[left.hidden_from :], scribe.places[left.hidden_from :]
            return
        scribe.flush()
        scribe.path, scribe.look, scribe.level, scribe.ref, scribe.inline, tag = left
        depth = len(scribe.path)
        if depth < scribe.low:
            scribe.low = depth
        if tag in _SECTIONING:
            self.sectioning -= 1
        if tag == "tr" and self.rows:
            first, cells, headings = self.rows.pop()
            if not cells and headings >= 2:
                self.heads.update(range(first, len(scribe.blocks)))


def _fragment(href: str | None) -> str | None:
    return href[1:] if href and href[0] == "#" and len(href) > 1 else None


def read_html(html: bytes) -> Outline:
    """The outline of an HTML document in UTF-8, looked for in `<main>` if there is one."""
    tree = LexborHTMLParser(html)
    head = _head(tree)
    body = tree.body
    mains = tree.css("main, [role=main]") if body is not None else []
    if len(mains) == 1:
        outline = _outline(mains[0], "main", head)
        if outline.blocks:
            return outline if outline.title else _with_outer_title(outline, tree)
    if body is None:
        return _finish(_Walk(), "body", head)
    return _outline(body, "body", head)


def read_whole_body(html: bytes) -> Outline:
    """The same, whatever `<main>` says: for pages whose list stands outside it."""
    tree = LexborHTMLParser(html)
    body = tree.body
    return _outline(body, "body", _head(tree)) if body else _finish(_Walk(), "body", _head(tree))


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
            rel = (node.attributes.get("rel") or "").lower()
            if rel == "canonical":
                canonical = node.attributes.get("href")
        elif tag == "base" and base is None:
            base = node.attributes.get("href")
        elif tag == "meta" and not language:
            name = (node.attributes.get("name") or "").lower()
            if name in ("dcterms.language", "dc.language"):
                language = node.attributes.get("content") or ""
        node = node.next
    return _Head(title, language, canonical, base)


def _outline(root: LexborNode, area: str, head: _Head) -> Outline:
    walk = _Walk()
    walk.run(root)
    return _finish(walk, area, head)


def _finish(walk: _Walk, area: str, head: _Head) -> Outline:
    blocks = walk.scribe.blocks
    for number in walk.heads:
        if number < len(blocks):
            blocks[number] = blocks[number]._replace(head=True)
    blocks = with_panels_in_place(blocks, walk.scribe.elements)
    title, start = "", 0
    for number, block in enumerate(blocks):
        if block.level == 1:
            title, start = block.text.replace("\n", " "), number + 1
            break
    return Outline(
        "html",
        blocks,
        walk.scribe.elements,
        title,
        start,
        head.title,
        head.language,
        head.canonical,
        head.base,
        area,
        walk.complete,
    )


def _with_outer_title(outline: Outline, tree: LexborHTMLParser) -> Outline:
    """The h1 stands above `<main>`: in the page's header, or beside it."""
    for node in tree.css("h1"):
        parent = node.parent
        while parent is not None and parent.tag not in ("footer", "nav", "main"):
            parent = parent.parent
        if parent is None:
            return outline._replace(title=tidy(node.text() or ""))
    return outline


def with_panels_in_place(blocks: list[Block], elements: list[Element]) -> list[Block]:
    """Panels that stand apart from their controls (tabs, some accordions) moved to follow them.

    Nothing moves where every panel already follows its own control. Tabs may hold accordions, so the
    outermost controls come first.
    """
    for nesting in range(3):
        panel_of = _panels(blocks, elements)
        if not panel_of:
            break
        panels = set(panel_of.values())
        level = {
            index: panel
            for index, panel in panel_of.items()
            if sum(1 for number in blocks[index].path if number in panels) == nesting
        }
        if len(level) >= 2:
            blocks = _moved(blocks, level)
    return blocks


def _moved(blocks: list[Block], panel_of: dict[int, int]) -> list[Block]:
    content: dict[int, list[int]] = {panel: [] for panel in panel_of.values()}
    owner: dict[int, int] = {}
    for index, block in enumerate(blocks):
        for number in block.path:
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
    order: list[tuple[Block, tuple[int, ...]]] = []
    for index, block in enumerate(blocks):
        if index in moved:
            continue
        order.append((block, block.path))
        if index in apart:
            root = panel_of[index]
            for number in content[root]:
                path = blocks[number].path
                order.append((blocks[number], (*block.path[:-1], *path[path.index(root) :])))
    return _renumbered(order)


def _panels(blocks: list[Block], elements: list[Element]) -> dict[int, int]:
    """Control (a block's number) -> the element it opens: by id, by label, or tabs by their order."""
    refs = {block.ref for block in blocks if block.ref}
    labels = {e.labelled_by: n for n, e in enumerate(elements) if e.role == "tabpanel"}
    ids: dict[str, int] = {}
    for number, element in enumerate(elements):
        if element.id and element.id in refs and element.tag not in _LEVELS:
            ids.setdefault(element.id, number)
    found: dict[int, int] = {}
    taken: set[int] = set()
    for index, block in enumerate(blocks):
        panel = ids.get(block.ref) if block.ref else None
        own = elements[block.path[-1]] if block.path else None
        if panel is None and own is not None and own.role == "tab":
            panel = labels.get(own.id) if own.id else None
        if panel is not None and panel not in taken and panel not in block.path:
            found[index] = panel
            taken.add(panel)
    if not found:
        tabs = [n for n, b in enumerate(blocks) if b.path and elements[b.path[-1]].role == "tab"]
        opened = [n for n, element in enumerate(elements) if element.role == "tabpanel"]
        if len(tabs) == len(opened):
            return dict(zip(tabs, opened, strict=True))
    return found


def _says_its_own_name(blocks: list[Block], control: int, content: list[int]) -> bool:
    """A table of contents leads to a section that repeats its name as a heading."""
    name = blocks[control].text
    return any(blocks[n].level and blocks[n].text == name for n in content)


def _renumbered(order: list[tuple[Block, tuple[int, ...]]]) -> list[Block]:
    result: list[Block] = []
    before: tuple[int, ...] = ()
    for block, place in order:
        shared = 0
        for mine, its in zip(place, before, strict=False):
            if mine != its:
                break
            shared += 1
        result.append(block._replace(path=place, rise=shared))
        before = place
    return result
