"""deliver: messages reach people, after the commit: form; then claim, send, settle.

Killed while forming: nothing was written, the next run forms the same. Killed after a claim: the
lease ends and another takes it up, same id. Killed between the other side's yes and our mark: it
is sent again, same id (Message-ID, webhook-id), because nobody can know.

No transaction is open while anything is sent. Each subscription's web address, and the mail server,
has a lane of its own: one that is down or slow delays no other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import DeliveryError, GiveUp
from monitor.model import short_id
from notifications import outbox
from notifications.channels import (
    Channel,
    ChannelDown,
    Delivery,
    Letterhead,
    Message,
    Poster,
    addresses_of,
)
from notifications.digest import Entry, PageInfo, Telling, entry_document, gather
from notifications.email import EmailChannel, MailServer
from notifications.outbox import Trouble
from notifications.subscriptions import CHAT, Subscription
from notifications.webhook import Endpoint, WebhookChannel
from snapshots.database import Database, insert_missing
from snapshots.schema import deliveries, messages, subscribers, tellings

LANES_AT_ONCE: Final = 16
STRIKES: Final = 2
"""So many times in a row a lane's channel is down before the rest of the lane is put off."""
_POLL_SECONDS: Final = 0.5
NOT_TOLD: Final = "-"
"""In tellings.message: claimed, and nothing was to be told of it."""

Charts: TypeAlias = Callable[[Connection, Sequence[str], datetime, datetime], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one run came to: sent and dead now, tries that failed, and all that still waits."""

    sent: int = 0
    waiting: int = 0
    dead: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class PostOffice:
    """The subscriptions and a channel for each kind of address. See `post_office`."""

    subscriptions: tuple[Subscription, ...]
    channels: Mapping[str, Channel]
    letterhead: Letterhead = field(default_factory=Letterhead)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Stockholm"))
    spread: Callable[[], float] = random.random

    def subscription(self, name: str) -> Subscription | None:
        return next((one for one in self.subscriptions if one.id == name), None)


def post_office(
    subscriptions: Sequence[Subscription],
    *,
    zone: ZoneInfo,
    mail: MailServer | None,
    poster: Poster | None,
    secrets: Callable[[Subscription, Literal["url_env", "secret_env"]], str],
    public_url: str = "",
) -> PostOffice:
    """A post office for these subscriptions.

    `secrets(subscription, "url_env" | "secret_env")` gives the value of the variable it names, and
    is asked only for variables that are named.
    """
    letterhead = Letterhead(zone, public_url.rstrip("/"), mail.reply_to if mail else "")
    channels: dict[str, Channel] = {}
    if mail is not None:
        channels["email"] = EmailChannel(mail, letterhead)
    if poster is not None:
        urls = {
            one.id: one.url or secrets(one, "url_env")
            for one in subscriptions
            if one.channel != "email"
        }
        endpoints = {
            one.id: Endpoint(
                urls[one.id], tuple(secrets(one, "secret_env").split()) if one.secret_env else ()
            )
            for one in subscriptions
            if one.channel == "webhook"
        }
        channels["webhook"] = WebhookChannel(endpoints, poster)
        if any(one.channel in CHAT for one in subscriptions):
            from notifications.chat import ChatChannel  # late: few have it

            channels |= dict.fromkeys(sorted(CHAT), ChatChannel(urls, poster, letterhead))
    return PostOffice(tuple(subscriptions), channels, letterhead, zone)


# --- form -------------------------------------------------------------------------------------


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
    for subscription in subscriptions:
        if subscription.about != "changes":
            continue
        rows = _ready(conn, subscription, now, lock=True)
        if rows and _is_due(rows, subscription, now, zone):
            formed += _form_digest(conn, subscription, rows, now, charts)
    return formed


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
    message = short_id("m", [subscription.id, kind, *key])
    row = {
        "id": message,
        "subscription": subscription.id,
        "kind": kind,
        "channel": subscription.channel,
        "created_at": now,
        "payload": dict(payload),
    }
    insert_missing(conn, messages, [row])
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
_UNKNOWN: Final = "prenumerationen finns inte längre i konfigurationen"


def _ready(
    conn: Connection, subscription: Subscription, now: datetime, *, lock: bool = False
) -> list[Any]:
    """Its waiting tellings that have settled and are not held; with `lock`, this one's to claim."""
    table = tellings.c
    found = (
        sa.select(tellings)
        .where(
            table.subscription == subscription.id,
            table.message.is_(None),
            table.ready_at <= now,
            sa.or_(table.held_until.is_(None), table.held_until <= now),
        )
        .order_by(table.seq)
    )
    return list(conn.execute(found.with_for_update(skip_locked=True) if lock else found))


def _is_due(rows: Sequence[Any], subscription: Subscription, now: datetime, zone: ZoneInfo) -> bool:
    """A telling's digest is the first one after it was ready: no clock of its own to lose."""
    first = min(row.ready_at for row in rows)
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
            since = min(row.ready_at for row in members)
            payload["charts"] = charts(conn, _page_keys(members), since, now)
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


# --- claim, send, settle ----------------------------------------------------------------------


def deliver(
    database: Database,
    office: PostOffice,
    now: Callable[[], datetime],
    *,
    keep_going: Callable[[], bool] = lambda: True,
    charts: Charts | None = None,
) -> Delivered:
    """Form what is due, then send what waits, once; returns when nothing more is due.

    While one lane is slow, what falls due in the others is formed and sent. `keep_going` is asked
    between two deliveries. Raises StoreError.
    """
    lanes: dict[str, Future[Delivered]] = {}
    done: list[Delivered] = []
    with database.write() as conn:
        outbox.free_the_dead(conn)
    with ThreadPoolExecutor(LANES_AT_ONCE, thread_name_prefix="lane") as pool:
        while keep_going():
            due = _form_and_find(database, office, now(), charts)
            for name in due:
                if name not in lanes:
                    lanes[name] = pool.submit(_run_lane, database, office, name, now, keep_going)
            if not lanes:
                break
            wait(lanes.values(), timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for name in [name for name, lane in lanes.items() if lane.done()]:
                done.append(lanes.pop(name).result())
    done += [lane.result() for lane in lanes.values()]
    with database.read() as conn:
        waiting = outbox.waiting(conn)
    return Delivered(
        sent=sum(one.sent for one in done),
        waiting=waiting,
        dead=sum(one.dead for one in done),
        failed=sum(one.failed for one in done),
    )


def _form_and_find(
    database: Database, office: PostOffice, now: datetime, charts: Charts | None
) -> list[str]:
    """Form what is due; the lanes that have something to send."""
    with database.read() as conn:
        ripe = any(
            (rows := _ready(conn, one, now)) and _is_due(rows, one, now, office.zone)
            for one in office.subscriptions
            if one.about == "changes"
        )
    if ripe:
        with database.write() as conn:
            form(conn, now, office.subscriptions, office.zone, charts)
    with database.read() as conn:
        due = outbox.due(conn, now)
    return list(dict.fromkeys(_lane_of(office, channel, name) for channel, name in due))


_MAIL_LANE: Final = "email:"


def _lane_of(office: PostOffice, channel: str, subscription: str) -> str:
    """The mail server is one lane; every other subscription is one by itself."""
    known = office.subscription(subscription)
    return _MAIL_LANE if known and known.channel == "email" else subscription


def _run_lane(
    database: Database,
    office: PostOffice,
    lane: str,
    now: Callable[[], datetime],
    keep_going: Callable[[], bool],
) -> Delivered:
    """Send what is due in one lane, one after the other."""
    members = [one.id for one in office.subscriptions if one.channel == "email"]
    members = members if lane == _MAIL_LANE else [lane]
    holder = outbox.this_holder()
    sent = dead = failed = strikes = 0
    channel: Channel | None = None
    try:
        while keep_going():
            with database.write() as conn:
                row = outbox.claim(conn, members, now(), holder)
            if row is None:
                break
            known = office.subscription(row["subscription"])
            channel = office.channels.get(known.channel) if known else None
            if known is None or channel is None:
                failed, dead = failed + 1, dead + _unknown(database, row["id"], now(), office)
                continue
            try:
                receipt = channel.send(_delivery(row, known))
            except DeliveryError as error:
                failed += 1
                strikes = strikes + 1 if isinstance(error, ChannelDown) else 0
                rest = members if strikes >= (STRIKES if lane == _MAIL_LANE else 1) else []
                dead += _settle_trouble(database, office, row, error, now(), rest)
                continue
            strikes, sent = 0, sent + 1
            with database.write() as conn:
                outbox.settle_sent(conn, row["id"], now(), receipt.text)
    finally:
        if channel is not None:
            channel.close()
    return Delivered(sent=sent, dead=dead, failed=failed)


def _delivery(row: outbox.Claimed, subscription: Subscription) -> Delivery:
    message = Message(
        row["message"], row["subscription"], row["kind"], row["told_at"], row["payload"]
    )
    return Delivery(
        row["id"], row["channel"], row["address"], message, subscription, row["attempts"]
    )


def _settle_trouble(
    database: Database,
    office: PostOffice,
    row: outbox.Claimed,
    error: DeliveryError,
    now: datetime,
    rest: Sequence[str],
) -> int:
    """Record a failed try; returns how many deliveries died of it."""
    trouble = Trouble(
        str(error),
        dead=isinstance(error, GiveUp),
        ends=isinstance(error, GiveUp) and error.ends_subscription,
        retry_after_seconds=error.retry_after_seconds,
    )
    with database.write() as conn:
        dead = int(outbox.settle_failed(conn, row["id"], now, trouble, office.spread))
        if trouble.ends:
            dead += outbox.end_subscription(conn, row["subscription"], now, trouble.text)
        elif rest:
            dead += outbox.put_off(conn, rest, now, trouble, office.spread)
    return dead


def _unknown(database: Database, delivery: str, now: datetime, office: PostOffice) -> int:
    trouble = Trouble(_UNKNOWN, dead=True)
    with database.write() as conn:
        return int(outbox.settle_failed(conn, delivery, now, trouble, office.spread))
