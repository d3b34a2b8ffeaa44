"""What each block of an outline is to a profile, before any initiative is looked for.

One pass finds the section headings, the heading that ends the list, the status labels and the quiet
blocks: those that are content of nothing (markers, icons' names, column headings, controls).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from monitor.addresses import leads_nowhere
from monitor.blocks import Block, Elements, Outline, Tail
from monitor.furniture import (
    COLUMN_WORDS,
    LABEL_WORDS,
    is_box,
    is_button,
    is_contents,
    is_control,
    is_count,
    is_icon,
    is_marker,
    is_news_mark,
    is_sign,
    labelled,
)
from monitor.model import Profile
from monitor.text import heading_key

_LONGEST_LABEL = 120
_LONGEST_LABELLED = 300
_MOST_PLAIN = 5_000
_MOST_SECTIONS = 200
_STATUS_WORDS: Mapping[str, tuple[str, ...]] = {
    "ongoing": (
        *("pågående", "pågår", "i gång", "igång", "i gang", "pågående nu", "käynnissä"),
        *("ongoing", "in progress", "underway"),
    ),
    "developing": (
        *("utvecklas", "under utveckling", "planerad", "planerat", "planeras", "planlagt"),
        *("på gång", "kommande", "suunnitteilla", "developing", "planned", "in development"),
    ),
    "partnership": ("partnerskap", "nätverk", "samverkan", "samarbete", "partnership", "network"),
}
"""Words after «Status:» for statuses that a profile declares, where its own headings don't fit."""
_UNITS = frozenset(("li", "article", "details", "tr", "dd"))
_HEADS = frozenset(("heading", "tab", "caption", "legend", "summary", "th"))
_TITLES = frozenset("h1 h2 h3 h4 h5 h6 heading button summary dt".split())


class Heading(NamedTuple):
    """A section's heading. `status` is None, `rule` -1, where the profile does not know it."""

    block: int
    text: str
    status: str | None
    rule: int = -1
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """`labels`: the status labels, by block: a rule's number, or the word nobody knows.

    `labelled` is True where the initiatives tell their own status and no heading does. Nothing at
    or after `stop` is content.
    """

    headings: tuple[Heading, ...]
    stop: int
    quiet: dict[int, str]
    labels: dict[int, int | str]
    badges: dict[int, int]
    """Status words inside a title's own block: the rule's number."""
    trimmed: dict[int, str]
    """Blocks that end, or begin, with a badge or a control: their texts without it."""
    rows: dict[int, int]
    """Table rows (elements) that a label in an earlier row spans: a rule's number."""
    labelled: bool
    guessed: bool
    """`labelled` only because words came again: to be confirmed by how the units look."""


class Vocabulary:
    """A profile's headings, stops and status words, by key."""

    def __init__(self, profile: Profile) -> None:
        self.rules: dict[str, int] = {}
        self.statuses: dict[str, int] = {}
        for number, rule in enumerate(profile.sections):
            for heading in rule.heading:
                self.rules.setdefault(heading_key(heading), number)
        self.statuses.update(self.rules)
        for number, rule in enumerate(profile.sections):
            for word in (rule.status, *_STATUS_WORDS.get(rule.status, ())):
                self.statuses.setdefault(heading_key(word), number)
        self.stops = frozenset(heading_key(heading) for heading in profile.stop)
        self.headings = frozenset((*self.rules, *self.stops))
        keys = {*self.statuses, *self.stops}
        self.longest = max((len(key) for key in keys), default=0) + 12
        self.beginnings = frozenset(key[:2] for key in keys)
        self.plain = _Plain(self.beginnings | {word[:2] for word in LABEL_WORDS})

    def key(self, text: str, low: str) -> str:
        """The key of a text that could be one of ours, else "": most texts stop here cheaply."""
        if _may_begin(low, self.beginnings):
            return heading_key(text) if len(text) <= self.longest else ""
        return ""


def _may_begin(low: str, beginnings: Set[str]) -> bool:
    """Whether a text may begin as one of these do: so, or with a sign, or with an accent apart."""
    begin = low[:2]
    return begin in beginnings or not begin.isalnum() or "\u0300" <= low[2:3] <= "\u036f"


class _Plain(dict[str, bool]):
    """Whether a text is by itself nothing that is looked for: no word of the profile, no label,
    marker, icon's name or column's name. The latest answers are remembered."""

    def __init__(self, beginnings: Set[str]) -> None:
        self.beginnings = beginnings

    def __missing__(self, text: str) -> bool:
        if len(self) >= _MOST_PLAIN:
            self.clear()
        low = text.lower()
        answer = self[text] = (
            len(text) > 8
            and not _may_begin(low, self.beginnings)
            and not is_icon(text)
            and low.rstrip(" :") not in COLUMN_WORDS
        )
        return answer


@lru_cache(maxsize=64)
def vocabulary_of(profile: Profile) -> Vocabulary:
    return Vocabulary(profile)


def survey(outline: Outline, profile: Profile, *, guess: bool = True) -> Survey:
    """Look over all blocks once. `guess`: whether words that come again may be labels."""
    return _Surveyor(outline, profile).result(guess)


class _Surveyor:
    def __init__(self, outline: Outline, profile: Profile) -> None:
        self.outline = outline
        self.blocks = outline.blocks
        self.profile = profile
        self.found: list[Heading] = []
        self.stops: list[int] = []
        self.titles: list[int] = []
        self.quiet: dict[int, str] = {}
        self.labels: dict[int, int | str] = {}
        self.exact: dict[int, int] = {}
        self.badges: dict[int, int] = {}
        self.titled: dict[int, str] = {}
        self.trimmed: dict[int, str] = {}
        self.controls: dict[tuple[str, str, bool], dict[int, str]] = {}
        self.explicit = 0
        self.guessed = False
        self.cells: dict[int, list[int]] = {}
        self.fields: dict[str, list[int]] = {}
        self.look_over(vocabulary_of(profile))

    def look_over(self, words: Vocabulary) -> None:
        blocks, plain = self.blocks, words.plain
        waiting = -1
        for number in range(self.outline.start, len(blocks)):
            block = blocks[number]
            text, _, _, _, look, level, _, bare, lead, tail, _, head = block
            if len(text) > _LONGEST_LABEL:
                waiting = -1
                if len(text) <= _LONGEST_LABELLED and (lead or tail) is not None:
                    self.meet_parts(number, block, words)
                continue
            if waiting < 0 and plain[text] and level != 1:
                special = head or (lead or tail) is not None or "/button" in look
                if not special and (not bare or _links_away(block)):
                    continue
            low = text.lower()
            if block.level == 1:
                rule = words.rules.get(heading_key(text))
                if rule is not None:
                    self.meet_heading(number, text, rule)
                else:
                    self.titles.append(number)
                continue
            if waiting >= 0 and not block.head:
                rule = words.statuses.get(heading_key(text))
                if rule is not None:
                    self.labels[waiting] = self.labels[number] = rule
                    self.explicit += 1
                waiting = -1
                continue
            key = words.key(text, low)
            if key:
                self.meet_word(number, block, key, words)
            if low.startswith(LABEL_WORDS) and (value := labelled(text)) is not None:
                if value:
                    self.meet_label(number, block, value, words)
                elif not block.head:
                    waiting = number
            if block.tail is not None and self.meet_counted(number, block.tail, words):
                continue
            if block.lead is not None or block.tail is not None:
                self.meet_parts(number, block, words)
            if block.head:
                self.quiet[number] = "column heading"
            elif len(text) <= 8 and is_marker(text):
                self.quiet[number] = "marker"
            elif is_icon(text):
                self.quiet[number] = "icon"
            elif ("/button" in block.look and is_button(text)) or (
                block.bare and _works_page(block)
            ):
                self.quiet[number] = "control"
            elif low.rstrip(" :") in COLUMN_WORDS:
                self.fields.setdefault(low, []).append(number)

    def meet_word(self, number: int, block: Block, key: str, words: Vocabulary) -> None:
        rule = words.rules.get(key)
        cells = len(self.cells_beside(number))
        if rule is not None and not (cells > 1 and block.look.endswith("/th")):
            self.meet_heading(number, block.text, rule)
        elif key in words.stops and self.rank(number) <= 2:
            self.stops.append(number)
        if rule is None and cells > 1:
            rule = words.statuses.get(key)
        if rule is not None and not block.level and not block.links and cells != 1:
            self.exact[number] = rule

    def meet_heading(self, number: int, text: str, rule: int) -> None:
        status = self.profile.sections[rule].status
        self.found.append(Heading(number, text, status, rule, self.rank(number)))

    def cells_beside(self, number: int) -> list[int]:
        """The cells of the table row around a block, none where there is no row."""
        look = self.blocks[number].look
        if "/td" not in look and "/th" not in look:
            return []
        if not self.cells:
            elements = self.outline.elements
            for element, tag in enumerate(elements.tags):
                if tag in ("td", "th"):
                    self.cells.setdefault(elements.parents[element], []).append(element)
        for element in reversed(self.outline.elements.path(self.blocks[number].place)):
            if element in self.cells:
                return self.cells[element]
        return []

    def meet_counted(self, number: int, tail: Tail, words: Vocabulary) -> bool:
        """`<h2>Rubrik <span>(12)</span></h2>`: how many initiatives there are is no heading's."""
        rule = words.rules.get(heading_key(tail.rest)) if is_count(tail.text) else None
        if rule is not None:
            self.meet_heading(number, tail.rest, rule)
        return rule is not None

    def meet_parts(self, number: int, block: Block, words: Vocabulary) -> None:
        """A badge beside a title, or a control («Visa mer»), in the title's own block."""
        self.meet_badge(number, block, words)
        if not _links_away(block):
            self.meet_control(number, block)

    def meet_control(self, number: int, block: Block) -> None:
        """`<button>Titel<span>, stängd</span></button>`, or the control's words first."""
        tail, lead = block.tail, block.lead
        if not _TITLES.isdisjoint(block.look.split("/")):
            if tail is not None and is_news_mark(tail.text):
                self.trimmed[number] = tail.rest
            elif lead is not None and lead.tag == "span" and is_news_mark(lead.text):
                self.trimmed[number] = lead.rest
        if tail is not None and (is_control(tail.text) or is_sign(tail.text)):
            self.controls.setdefault((block.look, tail.text, True), {})[number] = tail.rest
        elif lead is not None and lead.tag == "span" and is_control(lead.text):
            self.controls.setdefault((block.look, lead.text, False), {})[number] = lead.rest

    def trim_controls(self) -> None:
        """Leave them out where they come again, or end a title: once, in a text, they are words."""
        for (look, _, ends), rests in self.controls.items():
            tags = look.split("/")
            if len(rests) >= 2 or (ends and not _TITLES.isdisjoint(tags)):
                self.trimmed.update(rests)

    def meet_badge(self, number: int, block: Block, words: Vocabulary) -> None:
        """`<h3>Titel <span>Pågående</span></h3>`, or the badge first."""
        if number in self.labels:
            return
        for part in (block.tail, block.lead):
            if part is None or len(part.text) > words.longest:
                continue
            word = labelled(part.text) or part.text
            rule = words.statuses.get(heading_key(word.strip("()[]")))
            if rule is not None and heading_key(block.text) not in words.rules:
                self.badges[number] = rule
                ends = part is block.tail
                rest = part.rest.rstrip(" :–—-([") if ends else part.rest.lstrip(" :–—-)]")
                self.titled[number] = rest
                return

    def meet_label(self, number: int, block: Block, value: str, words: Vocabulary) -> None:
        rule = words.statuses.get(heading_key(value.rstrip(".")))
        if rule is not None:
            self.explicit += 1
            self.labels[number] = rule
        elif not block.level:
            self.labels[number] = value

    def rank(self, number: int) -> int:
        """How much a block with a section's words looks like a heading: 0 surely, 9 not at all."""
        block = self.blocks[number]
        parts = block.look.split("/")
        if block.level or parts[-1] in _HEADS or "summary" in parts or "tab" in parts:
            return 0
        if block.links:
            return 4 if block.ref else 9
        if parts[-1] == "li" and self.opens_list(number):
            return 3
        if "td" in parts[-3:] and len(self.cells_beside(number)) == 1:
            return 1
        if parts[-1] in ("td", "dd", "li") or "td" in parts[-3:]:
            return 5
        if self.outline.kind == "html" and not _UNITS.isdisjoint(parts[-4:]):
            return 3
        return 1 if parts[-1] in ("strong", "b") else 2

    def opens_list(self, number: int) -> bool:
        """Whether a list item's own text stands above a list inside the item."""
        block = self.blocks[number]
        after = self.blocks[number + 1] if number + 1 < len(self.blocks) else None
        return (
            after is not None
            and after.rise >= block.depth
            and "li" in after.look[len(block.look) :].split("/")
        )

    # -- what was found

    def result(self, guess: bool) -> Survey:
        self.trim_controls()
        is_labelled = self.tell_by_labels(guess)
        headings = () if is_labelled else self.choose()
        first = min((heading.block for heading in headings), default=self.outline.start)
        stop = next((n for n in self.stops if n > first), len(self.blocks))
        stop = min(stop, next((n for n in self.titles if n > first), stop))
        for number in self.labels:
            self.quiet[number] = "label"
        for numbers in self.fields.values() if is_labelled else ():
            if len(numbers) >= 2:
                self.quiet.update(dict.fromkeys(numbers, "field name"))
        for number in _in_asides(self.outline.elements, self.blocks):
            self.quiet[number] = "aside"
        for number in _column_rows(self.outline.elements, self.blocks[:stop]):
            self.quiet[number] = "column heading"
            self.labels.pop(number, None)
        headings = tuple(heading for heading in headings if heading.block < stop)
        for number in self.contents(headings):
            self.quiet[number] = "contents"
        return Survey(
            headings,
            stop,
            self.quiet,
            self.labels,
            self.badges if is_labelled else {},
            self.trimmed | (self.titled if is_labelled else {}),
            self.spanned_rows() if is_labelled else {},
            is_labelled,
            is_labelled and self.guessed,
        )

    def contents(self, headings: Sequence[Heading]) -> list[int]:
        """A table of contents above the first section, and the words that head it."""
        first = min((heading.block for heading in headings), default=0)
        keys = {heading_key(heading.text) for heading in headings}
        inside = [n for n in range(self.outline.start, first) if _leads_within(self.blocks[n])]
        if not any(heading_key(self.blocks[n].text) in keys for n in inside):
            return []
        head = inside[0] - 1
        if head >= self.outline.start:
            block = self.blocks[head]
            if block.level > 1 or is_contents(block.text):
                inside.insert(0, head)
        return inside

    def spanned_rows(self) -> dict[int, int]:
        """The rows below a label's own that its cell spans (`rowspan`)."""
        elements = self.outline.elements
        found: dict[int, int] = {}
        for number, rule in self.labels.items():
            cells = self.cells_beside(number) if isinstance(rule, int) else []
            path = elements.path(self.blocks[number].place)
            cell = next((element for element in cells if element in path), None)
            span = elements.attribute(cell, "rowspan") if cell is not None else ""
            if cell is None or not isinstance(rule, int) or not span.isdecimal():
                continue
            row = elements.parents[cell]
            below = range(row + 1, len(elements.tags))
            rows = (n for n in below if elements.parents[n] == elements.parents[row])
            found.update(dict.fromkeys(itertools.islice(rows, min(int(span), 1000) - 1), rule))
        return found

    def tell_by_labels(self, guess: bool) -> bool:
        """Whether the initiatives tell their own status; settles which labels count."""
        if any(heading.rank == 0 for heading in self.found):
            self.labels = {n: rule for n, rule in self.labels.items() if not isinstance(rule, str)}
            return False
        self.leave_out_legends()
        cells = self.alone_in_their_unit() or self.at_their_units_end()
        if self.are_only_named(cells):
            return False
        distinct = len(set(self.exact.values()))
        # One word again and again is a torn page's heading, not a status on each initiative.
        repeated = guess and len(self.exact) > distinct >= 2
        if cells or repeated:
            self.labels.update(self.exact)
        elif not self.explicit:
            self.labels = {}
        sure = self.explicit > 0 or len(cells) >= 2
        self.guessed = repeated and not sure
        return sure or repeated or (len(self.badges) >= 2 and not self.found)

    def leave_out_legends(self) -> None:
        """Status words side by side are a legend or a filter, where others stand alone."""
        looks = {number: self.blocks[number].look for number in self.exact}
        lone = {
            number: rule
            for number, rule in self.exact.items()
            if looks[number] not in (looks.get(number - 1), looks.get(number + 1))
        }
        if len(lone) >= 2 and len(set(lone.values())) >= 2:
            beside = self.exact.keys() - lone.keys()
            self.quiet.update(dict.fromkeys(beside, "legend"))
            self.exact = lone

    def are_only_named(self, cells: Sequence[int]) -> bool:
        """Whether items name the sections that bold headings open: «Vi arbetar på tre sätt: …»."""
        named = {self.exact[number] for number in cells}
        return bool(named) and named <= {
            heading.rule
            for heading in self.found
            if heading.rank <= 1 and heading.block not in cells
        }

    def alone_in_their_unit(self) -> list[int]:
        """Status words that stand one to each list item, row or article."""
        elements = self.outline.elements
        units: dict[int, list[int]] = {}
        for number in self.exact:
            if self.opens_list(number):
                continue
            for element in reversed(elements.path(self.blocks[number].place)):
                if elements.tags[element] in _UNITS and self.outline.kind == "html":
                    units.setdefault(element, []).append(number)
                    break
        return [numbers[0] for numbers in units.values() if len(numbers) == 1]

    def at_their_units_end(self) -> list[int]:
        """Status words each of which ends an element that it does not begin: cards' badges.

        A section's heading has the section after it.
        """
        ends = [n for n in self.exact if self.ends_unit(n)]
        return ends if len(ends) == len(self.exact) >= 2 else []

    def ends_unit(self, number: int) -> bool:
        after = self.blocks[number + 1].rise if number + 1 < len(self.blocks) else 0
        return self.outline.kind == "html" and after < self.blocks[number].rise

    def choose(self) -> tuple[Heading, ...]:
        """For each rule the occurrences that look most like headings."""
        best: dict[int, int] = {}
        for heading in self.found:
            best[heading.rule] = min(best.get(heading.rule, 9), heading.rank)
        chosen = tuple(h for h in self.found if h.rank == best[h.rule] and h.rank <= 4)
        return chosen[:_MOST_SECTIONS]


def _works_page(block: Block) -> bool:
    """Whether a block of links only works the page: «Visa mindre», «Till toppen»."""
    return not _links_away(block) and all(
        is_control(link.text) or is_box(link.text) for link in block.links
    )


def _links_away(block: Block) -> bool:
    return any(not leads_nowhere(link.href) for link in block.links)


def _leads_within(block: Block) -> bool:
    return block.bare and bool(block.links) and all(raw.href[:1] == "#" for raw in block.links)


def _in_asides(elements: Elements, blocks: Sequence[Block]) -> list[int]:
    """Blocks in an aside or an address that is not itself inside an item."""
    if "aside" not in elements.tags and "address" not in elements.tags:
        return []
    asides: set[int] = set()
    items: set[int] = set()
    for number, tag in enumerate(elements.tags):
        parent = elements.parents[number]
        if parent in asides:
            asides.add(number)
        elif tag in ("li", "article", "details", "tr", "dd") or parent in items:
            items.add(number)
        elif tag in ("aside", "address"):
            asides.add(number)
    return [number for number, block in enumerate(blocks) if block.place in asides]


def _column_rows(elements: Elements, blocks: Sequence[Block]) -> list[int]:
    """Cells of table rows that hold nothing but column names, though none of them is a `th`."""
    if "tr" not in elements.tags:
        return []
    rows: dict[int, list[int]] = {}
    for number, block in enumerate(blocks):
        for place in reversed(elements.path(block.place)):
            if elements.tags[place] == "tr":
                rows.setdefault(place, []).append(number)
                break
    found: list[int] = []
    for numbers in rows.values():
        words = [blocks[n].text.lower().split() for n in numbers]
        if len(numbers) >= 2 and all(w and COLUMN_WORDS.issuperset(w) for w in words):
            found.extend(numbers)
    return found
