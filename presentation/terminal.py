"""Readings and changes as lines for people at a terminal, in the glossary's words and theirs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from monitor.model import CAME_OR_LEFT, Initiative, Reading
from presentation.documents import Document
from presentation.language import Language

LIKELY_BELOW = 0.9
"""A change less certain than this reads «troligen»."""
_WIDTH = 96


def reading_lines(reading: Reading, words: Language) -> Iterator[str]:
    """What `extract` prints: the page's words, its sections, and whether it can be trusted."""
    yield reading.title or words.say("terminal.no_title")
    for paragraph in reading.intro:
        yield from _wrapped(paragraph, "  ")
    for section in reading.sections:
        count = words.count("terminal.initiatives", len(section.initiatives))
        yield ""
        yield f"{section.heading} [{words.status(section.status)}]: {count}"
        for number, initiative in enumerate(section.initiatives, 1):
            yield from _initiative_lines(number, initiative, words)
    if reading.unclaimed:
        yield ""
        yield words.say("terminal.unclaimed")
        for text in reading.unclaimed:
            yield from _wrapped(text, "  ")
    yield ""
    if reading.verdict == "good":
        count = words.count("terminal.initiatives", len(reading.initiatives))
        yield words.say("terminal.trusted", count=count)
    else:
        yield words.say("terminal.doubted")
        for reason in reading.reasons:
            yield f"  {words.reason(reason.code, reason.text)} ({reason.code})"


def change_lines(
    changes: Iterable[Document],
    words: Language,
    zone: tzinfo | None = None,
    told: Iterable[Document] = (),
) -> Iterator[str]:
    """What `diff` and `changes` print: per change (as documented) its kinds, then old and new.

    With `zone` each says on which page it was found, and between which two looks; with `told` (as
    `history` documents it), who was told of it, when, and in which message.
    """
    told = tuple(told)
    for number, change in enumerate(changes):
        if number:
            yield ""
        if change["subject"] == "page":
            yield f"{words.say('fields.' + change['field'])}: {words.kind('reworded')}"
            yield from _old_and_new(change["text"], words)
        else:
            yield from _initiative_change(change, words)
        if "explain" in change:
            yield from _explanation(change["explain"], words)
        if zone is not None:
            when = between(change["after"], change["before"], zone, words)
            yield f"  {change['page']}, {when}"
            mine = (one for one in told if one["change"] == change["id"])
            yield from _told(mine, words, zone)


def check_lines(check: Document, words: Language, zone: tzinfo) -> Iterator[str]:
    """What `check` prints of one page."""
    version = f", version {check['snapshot']}" if check["snapshot"] else ""
    yield f"{check['page']}: {words.say('outcomes.' + check['outcome'])}{version}"
    for reason in check["reasons"]:
        yield f"  {words.reason(reason['code'], reason['text'])} ({reason['code']})"
    for line in change_lines(check["changes"], words, zone):
        yield f"  {line}".rstrip()


def between(after: str | None, before: str | None, zone: tzinfo, words: Language) -> str:
    """The interval in which something happened, in local time: never a false exact time, but where
    both looks were in one minute, that minute."""
    if after is None:
        return words.say("latest", before=local(before, zone))
    if local(after, zone) == local(before, zone):
        return local(before, zone)
    return words.say("between", after=local(after, zone), before=local(before, zone))


def local(instant: str | None, zone: tzinfo) -> str:
    """An RFC 3339 time as people read it: local, to the minute."""
    if instant is None:
        return "–"
    return datetime.fromisoformat(instant).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _told(told: Iterable[Document], words: Language, zone: tzinfo) -> Iterator[str]:
    for one in told:
        if one["message"] is None:
            yield f"  {words.say('told.queued', subscription=one['subscription'])}"
            continue
        said = words.say(
            f"told.{one['state']}",
            address=one["address"],
            subscription=one["subscription"],
            at=local(one["sent_at"], zone),
            message=one["message"],
        )
        cause = words.say("told." + one["cause"])
        yield f"  {said}{f' ({cause})' if cause else ''}"


def _initiative_change(change: Document, words: Language) -> Iterator[str]:
    kinds = change["kinds"]
    new_side = "old" if kinds == ["removed"] else "new"
    said = ", ".join(map(words.kind, kinds))
    if change["certainty"] < LIKELY_BELOW:
        said = words.say("digest.likely", what=said)
    yield f"{change['title'][new_side]}: {said}"
    if kinds[0] in CAME_OR_LEFT:
        yield f"  {words.status(change['status'][new_side])}"
        yield from _wrapped(change["description"][new_side], "  ")
    if "moved" in kinds:
        status = change["status"]
        yield f"  {words.status(status['old'])} → {words.status(status['new'])}"
    if "renamed" in kinds:
        yield from _old_and_new(change["title"], words)
    if "reworded" in kinds:
        yield from _old_and_new(change["description"], words)
        if change["signals"]:
            signals = ", ".join(map(words.signal, change["signals"]))
            yield f"  {words.say('terminal.touches', signals=signals)}"
    if "relinked" in kinds:
        sides = {side: _links(links, words) for side, links in change["links"].items()}
        yield from _old_and_new(sides, words)


def _explanation(why: Document, words: Language) -> Iterator[str]:
    """Who was considered, best first; «–» where there was nothing to judge by."""
    yield f"  {words.say('explain.why', by=words.say('explain.by_' + why['by']))}"
    for one in why["candidates"]:
        parts = [
            f"{words.say('explain.' + name)} {_score(one[key], words)}"
            for name, key in (
                ("title", "title_likeness"),
                ("text", "text_likeness"),
                ("links", "link_likeness"),
                ("neighbours", "neighbours"),
            )
        ]
        parts.append(words.say("explain.section" if one["same_section"] else "explain.elsewhere"))
        score = _score(one["score"], words)
        yield f"    {score}  {words.say('explain.quoted', title=one['title'])} ({', '.join(parts)})"


def _score(value: float | None, words: Language) -> str:
    return "–" if value is None else f"{value:.2f}".replace(".", words.say("terminal.decimal"))


def _initiative_lines(number: int, initiative: Initiative, words: Language) -> Iterator[str]:
    yield f"  {number}. {initiative.title}"
    yield from _wrapped(initiative.description, "     ")
    for link in initiative.links:
        mark = f" ({words.say('digest.external')})" if link.external else ""
        yield f"     → {link.text}{mark}: {link.href or words.say('terminal.unknown_address')}"


def _old_and_new(texts: Document, words: Language) -> Iterator[str]:
    yield from _wrapped(texts["old"] or words.say("none"), "  - ")
    yield from _wrapped(texts["new"] or words.say("none"), "  + ")


def _links(links: Iterable[Document], words: Language) -> str:
    unknown = words.say("terminal.unknown_address")
    return "\n".join(f"{link['text']}: {link['href'] or unknown}" for link in links)


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
