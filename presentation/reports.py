"""What the commands over a store say to a person at a terminal: lines of Swedish, local times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from monitor.model import Reason
from presentation.terminal import OUTCOMES, change_lines, local

Document = Mapping[str, Any]

STATES = {"waiting": "väntar", "sent": "skickat", "dead": "gavs upp"}
STATUSES = {"ongoing": "pågår", "developing": "utvecklas", "partnership": "partnerskap"}


def status_word(status: str | None) -> str:
    """The Swedish word of a status; a profile's own status is its own word."""
    return STATUSES.get(status or "", status or "okänd status")


def stamped(line: str, at: datetime, zone: tzinfo) -> str:
    """A line of the worker's log, with the local time it was said."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {' '.join(line.split())}"


def counted(number: int, one: str, more: str) -> str:
    """«1 ändring», «2 ändringar»."""
    return f"{number} {one if number == 1 else more}"


def look_line(page: str, outcome: str, changes: int, reasons: Sequence[Reason]) -> str:
    """One look, on one line of the worker's log."""
    count = f", {counted(changes, 'ändring', 'ändringar')}" if changes else ""
    why = "; ".join(f"{reason.code}: {reason.text}" for reason in reasons)
    return f"{page}: {OUTCOMES[outcome]}{count}{' – ' + why if why else ''}"


def delivery_line(sent: int, waiting: int, dead: int) -> str:
    """What one round of deliveries came to."""
    sent_words = counted(sent, "utskick skickat", "utskick skickade")
    return f"{sent_words}, {waiting} väntar, {dead} gavs upp"


def delivery_rows(deliveries: Sequence[Document], zone: tzinfo) -> Iterator[str]:
    """Every delivery, a line each."""
    for one in deliveries:
        again = f", nästa försök {local(one['next_attempt'], zone)}" if one["next_attempt"] else ""
        trouble = f" – {one['error']}" if one["error"] else ""
        tries = f"{one['attempts']} försök"
        yield (
            f"{one['id']}  {STATES[one['state']]}  {one['subscription']}  {one['address']}  "
            f"({tries}{again}){trouble}"
        )
    if not deliveries:
        yield "Inga utskick."


def show_lines(shown: Document, zone: tzinfo) -> Iterator[str]:
    """A page's initiatives as they stand, or stood."""
    seen = shown["seen"]
    yield f"{shown['title']}  (sidan {shown['page']}, version {shown['snapshot']})"
    until = f", nästa hämtning {local(seen['next'], zone)}" if seen["next"] else ""
    yield f"Som den stod {local(shown['as_of'], zone)}."
    yield f"Sågs så senast {local(seen['last'], zone)}{until}."
    for section in shown["sections"]:
        yield ""
        count = len(section["initiatives"])
        yield f"{section['heading']}  ({status_word(section['status'])}, {count})"
        for initiative in section["initiatives"]:
            yield f"  • {initiative['title']}  [{initiative['id']}]"


def history_lines(life: Document, zone: tzinfo) -> Iterator[str]:
    """One initiative's whole life."""
    initiative = life["initiative"]
    where = "står på" if initiative["present"] else "stod på"
    yield f"{initiative['title']}  [{initiative['id']}]"
    yield f"{status_word(initiative['status'])}; {where} {', '.join(initiative['pages'])}"
    yield ""
    for status in life["statuses"]:
        end = f"till {local(status['to'], zone)}" if status["to"] else "och står så än"
        start = local(status["from"], zone)
        yield f"  {status['page']}: {status_word(status['status'])} från {start} {end}"
    yield ""
    yield from change_lines(life["changes"], zone)


def weighed_lines(weighed: Document, zone: tzinfo) -> Iterator[str]:
    """A capture that waits, beside the last good reading, and what accepting it would tell."""
    reading = weighed["reading"]
    yield f"{weighed['id']}  {weighed['page']}  {local(weighed['captured_at'], zone)}"
    for reason in reading["reasons"]:
        yield f"  {reason['text']} ({reason['code']})"
    counts: dict[str, list[str]] = {}
    for section in weighed["last_good"]:
        counts.setdefault(section["heading"], ["–", "–"])[0] = str(section["initiatives"])
    for section in reading["sections"]:
        row = counts.setdefault(section["heading"], ["–", "–"])
        row[1] = str(len(section["initiatives"]))
    widest = max([*map(len, counts), len("avsnitt")])
    yield ""
    yield f"{'avsnitt':<{widest}}  senast god  väntar"
    for heading, (good, suspect) in counts.items():
        yield f"{heading:<{widest}}  {good:>11}  {suspect:>6}"
    yield ""
    count = len(weighed["changes"])
    told = counted(count, "ändring", "ändringar")
    yield f"Om den godtas sägs {told}:" if count else "Om den godtas sägs inget."
    for line in change_lines(weighed["changes"]):
        yield f"  {line}".rstrip()
