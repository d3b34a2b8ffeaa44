"""What an outline is made of: blocks of text, the elements around them, links as written.

A block is one run of text between two block boundaries (a paragraph, a heading, a list item's own
text, a cell). `place` is the element it stands in, `depth` how many elements are around it, and
`rise` how many of them it shares with the block before: with `rise` alone one can tell, without the
tree, which blocks lie inside the same element. `look` is the chain of tags down to the text.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from monitor.markup import attribute_of


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

    __slots__ = ("parents", "tags", "written")

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.parents: list[int] = []
        self.written: list[str] = []
        """Each element's start tag."""

    def add(self, tag: str, parent: int) -> int:
        self.tags.append(tag)
        self.parents.append(parent)
        self.written.append(tag)
        return len(self.tags) - 1

    def attribute(self, number: int, name: str) -> str:
        return attribute_of(self.written[number], name) or ""

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

    def outermost(self, number: int, among: Container[int]) -> int:
        """The outermost of some elements that `number` is or stands in; -1: none."""
        found = -1
        while number >= 0:
            if number in among:
                found = number
            number = self.parents[number]
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
