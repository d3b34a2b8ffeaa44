"""tell: history becomes messages due, in the same transaction as the change.

What is to be told is a frozen copy: the change's contract JSON and its page as it was called then.
Killed before the commit, neither the change nor its tellings are there; after it, both are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from notifications.channels import addresses_of
from notifications.digest import PageInfo, subject_of
from notifications.subscriptions import Subscription, wants
from snapshots.database import insert_missing
from snapshots.schema import deliveries, messages, subscribers, tellings

Cause: TypeAlias = Literal["look", "late", "correction", "replay"]

LEFT = "left"
"""Why an address has ended: it is no longer in the configuration."""


def tell(
    conn: Connection,
    page: PageInfo,
    changes: Sequence[Mapping[str, Any]],
    *,
    cause: Cause,
    subscriptions: Sequence[Subscription],
    now: datetime,
    hold_until: datetime | None = None,
) -> int:
    """Queue the changes for the subscriptions that want them; returns how many tellings are new.

    Called in the derivation's own transaction. The same change is never told twice to the same
    subscription. A subscription starts with what changes after it was added; what is found late
    counts by when it became known. `hold_until`: immediate digests wait so long for sibling pages.
    """
    since = _started(conn)
    had = _had(conn, [change["id"] for change in changes])
    rows = []
    for subscription in subscriptions:
        started = since.get(subscription.id)
        if started is None:
            continue
        for change in changes:
            why: Cause = "late" if cause == "look" and change.get("late") else cause
            showed = datetime.fromisoformat(change["before"]) if why == "look" else now
            told = (subscription.id, change["id"], why == "correction") in had
            if not told and showed >= started and wants(subscription, change):
                rows.append(_telling(subscription, page, change, why, now, hold_until))
    insert_missing(conn, tellings, rows)
    _let_settle(conn, rows)
    return len(rows)


def replay(
    conn: Connection,
    page: PageInfo,
    changes: Sequence[Mapping[str, Any]],
    subscription: Subscription,
    now: datetime,
) -> int:
    """Queue changes of the past for one subscription, whenever it was added; those it has been
    told, or waits for, are left out. Returns how many are new."""
    had = sa.select(tellings.c.change).where(tellings.c.subscription == subscription.id)
    told = set(conn.execute(had).scalars())
    rows = [
        _telling(subscription, page, change, "replay", now, None)
        for change in changes
        if change["id"] not in told and wants(subscription, change)
    ]
    insert_missing(conn, tellings, rows)
    return len(rows)


def held(
    conn: Connection, page_ids: Collection[str] | None = None
) -> tuple[datetime, datetime] | None:
    """Since when, and until when, changes of these pages (of any) wait for one another; None: none
    does."""
    found = _HELD if page_ids is None else _HELD.where(tellings.c.page.in_(page_ids))
    since, until = conn.execute(found).one()
    return None if since is None or until is None else (since, until)


_HELD: Final = sa.select(
    sa.func.min(tellings.c.created_at), sa.func.min(tellings.c.held_until)
).where(tellings.c.message.is_(None), tellings.c.held_until.is_not(None))


def release_held(conn: Connection, page_ids: Collection[str], looked_until: datetime) -> None:
    """Sibling pages have all been looked at until then: what waited for that waits no longer."""
    conn.execute(
        tellings.update()
        .where(
            tellings.c.page.in_(page_ids),
            tellings.c.created_at <= looked_until,
            tellings.c.message.is_(None),
            tellings.c.held_until.is_not(None),
        )
        .values(held_until=None)
    )


def sync_subscribers(
    conn: Connection, subscriptions: Sequence[Subscription], now: datetime
) -> None:
    """Bring the record of addresses level with the configuration, at each start.

    New addresses start now, gone ones end, those that are back start anew. An address that was
    corrected is the same receiver, elsewhere: what the old one has not had is the new one's.
    """
    rows = {(row.subscription, row.address): row for row in conn.execute(sa.select(subscribers))}
    wanted = {
        (subscription.id, address): subscription
        for subscription in subscriptions
        for address in addresses_of(subscription)
    }
    for subscription in subscriptions:
        _move(conn, subscription, rows, wanted)
    for key, subscription in wanted.items():
        row = rows.get(key)
        if row is None:
            conn.execute(
                subscribers.insert().values(
                    subscription=key[0],
                    address=key[1],
                    channel=subscription.channel,
                    since=now,
                    welcomed=False,
                )
            )
        elif row.ended_at is not None and row.ended_why == LEFT:
            values = {"since": now, "welcomed": False, "ended_at": None, "ended_why": None}
            conn.execute(subscribers.update().where(*_is(key)).values(**values))
    for key, row in rows.items():
        if key not in wanted and row.ended_why != LEFT:
            conn.execute(subscribers.update().where(*_is(key)).values(ended_at=now, ended_why=LEFT))


def _move(
    conn: Connection,
    subscription: Subscription,
    rows: dict[tuple[str, str], Any],
    wanted: Mapping[tuple[str, str], Subscription],
) -> None:
    """An address that is another one now. A web address is its subscription's only one; a mail
    address was wrong where mail to it was given up, and one came as it went."""
    by_mail = subscription.channel == "email"
    new = [key for key in wanted if key[0] == subscription.id and key not in rows]
    old = [
        key
        for key in rows
        if key[0] == subscription.id and key not in wanted and rows[key].ended_why != LEFT
    ]
    if not new or not old:
        return
    if by_mail and not (len(new) == len(old) == 1 and _gave_up(conn, old[0])):
        return
    key, address = old[0], new[0][1]
    elsewhere = {"address": address, "channel": subscription.channel}
    again = {"ended_at": None, "ended_why": None} | ({"welcomed": False} if by_mail else {})
    conn.execute(subscribers.update().where(*_is(key)).values(**elsewhere, **again))
    not_had = [*_to(key), deliveries.c.state != "sent"]
    if by_mail:  # whoever is new has a welcome of their own
        welcomes = sa.select(messages.c.id).where(messages.c.kind == "welcome")
        not_had.append(deliveries.c.message.not_in(welcomes))
    conn.execute(deliveries.update().where(*not_had).values(**elsewhere))
    rows[new[0]] = rows.pop(key)


def _gave_up(conn: Connection, key: tuple[str, str]) -> bool:
    found = sa.select(deliveries.c.id).where(*_to(key), deliveries.c.state == "dead")
    return conn.execute(found.limit(1)).first() is not None


def _to(key: tuple[str, str]) -> tuple[sa.ColumnElement[bool], ...]:
    return deliveries.c.subscription == key[0], deliveries.c.address == key[1]


def _telling(
    subscription: Subscription,
    page: PageInfo,
    change: Mapping[str, Any],
    cause: Cause,
    now: datetime,
    hold_until: datetime | None,
) -> dict[str, Any]:
    settled = now
    if cause == "look":
        settled = datetime.fromisoformat(change["before"])
        settled += timedelta(seconds=subscription.settle_seconds)
    holds = hold_until is not None and hold_until > now
    return {
        "subscription": subscription.id,
        "change": change["id"],
        "page": page.id,
        "cause": cause,
        "subject": f"{page.id}/{subject_of(change)}",
        "payload": {
            "change": dict(change),
            "page": asdict(page),
        },
        "created_at": now,
        "ready_at": max(now, settled),
        "held_until": hold_until if holds and subscription.digest.rhythm == "immediate" else None,
        "message": None,
    }


def _let_settle(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """What changed again has not stood yet: it all waits until the last of it has."""
    for row in rows:
        if row["ready_at"] > row["created_at"]:
            conn.execute(
                tellings.update()
                .where(
                    tellings.c.subscription == row["subscription"],
                    tellings.c.subject == row["subject"],
                    tellings.c.message.is_(None),
                    tellings.c.ready_at < row["ready_at"],
                )
                .values(ready_at=row["ready_at"])
            )


def _started(conn: Connection) -> dict[str, datetime]:
    """When each subscription's first address was added; those that ended by themselves count."""
    rows = conn.execute(
        sa.select(subscribers.c.subscription, sa.func.min(subscribers.c.since).label("since"))
        .where(sa.or_(subscribers.c.ended_at.is_(None), subscribers.c.ended_why != LEFT))
        .group_by(subscribers.c.subscription)
    )
    return {row.subscription: row.since for row in rows}


def _had(conn: Connection, changes: Sequence[str]) -> set[tuple[str, str, bool]]:
    """Who has been told what, or is about to: (subscription, change, as a correction)."""
    table = tellings.c
    found = sa.select(table.subscription, table.change, table.cause)
    rows = conn.execute(found.where(table.change.in_(changes)))
    return {(row.subscription, row.change, row.cause == "correction") for row in rows}


def _is(key: tuple[str, str]) -> tuple[sa.ColumnElement[bool], ...]:
    return subscribers.c.subscription == key[0], subscribers.c.address == key[1]


__all__ = ["Cause", "PageInfo", "held", "release_held", "replay", "sync_subscribers", "tell"]
