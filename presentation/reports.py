"""What the commands over a store say to a person at a terminal: their words, local times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from monitor.model import Reason
from presentation.language import Language
from presentation.lifecycle import lifecycle_lines
from presentation.terminal import change_lines, local

Document = Mapping[str, Any]


def stamped(line: str, at: datetime, zone: tzinfo) -> str:
    """A line of the worker's log, with the local time it was said."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {' '.join(line.split())}"


def look_line(
    page: str, outcome: str, changes: int, reasons: Sequence[Reason], words: Language
) -> str:
    """One look, on one line of the worker's log."""
    count = f", {words.count('terminal.changes', changes)}" if changes else ""
    why = "; ".join(
        f"{reason.code}: {words.reason(reason.code, reason.text)}" for reason in reasons
    )
    return f"{page}: {words.say(f'outcomes.{outcome}')}{count}{' – ' + why if why else ''}"


def delivery_line(sent: int, waiting: int, dead: int, words: Language) -> str:
    """What one round of deliveries came to."""
    return words.count("reports.delivered", sent, waiting=waiting, dead=dead)


def delivery_rows(deliveries: Sequence[Document], words: Language, zone: tzinfo) -> Iterator[str]:
    """Every delivery, a line each: when it was sent, or queued where it has not been."""
    for one in deliveries:
        again = ""
        if one["next_attempt"]:
            again = words.say("reports.next_attempt", at=local(one["next_attempt"], zone))
        trouble = f" – {words.trouble(one['error'])}" if one["error"] else ""
        tries = words.count("reports.attempts", one["attempts"])
        at = local(one["sent_at"] or one["created_at"], zone)
        yield (
            f"{one['id']}  {at}  {words.say('states.' + one['state'])}  {one['subscription']}  "
            f"{one['address']}  {words.say('messages.' + one['kind'])} ({tries}{again}){trouble}"
        )
    if not deliveries:
        yield words.say("reports.no_deliveries")


def show_lines(shown: Document, words: Language, zone: tzinfo) -> Iterator[str]:
    """A page's initiatives as they stand, or stood."""
    seen = shown["seen"]
    place = words.say("reports.place", page=shown["page"], version=shown["snapshot"])
    yield f"{shown['title']}  ({place})"
    origin = shown.get("source", "look")
    suffix = f" ({words.say(f'origins.{origin}')})" if origin != "look" else ""
    yield words.say("reports.as_of", at=local(shown["as_of"], zone), origin=suffix)
    last = local(seen["last"], zone)
    if seen["next"]:
        yield words.say("reports.seen_next", last=last, next=local(seen["next"], zone))
    else:
        yield words.say("reports.seen", last=last)
    for section in shown["sections"]:
        yield ""
        count = len(section["initiatives"])
        yield f"{section['heading']}  ({words.status(section['status'])}, {count})"
        for initiative in section["initiatives"]:
            yield f"  • {initiative['title']}  [{initiative['id']}]"


def compared_lines(compared: Document, words: Language, zone: tzinfo) -> Iterator[str]:
    """Two versions of a page, and what differs between them."""
    old, new = compared["old"], compared["new"]
    yield words.say(
        "reports.compared",
        page=compared["page"],
        old=old["snapshot"],
        then=local(old["as_of"], zone),
        new=new["snapshot"],
        now=local(new["as_of"], zone),
    )
    yield ""
    if not compared["changes"]:
        yield words.say("terminal.nothing_changed")
    yield from change_lines(compared["changes"], words)


def history_lines(life: Document, words: Language, zone: tzinfo) -> Iterator[str]:
    """One initiative's whole life."""
    initiative = life["initiative"]
    where = words.say("reports.stands_on" if initiative["present"] else "reports.stood_on")
    yield f"{initiative['title']}  [{initiative['id']}]"
    yield f"{words.status(initiative['status'])}; {where} {', '.join(initiative['pages'])}"
    yield ""
    for line in lifecycle_lines(life, words, zone):
        yield f"  {line}"
    yield ""
    yield from change_lines(life["changes"], words, zone, life.get("told", ()))
    filed = [one for one in life.get("sources", ()) if one["source"] != "look"]
    if filed:
        yield ""
        yield words.say("reports.filed")
    for one in filed:
        origin = words.say(f"origins.{one['source']}")
        yield f"  {one['page']}, {local(one['captured_at'], zone)}: {origin}  [{one['capture']}]"


def found_lines(found: Sequence[Document], words: Language, zone: tzinfo) -> Iterator[str]:
    """What a search came to."""
    for one in found:
        end = words.say("reports.still")
        if one["until"]:
            end = words.say("reports.until", at=local(one["until"], zone))
        start = words.say("reports.since", at=local(one["since"], zone))
        yield f"{one['title']}  [{one['initiative']}]"
        yield f"  {one['page']}: {words.status(one['status'])} {start} {end}"
    if not found:
        yield words.say("reports.nothing_found")


def coverage_lines(coverage: Document, words: Language, zone: tzinfo) -> Iterator[str]:
    """How often we looked at a page, and how long nobody saw it."""
    planned = coverage["planned"]
    counts = {key: coverage[key] for key in ("looks", "good", "failed", "quarantined")}
    key = "reports.looks" if planned is None else "reports.looks_planned"
    yield words.say(key, page=coverage["page"], planned=planned, **counts)
    gap = coverage["longest_gap_minutes"]
    if gap is None:
        yield words.say("reports.never_seen")
        return
    start, end = (local(coverage["longest_gap"][side], zone) for side in ("from", "to"))
    yield words.say("reports.gap", lasting=words.lasting(gap), start=start, end=end)


def quarantine_lines(waiting: Sequence[Document], words: Language, zone: tzinfo) -> Iterator[str]:
    """The captures that wait for a person, with the reasons."""
    for one in waiting:
        origin = ""
        if one["source"] != "look":
            origin = f"  ({words.say('origins.' + one['source'])})"
        yield f"{one['id']}  {one['page']}  {local(one['captured_at'], zone)}{origin}"
        for reason in one["reasons"]:
            yield f"  {words.reason(reason['code'], reason['text'])} ({reason['code']})"
    if not waiting:
        yield words.say("reports.nothing_waits")


def weighed_lines(weighed: Document, words: Language, zone: tzinfo) -> Iterator[str]:
    """A capture that waits, beside the last good reading, and what accepting it would tell."""
    reading = weighed["reading"]
    yield f"{weighed['id']}  {weighed['page']}  {local(weighed['captured_at'], zone)}"
    for reason in weighed["reasons"]:
        yield f"  {words.reason(reason['code'], reason['text'])} ({reason['code']})"
    counts: dict[str, list[str]] = {}
    for section in weighed["last_good"]:
        counts.setdefault(section["heading"], ["–", "–"])[0] = str(section["initiatives"])
    for section in reading["sections"]:
        row = counts.setdefault(section["heading"], ["–", "–"])
        row[1] = str(len(section["initiatives"]))
    first, good, waits = (words.say(f"reports.{key}") for key in ("section", "good", "waits"))
    widest = max([*map(len, counts), len(first)])
    yield ""
    yield f"{first:<{widest}}  {good}  {waits}"
    for heading, (before, now) in counts.items():
        yield f"{heading:<{widest}}  {before:>{len(good)}}  {now:>{len(waits)}}"
    yield ""
    yield words.count("reports.would_tell", len(weighed["changes"]))
    for line in change_lines(weighed["changes"], words):
        yield f"  {line}".rstrip()
