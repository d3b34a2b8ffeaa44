"""Which blocks of a section are titles, and which blocks belong to each: found by repetition.

A candidate is a way to point out titles by structure alone: «blocks with this look that begin
at least so many elements». Each candidate cuts the section into units; the candidate whose
units explain the section best (nothing left over, titles first and short, texts after them) is
the section's grammar.

With titles t1, t2, … the unit of a title is the largest element around it that holds no other
title. What lies inside the unit belongs to the title (nested pages: list items, details, table
rows). Where the units hold titles only, what follows beside them does (flat pages: headings, dt
and dd, accordions).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from monitor.blocks import Block, Elements
from monitor.furniture import is_answer, is_box, is_marker

LONGEST_TITLE = 180
_LONG_SENTENCE = 90
_TERSE = 120
_SENTENCE_END = (".", "!", "?", ":", "…", ".”", '."', ",", ";", ".»", ".)")
_LEARNED_BONUS = 0.15
"""What fitted the page's other sections is likely to fit here too."""
_FEW = 5
"""So few units may be a date or contact box after a short section."""
_UNLIKE_OTHERS = 0.5
"""What it costs that a section is written otherwise than the rest of its page."""
_MARKED = frozenset(
    ("h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt", "button", "heading", "th")
)
_BOLD = frozenset(("strong", "b"))
_ROWS = frozenset(("li", "tr", "details", "article", "section", "dd"))


class Pattern(NamedTuple):
    """How titles are told: by `look` (by `classes` too, where that is not enough) and `drop`."""

    look: str
    drop: int
    lead: bool = False
    classes: str | None = None
    terse: bool = False
    """Only the short ones without a full stop: titles and texts written alike, in turns."""
    tail: bool = False
    """Only the end of the look tells: tags that were never closed nest each unit in the last."""


class Unit(NamedTuple):
    """One initiative's blocks, by number. `lead`: the title is only the block's first words."""

    title: int
    lead: bool
    before: tuple[int, ...]
    after: tuple[int, ...]
    quiet: tuple[int, ...] = ()
    """The quiet blocks (status labels, markers) in this unit's reach."""


@dataclass(frozen=True, slots=True)
class Parse:
    """A section cut into units. `left` are the blocks nobody took."""

    pattern: Pattern | None
    flat: bool
    units: tuple[Unit, ...]
    left: tuple[int, ...]
    cost: float

    @property
    def shape(self) -> str:
        if self.pattern is None:
            return ""
        tail = "/".join(self.pattern.look.split("/")[-3:])
        return f"{tail}{'…' if self.pattern.lead else ''} {'flat' if self.flat else 'nested'}"


@dataclass(frozen=True, slots=True)
class Span:
    """The blocks of one section: `first` up to, not with, `end`. `quiet` ones are never content."""

    blocks: Sequence[Block]
    elements: Elements
    rises: Sequence[int]
    first: int
    end: int
    quiet: Mapping[int, str]
    labels: frozenset[int] = frozenset()
    """Where each unit tells its own status: the blocks that do (two halves count as one)."""

    @property
    def rise_at_end(self) -> int:
        return self.rises[self.end] if self.end < len(self.rises) else 0


NOTHING = Parse(None, False, (), (), 9.0)


def parse(span: Span, learned: Sequence[tuple[Pattern, bool]], known: frozenset[int]) -> Parse:
    """The best cut of a section. `learned`: what fitted others; `known`: known titles."""
    if span.first >= span.end:
        return NOTHING
    best = NOTHING
    for pattern, flat in learned:
        found = _try(span, pattern, flat)
        if found.cost < best.cost:
            best = found
    if best.cost <= 0.05:
        return best
    best = replace(best, cost=max(0.0, best.cost - _LEARNED_BONUS))
    tried: set[tuple[int, ...]] = set()
    results = [best] if best.pattern else []
    for pattern in itertools.chain(_candidates(span, known), _tails(span)):
        last_resort = pattern.tail or pattern.terse
        if last_resort and results and min(found.cost for found in results) <= 0.3:
            continue
        titles = _titles(span, pattern)
        key = (pattern.lead, *titles)
        if not titles or key in tried:
            continue
        tried.add(key)
        found = _cut(span, pattern, titles, None)
        results.append(found)
        if found.cost <= 0.02 and len(found.units) >= 3 and not _coarse(found):
            break
    return _choose(span, results)


def agree(spans: Sequence[Span], found: Sequence[Parse]) -> list[Parse]:
    """Sections of one page are written alike: where their grammars differ, the best for all."""
    patterns = {(one.pattern, one.flat) for one in found if one.pattern is not None}
    best, best_cost = list(found), 9.0 * len(spans)
    tried: list[list[Parse]] = []
    if len(patterns) < 2:
        return _without_strays(spans, best)
    for pattern, flat in sorted(patterns, key=str):
        if pattern is None:
            continue
        tries = []
        cost = 0.0
        for span, own in _both(spans, found):
            titles = _titles(span, pattern)
            one = _cut(span, pattern, titles, flat) if titles else NOTHING
            if one.cost > 1 and own.cost < one.cost:
                one = own
                if (own.pattern, own.flat) != (pattern, flat):
                    cost += _UNLIKE_OTHERS
                    one = one if not _says_empty(span, own) else NOTHING
            cost += min(one.cost, own.cost) if one is NOTHING else one.cost
            tries.append(one)
        tried.append(tries)
        if cost < best_cost:
            best, best_cost = tries, cost
    for tries in tried:
        if _lies_below(spans, tries, best):
            best = tries
    return _without_strays(spans, best)


def _says_empty(span: Span, found: Parse) -> bool:
    """Whether all there is in a section is a sentence («Just nu finns inga insatser här.»)."""
    alone = len(found.units) == 1 and not found.units[0].after and not found.units[0].lead
    return alone and is_sentence(span.blocks[found.units[0].title].text)


def _without_strays(spans: Sequence[Span], found: list[Parse]) -> list[Parse]:
    """In flat pages, what only looks like a title goes to the title before it.

    A panel of links alone, or of one sentence, may look like the titles around it: it is told by
    the other titles of the page, which are no links, or whose element is of another class.
    """
    flat = [(span, one) for span, one in _both(spans, found) if one.flat and one.pattern]
    units = [(span, unit) for span, one in flat for unit in one.units]
    if not any(_is_link(s.blocks[u.title]) or not u.after for s, u in units):
        return found
    linked = sum(_is_link(span.blocks[unit.title]) for span, unit in units)
    names = Counter(_classes(span, unit.title) for span, unit in units)
    usual = names.most_common(1)[0][0]
    result = []
    for span, one in _both(spans, found):
        titles = [unit.title for unit in one.units]
        if one.flat and one.pattern is not None and len(titles) > 1:
            strays = {
                unit.title
                for before, unit in itertools.pairwise(one.units)
                if (_is_link(span.blocks[unit.title]) and linked * 2 < len(units))
                or (_is_lone_sentence(span, before, unit) and _classes(span, unit.title) != usual)
            }
            if strays:
                titles = [title for title in titles if title not in strays]
                one = _cut(span, one.pattern, titles, True)
        result.append(one)
    return result


def _is_lone_sentence(span: Span, before: Unit, unit: Unit) -> bool:
    """Whether two titles without content are rather a title and its text."""
    return (
        not (before.after or unit.after or unit.lead)
        and is_sentence(span.blocks[unit.title].text)
        and not is_sentence(span.blocks[before.title].text)
    )


def _both(spans: Sequence[Span], found: Sequence[Parse]) -> Iterable[tuple[Span, Parse]]:
    return zip(spans, found, strict=True)


def _choose(span: Span, results: Sequence[Parse]) -> Parse:
    if not results:
        return NOTHING
    best = min(results, key=lambda found: (found.cost, -len(found.units)))
    for found in results:
        finer = len(found.units) >= 1.3 * len(best.units) and not found.flat
        near = finer and best.flat and found.cost <= best.cost + 0.35
        if near and _full(found) and not _is_mixed(span, found):
            best = found
    for found in results:
        if _lies_below([span], [found], [best]):
            best = found
    return best


def _lies_below(spans: Sequence[Span], fine: Sequence[Parse], coarse: Sequence[Parse]) -> bool:
    """Whether what one cut takes for titles are themes: each begins with a title of the finer cut.

    Themes are all that the finer cut leaves, and its titles have texts and are no words that come
    again under each («Bakgrund», «Mål»).
    """
    themes = sum(len(one.units) for one in coarse)
    if themes < 2 or sum(len(one.units) for one in fine) <= themes:
        return False
    texts: list[str] = []
    for span, below, above in zip(spans, fine, coarse, strict=True):
        titles = {unit.title for unit in below.units}
        if set(below.left) != {unit.title for unit in above.units} or not _full(below):
            return False
        for unit in above.units:
            if not (span.blocks[unit.title].level and unit.after and unit.after[0] in titles):
                return False
            if span.blocks[unit.after[0]].text == span.blocks[unit.title].text:
                return False
        texts.extend(span.blocks[title].text for title in titles)
    sentences = sum(map(is_sentence, texts))
    return 2 * sentences <= len(texts) and 10 * len(set(texts)) >= 9 * len(texts)


def _is_mixed(span: Span, found: Parse) -> bool:
    """Whether titles and sentences take turns: texts of the units that the flat cut has."""
    sentences = sum(is_sentence(span.blocks[u.title].text) for u in found.units if not u.lead)
    return 3 * sentences > len(found.units) and 10 * sentences < 9 * len(found.units)


def _full(found: Parse) -> bool:
    return sum(1 for unit in found.units if unit.after or unit.lead) >= 0.5 * len(found.units)


def _coarse(found: Parse) -> bool:
    return sum(len(unit.after) for unit in found.units) > 8 * len(found.units)


def _candidates(span: Span, known: frozenset[int]) -> Iterable[Pattern]:
    """Patterns worth trying, the likeliest first: known titles, then by first appearance."""
    looks: dict[str, list[int]] = {}
    leads: dict[str, list[int]] = {}
    for number in range(span.first, span.end):
        if number in span.quiet:
            continue
        block = span.blocks[number]
        looks.setdefault(block.look, []).append(number)
        if block.lead is not None and not is_marker(block.lead.text):
            leads.setdefault(f"{block.look}/{block.lead.tag}", []).append(number)
    if known:
        votes: dict[str, int] = {}
        for number in known:
            if span.first <= number < span.end:
                look = span.blocks[number].look
                votes[look] = votes.get(look, 0) + 1
        for look in sorted(votes, key=lambda name: -votes[name])[:2]:
            yield from _by_drop(span, look, looks.get(look, []))
    order = sorted(looks, key=lambda look: looks[look][0])[:10]
    for look in order:
        yield from _by_drop(span, look, looks[look])
    for look in sorted(leads, key=lambda name: leads[name][0])[:6]:
        yield Pattern(look, 0, True)
        yield Pattern(look, 2, True)
    for look in order[:2]:
        yield Pattern(look, 0, terse=True)
    for look in order[:6]:
        classes = {_classes(span, number) for number in looks[look]}
        if len(classes) > 1:
            for name in sorted(classes, key=lambda c: (c is None, c or "")):
                if name is not None and len(classes) <= 12:
                    yield Pattern(look, 0, False, name)


def _tails(span: Span) -> Iterable[Pattern]:
    seen: dict[str, None] = {}
    for number in range(span.first, min(span.end, span.first + 12)):
        tail = "/".join(span.blocks[number].look.split("/")[-2:])
        seen.setdefault("/" + tail)
    for tail in seen:
        yield Pattern(tail, 0, tail=True)


def _by_drop(span: Span, look: str, numbers: Sequence[int]) -> Iterable[Pattern]:
    yield Pattern(look, 0)
    # The section's first block begins its list, too: that tells it from the others only where
    # these are texts beside it.
    drops = {_drop(span, number) for number in numbers[1:]}
    if max(drops, default=0) <= 1 and _are_texts(span, numbers):
        drops.update(_drop(span, number) for number in numbers[:1])
    for drop in sorted(drops)[1:4]:
        yield Pattern(look, drop)


def _are_texts(span: Span, numbers: Sequence[int]) -> bool:
    """Whether what looks like a section's first block are its texts rather than further titles."""
    if len(numbers) < 2 or any(is_sentence(span.blocks[n].text) for n in numbers[1:]):
        return True
    return _row_around(span, numbers[0]) == _row_around(span, numbers[1]) >= 0


def _drop(span: Span, number: int) -> int:
    """How many elements begin at this block, quiet blocks before it counted as part of it."""
    block = span.blocks[number]
    rise = block.rise
    while number > span.first and (number - 1) in span.quiet:
        number -= 1
        rise = min(rise, span.blocks[number].rise)
    return block.depth - rise


def _classes(span: Span, number: int) -> str | None:
    place = span.blocks[number].place
    return span.elements.classes(place) if place >= 0 else None


def _titles(span: Span, pattern: Pattern) -> list[int]:
    blocks, quiet, look = span.blocks, span.quiet, pattern.look
    numbers = range(span.first, span.end)
    if pattern.tail:
        titles = [n for n in numbers if blocks[n].look.endswith(look) and n not in quiet]
        return _of_one_level(span, titles) if look.endswith("/summary") else titles
    if pattern.lead:
        titles = [
            n
            for n in numbers
            if n not in quiet and (blocks[n].look == look or _begins_with(blocks[n], look))
        ]
    else:
        titles = [n for n in numbers if blocks[n].look == look and n not in quiet]
    if pattern.terse:
        titles = [n for n in titles if _is_terse(blocks[n].text) and not _is_link(blocks[n])]
    if pattern.drop:
        titles = [n for n in titles if _drop(span, n) >= pattern.drop]
    if pattern.classes is not None:
        titles = [n for n in titles if _classes(span, n) == pattern.classes]
    return titles


def _of_one_level(span: Span, titles: Sequence[int]) -> list[int]:
    """Where folded panels lie in each other: the outer ones that have texts, else the inner."""
    panels = {n: _panel_around(span, n) for n in titles}
    mine = {panel: n for n, panel in panels.items() if panel >= 0}
    outer_of = {}
    for n, panel in panels.items():
        around = reversed(span.elements.path(panel)[:-1] if panel >= 0 else [])
        outer_of[n] = next((mine[element] for element in around if element in mine), -1)
    themes = set(outer_of.values()) - {-1}
    for n in range(span.first, span.end) if themes else ():
        if n not in panels and n not in span.quiet:
            path = reversed(span.elements.path(span.blocks[n].place))
            themes.discard(next((mine[element] for element in path if element in mine), -1))
    return [n for n in titles if n not in themes and outer_of[n] in (-1, *themes)]


def _panel_around(span: Span, number: int) -> int:
    path = span.elements.path(span.blocks[number].place)
    return next((e for e in reversed(path) if span.elements.tags[e] == "details"), -1)


def _is_terse(text: str) -> bool:
    return len(text) <= _TERSE and not is_sentence(text)


def is_sentence(text: str) -> bool:
    return text.endswith(_SENTENCE_END)


def _is_link(block: Block) -> bool:
    """Whether a block is nothing but links that lead away from the page."""
    return block.bare and not all(link.href.startswith("#") for link in block.links)


def _begins_with(block: Block, look: str) -> bool:
    return block.lead is not None and look == f"{block.look}/{block.lead.tag}"


def _try(span: Span, pattern: Pattern, flat: bool) -> Parse:
    titles = _titles(span, pattern)
    return _cut(span, pattern, titles, flat, learned=True) if titles else NOTHING


def _depths(span: Span, titles: Sequence[int]) -> list[int]:
    """For each title, how deep the element stands that holds it and its nearest neighbour."""
    rises = span.rises
    lows = [
        min(rises[before + 1 : title + 1])
        for before, title in itertools.pairwise((span.first - 1, *titles))
    ]
    lows.append(min((span.rise_at_end, *rises[titles[-1] + 1 : span.end])))
    depths = [max(pair) for pair in itertools.pairwise(lows)]
    if len(titles) > 1:
        # The section ends before the next heading, even where that stands inside the last unit.
        depths[-1] = lows[-2]
    return depths


def _cut(
    span: Span, pattern: Pattern, titles: list[int], flat: bool | None, learned: bool = False
) -> Parse:
    reach = _reach(span, titles)
    if flat is None:
        flat = _is_flat(span, titles, reach, pattern)
    if not flat:
        more = _missed_units(span, titles, reach)
        if more:
            titles = sorted({*titles, *more})
            reach = _reach(span, titles)
    quiet = span.quiet
    units = []
    for k, title in enumerate(titles):
        after, front = reach.inside[k], reach.before[k]
        if flat:
            after = after + reach.beside[k]
        silent: tuple[int, ...] = ()
        if quiet:
            silent = tuple([n for n in (*front, *after) if n in quiet])
            if silent:
                last = after[-1] if flat and after else -1
                after = [n for n in after if n not in quiet or _is_cell(span, n, last)]
                front = [n for n in front if n not in quiet]
        lead = _takes_lead(span.blocks[title], pattern)
        units.append(Unit(title, lead, tuple(front), tuple(after), silent))
    taken = {*titles, *quiet}.union(*[(*unit.before, *unit.after) for unit in units])
    left = tuple([n for n in range(span.first, span.end) if n not in taken])
    cost = _cost(span, units, reach.depths, left, pattern, learned)
    return Parse(pattern, flat, tuple(units), left, cost)


def _is_cell(span: Span, number: int, last: int) -> bool:
    """Whether a figure or a column heading is part of a text: a table of an initiative's own.

    A figure at the end (`last`) counts what comes next.
    """
    kind = span.quiet[number]
    return kind == "column heading" or (
        kind == "marker" and number != last and span.blocks[number].text.isdigit()
    )


def _takes_lead(block: Block, pattern: Pattern) -> bool:
    if block.lead is None or is_marker(block.lead.text):
        return False
    if pattern.lead:
        return True
    return _begins_with(block, pattern.look) or (
        block.look != pattern.look and pattern.look.endswith("/" + block.lead.tag)
    )


class _Reach(NamedTuple):
    """For each title: the blocks inside its unit, those beside it, those before it in its unit."""

    depths: list[int]
    inside: list[list[int]]
    beside: list[list[int]]
    before: list[list[int]]


def _reach(span: Span, titles: Sequence[int]) -> _Reach:
    rises, blocks = span.rises, span.blocks
    depths = _depths(span, titles)
    inside: list[list[int]] = []
    beside: list[list[int]] = []
    before: list[list[int]] = []
    last = span.first - 1
    for title, end, depth in zip(titles, (*titles[1:], span.end), depths, strict=True):
        front: list[int] = []
        low = rises[title]
        for n in range(title - 1, last, -1):
            if low <= depth:
                break
            front.append(n)
            low = min(low, rises[n])
        if front:
            front.reverse()
            _give_up(front[0], inside, beside)
        before.append(front)
        mine: list[int] = []
        aside: list[int] = []
        low = blocks[title].depth + 1
        level = blocks[title].level
        bold = _is_bold(blocks[title].look)
        for n in range(title + 1, end):
            if 0 < blocks[n].level < level:
                break  # a heading above the title's own level
            if rises[n] < low:
                low = rises[n]
            if low > depth:
                mine.append(n)
            elif low == depth and not (bold and blocks[n].level):
                aside.append(n)
            else:
                break
        inside.append(mine)
        beside.append(aside)
        last = mine[-1] if mine else title
    return _Reach(depths, inside, beside, before)


def _give_up(first: int, inside: list[list[int]], beside: list[list[int]]) -> None:
    """What stands before a title inside its unit is not beside the title before it."""
    if inside:
        inside[-1] = [n for n in inside[-1] if n < first]
        beside[-1] = [n for n in beside[-1] if n < first]


def _is_flat(span: Span, titles: Sequence[int], reach: _Reach, pattern: Pattern) -> bool:
    def count(rows: Sequence[Sequence[int]]) -> int:
        return sum(1 for row in rows if any(n not in span.quiet or n in span.labels for n in row))

    next_to = count(reach.beside)
    if next_to == 0:
        return False
    if all(span.blocks[t].depth == d for t, d in zip(titles, reach.depths, strict=True)):
        return True  # titles without an element of their own: nothing can be inside
    within = count(reach.inside) if not pattern.lead else len(titles) - next_to
    return within == 0 or next_to > within or (next_to >= 2 and next_to >= 0.3 * len(titles))


def _missed_units(span: Span, titles: Sequence[int], reach: _Reach) -> list[int]:
    """In nested pages: further elements of the units' kind, whose first block looks otherwise."""
    blocks, elements = span.blocks, span.elements
    taken = set(titles)
    for row in (*reach.inside, *reach.before):
        taken.update(row)
    loose = [n for n in range(span.first, span.end) if n not in taken and n not in span.quiet]
    if not loose:
        return []
    kinds: dict[int, set[tuple[str, str]]] = {}
    for title, depth in zip(titles, reach.depths, strict=True):
        path = elements.path(blocks[title].place)
        if depth < len(path):
            container = path[depth - 1] if depth else -1
            kinds.setdefault(container, set()).add(_kind(elements, path[depth]))
    more: list[int] = []
    seen: set[int] = set()
    for n in loose:
        for element in reversed(elements.path(blocks[n].place)):
            if (kind := kinds.get(elements.parents[element])) is None:
                continue
            alike = _kind(elements, element) in kind or (
                elements.tags[element] in _ROWS
                and any(tag == elements.tags[element] for tag, _ in kind)
            )
            if alike and element not in seen and _could_be_title(blocks[n]):
                more.append(n)
            seen.add(element)
            break
    return more


def _kind(elements: Elements, number: int) -> tuple[str, str]:
    return elements.tags[number], elements.classes(number)


def _could_be_title(block: Block) -> bool:
    text = block.lead.text if block.lead is not None else block.text
    return 0 < len(text) <= LONGEST_TITLE and "\n" not in text


def _bad_title(text: str) -> bool:
    size = len(text)
    return size == 0 or size > LONGEST_TITLE or "\n" in text or is_long_sentence(text)


def is_long_sentence(text: str) -> bool:
    """Whether a text is a paragraph rather than a title."""
    return len(text) > _LONG_SENTENCE and text.endswith((".", ":"))


def _cost(
    span: Span,
    units: Sequence[Unit],
    depths: Sequence[int],
    left: Sequence[int],
    pattern: Pattern,
    learned: bool,
) -> float:
    """0 is perfect. Each part is a share of the units, so that sections of all sizes compare."""
    count = len(units)
    if not count:
        return 9.0
    blocks = span.blocks
    bad = with_content = front = sentences = linked = marked = 0
    title_marked = _is_marked(pattern.look)
    row = -1
    labels = 0
    texts: set[str] = set()
    for unit, depth in zip(units, depths, strict=True):
        block = blocks[unit.title]
        if not title_marked:
            bad += row == (row := _row_around(span, unit.title)) >= 0
        title = block.lead.text if unit.lead and block.lead is not None else block.text
        texts.add(title)
        bad += _bad_title(title) or _spans_rows(span, unit, depth)
        if count <= _FEW:
            bad += is_box(title) or is_answer(title)
        if unit.lead and block.lead is not None and block.lead.rest[:1].islower():
            bad += 1  # the sentence goes on: a word made bold, no title
        labels += unit.lead and title.endswith(":")
        sentences += title.endswith(".")
        with_content += bool(unit.after) or unit.lead
        front += bool(unit.before)
        linked += _is_link(block)
        if not unit.lead:
            marked += _has_titles_inside(span, unit, depth, title_marked)
    if 4 * labels <= count and _row_around(span, units[0].title) < 0:
        bad += labels  # few words before a colon, among titles that stand alone
    if 2 * len(texts) < count:
        bad += count - len(texts)  # words that come again under each title («Mer information»)
    if linked < count:
        bad += linked
    front_weight = 0.2 if title_marked else 0.7
    cost = (bad + front_weight * front + 0.5 * marked) / count + _looseness(span, count, left)
    if not learned:
        cost += 0.25 * (1 - with_content / count)
        cost += (0.1 if title_marked else 0.5) * (sentences / count)
        if count == 1 and span.end - span.first > 4:
            cost += 0.35 if title_marked else 0.5
        if linked == count and with_content * 2 < count:
            cost += 0.3
    if span.labels:
        told = sum(1 for unit in units if sum(n in span.labels for n in unit.quiet) == 1)
        cost += 0.7 * (1 - told / count)
    if pattern.terse:
        cost += 0.1
    elif not (title_marked or pattern.drop >= 2):
        cost += 0.01
    return cost


def _has_titles_inside(span: Span, unit: Unit, depth: int, marked: bool) -> bool:
    """Whether a unit's content looks like units of its own: rows that begin with a marked text.

    Under a title that is not marked itself, any marked text will do.
    """
    own = span.blocks[unit.title].look
    if _is_bold(own):
        if any(_begins_with(span.blocks[n], own) for n in unit.after):
            return True
        own = ""  # bold that was never closed covers the texts, too
    for n in unit.after:
        look = span.blocks[n].look
        if _is_marked(look):
            if not marked or look == own:
                return True
            row = _row_below(span, n, depth)
            follows = n + 1 < span.end and n + 1 in unit.after
            if row is not None and follows and span.rises[n + 1] > row:
                return True
    return False


@lru_cache(maxsize=512)
def _is_marked(look: str) -> bool:
    """Whether texts of this look stand out: headings, summaries, buttons, bold paragraphs."""
    tags = look.rsplit("/", 3)[1:]
    return bool(tags) and (tags[-1] in _BOLD or not _MARKED.isdisjoint(tags))


@lru_cache(maxsize=512)
def _is_bold(look: str) -> bool:
    return look.rsplit("/", 1)[-1] in _BOLD


def _spans_rows(span: Span, unit: Unit, depth: int) -> bool:
    """Whether a unit holds several rows of a list or table, which are units of their own."""
    row = _row_below(span, unit.title, depth)
    if row is None or not unit.after:
        return False
    return min(span.rises[unit.title + 1 : unit.after[-1] + 1]) == row


def _row_around(span: Span, number: int) -> int:
    """The innermost list item or table row around a block that the section itself opened, or -1."""
    block, elements = span.blocks[number], span.elements
    element = block.place
    for _ in range(block.depth - span.rises[span.first]):
        if elements.tags[element] in ("li", "tr"):
            return element
        element = elements.parents[element]
    return -1


def _row_below(span: Span, number: int, depth: int) -> int | None:
    """How deep the outermost item or row around a block stands, below its unit's element."""
    block, elements = span.blocks[number], span.elements
    found, element = None, block.place
    for at in range(block.depth - 1, depth, -1):
        if elements.tags[element] in _ROWS:
            found = at
        element = elements.parents[element]
    return found


def _looseness(span: Span, count: int, left: Sequence[int]) -> float:
    """What nobody took, against the units and against the section.

    Inner headings, and a sentence that opens the section, weigh less.
    """
    loose = 0.0
    for number in left:
        block = span.blocks[number]
        if block.text and not (is_box(block.text) or is_answer(block.text)):
            opens = number == span.first and is_sentence(block.text)
            loose += 0.3 if block.level or opens else 1.0
    if not loose:
        return 0.0
    return min(0.5, 0.5 * loose / count) + loose / (span.end - span.first)
