"""Everything derived, dropped and made again from the facts with today's reader. Told to nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from pipeline.derive import derive_again, join_lives
from pipeline.watched import Watched
from snapshots import derived, facts, watch
from snapshots.database import Database


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it. `delta`: («added» | «removed», kind) -> how many changes of that kind the
    history now has that it had not, or no longer has; empty where nothing differs."""

    pages: int
    snapshots: int
    delta: dict[tuple[str, str], int]


class _PreviewOnlyError(Exception):
    """Carries the result out of a transaction that is to be rolled back."""

    def __init__(self, rebuilt: Rebuilt) -> None:
        self.rebuilt = rebuilt


def rebuild(
    database: Database, pages: Iterable[Watched], now: datetime, *, preview: bool = False
) -> Rebuilt:
    """Derive every page anew, in one transaction. `preview` only says what it would come to."""
    try:
        with database.write() as conn:
            rebuilt = _rebuild(conn, list(pages), now)
            if preview:
                raise _PreviewOnlyError(rebuilt)
    except _PreviewOnlyError as result:
        return result.rebuilt
    return rebuilt


def _rebuild(conn: Connection, pages: list[Watched], now: datetime) -> Rebuilt:
    delta: Counter[tuple[str, str]] = Counter()
    snapshots = 0
    for page in pages:
        watch.lock(conn, page.key)
        before = _meanings(conn, page)
        # A look that no check has derived yet is left to the next one, which tells what it shows.
        _, cursor = derived.load(conn, page.key, whole=False)
        derive_again(conn, page, until=cursor.after, join=False)
        after = _meanings(conn, page)
        for side, left in (("new", after - before), ("gone", before - after)):
            for (kind, _, _), count in left.items():
                delta[side, kind] += count
        snapshots += derived.load(conn, page.key, whole=False)[0].number
    for group in sorted({page.group for page in pages}):
        join_lives(conn, group)
    derived.sweep(conn)
    if delta:
        text = "Historien härleddes annorlunda än förut."
        details = {f"{side} {kind}": count for (side, kind), count in sorted(delta.items())}
        facts.technical(conn, facts.Technical(now, "rebuild", text, details=details))
    return Rebuilt(len(pages), snapshots, dict(delta))


def _meanings(conn: Connection, page: Watched) -> Counter[tuple[str, str, datetime | None]]:
    """Each kind of each change, with the change's id and time."""
    return Counter(
        (kind, one.change.id, one.change.before)
        for one in derived.stored_changes(conn, page.key)
        for kind in one.change.kinds
    )
