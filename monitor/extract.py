"""Bytes -> Reading: an outline, a profile and a grammar found by structure.

`extract` is pure and never fails: what can't be read ends as a reading with reasons. The road:

    sniff -> decode -> outline -> headings of the profile -> one grammar per section -> initiatives
          -> everything else is intro, ignored by a named rule, or reported as unclaimed
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor import quality
from monitor.addresses import Place, leaves, place_of, resolve
from monitor.charset import decode
from monitor.furniture import (
    COLUMN_WORDS,
    is_box,
    is_control,
    is_icon,
    is_marker,
    is_picture,
    labelled,
    ordinal,
)
from monitor.grammar import Parse, Pattern, Span, Unit, agree, parse
from monitor.model import Initiative, Link, Profile, Reading, Section, Source
from monitor.outline import Block, Elements, Outline, RawLink, read_html, read_whole_body
from monitor.plaintext import looks_like_html, read_text
from monitor.sniff import cut_ending, not_a_page, too_tangled
from monitor.text import heading_key, same_key

READER_VERSION = "1"
"""Changes whenever the same bytes could be read otherwise."""

_STATUS_WORDS: Mapping[str, tuple[str, ...]] = {
    "ongoing": ("pågående", "pågår", "i gång", "igång", "pågåande", "ongoing", "in progress"),
    "developing": ("utvecklas", "under utveckling", "planerad", "planeras", "developing"),
    "partnership": ("partnerskap", "nätverk", "samverkan", "partnership", "network"),
}
_LOW = ("p", "div", "span", "strong", "b", "dt", "button", "a", "line", "label", "font", "em", "u")
_HIGH = frozenset(("heading", "tab", "caption", "legend", "summary", "th"))


def extract(source: Source, profile: Profile, known: Sequence[Initiative] = ()) -> Reading:
    """Read one capture. `known`: the page's last accepted initiatives, used after a redesign."""
    wrong = not_a_page(source)
    if wrong is not None:
        return Reading("", (), profile.language, (), reasons=(wrong,))
    decoded = decode(source.body, source.content_type)
    html: bytes | None = None
    if looks_like_html(decoded.text):
        html = (
            source.body if decoded.charset == "utf-8" else decoded.text.encode("utf-8", "replace")
        )
        tangled = too_tangled(html)
        if tangled is not None:
            return Reading("", (), profile.language, (), reasons=(tangled,))
        outline = read_html(html)
        page = _Page(outline, profile, known)
        if not page.headings and not page.label_mode and outline.area == "main":
            whole = _Page(read_whole_body(html), profile, known)
            if whole.headings or whole.label_mode:
                page = whole
    else:
        page = _Page(read_text(decoded.text), profile, known)
    reading = page.read(source)
    ending = cut_ending(html) if html is not None else ""
    password = html is not None and b'type="password"' in html
    reasons = quality.alone(reading, profile, decoded, page.facts(ending, password))
    return replace(reading, reasons=reasons)


@dataclass(frozen=True, slots=True)
class _Heading:
    block: int
    text: str
    status: str | None
    rank: int
    known: bool
    rule: int = -1


class _Words:
    """The profile's headings, stops and status words, by key."""

    def __init__(self, profile: Profile) -> None:
        self.rules: dict[str, int] = {}
        for number, rule in enumerate(profile.sections):
            for heading in rule.heading:
                self.rules.setdefault(heading_key(heading), number)
        self.stops = {heading_key(heading) for heading in profile.stop}
        self.statuses: dict[str, int] = dict(self.rules)
        for number, rule in enumerate(profile.sections):
            for word in (rule.status, *_STATUS_WORDS.get(rule.status, ())):
                self.statuses.setdefault(heading_key(word), number)
        self.longest = max((len(key) for key in (*self.rules, *self.stops)), default=0) + 12
        self.firsts = {key[:1] for key in (*self.rules, *self.stops)}

    def key(self, text: str) -> str:
        """The heading key of a text that could be one of ours, else ""."""
        if len(text) > self.longest or not text:
            return ""
        first = text[0]
        if first.isalnum() and first.lower() not in self.firsts:
            return ""
        return heading_key(text)


class _Page:
    """One outline with one profile: finds the headings, cuts the sections, tells what is left."""

    def __init__(self, outline: Outline, profile: Profile, known: Sequence[Initiative]) -> None:
        self.outline = outline
        self.blocks = outline.blocks
        self.profile = profile
        self.known = known
        self.words = _Words(profile)
        self.quiet: dict[int, str] = {}
        self.labels: dict[int, int | str] = {}
        self.learned: list[tuple[Pattern, bool]] = []
        self.shapes: list[str] = []
        self.unknown_statuses: list[str] = []
        found, stops = self._lookup()
        self.label_mode = self._find_labels(found)
        self.headings = [] if self.label_mode else self._choose_headings(found)
        self.stop = self._find_stop(stops)
        self.headings = [heading for heading in self.headings if heading.block < self.stop]
        self._keep_quiet()
        self.known_blocks = self._known_blocks()

    # -- headings

    def _lookup(self) -> tuple[list[_Heading], list[int]]:
        found, stops = [], []
        words = self.words
        for number, block in enumerate(self.blocks):
            if number < self.outline.start:
                continue
            key = words.key(block.text)
            if not key:
                continue
            rule = words.rules.get(key)
            if rule is not None:
                rank = self._rank(block)
                status = self.profile.sections[rule].status
                found.append(_Heading(number, block.text, status, rank, True, rule))
            elif key in words.stops and self._rank(block) <= 2:
                stops.append(number)
        return found, stops

    def _rank(self, block: Block) -> int:
        """How much a block with a section's words looks like a heading: 0 surely, 9 not at all."""
        if block.level == 1:
            return 9
        tail = block.look.rsplit("/", 1)[-1]
        if block.level or tail in _HIGH or "/summary" in block.look or "/tab" in block.look:
            return 0
        parts = block.look.split("/")
        linked = bool(block.links)
        if linked:
            return 4 if block.ref else 9
        if tail in ("td", "dd", "li") or "td" in parts[-3:]:
            return 5
        if "li" in parts[-4:] and self.outline.kind == "html":
            return 3
        return 1 if tail in ("strong", "b") else 2

    def _choose_headings(self, found: Sequence[_Heading]) -> list[_Heading]:
        """For each rule the occurrences that look most like headings."""
        best: dict[int, int] = {}
        for heading in found:
            best[heading.rule] = min(best.get(heading.rule, 9), heading.rank)
        return [h for h in found if h.rank == best[h.rule] and h.rank <= 4]

    def _find_stop(self, stops: Sequence[int]) -> int:
        first = min((h.block for h in self.headings), default=self.outline.start)
        for number in stops:
            if number > first:
                return number
        for number in range(first, len(self.blocks)):
            if self.blocks[number].level == 1:
                return number
        return len(self.blocks)

    # -- status labels

    def _find_labels(self, found: Sequence[_Heading]) -> bool:
        """Status words on the initiatives themselves; True where they, not headings, tell."""
        explicit = 0
        blocks, statuses = self.blocks, self.words.statuses
        waiting: int | None = None
        exact: dict[int, int] = {}
        for number in range(self.outline.start, len(blocks)):
            block = blocks[number]
            text = block.text
            if len(text) > 120 or block.level == 1:
                waiting = None
                continue
            if waiting is not None:
                rule = statuses.get(heading_key(text))
                if rule is not None:
                    self.labels[waiting] = self.labels[number] = rule
                    explicit += 1
                waiting = None
                continue
            value = labelled(text)
            if value == "":
                waiting = number
            elif value is not None:
                rule = statuses.get(heading_key(value.rstrip(".")))
                if rule is not None:
                    explicit += 1
                    self.labels[number] = rule
                elif not block.level:
                    self.labels[number] = value
            elif len(text) <= self.words.longest and not block.level and not block.links:
                rule = statuses.get(heading_key(text))
                if rule is not None:
                    exact[number] = rule
        if any(heading.rank == 0 for heading in found):
            known = {n: rule for n, rule in self.labels.items() if not isinstance(rule, str)}
            self.labels = known  # type: ignore[assignment]
            return False
        cells = {n for n in exact if self._rank(blocks[n]) >= 3}
        repeated = len(exact) > 2 * len(set(exact.values()))
        if explicit or cells or repeated:
            if cells or repeated:
                self.labels.update(exact)
            return explicit > 0 or repeated or len(cells) >= 2
        self.labels = {}
        return False

    # -- quiet blocks

    def _keep_quiet(self) -> None:
        quiet, outline = self.quiet, self.outline
        asides = _in_asides(outline.elements)
        for number in range(outline.start, self.stop):
            block = self.blocks[number]
            text = block.text
            size = len(text)
            if number in self.labels:
                quiet[number] = "label"
            elif block.head:
                quiet[number] = "column heading"
            elif size <= 90:
                if size <= 8 and is_marker(text):
                    quiet[number] = "marker"
                elif is_icon(text):
                    quiet[number] = "icon"
                elif "/button" in block.look and is_control(text):
                    quiet[number] = "control"
            if asides and block.place in asides:
                quiet[number] = "aside"
        self._quiet_column_rows()

    def _quiet_column_rows(self) -> None:
        """A first table row whose cells are all column names, though none of them is a `th`."""
        elements = self.outline.elements
        if "tr" not in elements.tags:
            return
        rows: dict[int, list[int]] = {}
        for number in range(self.outline.start, self.stop):
            for place in reversed(elements.path(self.blocks[number].place)):
                if elements.tags[place] == "tr":
                    rows.setdefault(place, []).append(number)
                    break
        for numbers in rows.values():
            words = [self.blocks[n].text.lower().split() for n in numbers]
            if len(numbers) >= 2 and all(w and set(w) <= COLUMN_WORDS for w in words):
                for n in numbers:
                    self.quiet[n] = "column heading"
                    self.labels.pop(n, None)

    def _known_blocks(self) -> frozenset[int]:
        if not self.known:
            return frozenset()
        titles = {same_key(initiative.title) for initiative in self.known}
        longest = max(len(title) for title in titles) + 10
        return frozenset(
            number
            for number in range(self.outline.start, self.stop)
            if len(self.blocks[number].text) <= longest
            and same_key(self.blocks[number].text) in titles
        )

    # -- reading

    def read(self, source: Source) -> Reading:
        outline = self.outline
        place = place_of(source.url, outline.base, outline.canonical)
        headings = sorted(self.headings, key=lambda heading: heading.block)
        parts = self._parts(headings)
        parts = self._with_unknown(parts)
        taken: set[int] = set()
        sections: list[Section] = []
        first = self.stop
        for heading, found, span in parts:
            initiatives = []
            if heading is not None:
                taken.add(heading.block)
                first = min(first, heading.block)
            cuts = _Ordinals(self.blocks, found.units)
            for unit in self._trimmed(found):
                taken.add(unit.title)
                taken.update(unit.after)
                initiatives.append(self._initiative(unit, cuts, place, heading))
                first = min(first, unit.title)
            if heading is not None:
                sections.append(Section(heading.text, heading.status, tuple(initiatives)))
            else:
                sections.extend(self._by_label(initiatives))
            self.shapes.append(found.shape)
        sections = self._named_by_known(sections)
        intro, unclaimed = self._rest(taken, first)
        language = (outline.language or self.profile.language).split("-")[0].split("_")[0].lower()
        shape = next((shape for shape in self.shapes if shape), "")
        return Reading(
            title=outline.title,
            intro=tuple(intro),
            language=language,
            sections=tuple(sections),
            unclaimed=tuple(unclaimed),
            shape=f"{outline.kind} {shape}".strip(),
            canonical=resolve(outline.canonical, place) if outline.canonical else None,
        )

    def _parts(self, headings: Sequence[_Heading]) -> list[tuple[_Heading | None, Parse, Span]]:
        if not headings:
            if not self.label_mode:
                return []
            span = replace(
                self._span(self.outline.start, self.stop), labels=self._single_labels()
            )
            return [(None, parse(span, self.learned, self.known_blocks), span)]
        spans = []
        for number, heading in enumerate(headings):
            end = headings[number + 1].block if number + 1 < len(headings) else self.stop
            spans.append((heading, self._span(heading.block + 1, end)))
        largest = sorted(spans, key=lambda pair: pair[1].first - pair[1].end)
        found: dict[int, Parse] = {}
        for heading, span in largest:
            result = parse(span, self.learned, self.known_blocks)
            found[heading.block] = result
            if result.pattern is not None and (result.pattern, result.flat) not in self.learned:
                self.learned.append((result.pattern, result.flat))
        agreed = agree([span for _, span in spans], [found[h.block] for h, _ in spans])
        return [
            (heading, result, span) for (heading, span), result in zip(spans, agreed, strict=True)
        ]

    def _single_labels(self) -> frozenset[int]:
        """The labels, the first half only of those in two halves («Status:», «Pågående»)."""
        return frozenset(
            n
            for n in self.labels
            if not (n - 1 in self.labels and labelled(self.blocks[n - 1].text) == "")
        )

    def _span(self, first: int, end: int) -> Span:
        return Span(self.blocks, self.outline.elements, first, end, self.quiet)

    # -- headings the profile does not know

    def _with_unknown(
        self, parts: list[tuple[_Heading | None, Parse, Span]]
    ) -> list[tuple[_Heading | None, Parse, Span]]:
        if self.label_mode:
            return parts
        levels = {self.blocks[h.block].level for h, _, _ in parts if h is not None}
        looks = {self.blocks[h.block].look for h, _, _ in parts if h is not None} - {""}
        titles = {unit.title for _, found, _ in parts for unit in found.units}
        level = max((value for value in levels if value), default=0)
        unknown = [
            number
            for number in range(self.outline.start, self.stop)
            if number not in titles
            and number not in self.quiet
            and self._is_section_level(self.blocks[number], level, looks)
        ]
        unknown = [n for n in unknown if all(h is None or h.block != n for h, _, _ in parts)]
        if not parts:
            return self._all_unknown()
        if not unknown:
            return parts
        result: list[tuple[_Heading | None, Parse, Span]] = []
        first = min(h.block for h, _, _ in parts if h is not None)
        early = [n for n in unknown if n < first]
        for index, number in enumerate(early):
            end = early[index + 1] if index + 1 < len(early) else first
            span = self._span(number + 1, end)
            found = self._parse_learned(span)
            if found.units and found.cost < 1:
                heading = _Heading(number, self.blocks[number].text, None, 0, False)
                result.append((heading, found, span))
        for heading, found, span in parts:
            inner = [n for n in unknown if span.first <= n < span.end]
            if not inner:
                result.append((heading, found, span))
                continue
            bounds = [*inner, span.end]
            head = self._span(span.first, bounds[0])
            result.append((heading, parse(head, self.learned, self.known_blocks), head))
            for index, number in enumerate(inner):
                part = self._span(number + 1, bounds[index + 1])
                if is_box(self.blocks[number].text):
                    self.quiet.update(dict.fromkeys(range(number, bounds[index + 1]), "box"))
                    continue
                late = _Heading(number, self.blocks[number].text, None, 0, False)
                result.append((late, self._parse_learned(part), part))
        return result

    def _is_section_level(self, block: Block, level: int, looks: set[str]) -> bool:
        if level:
            return 1 < block.level <= level
        return block.look in looks and not block.links and self.outline.kind == "html"

    def _parse_learned(self, span: Span) -> Parse:
        return parse(span, self.learned, self.known_blocks)

    def _all_unknown(self) -> list[tuple[_Heading | None, Parse, Span]]:
        """No heading of the profile is there: the headings that stand above repeated units."""
        best: list[tuple[_Heading | None, Parse, Span]] = []
        best_cost = 9.0
        for level in range(2, 6):
            numbers = [
                n for n in range(self.outline.start, self.stop) if self.blocks[n].level == level
            ]
            if not numbers:
                continue
            parts: list[tuple[_Heading | None, Parse, Span]] = []
            learned: list[tuple[Pattern, bool]] = []
            for index, number in enumerate(numbers):
                end = numbers[index + 1] if index + 1 < len(numbers) else self.stop
                span = self._span(number + 1, end)
                found = parse(span, learned, self.known_blocks)
                if found.pattern is None or found.cost > 0.5:
                    continue
                learned.append((found.pattern, found.flat))
                heading = _Heading(number, self.blocks[number].text, None, 0, False)
                parts.append((heading, found, span))
            units = sum(len(found.units) for _, found, _ in parts)
            if units < 2:
                continue
            cost = sum(found.cost for _, found, _ in parts) / len(parts)
            if cost < best_cost - 0.05:
                best, best_cost = parts, cost
        return best

    def _named_by_known(self, sections: list[Section]) -> list[Section]:
        """An unknown heading keeps a status where half its initiatives are known from it."""
        if not self.known:
            return sections
        by_title: dict[str, str | None] = {same_key(k.title): k.status for k in self.known}
        by_text = {same_key(k.description): k.status for k in self.known if k.description}
        result = []
        for section in sections:
            if section.status is None and section.initiatives and not self.label_mode:
                votes: dict[str, int] = {}
                for initiative in section.initiatives:
                    status = by_title.get(same_key(initiative.title)) or by_text.get(
                        same_key(initiative.description)
                    )
                    if status is not None:
                        votes[status] = votes.get(status, 0) + 1
                best = max(votes, key=lambda name: votes[name], default=None)
                if best is not None and votes[best] * 2 >= len(section.initiatives):
                    section = Section(
                        section.heading,
                        best,
                        tuple(replace(item, status=best) for item in section.initiatives),
                    )
            result.append(section)
        return result

    def _by_label(self, initiatives: Sequence[Initiative]) -> list[Section]:
        groups: dict[str | None, list[Initiative]] = {}
        for initiative in initiatives:
            groups.setdefault(initiative.status, []).append(initiative)
        sections = []
        for rule in self.profile.sections:
            if rule.status in groups:
                sections.append(
                    Section(rule.heading[0], rule.status, tuple(groups.pop(rule.status)))
                )
        for status, items in groups.items():
            heading = self.unknown_statuses[0] if self.unknown_statuses else ""
            sections.append(Section(heading, status, tuple(items)))
        return sections

    # -- initiatives

    def _trimmed(self, found: Parse) -> Iterable[Unit]:
        """In flat sections the last unit ends where a date, share or contact box begins."""
        for number, unit in enumerate(found.units):
            if found.flat and number == len(found.units) - 1:
                for index, block in enumerate(unit.after):
                    if self._ends_flat(self.blocks[block]):
                        unit = replace(unit, after=unit.after[:index])
                        break
            yield unit

    def _ends_flat(self, block: Block) -> bool:
        return is_box(block.text) or (self.outline.kind == "text" and is_picture(block.text))

    def _initiative(
        self, unit: Unit, cuts: _Ordinals, place: Place, heading: _Heading | None
    ) -> Initiative:
        block = self.blocks[unit.title]
        paragraphs: list[str] = []
        links: list[Link] = []
        if unit.lead and block.lead is not None:
            title = block.lead.text
            rest = block.lead.rest.lstrip(" \n:–—-.,").strip()
            if rest:
                paragraphs.append(rest)
        else:
            title = block.text
        title = cuts.without(title.replace("\n", " "))
        for link in block.links:
            if not _is_toggle(link):
                links.append(_link(link, place))
        for number in sorted((*unit.before, *unit.after)):
            content = self.blocks[number]
            if content.bare:
                links.extend(_link(link, place) for link in content.links)
                continue
            if number in unit.after:
                paragraphs.append(content.text)
            links.extend(_link(link, place) for link in content.links)
        status = heading.status if heading is not None else self._status(unit)
        return Initiative(title, "\n\n".join(paragraphs), tuple(links), status)

    def _status(self, unit: Unit) -> str | None:
        for number in unit.quiet:
            label = self.labels.get(number)
            if isinstance(label, int):
                return self.profile.sections[label].status
            if label is not None:
                self.unknown_statuses.append(label)
        return None

    # -- the rest

    def _rest(self, taken: set[int], first: int) -> tuple[list[str], list[str]]:
        intro, unclaimed = [], []
        text_kind = self.outline.kind == "text"
        for number in range(self.outline.start, self.stop):
            block = self.blocks[number]
            if number in taken or number in self.quiet or not block.text:
                continue
            text = block.text
            if is_box(text) or (text_kind and is_picture(text)):
                continue
            if "/button" in block.look and is_control(text):
                continue
            if number < first:
                if not self._is_contents(block):
                    intro.append(text)
            elif not (block.level and self.label_mode):
                unclaimed.append(text)
        return intro, unclaimed

    def _is_contents(self, block: Block) -> bool:
        """A table of contents: links within the page."""
        return block.bare and all(link.href.startswith("#") for link in block.links)

    def facts(self, ending: str, password: bool) -> quality.PageFacts:
        return quality.PageFacts(
            kind=self.outline.kind,
            complete=self.outline.complete,
            document_title=self.outline.document_title,
            text="\n".join(block.text for block in self.blocks[:400]),
            label_mode=self.label_mode,
            unknown_statuses=tuple(dict.fromkeys(self.unknown_statuses)),
            ending=ending,
            password=password,
        )


def _in_asides(elements: Elements) -> frozenset[int]:
    """The elements inside an aside that is not itself inside an item."""
    if "aside" not in elements.tags:
        return frozenset()
    found: set[int] = set()
    items: set[int] = set()
    for number, tag in enumerate(elements.tags):
        parent = elements.parents[number]
        if tag in ("li", "article", "details", "tr", "dd") or parent in items:
            items.add(number)
        elif tag == "aside" or parent in found:
            found.add(number)
    return frozenset(found)


class _Ordinals:
    """Numbers before titles («1. Titel») belong to the list where they count the titles."""

    def __init__(self, blocks: Sequence[Block], units: Sequence[Unit]) -> None:
        numbers = []
        for unit in units:
            block = blocks[unit.title]
            text = block.lead.text if unit.lead and block.lead is not None else block.text
            found = ordinal(text)
            numbers.append(found[0] if found and found[1] else None)
        steps = [b - a for a, b in itertools.pairwise(numbers) if a is not None and b is not None]
        counted = sum(1 for step in steps if step == 1)
        alone = len(numbers) == 1 and numbers[0] is not None
        self.counts = alone or (bool(steps) and counted >= 0.8 * (len(numbers) - 1))

    def without(self, title: str) -> str:
        found = ordinal(title) if self.counts else None
        return found[1] if found and found[1] else title


def _is_toggle(link: RawLink) -> bool:
    href = link.href.strip().lower()
    return not href or href.startswith(("#", "javascript:"))


def _link(raw: RawLink, place: Place) -> Link:
    address = resolve(raw.href, place) if raw.href else None
    return Link(raw.text, address, raw.marked or leaves(address, place))
