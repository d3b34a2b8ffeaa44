"""How long an initiative stood in each status, and what has stalled: never a false exact time.

A status was first seen in one look, and not yet in the look before it: its beginning, its end and
its length lie between two bounds each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

from presentation.language import Language
from presentation.terminal import between, local

STALLED_DAYS = 180
"""An initiative nothing about which changed for so long has stalled."""

Document = Mapping[str, Any]


def lifecycle_lines(life: Document, words: Language, zone: tzinfo) -> Iterator[str]:
    """The statuses of a life (`history --json`), a line each, and for how long nothing moved."""
    for status in life["statuses"]:
        began, ended = _began(status, words, zone), _ended(status, words, zone)
        yield f"{status['page']}: {words.status(status['status'])}, {began}; {ended}"
    initiative = life["initiative"]
    days = initiative["still_days"]
    if days is None:
        return
    since, seen = local(initiative["still_since"], zone), local(initiative["seen_last"], zone)
    if since == seen:  # it was seen once since it changed
        return
    key = "lifecycle.stalled" if days >= STALLED_DAYS else "lifecycle.still"
    yield words.say(key, since=since, seen=seen, days=words.count("lifecycle.days", days))


def _began(status: Document, words: Language, zone: tzinfo) -> str:
    if status["from_after"] is None:
        return words.say("lifecycle.stood_already", at=local(status["from"], zone))
    when = between(status["from_after"], status["from"], zone, words)
    return words.say("lifecycle.began", when=when)


def _ended(status: Document, words: Language, zone: tzinfo) -> str:
    if status["to"] is None:
        return words.say("lifecycle.stands")
    when = between(status["to_after"], status["to"], zone, words)
    least = _days(status["from"], status["to_after"] or status["to"])
    if status["from_after"] is None:
        length = words.say("lifecycle.at_least", days=words.count("lifecycle.days", least))
    else:
        most = _days(status["from_after"], status["to"]) + 1
        length = words.say("lifecycle.from_to", least=least, most=most)
    return words.say("lifecycle.ended", when=when, length=length)


def _days(start: str, end: str) -> int:
    """Whole days from one instant to another."""
    return max(0, (datetime.fromisoformat(end) - datetime.fromisoformat(start)).days)
