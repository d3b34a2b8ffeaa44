"""The contract's JSON documents, made from frozen values: every key here is a promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from monitor.model import Change, Initiative, Link, Outcome, Reading, Reason

if TYPE_CHECKING:
    from monitor.identity.match import Explanation
    from snapshots.compare import Compared
    from snapshots.history import Coverage, Life, RecordedChange, Shown

Document: TypeAlias = dict[str, Any]


def instant(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC; fractions of a second only where there are some."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def link_document(link: Link) -> Document:
    return {"text": link.text, "href": link.href, "external": link.external}


def initiative_document(initiative: Initiative) -> Document:
    return {
        "title": initiative.title,
        "description": initiative.description,
        "links": [link_document(link) for link in initiative.links],
    }


def reason_documents(reasons: Iterable[Reason]) -> list[Document]:
    return [{"code": reason.code, "text": reason.text} for reason in reasons]


def reading_document(reading: Reading) -> Document:
    """`extract --json`."""
    return {
        "title": reading.title,
        "intro": list(reading.intro),
        "language": reading.language,
        "sections": [
            {
                "heading": section.heading,
                "status": section.status,
                "initiatives": [initiative_document(one) for one in section.initiatives],
            }
            for section in reading.sections
        ],
        "unclaimed": list(reading.unclaimed),
        "verdict": reading.verdict,
        "reasons": reason_documents(reading.reasons),
    }


def change_document(
    change: Change, page: str | None = None, initiative: str | None = None
) -> Document:
    """One entry of `changes`. Without `page` it is `diff`'s, which leaves out what a store knows.

    `initiative` is the life's id (a change itself knows the page's track only).
    """
    document: Document = {"subject": change.subject, "kinds": list(change.kinds)}
    if change.subject == "page":
        document["field"] = change.field
        document["text"] = {"old": change.old_text, "new": change.new_text}
    else:
        came = change.kinds in (("added",), ("restored",))
        old, new = None if came else change.old, change.new
        document |= {
            "title": _both(old, new, lambda one: one.title),
            "status": _both(old, new, lambda one: one.status),
            "description": _both(old, new, lambda one: one.description),
            "links": _both(old, new, lambda one: [link_document(link) for link in one.links]),
            "signals": list(change.signals),
            "certainty": change.certainty,
        }
    if page is None:
        return document
    if change.subject == "initiative":
        document["initiative"] = initiative
    document |= {
        "id": change.id,
        "page": page,
        "old_snapshot": change.old_snapshot,
        "new_snapshot": change.new_snapshot,
        "after": instant(change.after),
        "before": instant(change.before),
    }
    if change.late:
        document["late"] = True
    return document


def _both(
    old: Initiative | None, new: Initiative | None, get: Callable[[Initiative], Any]
) -> Document:
    return {"old": None if old is None else get(old), "new": None if new is None else get(new)}


def explanation_document(
    why: Explanation, others: Sequence[Initiative], departed: Sequence[Initiative] = ()
) -> Document:
    """`explain` of a change: how its partner was found, and everybody who was considered.

    `others` are the initiatives of the other side: the old page's for one that is on the new page,
    the new page's for one that left.
    """
    return {
        "by": why.by,
        "score": why.pair.score if why.pair else None,
        "runner_up": why.pair.runner_up if why.pair else None,
        "candidates": [
            {
                "title": (departed if one.departed else others)[one.index].title,
                "departed": one.departed,
                "score": one.score,
                "title_likeness": one.likeness.title,
                "text_likeness": one.likeness.text,
                "link_likeness": one.likeness.links,
                "same_section": one.likeness.section,
                "neighbours": one.likeness.neighbours,
            }
            for one in why.candidates
        ],
    }


def recorded_document(recorded: RecordedChange) -> Document:
    """One entry of `changes --json`."""
    return change_document(recorded.change, recorded.page, recorded.initiative)


def check_document(
    page: str,
    outcome: Outcome,
    snapshot: int | None,
    changes: Iterable[RecordedChange],
    reasons: Iterable[Reason],
    captured_at: datetime,
) -> Document:
    """One entry of `check --json`; `snapshot` is the page's current number, or None."""
    return {
        "page": page,
        "outcome": outcome,
        "snapshot": snapshot,
        "changes": [recorded_document(one) for one in changes],
        "reasons": reason_documents(reasons),
        "captured_at": instant(captured_at),
    }


def compared_document(page: str, compared: Compared) -> Document:
    """`compare --json`: the two versions, and what differs between them as `diff` says it."""
    changes = []
    for change, initiative in compared.changes:
        document = change_document(change)
        if change.subject == "initiative":
            document["initiative"] = initiative
        changes.append(document)
    old, new = (
        {"snapshot": shown.number, "as_of": instant(shown.captured_at)}
        for shown in (compared.old, compared.new)
    )
    return {"page": page, "old": old, "new": new, "changes": changes}


def show_document(page: str, shown: Shown, language: str) -> Document:
    """`show --json`: what `extract` says, and where, when and how surely it stood so.

    A snapshot is an accepted reading, so its verdict is good and nothing in it is unclaimed.
    """
    return {
        "page": page,
        "snapshot": shown.number,
        "capture": shown.capture,
        "as_of": instant(shown.captured_at),
        "seen": {
            "last": instant(shown.last),
            "next": instant(shown.next),
            "gap_minutes": shown.gap_minutes,
        },
        "title": shown.title,
        "intro": list(shown.intro),
        "language": language,
        "sections": [
            {
                "heading": section.heading,
                "status": section.status,
                "initiatives": [
                    {"id": one.id, **initiative_document(one.initiative)}
                    for one in section.initiatives
                ],
            }
            for section in shown.sections
        ],
        "unclaimed": [],
        "verdict": "good",
        "reasons": [],
    }


def unseen_document(page: str, language: str) -> Document:
    """`show --json` of a page before the first look: the same keys, nothing in them."""
    return {
        "page": page,
        "snapshot": None,
        "capture": None,
        "as_of": None,
        "seen": {"last": None, "next": None, "gap_minutes": None},
        "title": None,
        "intro": [],
        "language": language,
        "sections": [],
        "unclaimed": [],
        "verdict": None,
        "reasons": [],
    }


def history_document(life: Life) -> Document:
    """`history --json`: one initiative's whole life, times as intervals between two looks."""
    return {
        "initiative": {
            "id": life.id,
            "title": life.title,
            "status": life.status,
            "present": life.present,
            "pages": list(life.pages),
            "still_since": instant(life.still_since),
            "seen_last": instant(life.seen_last),
            "still_days": life.still_days,
        },
        "statuses": [
            {
                "page": span.page,
                "status": span.status,
                "from_after": instant(span.from_after),
                "from": instant(span.since),
                "to_after": instant(span.to_after),
                "to": instant(span.until),
            }
            for span in life.statuses
        ],
        "changes": [recorded_document(one) for one in life.changes],
    }


def coverage_document(coverage: Coverage, planned: int) -> Document:
    """`coverage --json`; `planned` looks is what the timetable asked for in that time."""
    return {
        "page": coverage.page,
        "planned": planned,
        "looks": coverage.looks,
        "good": coverage.good,
        "failed": coverage.failed,
        "quarantined": coverage.quarantined,
        "longest_gap_minutes": coverage.longest_gap_minutes,
        "longest_gap": {"from": instant(coverage.gap_from), "to": instant(coverage.gap_to)},
    }
