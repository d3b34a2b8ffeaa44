"""Blocks put where a reader finds them: panels under their controls, column heads told apart."""

from __future__ import annotations

from monitor.blocks import Block, Elements
from monitor.markup import attribute_of
from monitor.shapes import LEVELS


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
