"""Operators hear once of a page that stands implausibly still, or of which less and less is read;
and when that is over. Asked once a day; what it says follows from what is on record alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from monitor.stillness import Shrinking, Still, shrinking, still
from notifications import incidents
from notifications.incidents import Trouble, mend_of
from snapshots import derived, history, watch
from snapshots.database import Database


def mind(database: Database, now: datetime) -> None:
    """Open and end incidents by how the pages' histories stand now. Raises StoreError."""
    with database.read() as conn:
        found = dict(_troubles(conn))
        known = {
            one.subject
            for one in incidents.open_incidents(conn)
            if one.cause in incidents.TOLD_ONCE
        }
    if not found and not known:
        return
    with database.write() as conn:
        for subject, trouble in found.items():
            incidents.note(conn, subject, trouble, now, after=1)
        for subject in known - found.keys():
            incidents.over(conn, subject, now)


def _troubles(conn: Connection) -> Iterator[tuple[str, Trouble]]:
    """What there is to say, by subject, of the pages that are watched."""
    good = history.last_good_looks(conn)
    for page in watch.all_pages(conn):
        seen_last = good[page.id]
        if seen_last is None:
            continue
        rests = still(history.snapshot_times(conn, page.key), seen_last)
        if rests is not None:
            text = f"{page.id}: {_still(rests)}"
            yield f"stillness:{page.key}", Trouble("still", text, mend_of("still"))
        state, _ = derived.load(conn, page.key, whole=False)
        less = shrinking(state.past)
        if less is not None:
            text = f"{page.id}: {_shrinking(less)}"
            yield f"shrinking:{page.key}", Trouble("reads_less", text, mend_of("reads_less"))


def _still(found: Still) -> str:
    said = f"inget har ändrats på {found.pause.days} dagar"
    if found.longest is None:
        return f"{said}, inte sedan sidan lästes första gången"
    return f"{said}; det längsta uppehållet förut var {_days(found.longest.days)}"


def _shrinking(found: Shrinking) -> str:
    if found.what == "text":
        return (
            f"{found.now} tecken på sidan hör inte till någon insats, mot {found.before} förut;"
            " det har vuxit lite i taget"
        )
    where = f"med status {found.status}" if found.status else "utan status"
    return (
        f"allt färre insatser {where} läses: {found.now} mot {found.before} förut, utan att någon"
        " ny har kommit"
    )


def _days(number: int) -> str:
    return "1 dag" if number == 1 else f"{number} dagar"
