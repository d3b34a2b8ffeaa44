"""What was read before and stands on a page again, to the letter, is not read again.

From one edition of a page to the next nearly all its initiatives are the same. So a page's tags are
divided into passages, its largest elements of few tags. What a passage adds to an outline depends
on two things alone: how it is written, and what is around it (`around`: the names of the elements,
and the whole tag where its attributes tell something). It is remembered by both, and written down
from memory when it comes again: in the next edition, in another section, on another page.

Headers, footers, menus and dialogs are judged by where they stand and what else the page holds, so
none of them is part of a passage, nor is what they hold.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from monitor.blocks import Block, Elements
from monitor.markup import Markup, markup_of, name_of
from monitor.shapes import BLOCK, BR, END, IMAGE, KNOWN, LANDMARK, NOTHING, Shape, Shapes

_FEWEST_TAGS = 4
_MOST_TAGS = 80
"""Of a passage: more are several initiatives, and rarely all as they were."""
_LONGEST = 4_000
"""Characters, as written."""
_DEEPEST = 40
"""Elements around a passage."""
_MOST_REMEMBERED = 2_000
"""Passages, of all pages read: some ten editions of a long page. With more, all are forgotten."""

_DEEPER = tuple(
    [{END: -1, NOTHING: 0, BR: 0, IMAGE: 0}.get(kind, 1) for kind in range(LANDMARK + 1)]
)
"""How much deeper the tag after one of each kind stands."""
_new = tuple.__new__
_PLACEHOLDER: Shape = (KNOWN, "", "", 0, None)


class Passage(NamedTuple):
    """An element as it was read, and those in it."""

    key: tuple[str, str]
    """What it is remembered by: what is around it, and how it is written."""
    number: int
    """Its own, which its blocks' places and its elements' parents are counted with."""
    tags: list[str]
    written: list[str]
    parents: list[int]
    """Of the elements inside it: one less than it has elements."""
    blocks: list[Block]

    def holds(self, names: Container[str]) -> bool:
        """Whether a tag in it opens an element of one of these names, be it empty."""
        return any(name_of(tag) in names for tag in self.key[1].split("<")[::2])

    def moved(self, number: int, rise: int) -> Passage:
        """The same as another element, its first block with another rise."""
        shift = number - self.number
        parents = [parent + shift for parent in self.parents]
        blocks = [_new(Block, (block[0], block[1] + shift, *block[2:])) for block in self.blocks]
        if blocks:
            blocks[0] = blocks[0]._replace(rise=rise)
        return self._replace(number=number, parents=parents, blocks=blocks)


NONE_KNOWN: Mapping[int, Passage] = {}


class Fresh(NamedTuple):
    """A passage to be remembered: where its tags begin and end, and by what it is known."""

    first: int
    end: int
    key: tuple[str, str]


class Divided(NamedTuple):
    """A page's tags, one placeholder instead of each passage that is known (by its number)."""

    markup: Markup
    shapes: list[Shape]
    known: Mapping[int, Passage]
    fresh: list[Fresh]


_remembered: dict[tuple[str, str], Passage] = {}


def forget() -> None:
    """Read everything anew from here on."""
    _remembered.clear()


def divide(flat: list[str], shapes: list[Shape], seen: Shapes, most: int) -> Divided:
    """Tags and texts in turns, the known passages taken out, where there are `most` tags."""
    if len(shapes) > most or seen.closes_void:
        return Divided(markup_of(flat), shapes, NONE_KNOWN, [])
    known: dict[int, Passage] = {}
    fresh: list[Fresh] = []
    short: list[str] = []
    kept: list[Shape] = []
    done = at = 0
    for first, end, around in _Division(flat[1::2], shapes, seen.landmarks).spans:
        key = (around, "<".join(flat[2 * first + 1 : 2 * end + 2]))
        passage = _remembered.get(key)
        if passage is None:
            gone = done - len(kept)
            fresh.append(Fresh(first - gone, end - gone, key))
            continue
        kept += shapes[done:first]
        known[len(kept)] = passage
        kept.append(_PLACEHOLDER)
        short += flat[at : 2 * first + 1]
        short += ("", flat[2 * end + 2])
        done, at = end + 1, 2 * end + 3
    if not known:
        return Divided(markup_of(flat), shapes, known, fresh)
    return Divided(markup_of(short + flat[at:]), kept + shapes[done:], known, fresh)


class _Division:
    """Finds where the passages of a page begin and end, and what is around each."""

    def __init__(self, tags: list[str], shapes: list[Shape], landmarks: set[str]) -> None:
        self.tags = tags
        self.shapes = shapes
        self.landmarks = landmarks
        self.depths = list(accumulate([_DEEPER[shape[0]] for shape in shapes]))
        self.spans: list[tuple[int, int, str]] = []
        try:
            self.enter(0, self.depths.index(0), "", 0)
        except ValueError:
            self.spans.clear()  # an element is not closed where it was opened: cut wrongly

    def enter(self, outer: int, end: int, around: str, depth: int) -> None:
        """Go through the elements just inside the one that tag `outer` opens and `end` closes."""
        tags, shapes, depths = self.tags, self.shapes, self.depths
        at = outer + 1
        while at < end:
            kind, name, _, _, special = shapes[at]
            last = depths.index(depths[at] - 1, at) if _DEEPER[kind] > 0 else at
            if kind == BLOCK and last - at >= _FEWEST_TAGS and tags[at] not in self.landmarks:
                if last - at > _MOST_TAGS:
                    if depth < _DEEPEST:
                        step = name if special is None else tags[at]
                        self.enter(at, last, f"{around}/{step}", depth + 1)
                elif self.landmarks.isdisjoint(tags[at:last]):
                    self.spans.append((at, last, around))
            at = last + 1


def remember(
    fresh: Sequence[Fresh], starts: Sequence[int], elements: Elements, blocks: list[Block]
) -> None:
    """Keep what was read of passages. `starts`: the tag at which each of the elements begins."""
    if len(_remembered) + len(fresh) > _MOST_REMEMBERED:
        _remembered.clear()
    number = 0
    for first, end, key in fresh:
        base, stop = bisect_left(starts, first), bisect_left(starts, end)
        if base == stop or len(key[1]) > _LONGEST:
            continue
        while number < len(blocks) and blocks[number].place < base:
            number += 1
        begin = number
        while number < len(blocks) and base <= blocks[number].place < stop:
            number += 1
        _remembered[key] = Passage(
            key,
            base,
            elements.tags[base:stop],
            elements.written[base:stop],
            elements.parents[base + 1 : stop],
            blocks[begin:number],
        )


def recall(passage: Passage, place: int, low: int, elements: Elements, blocks: list[Block]) -> None:
    """Write a known passage down inside `place`; `low` is its first block's rise.

    It is remembered where it stood last: mostly it stands there in the next edition, too.
    """
    number, known = len(elements.tags), passage.blocks
    if passage.number != number or (known and known[0].rise != low):
        passage = passage.moved(number, low)
        _remembered[passage.key] = passage
    elements.tags += passage.tags
    elements.written += passage.written
    elements.parents.append(place)
    elements.parents += passage.parents
    blocks += passage.blocks
