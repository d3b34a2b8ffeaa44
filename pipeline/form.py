"""form: what waits to be told becomes messages, each with one delivery for each address.

In one transaction: tellings are claimed one by one (never a range of times or ids), the message is
a frozen copy, and its id is made from what it tells: forming it twice is forming it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import VisionsvaktError
from monitor.model import short_id
from notifications import incidents
from notifications.channels import addresses_of, one_line
from notifications.digest import Entry, PageInfo, Telling, entry_document, gather
from notifications.subscriptions import Subscription
from presentation.documents import instant
from snapshots import ledger
from snapshots.database import insert_missing
from snapshots.schema import Moment, deliveries, messages, subscribers, tellings

NOT_TOLD: Final = "-"
"""In tellings.message: claimed, and nothing was to be told of it."""

# As every tick asks: built once.
_NOW: Final = sa.bindparam("now", type_=Moment)
_WAITS: Final = (
    tellings.c.message.is_(None),
    tellings.c.ready_at <= _NOW,
    sa.or_(tellings.c.held_until.is_(None), tellings.c.held_until <= _NOW),
)
_FIRST_READY: Final = (
    sa.select(tellings.c.subscription, sa.func.min(tellings.c.ready_at).label("first"))
    .where(*_WAITS)
    .group_by(tellings.c.subscription)
)
_READY: Final = (
    sa.select(tellings)
    .where(tellings.c.subscription == sa.bindparam("subscription"), *_WAITS)
    .order_by(tellings.c.seq)
)
_READY_TO_CLAIM: Final = _READY.with_for_update(skip_locked=True)

Charts: TypeAlias = Callable[[Connection, Sequence[str], datetime], list[dict[str, Any]]]
"""(connection, page keys, now) -> how many initiatives each status has there, and had."""


def ripe(
    conn: Connection, subscriptions: Sequence[Subscription], now: datetime, zone: ZoneInfo
) -> bool:
    """Whether any digest is due now: one query, as every tick asks."""
    first = {row.subscription: row.first for row in conn.execute(_FIRST_READY, {"now": now})}
    return any(
        one.about == "changes" and one.id in first and _is_due(first[one.id], one, now, zone)
        for one in subscriptions
    )


def form(
    conn: Connection,
    now: datetime,
    subscriptions: Sequence[Subscription],
    zone: ZoneInfo,
    charts: Charts | None = None,
) -> int:
    """Make messages of the tellings whose digests are due; returns how many messages.

    In the caller's transaction: claims the tellings one by one, freezes one message, and writes one
    delivery for each address.
    """
    formed = 0
    charts = _each_once(charts) if charts is not None else None
    for subscription in subscriptions:
        if subscription.about != "changes":
            continue
        rows = _ready(conn, subscription, now, lock=True)
        if not rows or not _is_due(min(row.ready_at for row in rows), subscription, now, zone):
            continue
        try:
            with conn.begin_nested():
                formed += _form_digest(conn, subscription, rows, now, charts)
        except (VisionsvaktError, sa.exc.SQLAlchemyError):
            raise
        except Exception as bug:  # of ours: it must hold up no other subscription
            text = f"{subscription.id}: {type(bug).__name__}: {one_line(str(bug))}"
            trouble = incidents.Trouble("bug", text, incidents.mend_of("bug"))
            incidents.note(conn, incidents.about_digest(subscription.id), trouble, now, after=1)
        else:
            incidents.over(conn, incidents.about_digest(subscription.id), now)
    return formed


def _each_once(charts: Charts) -> Charts:
    """What several digests of one moment show is counted once."""
    known: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def shown(conn: Connection, page_keys: Sequence[str], now: datetime) -> list[dict[str, Any]]:
        key = tuple(page_keys)
        if key not in known:
            known[key] = charts(conn, page_keys, now)
        return known[key]

    return shown


def message_id(subscription: Subscription, kind: str, key: Sequence[object]) -> str:
    """The id of the message that tells this."""
    return short_id("m", [subscription.id, kind, *key])


def committed(message: Mapping[str, Any]) -> dict[str, Any]:
    """What the log commits to of a message: everything, its payload by hash."""
    payload = sha256(ledger.canonical(message["payload"])).hexdigest()
    names = ("id", "subscription", "kind", "channel")
    at = instant(message["created_at"])
    return {**{name: message[name] for name in names}, "at": at, "payload": payload}


def committed_messages(conn: Connection) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every message's id, and what the log commits to of it: for `snapshots.verify`."""
    for row in conn.execute(sa.select(messages).order_by(messages.c.id)):
        yield row.id, committed(dict(row._mapping))


def form_message(
    conn: Connection,
    subscription: Subscription,
    kind: str,
    payload: Mapping[str, Any],
    now: datetime,
    *,
    key: Sequence[object],
    addresses: Iterable[str] | None = None,
) -> str:
    """Freeze one message and queue it for its subscription's addresses (or those given).

    `key` makes its id: the same key twice is one message. Returns the id.
    """
    message = message_id(subscription, kind, key)
    row = {
        "id": message,
        "subscription": subscription.id,
        "kind": kind,
        "channel": subscription.channel,
        "created_at": now,
        "payload": dict(payload),
    }
    insert_missing(conn, messages, [row])
    ledger.append_once(conn, "message", message, committed(row))
    ended = {
        row.address: row.ended_why
        for row in conn.execute(
            sa.select(subscribers).where(
                subscribers.c.subscription == subscription.id, subscribers.c.ended_at.is_not(None)
            )
        )
    }
    rows = []
    for address in addresses if addresses is not None else addresses_of(subscription):
        dead = address in ended
        rows.append(
            {
                "id": short_id("d", [message, address]),
                "message": message,
                "subscription": subscription.id,
                "channel": subscription.channel,
                "address": address,
                "state": "dead" if dead else "waiting",
                "attempts": 0,
                "created_at": now,
                "next_attempt": None if dead else now,
                "error": _ENDED if dead else None,
            }
        )
    insert_missing(conn, deliveries, rows)
    return message


_ENDED: Final = "mottagaren har avslutat prenumerationen (410); «deliveries retry» återupptar den"


def _ready(
    conn: Connection, subscription: Subscription, now: datetime, *, lock: bool = False
) -> list[Any]:
    """Its waiting tellings that have settled and are not held; with `lock`, this one's to claim."""
    asked = {"subscription": subscription.id, "now": now}
    return list(conn.execute(_READY_TO_CLAIM if lock else _READY, asked))


def _is_due(first: datetime, subscription: Subscription, now: datetime, zone: ZoneInfo) -> bool:
    """A telling's digest is the first one after it was ready: no clock of its own to lose."""
    # What is ready at the very time of a digest is in it.
    return subscription.digest.next_after(first - _INSTANT, zone) <= now


_INSTANT: Final = timedelta(microseconds=1)


def _form_digest(
    conn: Connection,
    subscription: Subscription,
    rows: Sequence[Any],
    now: datetime,
    charts: Charts | None,
) -> int:
    claimed = [row.seq for row in rows]
    keys = [(row.change, row.cause) for row in rows]
    first = NOT_TOLD
    groups = _by_start(conn, subscription, rows)
    formed = 0
    for addresses, members in groups:
        entries = gather(
            [telling_of(row) for row in members],
            drop_returned=subscription.settle_seconds > 0,
        )
        if not entries:
            continue
        payload: dict[str, Any] = {"entries": [entry_document(entry) for entry in entries]}
        if charts is not None:
            payload["charts"] = charts(conn, _page_keys(members), now)
        key = [f"{change}:{cause}" for change, cause in sorted(keys)]
        if len(groups) > 1:
            key.append(addresses[0])
        message = form_message(
            conn, subscription, "digest", payload, now, key=key, addresses=addresses
        )
        first = message if first == NOT_TOLD else first
        formed += 1
    conn.execute(
        tellings.update()
        .where(tellings.c.seq.in_(claimed), tellings.c.message.is_(None))
        .values(message=first)
    )
    return formed


def _by_start(
    conn: Connection, subscription: Subscription, rows: Sequence[Any]
) -> list[tuple[list[str], list[Any]]]:
    """The addresses grouped by which of the tellings are theirs: each starts when it was added."""
    table = subscribers.c
    found = conn.execute(
        sa.select(table.address, table.since).where(table.subscription == subscription.id)
    )
    since = {row.address: row.since for row in found}
    groups: dict[tuple[int, ...], tuple[list[str], list[Any]]] = {}
    for address in addresses_of(subscription):
        start = since.get(address)
        theirs = [row for row in rows if start is None or _known_at(row) >= start]
        if theirs:
            key = tuple(row.seq for row in theirs)
            groups.setdefault(key, ([], theirs))[0].append(address)
    return list(groups.values())


def _known_at(row: Any) -> datetime:
    if row.cause == "look":
        return datetime.fromisoformat(row.payload["change"]["before"])
    return (
        datetime.max.replace(tzinfo=row.created_at.tzinfo)
        if row.cause == "replay"
        else (row.created_at)
    )


def telling_of(row: Any) -> Telling:
    """A row of `tellings` as digests take it."""
    return Telling(row.payload["change"], PageInfo(**row.payload["page"]), row.cause)


def _page_keys(rows: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(row.payload["page"]["key"] for row in rows))


def pending(conn: Connection, subscription: Subscription, now: datetime) -> tuple[Entry, ...]:
    """What its next digest would tell if it came now; claims nothing."""
    rows = _ready(conn, subscription, now)
    drop = subscription.settle_seconds > 0
    return gather([telling_of(row) for row in rows], drop_returned=drop)
