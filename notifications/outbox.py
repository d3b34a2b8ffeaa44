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
from snapshots.holders import CLOCKS_APART, runs
from snapshots.holders import this_holder as this_holder
from snapshots.schema import Moment, attempts, deliveries, messages, subscribers

LEASE_SECONDS: Final = 60.0
LONGEST: Final = timedelta(days=5)
"""From the first try on; a delivery whose next failure comes later than this is dead. Mail servers
give up after «at least 4-5 days» (RFC 5321, 4.5.4.1): that is longer than Easter."""
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


# Every tick asks some of these: building a query costs more than running it, so each is built once.
_TABLE: Final = deliveries.c
_NOW: Final = sa.bindparam("now", type_=Moment)
_WAITING: Final = _TABLE.state == "waiting"
_IS_DUE: Final = (
    _WAITING,
    sa.or_(_TABLE.next_attempt.is_(None), _TABLE.next_attempt <= _NOW),
    sa.or_(
        _TABLE.lease_until.is_(None),
        _TABLE.lease_until <= _NOW,
        # Beyond any that could be given now: the clock was set back.
        _TABLE.lease_until > sa.bindparam("longest_lease", type_=Moment),
    ),
)
_OF_THESE: Final = _TABLE.subscription.in_(sa.bindparam("subscriptions", expanding=True))
_THIS: Final = _TABLE.id == sa.bindparam("this")
_ONE_MORE_TRY: Final = {
    "attempts": _TABLE.attempts + 1,
    "trying_since": sa.func.coalesce(_TABLE.trying_since, _NOW),
}
_DUE_PAIRS: Final = (
    sa.select(_TABLE.channel, _TABLE.subscription, sa.func.min(_TABLE.next_attempt).label("first"))
    .where(*_IS_DUE)
    .group_by(_TABLE.channel, _TABLE.subscription)
    .order_by("first", _TABLE.subscription)
)
_NEXT: Final = (
    sa.select(
        deliveries,
        messages.c.kind,
        messages.c.payload,
        messages.c.created_at.label("told_at"),
    )
    .join(messages, messages.c.id == _TABLE.message)
    .where(*_IS_DUE, _OF_THESE)
    .order_by(
        sa.func.coalesce(_TABLE.next_attempt, 0),
        _TABLE.created_at,
        messages.c.kind != "welcome",  # whoever is new hears that before anything else
        _TABLE.id,
    )
    .limit(1)
    .with_for_update(of=deliveries, skip_locked=True)
)
_LEASE: Final = (
    deliveries.update()
    .where(_THIS)
    .values(lease_until=sa.bindparam("until"), lease_by=sa.bindparam("by"), **_ONE_MORE_TRY)
)
_ONE: Final = sa.select(deliveries).where(_THIS)
_SETTLE: Final = deliveries.update().where(_THIS)
_TRY: Final = deliveries.update().where(_THIS).values(**_ONE_MORE_TRY)
_HURRY: Final = (
    deliveries.update()
    .where(_WAITING, _TABLE.next_attempt.is_not(None), _TABLE.lease_until.is_(None))
    .values(next_attempt=None)
)
_DUE_OF_THESE: Final = sa.select(_TABLE.id).where(*_IS_DUE, _OF_THESE)
_ANY_LEASED: Final = sa.select(_TABLE.id).where(_TABLE.lease_until.is_not(None)).limit(1)
_HOW_MANY_WAIT: Final = sa.select(sa.func.count()).select_from(deliveries).where(_WAITING)
_IS_STILL_THERE: Final = (
    sa.exists()
    .where(
        subscribers.c.subscription == _TABLE.subscription,
        subscribers.c.address == _TABLE.address,
        sa.or_(subscribers.c.ended_at.is_(None), subscribers.c.ended_why == ENDED_BY_RECEIVER),
    )
    .correlate(deliveries)
)
_HOW_MANY_GIVEN_UP: Final = (
    sa.select(sa.func.count())
    .select_from(deliveries)
    .where(_TABLE.state == "dead", _IS_STILL_THERE)
)
_ATTEMPT: Final = attempts.insert()


def due(conn: Connection, now: datetime) -> list[tuple[str, str]]:
    """The (channel, subscription) pairs that have something to send now."""
    rows = conn.execute(_DUE_PAIRS, _at(now))
    return [(row.channel, row.subscription) for row in rows]


def claim(
    conn: Connection, subscriptions: Collection[str], now: datetime, holder: str
) -> Claimed | None:
    """The next due delivery of these subscriptions, leased to `holder`; None where all are done.

    The row also has its message's `kind`, `payload` and, as `told_at`, created_at. A crash after
    the commit leaves a lease that ends by itself.
    """
    of = {"subscriptions": list(subscriptions)}
    claimed = conn.execute(_NEXT, _at(now) | of).mappings().first()
    if claimed is not None:
        until = now + timedelta(seconds=LEASE_SECONDS)
        conn.execute(_LEASE, {"this": claimed["id"], "now": now, "until": until, "by": holder})
    return claimed


def settle_sent(conn: Connection, delivery: str, now: datetime, text: str = "") -> None:
    """It has arrived, whoever holds the lease by now."""
    _attempt(conn, delivery, now, "sent", text)
    settled = {"this": delivery, "state": "sent", "sent_at": now, "error": None}
    conn.execute(_SETTLE, settled | _FREE)


def settle_failed(
    conn: Connection, delivery: str, now: datetime, trouble: Trouble, spread: Spread
) -> bool:
    """It did not arrive: later again, or dead. Returns whether it is dead now."""
    row = conn.execute(_ONE, {"this": delivery}).one()
    if row.state != "waiting":
        return bool(row.state == "dead")
    dead = trouble.dead or now - (row.trying_since or now) >= LONGEST
    _attempt(conn, delivery, now, "dead" if dead else "again", trouble.text)
    after = {} if dead else {"next_attempt": now + pause(row.attempts, trouble, spread)}
    settled = {"this": delivery, "state": "dead" if dead else "waiting", "error": trouble.text}
    conn.execute(_SETTLE, settled | _FREE | after)
    return dead


def put_off(
    conn: Connection,
    subscriptions: Collection[str],
    now: datetime,
    trouble: Trouble,
    spread: Spread,
) -> int:
    """Whatever else is due there waits, too: the channel is down. Returns how many died of it."""
    of = {"subscriptions": list(subscriptions)}
    died = 0
    for delivery in conn.execute(_DUE_OF_THESE, _at(now) | of).scalars().all():
        conn.execute(_TRY, {"this": delivery, "now": now})
        died += settle_failed(conn, delivery, now, trouble, spread)
    return died


def hurry(conn: Connection, subscriptions: Collection[str]) -> int:
    """The channel is up again: what waits there for a later try is due now, so that all of it goes
    in the order it was told. Returns how many."""
    return conn.execute(_HURRY.where(_OF_THESE), {"subscriptions": list(subscriptions)}).rowcount


def bring_forward(conn: Connection, now: datetime) -> int:
    """Make due what only a clock that was ahead can have put off so long. Returns how many."""
    latest = now + timedelta(seconds=LONGEST_WAIT_SECONDS)
    return conn.execute(_HURRY.where(_TABLE.next_attempt > latest)).rowcount


def end_subscription(conn: Connection, subscription: str, now: datetime, text: str) -> int:
    """The other side asked for no more: its waiting deliveries die, new ones are born dead.

    `retry` lifts it. Returns how many died.
    """
    conn.execute(
        subscribers.update()
        .where(subscribers.c.subscription == subscription, subscribers.c.ended_at.is_(None))
        .values(ended_at=now, ended_why=ENDED_BY_RECEIVER)
    )
    waiting = sa.and_(_TABLE.subscription == subscription, _WAITING)
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
    return conn.execute(_ANY_LEASED).first() is not None


def given_up(conn: Connection) -> int:
    """How many deliveries are dead whose receiver is still there: `retry` would send them."""
    return conn.scalar(_HOW_MANY_GIVEN_UP) or 0


def waiting(conn: Connection) -> int:
    """How many deliveries wait, for now or for later."""
    return conn.scalar(_HOW_MANY_WAIT) or 0


def retry(conn: Connection, ids: Collection[str] | None, now: datetime) -> int:
    """Make waiting and dead deliveries due, same id; None: all whose receiver is still there.
    Returns how many.

    Lifts what a receiver ended (410). UsageError for an id that is none.
    """
    table = deliveries.c
    if ids is not None:
        found = set(conn.execute(sa.select(table.id).where(table.id.in_(ids))).scalars())
        for delivery in ids:
            if delivery not in found:
                raise UsageError(f"{delivery}: inget sådant utskick. Se «deliveries list».")
    chosen = [table.state != "sent", _IS_STILL_THERE if ids is None else table.id.in_(ids)]
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


def _at(now: datetime) -> dict[str, Any]:
    """The moment, for `_IS_DUE`."""
    longest = now + timedelta(seconds=LEASE_SECONDS) + CLOCKS_APART
    return {"now": now, "longest_lease": longest}


def _attempt(conn: Connection, delivery: str, now: datetime, result: str, text: str) -> None:
    conn.execute(_ATTEMPT, {"delivery": delivery, "at": now, "result": result, "text": text})


_FREE: Final[dict[str, Any]] = {"next_attempt": None, "lease_until": None, "lease_by": None}
