"""HTML -> one flat outline: the page's texts in reading order, each with its place in the tree.

The outline is a list of blocks (`blocks`), each with the element it stands in, its depth and look.

Nothing is judged here: menus, page header and footer are left out by their roles, everything
else is kept. Hidden, collapsed and aria-hidden panels are kept too, since folding is only
presentation.

Speed: this runs on every changed page. So the tree is not asked node by node, but cut into tags
and texts at once (`markup`), each tag as written is looked into once a page (`shapes`), what was
read before is not read again (`passages`), one loop meets the rest and has it written down
(`scribe`), an element that holds one text only without descending.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode

from monitor.blocks import Block, Elements, Outline
from monitor.furniture import is_symbol, says_outside, without_mark
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
from monitor.panels import with_column_heads, with_panels_in_place
from monitor.passages import NONE_KNOWN, Passage, divide, recall, remember
from monitor.scribe import BREAK, Inline, OpenLink, Scribe
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

_MOST_LANDMARKS = 300
"""Judging one costs: beyond this, headers, footers and dialogs are ordinary elements, and every nav
is a menu."""
_SECTIONING = frozenset(
    ("article", "section", "aside", "li", "details", "td", "dd", "blockquote", "figure", "fieldset")
)
_CUT_RIGHTLY = FOREIGN | {"a"}
_OUTGROWS_HEADING = frozenset("ul ol dl table article section details".split())
"""What no heading holds: one around them was never closed, and ends before them."""
_COOKIES = re.compile(r"\b(?:kakor|cookies?|informasjonskapsler|evästei)", re.IGNORECASE)
_new = tuple.__new__

_Stream = Iterator[tuple[int, str, str, Shape, Shape]]


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
        self.scribe = Scribe()
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
                            scribe.open_link = OpenLink(len(pieces), href or "", label, marked)
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
