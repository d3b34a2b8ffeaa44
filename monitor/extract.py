"""Bytes -> Reading: an outline, a profile and a grammar found by structure.

`extract` is pure and never fails: what can't be read ends as a reading with reasons. The road:

    sniff -> decode -> outline -> survey (the profile's headings) -> one grammar per section
          -> initiatives; everything else is intro, left out by a named rule, or reported
"""

from __future__ import annotations

import codecs
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from monitor import passages, quality, shapes
from monitor.addresses import Place, leads_nowhere, leaves, place_of, resolve
from monitor.arrangement import with_columns, with_details, with_named_parts
from monitor.blocks import Block, Outline, RawLink
from monitor.charset import Decoded, decode
from monitor.furniture import (
    heads_box,
    is_answer,
    is_box,
    is_control,
    is_marker,
    is_picture,
    labelled,
    leads_to_all,
    ordinal,
)
from monitor.grammar import Parse, Pattern, Span, Unit, agree, is_sentence, parse
from monitor.model import Initiative, Link, Profile, Reading, Section, Source
from monitor.outline import (
    Content,
    content_of,
    read_content,
    read_html,
    read_whole_body,
)
from monitor.plaintext import looks_like_html, read_text
from monitor.sniff import asks_to_log_in, cut_ending, not_a_page, too_long, too_tangled
from monitor.survey import Heading, Survey, survey, vocabulary_of
from monitor.text import same_key

READER_VERSION = "4"
"""Changes whenever the same bytes could be read otherwise."""
_MOST_HEADINGS = 60
"""More headings than this of one kind are no sections."""
_LIKE_HEADINGS = ("/tab", "/summary", "/legend", "/caption", "/p/strong", "/p/b", "/strong", "/b")
_BULLETS = "•▪◦‣●○■□"
_LONGEST_VALUE = 60
_ORDINAL_BEGINS = "0123456789(#nN"
_ROWS = frozenset(("li", "tr", "td", "dd", "details", "article"))
_DOUBTFUL = 0.5
"""Units that fit worse than this do not bear out a guess."""


def extract(source: Source, profile: Profile, known: Sequence[Initiative] = ()) -> Reading:
    """Read one capture. `known`: the page's last accepted initiatives, used after a redesign."""
    wrong = not_a_page(source)
    if wrong is not None:
        return Reading("", (), profile.language, (), reasons=(wrong,))
    decoded = decode(source.body, source.content_type)
    html = _html_of(source, decoded)
    tangled = too_tangled(html) if html is not None else too_long(decoded.text)
    if tangled is not None:
        return Reading("", (), profile.language, (), reasons=(tangled,))
    ending = cut_ending(html) if html is not None else ""
    if html is not None:
        content = content_of(html)
        reading = reading_of(content, source.url, profile, tuple(known), ending)
        if reading is not None:
            return reading
    page = _page(html, decoded, profile, known)
    return _judged(page, source.url, ending, html is not None and asks_to_log_in(html))


@lru_cache(maxsize=8)
def reading_of(
    content: Content,
    url: str | None,
    profile: Profile,
    known: tuple[Initiative, ...],
    ending: str,
) -> Reading | None:
    """The reading of a content area; None where it takes the whole document to tell.

    Kept for the last few: many a page differs from one look to the next by the scripts, the
    menus and the nonces around its content, and by nothing in it.
    """
    outline = read_content(content)
    page = Page(outline, profile, known) if outline is not None else None
    if page is None or not page.found_anything:
        return None
    reading = _judged(page, url, ending, login=False)
    return reading if reading.initiatives else None


def forget() -> None:
    """Read the next page as if it were the first. What is remembered makes reading quicker, and
    nothing else."""
    reading_of.cache_clear()
    _link.cache_clear()
    same_key.cache_clear()
    vocabulary_of.cache_clear()
    passages.forget()
    shapes.forget()


def _judged(page: Page, url: str | None, ending: str, login: bool) -> Reading:
    """The page's reading with the absolute signs against it. `login`: it asks for a password."""
    reading = page.read(url)
    empty = not reading.initiatives
    facts = page.facts(ending, empty and login, empty)
    reasons = quality.alone(reading, page.profile, facts)
    return replace(reading, reasons=reasons) if reasons else reading


def page_of(source: Source, profile: Profile) -> Page | None:
    """The page behind a reading, for `drafting`; None where there is none to read."""
    if not_a_page(source) is not None:
        return None
    decoded = decode(source.body, source.content_type)
    html = _html_of(source, decoded)
    if (too_tangled(html) if html is not None else too_long(decoded.text)) is not None:
        return None
    return _page(html, decoded, profile, ())


def _html_of(source: Source, decoded: Decoded) -> bytes | None:
    """The body as UTF-8 where it is HTML, None where it is plain text."""
    if not looks_like_html(decoded.text):
        return None
    if decoded.charset == "utf-8" and not source.body.startswith(codecs.BOM_UTF8):
        return source.body
    return decoded.text.encode("utf-8", "replace")


def _page(
    html: bytes | None, decoded: Decoded, profile: Profile, known: Sequence[Initiative]
) -> Page:
    if html is None:
        return Page(read_text(decoded.text, vocabulary_of(profile).headings), profile, known)
    page = Page(read_html(html), profile, known)
    for arrange in (with_named_parts, with_columns):
        if not page.found_anything:
            arranged = arrange(page.outline, vocabulary_of(profile).rules)
            page = page if arranged is page.outline else Page(arranged, profile, known)
    if not page.found_anything and page.outline.area == "main":
        whole = Page(read_whole_body(html), profile, known)
        return whole if whole.found_anything else page
    return page


class _Part(NamedTuple):
    """A run of blocks under one heading (None where the units tell their own status), cut."""

    heading: Heading | None
    span: Span
    found: Parse


class Page:
    """One outline with one profile: finds the headings, cuts the sections, tells what is left."""

    def __init__(self, outline: Outline, profile: Profile, known: Sequence[Initiative]) -> None:
        self.profile = profile
        self.known = known
        self.learned: list[tuple[Pattern, bool]] = []
        self.unknown_statuses: list[str] = []
        self.labels_used = 0
        self._look_at(outline)
        if self._has_headings_in_a_row():
            self._look_again(with_columns(outline, vocabulary_of(profile).rules))
        if self.survey.headings and any(block.ref for block in self.outline.blocks):
            found = [heading.block for heading in self.survey.headings]
            self._look_again(with_details(self.outline, found))
        if self.survey.guessed and self._parts()[0].found.cost > _DOUBTFUL:
            # One heading again and again, on a torn page, is no status on each initiative.
            self._settle(survey(self.outline, profile, guess=False))

    def _has_headings_in_a_row(self) -> bool:
        found = [heading.block for heading in self.survey.headings] or sorted(self.survey.labels)
        return any(after == before + 1 for before, after in itertools.pairwise(found))

    def _look_at(self, outline: Outline) -> None:
        self.outline = outline
        self.rises = [block.rise for block in outline.blocks]
        self._settle(survey(outline, self.profile))

    def _look_again(self, arranged: Outline) -> None:
        """Look at the outline as it was arranged otherwise, where it was."""
        if arranged is not self.outline:
            self._look_at(arranged)

    def _settle(self, surveyed: Survey) -> None:
        self.survey = surveyed
        self.quiet = surveyed.quiet
        self.blocks = self.outline.blocks
        if surveyed.trimmed:
            self.blocks = self.blocks.copy()
            for number, text in surveyed.trimmed.items():
                plain = self.blocks[number]._replace(text=text, lead=None, tail=None)
                self.blocks[number] = plain
        self.stop = self._end_of_content()
        self.title, self.start = self._title()
        self.known_blocks = self._known_blocks()

    def _end_of_content(self) -> int:
        """Without `<main>`, the content ends with the element that holds title and headings."""
        stop, headings = self.survey.stop, self.survey.headings
        if headings:
            stop = self._start_of_boxes(headings[0].block, headings[-1].block, stop)
        if self.outline.area != "body" or not headings or not self.outline.start:
            return stop
        first = self.outline.start - 1
        last = headings[-1].block
        depth = min(block.rise for block in self.blocks[first + 1 : last + 1])
        if not depth:
            return stop
        for number in range(last + 1, stop):
            if self.blocks[number].rise < depth:
                return number
        return stop

    def _start_of_boxes(self, first: int, last: int, stop: int) -> int:
        """What the page's last headings open is no content, where these head boxes.

        `first` and `last`: the first and the last section's heading.
        """
        times: Counter[str] = Counter()
        for number in range(stop - 1, last, -1):
            block = self.blocks[number]
            if block.level <= 1:
                continue
            if not self._heads_box(number) or self._is_in_unit(block, self.blocks[first].place):
                break
            if not times:
                texts = [other.text for other in self.blocks[first + 1 : stop] if other.level]
                times.update(map(same_key, texts))
            if times[same_key(block.text)] > 1:
                break  # each initiative has one («Mer information»)
            stop = number
        return stop

    def _is_in_unit(self, block: Block, heading: int) -> bool:
        """Whether a block stands in a folded panel, row or item, after its first text.

        `heading`: where a section's heading stands.
        """
        elements = self.outline.elements
        return any(
            elements.tags[element] in _ROWS and not elements.inside(heading, element)
            for element in elements.path(block.place)[: block.rise]
        )

    def _title(self) -> tuple[str, int]:
        """The h1, else a heading above the sections' level, else what the document calls itself."""
        if self.outline.title or not self.survey.headings:
            return self.outline.title, self.outline.start
        first = self.survey.headings[0].block
        level = self.blocks[first].level or 7
        for number in range(self.outline.start, first):
            if 0 < self.blocks[number].level < level:
                return self.blocks[number].text, number + 1
        name = self.outline.document_title
        for mark in (" - ", " | ", " – ", " • "):
            name = name.rsplit(mark, 1)[0]
        return name, self.outline.start

    @property
    def found_anything(self) -> bool:
        return bool(self.survey.headings) or self.survey.labelled

    def _known_blocks(self) -> frozenset[int]:
        """Where the titles of known initiatives stand: after a redesign they show the new shape."""
        if not self.known:
            return frozenset()
        titles = {initiative.title for initiative in self.known}
        return frozenset(
            number for number in range(self.start, self.stop) if self.blocks[number].text in titles
        )

    # -- reading

    def read(self, url: str | None) -> Reading:
        outline = self.outline
        place = place_of(url, outline.base, outline.canonical)
        taken: set[int] = set()
        sections: list[Section] = []
        first = self.stop
        shape = ""
        counted = 0
        parts = self._with_unknown(self._parts())
        for heading, _, found in parts:
            initiatives = []
            if heading is not None:
                taken.add(heading.block)
                first = min(first, heading.block)
            ordinals = _Ordinals(self.blocks, found.units, counted)
            counted = (counted + len(found.units)) if ordinals.count else 0
            for unit in self._trimmed(found, parts):
                taken.add(unit.title)
                taken.update(unit.after)
                taken.update(n for n in unit.before if self.blocks[n].bare)
                initiatives.append(self._initiative(unit, ordinals, place, heading))
            if found.units:
                first = min(first, found.units[0].title, *found.units[0].before)
            if heading is not None:
                sections.append(Section(heading.text, heading.status, tuple(initiatives)))
            else:
                sections.extend(self._by_label(initiatives))
            shape = shape or found.shape
        intro, unclaimed = self._rest(taken, first)
        language = (outline.language or self.profile.language).replace("_", "-").split("-")[0]
        return Reading(
            title=self.title,
            intro=tuple(intro),
            language=language.lower(),
            sections=tuple(self._named_by_known(sections)),
            unclaimed=tuple(unclaimed),
            shape=f"{outline.kind} {shape}".strip(),
            canonical=resolve(outline.canonical, place) if outline.canonical else None,
        )

    def _parts(self) -> list[_Part]:
        headings = self.survey.headings
        if not headings:
            if not self.survey.labelled:
                return []
            labels = frozenset[int]() if self.survey.rows else self._single_labels()
            span = replace(self._span(self.start, self.stop), labels=labels)
            return [_Part(None, span, parse(span, (), self.known_blocks))]
        ends = [*(heading.block for heading in headings[1:]), self.stop]
        spans = [self._span(h.block + 1, end) for h, end in zip(headings, ends, strict=True)]
        found: dict[int, Parse] = {}
        for number in sorted(range(len(spans)), key=lambda n: spans[n].first - spans[n].end):
            found[number] = self._parse(spans[number])
        agreed = agree(spans, [found[number] for number in range(len(spans))])
        return [_Part(*part) for part in zip(headings, spans, agreed, strict=True)]

    def _parse(self, span: Span) -> Parse:
        found = parse(span, self.learned, self.known_blocks)
        _learn(self.learned, found)
        return found

    def _single_labels(self) -> frozenset[int]:
        """The labels, the first half only of those in two halves («Status:», «Pågående»)."""
        labels = self.survey.labels
        return frozenset(
            n for n in labels if not (n - 1 in labels and labelled(self.blocks[n - 1].text) == "")
        )

    def _span(self, first: int, end: int) -> Span:
        return Span(self.blocks, self.outline.elements, self.rises, first, end, self.quiet)

    # -- headings the profile does not know

    def _with_unknown(self, parts: list[_Part]) -> list[_Part]:
        if self.survey.labelled:
            return parts
        if not parts:
            return self._all_unknown()
        unknown = self._unknown_headings(parts)
        if not unknown:
            return parts
        first = parts[0].span.first - 1
        early = [number for number in unknown if number < first]
        result = []
        for number, end in itertools.pairwise([*early, first]):
            span = self._span(number + 1, end)
            found = parse(span, self.learned, self.known_blocks)
            if found.cost < 1 and self._has_initiatives(found):
                result.append(_Part(self._unknown(number), span, found))
        for part in parts:
            inner = [number for number in unknown if part.span.first <= number < part.span.end]
            result.extend(self._divided(part, inner) if inner else [part])
        return result

    def _has_initiatives(self, found: Parse) -> bool:
        """Whether what stands above the first known heading is a section, or the vision's words."""
        told = (found.pattern, found.flat) in self.learned or any(u.after for u in found.units)
        texts = [self.blocks[unit.title].text for unit in found.units if not unit.lead]
        return told and 2 * sum(map(is_sentence, texts)) <= len(found.units)

    def _unknown(self, number: int) -> Heading:
        return Heading(number, self.blocks[number].text, None)

    def _unknown_headings(self, parts: Sequence[_Part]) -> list[int]:
        """Blocks that stand like the known headings, and are neither titles nor known."""
        known = [self.blocks[part.heading.block] for part in parts if part.heading is not None]
        level = max(block.level for block in known)
        looks = {block.look for block in known}
        html = self.outline.kind == "html"
        stands = {self._stands(p.heading.block) for p in parts if p.heading is not None and html}
        taken = {unit.title for part in parts for unit in part.found.units}
        heads = {part.heading.block for part in parts if part.heading is not None}
        taken |= heads
        found = []
        for number in range(self.start, self.stop):
            block = self.blocks[number]
            if level:
                # A theme's heading stands right above sections of its own.
                theme = number + 1 in heads and block.level < self.blocks[number + 1].level
                like = 1 < block.level <= level and not theme
            else:
                like = block.look in looks and not block.links and self._stands(number) in stands
            if like and number not in taken and number not in self.quiet:
                found.append(number)
        return found[:_MOST_HEADINGS]

    def _stands(self, number: int) -> tuple[str, str]:
        """The classes of the element a block stands in, and of the one around that."""
        elements, place = self.outline.elements, self.blocks[number].place
        if place < 0:
            return "", ""
        above = elements.parents[place]
        return elements.classes(place), elements.classes(above) if above >= 0 else ""

    def _divided(self, part: _Part, inner: Sequence[int]) -> Iterable[_Part]:
        """A section cut at unknown headings; a heading of a contact box takes its box away."""
        head = self._span(part.span.first, inner[0])
        yield _Part(part.heading, head, parse(head, self.learned, self.known_blocks))
        for number, end in itertools.pairwise([*inner, part.span.end]):
            if heads_box(self.blocks[number].text):
                self.quiet.update(dict.fromkeys(range(number, end), "box"))
                continue
            span = self._span(number + 1, end)
            found = parse(span, self.learned, self.known_blocks)
            yield _Part(self._unknown(number), span, found)

    def _all_unknown(self) -> list[_Part]:
        """No heading of the profile is there: the headings that stand above repeated units."""
        stop = next((n for n in range(self.start, self.stop) if self._heads_box(n)), self.stop)
        levels = [
            [n for n in range(self.start, stop) if self.blocks[n].level == level]
            for level in range(2, 6)
        ]
        found = self._best_headings(levels, stop)
        if len(found) > 1:
            return found
        others = self._best_headings(self._like_headings(stop), stop)
        return others if len(others) > len(found) else found

    def _heads_box(self, number: int) -> bool:
        return self.blocks[number].level > 1 and heads_box(self.blocks[number].text)

    def _like_headings(self, stop: int) -> list[list[int]]:
        """Tabs, captions, legends, bold paragraphs and the like, each kind by itself."""
        kinds: dict[str, list[int]] = {}
        for n in range(self.start, stop):
            block = self.blocks[n]
            if block.look.endswith(_LIKE_HEADINGS) and not block.level and not block.links:
                kinds.setdefault(block.look, []).append(n)
        return [numbers for numbers in kinds.values() if 2 <= len(numbers) <= _MOST_HEADINGS]

    def _best_headings(self, groups: Iterable[Sequence[int]], stop: int) -> list[_Part]:
        best: list[_Part] = []
        best_cost = 9.0
        for numbers in groups:
            parts = []
            learned: list[tuple[Pattern, bool]] = []
            for number, end in itertools.pairwise([*numbers, stop]):
                span = self._span(number + 1, end)
                found = parse(span, learned, self.known_blocks)
                if found.pattern is not None and found.cost <= 0.5:
                    _learn(learned, found)
                    parts.append(_Part(self._unknown(number), span, found))
            if sum(len(part.found.units) for part in parts) < 2:
                continue
            alone = sum(1 for part in parts if len(part.found.units) == 1)
            cost = (sum(part.found.cost for part in parts) + 0.5 * alone) / len(parts)
            if cost < best_cost - 0.05:
                best, best_cost = parts, cost
        return best

    def _named_by_known(self, sections: list[Section]) -> list[Section]:
        """An unknown heading keeps a status where half its initiatives are known from it."""
        if not self.known or self.survey.labelled:
            return sections
        if all(section.status is not None for section in sections):
            return sections
        by_title = {same_key(k.title): k.status for k in self.known}
        by_text = {same_key(k.description): k.status for k in self.known if k.description}
        result = []
        for section in sections:
            if section.status is None and section.initiatives:
                votes: dict[str, int] = {}
                for item in section.initiatives:
                    status = by_title.get(same_key(item.title)) or by_text.get(
                        same_key(item.description)
                    )
                    if status is not None:
                        votes[status] = votes.get(status, 0) + 1
                best = max(votes, key=lambda name: votes[name], default=None)
                if best is not None and votes[best] * 2 >= len(section.initiatives):
                    items = tuple(replace(item, status=best) for item in section.initiatives)
                    section = Section(section.heading, best, items)
            result.append(section)
        return result

    def _by_label(self, initiatives: Sequence[Initiative]) -> list[Section]:
        """Initiatives that tell their own status, in sections of one status each."""
        groups: dict[str | None, list[Initiative]] = {}
        for initiative in initiatives:
            groups.setdefault(initiative.status, []).append(initiative)
        sections = []
        for rule in self.profile.sections:
            if rule.status in groups:
                items = tuple(groups.pop(rule.status))
                sections.append(Section(rule.heading[0], rule.status, items))
        for status, rest in groups.items():
            heading = self.unknown_statuses[0] if self.unknown_statuses else ""
            sections.append(Section(heading, status, tuple(rest)))
        return sections

    # -- initiatives

    def _trimmed(self, found: Parse, parts: Sequence[_Part]) -> Iterable[Unit]:
        """In flat sections the last unit ends where a date, share or contact box begins."""
        if not found.flat or not found.units:
            return found.units
        last = found.units[-1]
        for index, number in enumerate(last.after):
            block = self.blocks[number]
            box = is_box(block.text) and not self._is_units_box(block.text, parts)
            elsewhere = block.bare and _leads_elsewhere(block)
            caption = self.outline.kind == "text" and is_picture(block.text)
            if box or elsewhere or caption or _is_plain_button(block):
                return (*found.units[:-1], last._replace(after=last.after[:index]))
        return found.units

    def _is_units_box(self, text: str, parts: Sequence[_Part]) -> bool:
        """Whether units that others follow hold such a box, too («Kontakt: …» in each)."""
        begins = _beginning(text)
        return any(
            _beginning(other := self.blocks[number].text) == begins and is_box(other)
            for part in parts
            if part.found.flat
            for unit in part.found.units[:-1]
            for number in unit.after
        )

    def _initiative(
        self, unit: Unit, ordinals: _Ordinals, place: Place, heading: Heading | None
    ) -> Initiative:
        block = self.blocks[unit.title]
        paragraphs: list[str] = []
        links: list[Link] = []
        title = _spaced(block)
        if unit.lead and block.lead is not None:
            title = block.lead.text.rstrip(" :–—")
            rest = block.lead.rest.lstrip(" \n:–—-.,").strip()
            if rest:
                paragraphs.append(rest)
        if "\n" in title:
            title = title.replace("\n", " ")
        if title[:1] in _BULLETS:
            title = title.lstrip(_BULLETS + " \u00a0")
        if ordinals.count:
            title = ordinals.without(title)
        for link in block.links:
            if not leads_nowhere(link.href):
                links.append(_link(link, place))
        for number in unit.before:
            links.extend([_link(link, place) for link in self.blocks[number].links])
        for number in unit.after:
            content = self.blocks[number]
            if content.level and same_key(content.text) == same_key(title):
                continue  # a dialog says it again
            if "/figcaption" in content.look and is_picture(content.text):
                continue
            if not content.bare:
                text = content.text
                if text[:1] in _BULLETS:
                    text = text.lstrip(_BULLETS + " \u00a0")
                paragraphs.append(text)
            for link in content.links:
                links.append(_link(link, place))
        status = heading.status if heading is not None else self._status(unit)
        return Initiative(title, "\n\n".join(paragraphs), tuple(links), status)

    def _status(self, unit: Unit) -> str | None:
        if unit.title in self.survey.badges:
            self.labels_used += 1
            return self.profile.sections[self.survey.badges[unit.title]].status
        for number in unit.quiet:
            label = self.survey.labels.get(number)
            if isinstance(label, int):
                self.labels_used += 1
                return self.profile.sections[label].status
            if label is not None:
                self.unknown_statuses.append(label)
        return self._spanned_status(unit) if self.survey.rows else None

    def _spanned_status(self, unit: Unit) -> str | None:
        """The status of a table row that an earlier row's cell spans."""
        for element in self.outline.elements.path(self.blocks[unit.title].place):
            if (rule := self.survey.rows.get(element)) is not None:
                return self.profile.sections[rule].status
        return None

    # -- the rest

    def _rest(self, taken: set[int], first: int) -> tuple[list[str], list[str]]:
        """(intro, unclaimed): what no initiative took and no named rule leaves out."""
        intro: list[str] = []
        unclaimed: list[str] = []
        last = max(taken, default=0)
        name = False  # a box's name («Sidansvarig:») was left out: what follows is its value
        for number in range(self.start, self.stop):
            if number in taken or number in self.quiet:
                continue
            block = self.blocks[number]
            value = name and len(block.text) <= _LONGEST_VALUE
            name = False
            if self._is_left_out(block):
                name = block.text.endswith(":")
                continue
            # After the last initiative, links by themselves are a menu.
            if value or block.level or (block.bare and number > last >= first):
                continue
            (intro if number < first else unclaimed).append(block.text)
        return intro, unclaimed

    def _is_left_out(self, block: Block) -> bool:
        if not block.text or is_box(block.text) or is_answer(block.text):
            return True
        if self._is_caption(block) or _is_plain_button(block):
            return True
        # A table of contents: links within the page. Or links under a list, to more of it.
        within = all(link.href.startswith("#") for link in block.links)
        return block.bare and (within or _leads_elsewhere(block))

    def _is_caption(self, block: Block) -> bool:
        captioned = self.outline.kind == "text" or "/figcaption" in block.look
        return captioned and is_picture(block.text)

    def _label_count(self) -> int:
        if not self.survey.labelled:
            return 0
        known = [n for n in self._single_labels() if isinstance(self.survey.labels[n], int)]
        return len(known) + len(self.survey.badges)

    def _labels_are_sure(self) -> bool:
        """Whether status words can't be headings of a torn page: they say «Status:», or come again.

        Where each stands but once every section must be there, as among headings.
        """
        labels = self.survey.labels
        if any(labelled(self.blocks[number].text) is not None for number in labels):
            return True
        known = [*labels.values(), *self.survey.badges.values()]
        return len(known) > len(set(known))

    def _text(self) -> str:
        return "\n".join(block.text for block in self.blocks[:400])

    def facts(self, ending: str, password: bool, empty: bool) -> quality.PageFacts:
        return quality.PageFacts(
            kind=self.outline.kind,
            complete=self.outline.complete,
            document_title=self.outline.document_title,
            text=self._text() if empty else "",
            label_mode=self.survey.labelled and self._labels_are_sure(),
            loose_labels=max(0, self._label_count() - self.labels_used),
            unknown_statuses=tuple(dict.fromkeys(self.unknown_statuses)),
            ending=ending,
            password=password,
        )


def _leads_elsewhere(block: Block) -> bool:
    """Whether links stand under a list: to more of it, to other pages of its kind."""
    return all(leads_to_all(link.text) or is_box(link.text) for link in block.links)


def _beginning(text: str) -> str:
    return text.split(maxsplit=1)[0].lower().strip(".:,?") if text else ""


def _learn(learned: list[tuple[Pattern, bool]], found: Parse) -> None:
    """Remember what fitted, for the page's other sections; a few patterns are enough."""
    if found.pattern is not None and (found.pattern, found.flat) not in learned[:4]:
        learned.insert(min(3, len(learned)), (found.pattern, found.flat))
        del learned[4:]


class _Ordinals:
    """Numbers before titles («1. Titel») belong to the list where they count the titles.

    `before`: how many are counted above. Bare numbers («1 Titel») count on from there, or from 1.
    """

    def __init__(self, blocks: Sequence[Block], units: Sequence[Unit], before: int) -> None:
        numbers: list[int | None] = []
        bare = False
        for unit in units:
            block = blocks[unit.title]
            text = block.lead.text if unit.lead and block.lead is not None else _spaced(block)
            found = ordinal(text) if text[:1] in _ORDINAL_BEGINS else None
            numbers.append(found.number if found and found.rest else None)
            bare = bare or (found is not None and found.bare and text in block.text)
        if bare and numbers[0] not in (1, before + 1):
            numbers = []
        steps = sum(
            1
            for one, other in itertools.pairwise(numbers)
            if one is not None and other is not None and other - one == 1
        )
        alone = len(numbers) == 1 and numbers[0] is not None
        self.count = alone or (steps > 0 and steps >= 0.8 * (len(numbers) - 1))

    def without(self, title: str) -> str:
        found = ordinal(title)
        return found.rest if found and found.rest else title


def _spaced(block: Block) -> str:
    """A block's text, an ordinal in an element of its own kept apart from what it numbers."""
    if block.lead is not None and block.text[:1] in _ORDINAL_BEGINS and is_marker(block.lead.text):
        return f"{block.lead.text} {block.lead.rest}"
    return block.text


def _is_plain_button(block: Block) -> bool:
    """Whether a block works the page: a button that opens nothing on it."""
    if block.level and not is_control(block.text):
        return False  # a heading that folds what is under it
    return "/button" in block.look and (not block.ref or is_control(block.text))


@lru_cache(maxsize=4096)
def _link(raw: RawLink, place: Place) -> Link:
    address = resolve(raw.href, place) if raw.href else None
    return Link(raw.text, address, raw.marked or leaves(address, place))
