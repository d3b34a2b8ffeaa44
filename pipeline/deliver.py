"""deliver: messages reach people, after the commit: form; then claim, send, settle.

Killed while forming: nothing was written, the next run forms the same. Killed after a claim: the
lease ends and another takes it up, same id. Killed between the other side's yes and our mark: it
is sent again, same id (Message-ID, webhook-id), because nobody can know.

No transaction is open while anything is sent. Each subscription's web address, and the mail server,
has a lane of its own: one that is down or slow delays no other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.errors import DeliveryError, GiveUp, TryAgain
from notifications import incidents, outbox
from notifications.channels import (
    Channel,
    ChannelDown,
    Delivery,
    Letterhead,
    Message,
    Poster,
    Receipt,
    one_line,
)
from notifications.email import EmailChannel, MailServer
from notifications.outbox import Trouble
from notifications.subscriptions import CHAT, Subscription
from notifications.webhook import Endpoint, WebhookChannel
from pipeline.announce import Announcement, announce, charts, plan
from pipeline.form import Charts, form, form_message, pending, ripe
from snapshots.database import Database
from snapshots.holders import this_holder
from snapshots.schema import deliveries, tellings

LANES_AT_ONCE: Final = 16
STRIKES: Final = 2
"""So many times in a row a lane's channel is down before the rest of the lane is put off."""
_POLL_SECONDS: Final = 0.5
PLAN_EVERY: Final = timedelta(minutes=1)
_UNKNOWN: Final = "prenumerationen finns inte längre i konfigurationen"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one run came to: sent and dead now, tries that failed, and all that still waits."""

    sent: int = 0
    waiting: int = 0
    dead: int = 0
    failed: int = 0


@dataclass(slots=True)
class Agenda:
    """When announcements were planned last: every minute is enough, however often we look."""

    planned_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether the last planning was a minute ago, or never."""
        return self.planned_at is None or abs(now - self.planned_at) >= PLAN_EVERY

    def is_time(self, now: datetime) -> bool:
        """Whether to plan now; then not for a minute."""
        if not self.is_due(now):
            return False
        self.planned_at = now
        return True


@dataclass(frozen=True, slots=True)
class PostOffice:
    """The subscriptions and a channel for each kind of address. See `post_office`."""

    subscriptions: tuple[Subscription, ...]
    channels: Mapping[str, Channel]
    letterhead: Letterhead = field(default_factory=Letterhead)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Stockholm"))
    spread: Callable[[], float] = random.random
    agenda: Agenda = field(default_factory=Agenda)

    def subscription(self, name: str) -> Subscription | None:
        return next((one for one in self.subscriptions if one.id == name), None)


def post_office(
    subscriptions: Sequence[Subscription],
    *,
    zone: ZoneInfo,
    mail: MailServer | None,
    poster: Poster | None,
    secrets: Callable[[Subscription, Literal["url_env", "secret_env"]], str],
    letterhead: Letterhead,
) -> PostOffice:
    """A post office for these subscriptions.

    `secrets(subscription, "url_env" | "secret_env")` gives the value of the variable it names, and
    is asked only for variables that are named.
    """
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


# --- claim, send, settle ----------------------------------------------------------------------


def is_called_for(database: Database, office: PostOffice, now: datetime) -> bool:
    """Whether `deliver` could have anything to do now: one small question, as every tick asks."""
    if office.agenda.is_due(now):
        return True
    with database.read() as conn:
        return conn.execute(_ANYTHING_WAITS).first() is not None


_ANYTHING_WAITS: Final = sa.union_all(
    sa.select(sa.literal(1)).where(
        sa.exists().where(deliveries.c.state == "waiting").select_from(deliveries)
    ),
    sa.select(sa.literal(2)).where(
        sa.exists().where(tellings.c.message.is_(None)).select_from(tellings)
    ),
)


def deliver(
    database: Database,
    office: PostOffice,
    now: Callable[[], datetime],
    *,
    keep_going: Callable[[], bool] = lambda: True,
    charts: Charts | None = charts,
) -> Delivered:
    """Form what is due, then send what waits, once; returns when nothing more is due.

    While one lane is slow, what falls due in the others is formed and sent. `keep_going` is asked
    between two deliveries. Raises StoreError.
    """
    done: list[Delivered] = []
    _begin(database, office, now())
    due, waiting = _due_lanes(database, office, now(), charts)
    if due:
        done = _run_lanes(database, office, now, keep_going, charts, due)
        if any(one.failed for one in done):  # operators hear of it now, not in a minute
            _begin(database, office, now(), after_trouble=True)
            due, _ = _due_lanes(database, office, now(), charts)
            done += _run_lanes(database, office, now, keep_going, charts, due)
        with database.read() as conn:
            waiting = outbox.waiting(conn)
    return Delivered(
        sent=sum(one.sent for one in done),
        waiting=waiting,
        dead=sum(one.dead for one in done),
        failed=sum(one.failed for one in done),
    )


def _run_lanes(
    database: Database,
    office: PostOffice,
    now: Callable[[], datetime],
    keep_going: Callable[[], bool],
    charts: Charts | None,
    due: Sequence[str],
) -> list[Delivered]:
    """Every lane that has something to send, side by side, until none has; first those `due`."""
    lanes: dict[str, Future[Delivered]] = {}
    done: list[Delivered] = []
    with ThreadPoolExecutor(LANES_AT_ONCE, thread_name_prefix="lane") as pool:
        while keep_going() and (due or lanes):
            for name in due:
                if name not in lanes:
                    lanes[name] = pool.submit(_run_lane, database, office, name, now, keep_going)
            wait(lanes.values(), timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for name in [name for name, lane in lanes.items() if lane.done()]:
                done.append(lanes.pop(name).result())
            due, _ = _due_lanes(database, office, now(), charts)
    return [*done, *(lane.result() for lane in lanes.values())]


def _begin(
    database: Database, office: PostOffice, now: datetime, *, after_trouble: bool = False
) -> None:
    """Take up what a killed program had in hand, and write what is to be announced."""
    planning = office.agenda.is_time(now) or after_trouble
    with database.read() as conn:
        leased = outbox.leased(conn)
        planned = planning and bool(_planned(conn, office, now))
    if leased or planned:
        with database.write() as conn:
            outbox.free_the_dead(conn)
            # planned anew: another program may have done it meanwhile
            announce(conn, _planned(conn, office, now) if planned else (), now)


def _planned(conn: Connection, office: PostOffice, now: datetime) -> tuple[Announcement, ...]:
    return plan(conn, office.subscriptions, now, office.zone)


def _due_lanes(
    database: Database, office: PostOffice, now: datetime, charts: Charts | None
) -> tuple[list[str], int]:
    """Form what is due; the lanes that have something to send, and how many deliveries wait."""
    with database.read() as conn:
        if not ripe(conn, office.subscriptions, now, office.zone):
            return _lanes(conn, office, now)
    with database.write() as conn:
        form(conn, now, office.subscriptions, office.zone, charts)
    with database.read() as conn:
        return _lanes(conn, office, now)


def _lanes(conn: Connection, office: PostOffice, now: datetime) -> tuple[list[str], int]:
    waiting = outbox.waiting(conn)
    due = outbox.due(conn, now) if waiting else []
    return list(dict.fromkeys(_lane_of(office, channel, name) for channel, name in due)), waiting


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
    holder = this_holder()
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
                receipt = _sent(channel, _delivery(row, known))
            except DeliveryError as error:
                failed += 1
                strikes = strikes + 1 if isinstance(error, ChannelDown) else 0
                rest = members if strikes >= (STRIKES if lane == _MAIL_LANE else 1) else []
                dead += _settle_trouble(database, office, row, error, now(), rest)
                continue
            strikes, sent = 0, sent + 1
            with database.write() as conn:
                moment = now()
                outbox.settle_sent(conn, row["id"], moment, receipt.text)
                incidents.over(conn, _address_subject(row), moment)
                if incidents.over(conn, _channel_subject(row), moment):
                    outbox.hurry(conn, members)
    finally:
        if channel is not None:
            channel.close()
    return Delivered(sent=sent, dead=dead, failed=failed)


def _sent(channel: Channel, delivery: Delivery) -> Receipt:
    """Send; a bug of ours in one message is that message's trouble, and holds up no other."""
    try:
        return channel.send(delivery)
    except DeliveryError:
        raise
    except Exception as bug:
        raise TryAgain(f"internt fel: {type(bug).__name__}: {one_line(str(bug))}") from bug


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
        _note_trouble(conn, row, error, now, dead=bool(dead))
    return dead


def _note_trouble(
    conn: Connection, row: outbox.Claimed, error: DeliveryError, now: datetime, *, dead: bool
) -> None:
    """What operators hear of a failed try: a channel that is down, an address that is wrong."""
    if isinstance(error, GiveUp):
        ends = error.ends_subscription
        subject = _channel_subject(row) if ends else _address_subject(row)
        cause = "ended_by_receiver" if ends else "refused_for_good"
    elif isinstance(error, ChannelDown):
        subject, cause = _channel_subject(row), error.code
    elif dead:
        subject, cause = _address_subject(row), "never_arrived"
    else:
        return
    what = str(error) if subject == incidents.MAIL else f"{row['subscription']}: {error}"
    trouble = incidents.Trouble(cause, what, incidents.mend_of(cause))
    after = incidents.OPENS_AFTER if isinstance(error, ChannelDown) else 1
    incidents.note(conn, subject, trouble, now, after=after)


def _channel_subject(row: outbox.Claimed) -> str:
    return incidents.about_channel(row["channel"], row["subscription"])


def _address_subject(row: outbox.Claimed) -> str:
    return incidents.about_address(row["address"], row["subscription"])


def _unknown(database: Database, delivery: str, now: datetime, office: PostOffice) -> int:
    trouble = Trouble(_UNKNOWN, dead=True)
    with database.write() as conn:
        return int(outbox.settle_failed(conn, delivery, now, trouble, office.spread))


__all__ = [
    "Delivered",
    "PostOffice",
    "deliver",
    "form",
    "form_message",
    "is_called_for",
    "pending",
    "post_office",
]
