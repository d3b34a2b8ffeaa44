"""Put right what was told: what a person's decision takes out of history, or puts back into it.

told, and no longer so     -> a correction that says it did not happen
queued, and no longer so   -> not told at all
withdrawn, and so again    -> a correction that says how it is
new in history             -> a correction for those who were told otherwise, news for the rest
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from notifications.digest import PageInfo, subject_of
from notifications.subscriptions import Subscription
from pipeline.form import NOT_TOLD
from pipeline.tell import Cause, tell
from snapshots.schema import tellings

_AGAIN: Final = "#"
"""Between a change's id and a number: told of once more, as a correction."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a decision did to the history of a page, as contract changes.

    `withdrawn`: ids of changes that were told and are no more. `back`: changes that were told and
    hold again. `new`: changes nobody was told of; `late` names those that had been seen before,
    `filed` those that only imported captures show, which are nobody's news.
    """

    withdrawn: Sequence[str]
    back: Sequence[Mapping[str, Any]]
    new: Sequence[Mapping[str, Any]]
    late: frozenset[str]
    filed: frozenset[str]


def put_right(
    conn: Connection,
    page: PageInfo,
    correction: Correction,
    subscriptions: Sequence[Subscription],
    now: datetime,
) -> None:
    """Queue what follows for each subscription, in the decision's own transaction."""
    names = {one.id for one in subscriptions}
    misled = set()
    for (subscription, change), rows in _told(conn, correction.withdrawn).items():
        if subscription in names and _withdraw(conn, page, change, rows, now):
            misled.add(subscription)
    back = {str(one["id"]): one for one in correction.back}
    reached = set()
    for (subscription, change), rows in _told(conn, list(back)).items():
        if subscription in names and _reinstate(conn, page, back[change], rows, now):
            reached.add((subscription, change))
    news = [one for one in correction.new if one["id"] not in correction.filed]
    for one in subscriptions:
        again = [change for name, change in back.items() if (one.id, name) not in reached]
        if one.id in misled:
            tell(conn, page, correction.new, cause="correction", subscriptions=[one], now=now)
        else:
            again += news
        for cause, changes in _by_cause(again, correction.late):
            tell(conn, page, changes, cause=cause, subscriptions=[one], now=now)


def _by_cause(
    changes: Sequence[Mapping[str, Any]], late: frozenset[str]
) -> tuple[tuple[Cause, list[Mapping[str, Any]]], ...]:
    return (
        ("late", [one for one in changes if one["id"] in late]),
        ("look", [one for one in changes if one["id"] not in late]),
    )


def _told(conn: Connection, changes: Sequence[str]) -> dict[tuple[str, str], list[Row[Any]]]:
    """What each subscription was told of each of these, or is about to be, in order."""
    found: defaultdict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    table = tellings.c
    for change in changes:
        mine = sa.or_(table.change == change, table.change.like(f"{change}{_AGAIN}%"))
        for row in conn.execute(sa.select(tellings).where(mine).order_by(table.seq)):
            found[row.subscription, change].append(row)
    return found


def _withdraw(
    conn: Connection, page: PageInfo, change: str, rows: Sequence[Row[Any]], now: datetime
) -> bool:
    """Whether the subscription believes what is withdrawn, and so is told that it is not so."""
    last = _unqueue(conn, rows)
    if last is None or _is_withdrawn(last):
        return False
    said = {**last.payload["change"], "withdrawn": True}
    _queue(conn, page, f"{change}{_AGAIN}{len(rows)}", said, last, now)
    return True


def _reinstate(
    conn: Connection,
    page: PageInfo,
    change: Mapping[str, Any],
    rows: Sequence[Row[Any]],
    now: datetime,
) -> bool:
    """Whether the subscription was ever told of it; where it was withdrawn, it is told again."""
    last = _unqueue(conn, rows)
    if last is not None and _is_withdrawn(last):
        _queue(conn, page, f"{change['id']}{_AGAIN}{len(rows)}", change, last, now)
    return last is not None


def _unqueue(conn: Connection, rows: Sequence[Row[Any]]) -> Row[Any] | None:
    """Take back what no message has claimed; returns what was told last, None for nothing."""
    waiting = tellings.c.seq.in_([row.seq for row in rows]) & tellings.c.message.is_(None)
    gone = set(conn.execute(tellings.delete().where(waiting).returning(tellings.c.seq)).scalars())
    told = [row for row in rows if row.seq not in gone and row.message != NOT_TOLD]
    return told[-1] if told else None


def _is_withdrawn(row: Row[Any]) -> bool:
    return bool(row.payload["change"].get("withdrawn"))


def _queue(
    conn: Connection,
    page: PageInfo,
    name: str,
    change: Mapping[str, Any],
    told: Row[Any],
    now: datetime,
) -> None:
    values = {
        "subscription": told.subscription,
        "change": name,
        "page": page.id,
        "cause": "correction",
        "subject": f"{page.id}/{subject_of(change)}",
        "payload": {
            "change": dict(change),
            "page": {"key": page.key, "id": page.id, "name": page.name, "url": page.url},
        },
        "created_at": now,
        "ready_at": now,
        "held_until": None,
        "message": None,
    }
    conn.execute(tellings.insert(), values)
