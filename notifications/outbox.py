"""What waits to be delivered: claimed under a lease, tried, settled. Nothing is sent here.

    waiting --claim--> leased --settle--> sent | waiting, later | dead

A lease names who holds it. It ends after LEASE_SECONDS, or at once when its holder is seen to be
gone (a process on this machine that no longer runs), so that a killed program's deliveries are
taken up within a minute whatever clock they were claimed under.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import UsageError
from presentation.documents import instant
from snapshots.holders import runs
from snapshots.holders import this_holder as this_holder
from snapshots.schema import Moment, attempts, deliveries, messages, subscribers

LEASE_SECONDS: Final = 60.0
LONGEST: Final = timedelta(days=3)
"""From the first try on; a delivery whose next failure comes later than this is dead."""
PAUSES_SECONDS: Final = (40.0, 90.0, 240.0, 600.0, 1200.0, 2400.0, 3600.0)
"""Between tries; the last one goes on. Each is spread by `JITTER` both ways."""
JITTER: Final = 0.25
LONGEST_WAIT_SECONDS: Final = 86_400.0
"""However long the other side asks us to stay away (Retry-After)."""

ENDED_BY_RECEIVER: Final = "410"

Claimed: TypeAlias = sa.RowMapping
Spread: TypeAlias = Callable[[], float]
"""Gives a number from 0 to 1: where in its jitter a pause falls."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a try failed. `dead`: never again; `ends`: the subscription asked for no more."""

    text: str
    dead: bool = False
    ends: bool = False
    retry_after_seconds: float | None = None


def due(conn: Connection, now: datetime) -> list[tuple[str, str]]:
    """The (channel, subscription) pairs that have something to send now."""
    table = deliveries.c
    rows = conn.execute(
        sa.select(table.channel, table.subscription, sa.func.min(table.next_attempt).label("first"))
        .where(*_due(now))
        .group_by(table.channel, table.subscription)
        .order_by("first", table.subscription)
    )
    return [(row.channel, row.subscription) for row in rows]


def claim(
    conn: Connection, subscriptions: Collection[str], now: datetime, holder: str
) -> Claimed | None:
    """The next due delivery of these subscriptions, leased to `holder`; None where all are done.

    The row also has its message's `kind`, `payload` and, as `told_at`, created_at. A crash after
    the commit leaves a lease that ends by itself.
    """
    table = deliveries.c
    row = conn.execute(
        sa.select(
            deliveries,
            messages.c.kind,
            messages.c.payload,
            messages.c.created_at.label("told_at"),
        )
        .join(messages, messages.c.id == table.message)
        .where(*_due(now), table.subscription.in_(subscriptions))
        .order_by(sa.func.coalesce(table.next_attempt, 0), table.created_at, table.id)
        .limit(1)
        .with_for_update(of=deliveries, skip_locked=True)
    ).mappings()
    claimed = row.first()
    if claimed is not None:
        conn.execute(
            deliveries.update()
            .where(table.id == claimed["id"])
            .values(
                attempts=table.attempts + 1,
                trying_since=_first_try(now),
                lease_until=now + timedelta(seconds=LEASE_SECONDS),
                lease_by=holder,
            )
        )
    return claimed


def settle_sent(conn: Connection, delivery: str, now: datetime, text: str = "") -> None:
    """It has arrived, whoever holds the lease by now."""
    _attempt(conn, delivery, now, "sent", text)
    conn.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery)
        .values(state="sent", sent_at=now, error=None, **_FREE)
    )


def settle_failed(
    conn: Connection, delivery: str, now: datetime, trouble: Trouble, spread: Spread
) -> bool:
    """It did not arrive: later again, or dead. Returns whether it is dead now."""
    table = deliveries.c
    row = conn.execute(sa.select(deliveries).where(table.id == delivery)).one()
    if row.state != "waiting":
        return bool(row.state == "dead")
    dead = trouble.dead or now - (row.trying_since or now) >= LONGEST
    _attempt(conn, delivery, now, "dead" if dead else "again", trouble.text)
    after = {} if dead else {"next_attempt": now + pause(row.attempts, trouble, spread)}
    conn.execute(
        deliveries.update()
        .where(table.id == delivery)
        .values(**_FREE | after, state="dead" if dead else "waiting", error=trouble.text)
    )
    return dead


def put_off(
    conn: Connection,
    subscriptions: Collection[str],
    now: datetime,
    trouble: Trouble,
    spread: Spread,
) -> int:
    """Whatever else is due there waits, too: the channel is down. Returns how many died of it."""
    waiting = conn.execute(
        sa.select(deliveries.c.id).where(*_due(now), deliveries.c.subscription.in_(subscriptions))
    ).scalars()
    died = 0
    for delivery in waiting.all():
        conn.execute(
            deliveries.update()
            .where(deliveries.c.id == delivery)
            .values(attempts=deliveries.c.attempts + 1, trying_since=_first_try(now))
        )
        died += settle_failed(conn, delivery, now, trouble, spread)
    return died


def end_subscription(conn: Connection, subscription: str, now: datetime, text: str) -> int:
    """The other side asked for no more: its waiting deliveries die, new ones are born dead.

    `retry` lifts it. Returns how many died.
    """
    conn.execute(
        subscribers.update()
        .where(subscribers.c.subscription == subscription, subscribers.c.ended_at.is_(None))
        .values(ended_at=now, ended_why=ENDED_BY_RECEIVER)
    )
    waiting = sa.and_(deliveries.c.subscription == subscription, deliveries.c.state == "waiting")
    ids = conn.execute(sa.select(deliveries.c.id).where(waiting)).scalars().all()
    for delivery in ids:
        _attempt(conn, delivery, now, "dead", text)
    conn.execute(deliveries.update().where(waiting).values(state="dead", error=text, **_FREE))
    return len(ids)


def free_the_dead(conn: Connection) -> int:
    """End the leases of holders that are seen to run no more. Returns how many leases ended."""
    table = deliveries.c
    holders = conn.execute(
        sa.select(table.lease_by).where(table.lease_until.is_not(None)).distinct()
    ).scalars()
    gone = [holder for holder in holders.all() if holder and not runs(holder)]
    if not gone:
        return 0
    ended = conn.execute(
        deliveries.update()
        .where(table.lease_by.in_(gone), table.lease_until.is_not(None))
        .values(lease_until=None, lease_by=None)
    )
    return ended.rowcount


def leased(conn: Connection) -> bool:
    """Whether any delivery is in somebody's hands."""
    found = sa.select(deliveries.c.id).where(deliveries.c.lease_until.is_not(None)).limit(1)
    return conn.execute(found).first() is not None


def waiting(conn: Connection) -> int:
    """How many deliveries wait, for now or for later."""
    count = sa.select(sa.func.count()).select_from(deliveries)
    return conn.scalar(count.where(deliveries.c.state == "waiting")) or 0


def retry(conn: Connection, ids: Collection[str] | None, now: datetime) -> int:
    """Make waiting and dead deliveries due, same id; None: all of them. Returns how many.

    Lifts what a receiver ended (410). UsageError for an id that is none.
    """
    table = deliveries.c
    if ids is not None:
        found = set(conn.execute(sa.select(table.id).where(table.id.in_(ids))).scalars())
        for delivery in ids:
            if delivery not in found:
                raise UsageError(f"{delivery}: inget sådant utskick. Se «deliveries list».")
    chosen = [table.state != "sent"]
    if ids is not None:
        chosen.append(table.id.in_(ids))
    lifted = sa.select(table.subscription).where(*chosen)
    conn.execute(
        subscribers.update()
        .where(
            subscribers.c.subscription.in_(lifted),
            subscribers.c.ended_why == ENDED_BY_RECEIVER,
        )
        .values(ended_at=None, ended_why=None)
    )
    changed = conn.execute(
        deliveries.update()
        .where(*chosen)
        .values(state="waiting", next_attempt=None, trying_since=None)
    )
    return changed.rowcount


def listing(conn: Connection) -> list[dict[str, Any]]:
    """The rows of `deliveries list`, oldest first."""
    table = deliveries.c
    rows = conn.execute(
        sa.select(deliveries, messages.c.kind)
        .join(messages, messages.c.id == table.message)
        .order_by(table.created_at, table.id)
    )
    return [
        {
            "id": row.id,
            "subscription": row.subscription,
            "address": row.address,
            "state": row.state,
            "attempts": row.attempts,
            "next_attempt": instant(row.next_attempt),
            "error": row.error,
            "kind": row.kind,
            "created_at": instant(row.created_at),
            "sent_at": instant(row.sent_at),
        }
        for row in rows
    ]


def pause(attempts_made: int, trouble: Trouble, spread: Spread) -> timedelta:
    """How long to wait after so many tries: growing, spread, and never less than asked for."""
    step = PAUSES_SECONDS[min(max(attempts_made, 1), len(PAUSES_SECONDS)) - 1]
    seconds = step * (1 + JITTER * (2 * spread() - 1))
    asked = min(trouble.retry_after_seconds or 0.0, LONGEST_WAIT_SECONDS)
    return timedelta(seconds=max(seconds, asked))


def _due(now: datetime) -> list[sa.ColumnElement[bool]]:
    table = deliveries.c
    later = now + timedelta(seconds=LEASE_SECONDS)  # a lease beyond it: the clock was set back
    return [
        table.state == "waiting",
        sa.or_(table.next_attempt.is_(None), table.next_attempt <= now),
        sa.or_(table.lease_until.is_(None), table.lease_until <= now, table.lease_until > later),
    ]


def _first_try(now: datetime) -> sa.ColumnElement[datetime]:
    return sa.func.coalesce(deliveries.c.trying_since, sa.literal(now, Moment()))


def _attempt(conn: Connection, delivery: str, now: datetime, result: str, text: str) -> None:
    conn.execute(attempts.insert().values(delivery=delivery, at=now, result=result, text=text))


_FREE: Final[dict[str, Any]] = {"next_attempt": None, "lease_until": None, "lease_by": None}
