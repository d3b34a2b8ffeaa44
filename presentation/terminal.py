"""Readings and changes as lines for people at a terminal, in the glossary's words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from monitor.model import Initiative, Reading
from presentation.documents import Document
from presentation.language import DEFAULT, Language, language

OUTCOMES = {
    "first": "första avläsningen",
    "unchanged": "inget har ändrats",
    "changed": "ändrad",
    "failed": "gick inte att hämta",
    "quarantined": "väntar på granskning",
}
UNKNOWN_ADDRESS = "okänd adress"
LIKELY_BELOW = 0.9
"""A change less certain than this reads «troligen»."""
_WIDTH = 96


def _words() -> Language:
    return language(DEFAULT)


def reading_lines(reading: Reading) -> Iterator[str]:
    """What `extract` prints: the page's words, its sections, and whether it can be trusted."""
    yield reading.title or "(ingen rubrik)"
    for paragraph in reading.intro:
        yield from _wrapped(paragraph, "  ")
    for section in reading.sections:
        status = _words().status(section.status)
        yield ""
        yield f"{section.heading} [{status}]: {_count(len(section.initiatives))}"
        for number, initiative in enumerate(section.initiatives, 1):
            yield from _initiative_lines(number, initiative)
    if reading.unclaimed:
        yield ""
        yield "Text som ingen insats, rubrik eller ingress tog:"
        for text in reading.unclaimed:
            yield from _wrapped(text, "  ")
    yield ""
    if reading.verdict == "good":
        yield f"Avläsningen går att lita på: {_count(len(reading.initiatives))}."
    else:
        yield "Avläsningen går inte att lita på:"
        for reason in reading.reasons:
            yield f"  {reason.text} ({reason.code})"


def change_lines(changes: Iterable[Document], zone: tzinfo | None = None) -> Iterator[str]:
    """What `diff` and `changes` print: per change (as documented) its kinds, then old and new.

    With `zone` each says on which page it was found, and between which two looks.
    """
    for number, change in enumerate(changes):
        if number:
            yield ""
        if change["subject"] == "page":
            yield f"{_words().say('fields.' + change['field'])}: {_words().kind('reworded')}"
            yield from _old_and_new(change["text"])
        else:
            yield from _initiative_change(change)
        if "explain" in change:
            yield from _explanation(change["explain"])
        if zone is not None:
            yield f"  {change['page']}, {between(change['after'], change['before'], zone)}"


def check_lines(check: Document, zone: tzinfo) -> Iterator[str]:
    """What `check` prints of one page."""
    version = f", version {check['snapshot']}" if check["snapshot"] else ""
    yield f"{check['page']}: {OUTCOMES[check['outcome']]}{version}"
    for reason in check["reasons"]:
        yield f"  {reason['text']} ({reason['code']})"
    for line in change_lines(check["changes"], zone):
        yield f"  {line}".rstrip()


def between(after: str | None, before: str | None, zone: tzinfo) -> str:
    """The interval in which something happened, in local time: never a false exact time."""
    if after is None:
        return f"senast {local(before, zone)}"
    return f"mellan {local(after, zone)} och {local(before, zone)}"


def local(instant: str | None, zone: tzinfo) -> str:
    """An RFC 3339 time as people read it: local, to the minute."""
    if instant is None:
        return "–"
    return datetime.fromisoformat(instant).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _initiative_change(change: Document) -> Iterator[str]:
    kinds = change["kinds"]
    new_side = "old" if kinds == ["removed"] else "new"
    likely = "troligen " if change["certainty"] < LIKELY_BELOW else ""
    title = change["title"][new_side]
    yield f"{title}: {likely}{', '.join(map(_words().kind, kinds))}"
    if kinds[0] in ("added", "restored", "removed"):
        yield f"  {_words().status(change['status'][new_side])}"
        yield from _wrapped(change["description"][new_side], "  ")
    if "moved" in kinds:
        status = change["status"]
        yield f"  {_words().status(status['old'])} → {_words().status(status['new'])}"
    if "renamed" in kinds:
        yield from _old_and_new(change["title"])
    if "reworded" in kinds:
        yield from _old_and_new(change["description"])
        if change["signals"]:
            yield f"  gäller: {', '.join(map(_words().signal, change['signals']))}"
    if "relinked" in kinds:
        yield from _old_and_new({side: _links(links) for side, links in change["links"].items()})


def _explanation(why: Document) -> Iterator[str]:
    """Who was considered, best first; «–» where there was nothing to judge by."""
    by = {"decided": "beslut", "exact": "samma text", "likeness": "likhet"}.get(why["by"], "ingen")
    yield f"  varför: {by}"
    for one in why["candidates"]:
        parts = [
            f"{name} {_score(one[key])}"
            for name, key in (
                ("titel", "title_likeness"),
                ("text", "text_likeness"),
                ("länkar", "link_likeness"),
                ("grannar", "neighbours"),
            )
        ]
        section = "samma avsnitt" if one["same_section"] else "annat avsnitt"
        yield f"    {_score(one['score'])}  «{one['title']}» ({', '.join(parts)}, {section})"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace(".", ",")


def _initiative_lines(number: int, initiative: Initiative) -> Iterator[str]:
    yield f"  {number}. {initiative.title}"
    yield from _wrapped(initiative.description, "     ")
    for link in initiative.links:
        mark = " (annan webbplats)" if link.external else ""
        yield f"     → {link.text}{mark}: {link.href or UNKNOWN_ADDRESS}"


def _old_and_new(texts: Document) -> Iterator[str]:
    yield from _wrapped(texts["old"] or "(ingen)", "  - ")
    yield from _wrapped(texts["new"] or "(ingen)", "  + ")


def _links(links: Iterable[Document]) -> str:
    return "\n".join(f"{link['text']}: {link['href'] or UNKNOWN_ADDRESS}" for link in links)


def _wrapped(text: str, lead: str) -> Iterator[str]:
    """A text's paragraphs within the width, with `lead` before the first line."""
    rest = " " * len(lead)
    for paragraph in text.splitlines():
        if paragraph.strip():
            yield from textwrap.wrap(
                paragraph,
                _WIDTH,
                initial_indent=lead,
                subsequent_indent=rest,
                break_long_words=False,
                break_on_hyphens=False,
            )
            lead = rest


def _count(number: int) -> str:
    return f"{number} {'insats' if number == 1 else 'insatser'}"
