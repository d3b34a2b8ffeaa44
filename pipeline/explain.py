"""explain: why a change on record says what it says. The matching of its two versions, once more.

It is asked of the versions as they stand in the store, with today's decisions; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from monitor.identity.match import Explanation, explain
from monitor.model import Initiative
from monitor.step import Track, constraints
from snapshots import derived, facts
from snapshots.history import RecordedChange


@dataclass(frozen=True, slots=True)
class Why:
    """Why a change's initiative got its partner, or none.

    `others` are the initiatives that the explanation's indices mean, `departed` those that had left
    before.
    """

    explanation: Explanation
    others: tuple[Initiative, ...]
    departed: tuple[Initiative, ...]


def explained(conn: Connection, changes: Iterable[RecordedChange]) -> dict[str, Why]:
    """Change id -> why; the page's own words have none. One matching for each pair of versions."""
    by_version: dict[tuple[str, int], list[RecordedChange]] = {}
    for one in changes:
        number = one.change.new_snapshot
        if one.change.subject == "initiative" and number is not None:
            by_version.setdefault((one.page_key, number), []).append(one)
    found = {}
    for (page, number), members in by_version.items():
        compared = _compared(conn, page, number)
        for member in members:
            why = compared.why(member)
            if why is not None:
                found[member.change.id] = why
    return found


@dataclass(frozen=True, slots=True)
class _Compared:
    """Two versions of a page as they were matched."""

    old: tuple[Track, ...]
    new: tuple[Track, ...]
    departed: tuple[Track, ...]
    explanations: dict[tuple[int | None, int | None], Explanation]

    def why(self, one: RecordedChange) -> Why | None:
        removed = one.change.kinds == ("removed",)
        tracks = self.old if removed else self.new
        ids = [track.id for track in tracks]
        if one.change.track not in ids:
            return None
        index = ids.index(one.change.track)
        explanation = self.explanations.get((index, None) if removed else (None, index))
        if explanation is None:
            return None
        others = self.new if removed else self.old
        return Why(
            explanation,
            tuple(track.initiative for track in others),
            tuple(track.initiative for track in self.departed),
        )


def _compared(conn: Connection, page: str, number: int) -> _Compared:
    old, departed = derived.tracks_at(conn, page, number - 1)
    new, _ = derived.tracks_at(conn, page, number)
    items = [track.initiative for track in new]
    capture = derived.capture_of(conn, page, number)
    limits = constraints(old, departed, capture, items, facts.decisions(conn, page))
    before = [track.initiative for track in old]
    gone = [track.initiative for track in departed]
    found = explain(before, items, gone, limits)
    return _Compared(old, new, departed, {(one.old, one.new): one for one in found})
