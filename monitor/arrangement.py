"""Sections that eyes tell by where they stand: a second look at an outline that shows none.

Headings may be names for ears alone, or stand in a row of their own, the sections in the row below:
tables of columns, tabs that say nothing about their panels.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from itertools import takewhile

from monitor.blocks import Block, Elements, Outline
from monitor.panels import moved_under, panels_of, renumbered
from monitor.text import heading_key, tidy

_CELLS = ("td", "th")
_LISTS = ("ul", "ol", "dl")


def with_named_parts(outline: Outline, headings: Container[str]) -> Outline:
    """A heading before each element whose `aria-label` is one that eyes don't see.

    `headings`: the keys of those looked for (`heading_key`).
    """
    elements = outline.elements
    names = [elements.attribute(number, "aria-label") for number in range(len(elements.tags))]
    named = {n: name for n, name in enumerate(names) if name and heading_key(name) in headings}
    if not named:
        return outline
    blocks = outline.blocks[: outline.start]
    for block in outline.blocks[outline.start :]:
        for element in elements.path(block.place):
            if name := named.pop(element, ""):
                heading = (tidy(name), element, 0, 0, "/heading", 0, (), False, None, None, None)
                blocks.append(Block(*heading))
        blocks.append(block)
    return outline._replace(blocks=renumbered(blocks, elements))


def with_columns(outline: Outline, headings: Container[str]) -> Outline:
    """Each column under its heading, where headings stand in a row and columns in the next.

    `headings`: the keys of those looked for (`heading_key`).
    """
    blocks = outline.blocks
    numbers = range(outline.start, len(blocks))
    run: list[int] = []
    for number in (*(n for n in numbers if heading_key(blocks[n].text) in headings), len(blocks)):
        if run and number == run[-1] + 1 and number < len(blocks):
            run.append(number)
            continue
        columns = _columns(blocks, outline.elements, run) if len(run) > 1 else []
        if columns:
            return _under_each(outline, run, columns)
        run = [number]
    return outline


def with_details(outline: Outline, headings: Sequence[int]) -> Outline:
    """The details that stand below all sections, moved to the titles there that lead to them.

    `headings`: the sections' blocks. Between them is nothing but titles.
    """
    blocks, elements = outline.blocks, outline.elements
    first, last = headings[0], headings[-1]
    titles = [number for number in range(first, len(blocks)) if blocks[number].ref]
    if len(titles) < 2 or titles[-1] - first + 1 != len(titles) + len(headings):
        return outline
    panel_of = {n: panel for n, panel in panels_of(blocks, elements).items() if n > first}
    inside = set(panel_of.values())
    begins = (n for n, block in enumerate(blocks) if inside & {*elements.path(block.place)})
    if len(panel_of) != len(titles) or next(begins, 0) <= max(titles[-1], last):
        return outline
    ordered = moved_under(blocks, elements, panel_of, named=True)
    texts = {block.text for block in ordered if block.level}
    kept = [block for block in ordered if not (block.ref and block.text in texts)]
    return outline._replace(blocks=renumbered(kept, elements))


def _columns(blocks: list[Block], elements: Elements, heads: Sequence[int]) -> list[list[int]]:
    """For each heading the blocks of its column; none where there is no row of them."""
    after = heads[-1] + 1
    shared = min(blocks[n].rise for n in heads[1:])
    if after >= len(blocks):
        return []
    if blocks[after].rise >= shared:
        return _lists_beside(blocks, elements, heads)  # the headings' element goes on below them
    depth = blocks[after].rise
    beside = _groups(blocks, elements, range(after, len(blocks)), depth)
    groups = beside[: len(heads)]
    if _are_rows(elements, beside):
        return _by_cell(blocks, elements, beside, len(heads))
    if not _are_columns(elements, groups, len(heads)):
        groups = beside[:1]
        while len(groups) == 1:
            depth += 1
            groups = _groups(blocks, elements, groups[0][1], depth)
    if _are_rows(elements, groups):
        return _by_cell(blocks, elements, groups, len(heads))
    return [mine for _, mine in groups] if _are_columns(elements, groups, len(heads)) else []


def _lists_beside(blocks: list[Block], elements: Elements, heads: Sequence[int]) -> list[list[int]]:
    """The lists right after headings, in the element they stand in, where there are as many."""
    after, depth = heads[-1] + 1, blocks[heads[-1]].rise
    if {depth} != {blocks[number].rise for number in (*heads[1:], after)}:
        return []
    groups = _groups(blocks, elements, range(after, len(blocks)), depth)
    lists = list(takewhile(lambda group: elements.tags[group[0]] in _LISTS, groups))
    return [mine for _, mine in lists] if _are_columns(elements, lists, len(heads)) else []


def _are_columns(elements: Elements, groups: Sequence[tuple[int, list[int]]], count: int) -> bool:
    """Whether these are so many elements of one name, with a class in common or none at all."""
    tags = {elements.tags[element] for element, _ in groups}
    classes = [set(elements.classes(element).split()) for element, _ in groups]
    if len(groups) != count or len(tags) != 1:
        return False
    return not any(classes) or bool(set.intersection(*classes))


def _groups(
    blocks: list[Block], elements: Elements, numbers: Iterable[int], depth: int
) -> list[tuple[int, list[int]]]:
    """The elements at that depth inside one, with their blocks, up to the first block outside."""
    found: list[tuple[int, list[int]]] = []
    outer: list[int] | None = None
    for number in numbers:
        path = elements.path(blocks[number].place)
        outer = path[:depth] if outer is None else outer
        if len(path) <= depth or path[:depth] != outer:
            break
        if found and found[-1][0] == path[depth]:
            found[-1][1].append(number)
        else:
            found.append((path[depth], [number]))
    return found


def _are_rows(elements: Elements, groups: Sequence[tuple[int, list[int]]]) -> bool:
    return len(groups) > 1 and all(elements.tags[element] == "tr" for element, _ in groups)


def _by_cell(
    blocks: list[Block], elements: Elements, rows: Sequence[tuple[int, list[int]]], count: int
) -> list[list[int]]:
    """The columns of a table of several rows, where each row has a cell in all."""
    columns: list[list[int]] = [[] for _ in range(count)]
    for row, mine in rows:
        cells = _cells(elements, row)
        if len(cells) != count:
            return []
        for number in mine:
            path = elements.path(blocks[number].place)
            column = next((n for n, cell in enumerate(cells) if cell in path), None)
            if column is None:
                return []
            columns[column].append(number)
    return columns


def _cells(elements: Elements, row: int) -> list[int]:
    parents, tags = elements.parents, elements.tags
    inside = takewhile(lambda n: parents[n] >= row, range(row + 1, len(parents)))
    return [n for n in inside if parents[n] == row and tags[n] in _CELLS]


def _under_each(
    outline: Outline, heads: Sequence[int], columns: Sequence[Sequence[int]]
) -> Outline:
    blocks = outline.blocks
    ordered = blocks[: heads[0]]
    last = heads[-1]
    for head, column in zip(heads, columns, strict=True):
        block = blocks[head]
        if not block.level:
            block = block._replace(look="/heading", links=(), bare=False, head=False)
        ordered.append(block)
        ordered.extend(blocks[number] for number in column)
        last = max(last, *column)
    ordered.extend(blocks[last + 1 :])
    return outline._replace(blocks=renumbered(ordered, outline.elements))
