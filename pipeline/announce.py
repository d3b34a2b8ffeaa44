"""Messages that are no digests: welcomes, first snapshots, quiet weeks, blind pages, incidents.

`plan` only reads and says what is to be told now; `announce` writes it as messages. Each has a key
that makes its id, so that it is told once however often it is planned, and whenever we are killed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from notifications import incidents
from notifications.subscriptions import Subscription
from pipeline.form import form_message, message_id
from presentation.documents import instant
from snapshots import history, watch
from snapshots.schema import messages, snapshots, spans, subscribers, technical, tellings
from snapshots.watch import PageRow

BLIND_AFTER: Final = timedelta(days=2)
"""A page nobody could read for so long: its readers are told."""
WELCOME_AT_LAST: Final = timedelta(days=1)
"""A welcome waits so long for the first look at every page."""
QUIET: Final = {"weekly": timedelta(days=7), "monthly": timedelta(days=30)}
CHART_BACK: Final = timedelta(days=30)
CURVE_BACK: Final = timedelta(days=365)
CURVE_POINTS: Final = 61
FOR_OPERATORS: Final = frozenset(
    {"shape_changed", "addresses_changed", "page_moved", "reader", "clock_behind", "new_store"}
)
"""Technical notes that operators get; the others are on record only."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message to be formed. `addresses` None: all of the subscription's."""

    subscription: Subscription
    kind: str
    payload: Mapping[str, Any]
    key: tuple[object, ...]
    addresses: tuple[str, ...] | None = None

    @property
    def id(self) -> str:
        return message_id(self.subscription, self.kind, self.key)


@dataclass(frozen=True)
class _Desk:
    """What planning looks at: one connection, one moment."""

    conn: Connection
    now: datetime
    zone: ZoneInfo
    pages: tuple[PageRow, ...]
    rows: Mapping[tuple[str, str], Any]

    @cached_property
    def good_looks(self) -> Mapping[str, datetime | None]:
        """When each page was last seen to be trusted, asked for once however many listen."""
        return history.last_good_looks(self.conn)

    @cached_property
    def told_blind(self) -> Mapping[str, Mapping[str, str]]:
        """To each subscription, since when pages (by id) were told to be blind, where the end has
        not been told."""
        found = self.conn.execute(
            sa.select(messages.c.subscription, messages.c.payload)
            .where(messages.c.kind == "blind")
            .order_by(messages.c.created_at, messages.c.id)
        )
        blind: dict[str, dict[str, str]] = defaultdict(dict)
        for subscription, payload in found:
            if payload["until"]:
                blind[subscription].pop(payload["page"]["id"], None)
            else:
                blind[subscription][payload["page"]["id"]] = str(payload["since"])
        return blind

    @cached_property
    def in_trouble(self) -> frozenset[str]:
        """The subjects of the incidents that are going on."""
        return frozenset(one.subject for one in incidents.open_incidents(self.conn))

    def since(self, subscription: Subscription) -> datetime | None:
        """When its first address was added; None where none is there."""
        found = [
            row.since
            for (name, _), row in self.rows.items()
            if name == subscription.id and row.ended_at is None
        ]
        return min(found, default=None)

    def watched(self, subscription: Subscription) -> tuple[PageRow, ...]:
        wanted = subscription.pages
        return tuple(page for page in self.pages if not wanted or page.id in wanted)


def plan(
    conn: Connection, subscriptions: Sequence[Subscription], now: datetime, zone: ZoneInfo
) -> tuple[Announcement, ...]:
    """What is to be told now and has not been yet."""
    found = conn.execute(sa.select(subscribers))
    rows = {(row.subscription, row.address): row for row in found}
    desk = _Desk(conn, now, zone, watch.all_pages(conn), rows)
    planned: list[Announcement] = []
    for one in subscriptions:
        since = desk.since(one)
        if since is None:
            continue
        if one.channel != "webhook":
            planned += _welcomes(desk, one)
        if one.about == "operation":
            planned += _incidents(desk, one, since)
            if one.channel != "webhook":
                planned += _first_snapshots(desk, one, since)
                planned += _notes(desk, one, since)
        else:
            planned += _quiet(desk, one, since)
            if one.channel != "webhook":
                planned += _blind(desk, one, since)
    told = _told_of(conn, [one.id for one in planned])
    return tuple(one for one in planned if one.id not in told)


def _told_of(conn: Connection, ids: Iterable[str]) -> set[str]:
    """Which of these messages there are."""
    wanted = list(ids)
    if not wanted:
        return set()
    found = sa.select(messages.c.id).where(messages.c.id.in_(wanted))
    return set(conn.execute(found).scalars())


def announce(conn: Connection, planned: Sequence[Announcement], now: datetime) -> int:
    """Write what was planned as messages, in the caller's transaction. Returns how many."""
    for one in planned:
        form_message(
            conn,
            one.subscription,
            one.kind,
            one.payload,
            now,
            key=one.key,
            addresses=one.addresses,
        )
        if one.kind == "welcome":
            conn.execute(
                subscribers.update()
                .where(
                    subscribers.c.subscription == one.subscription.id,
                    subscribers.c.address.in_(one.addresses or ()),
                )
                .values(welcomed=True)
            )
    return len(planned)


# --- the first day ----------------------------------------------------------------------------


def _welcomes(desk: _Desk, subscription: Subscription) -> Iterator[Announcement]:
    pages = desk.watched(subscription)
    for (name, address), row in desk.rows.items():
        if name != subscription.id or row.welcomed or row.ended_at is not None:
            continue
        payload: dict[str, Any] = {"pages": []}
        if subscription.about == "changes":
            shown = [_page_with_counts(desk.conn, page) for page in pages]
            waited = desk.now - row.since >= WELCOME_AT_LAST
            if not shown or not (waited or all(page["counts"] for page in shown)):
                continue
            payload = {"pages": shown}
        key = (address, instant(row.since))
        yield Announcement(subscription, "welcome", payload, key, (address,))


def _first_snapshots(
    desk: _Desk, subscription: Subscription, since: datetime
) -> Iterator[Announcement]:
    pages = desk.watched(subscription)
    ids = {page.key: message_id(subscription, "first", (page.key,)) for page in pages}
    told = _told_of(desk.conn, ids.values())
    for page in pages:
        if ids[page.key] in told:
            continue
        first = sa.select(snapshots.c.at).where(snapshots.c.page == page.key)
        at = desk.conn.scalar(first.order_by(snapshots.c.number).limit(1))
        if at is not None and at >= since:
            payload = {"page": _page_with_counts(desk.conn, page)}
            yield Announcement(subscription, "first", payload, (page.key,))


def _page_with_counts(conn: Connection, page: PageRow) -> dict[str, Any]:
    shown = history.show(conn, page.key)
    counts = None
    if shown is not None:
        counts = [
            {
                "heading": section.heading,
                "status": section.status,
                "number": len(section.initiatives),
            }
            for section in shown.sections
        ]
    return {**_page(page), "counts": counts}


def _page(page: PageRow) -> dict[str, Any]:
    return {"id": page.id, "name": page.name, "url": page.url}


# --- when nothing happens ---------------------------------------------------------------------


def _quiet(desk: _Desk, subscription: Subscription, since: datetime) -> Iterator[Announcement]:
    if subscription.when_quiet == "never":
        return
    last = desk.conn.scalar(
        sa.select(sa.func.max(messages.c.created_at)).where(
            messages.c.subscription == subscription.id,
            messages.c.kind.in_(("digest", "quiet")),
        )
    )
    last = max(last or since, since)
    period = QUIET[subscription.when_quiet]
    slack = _SLACK if subscription.digest.at else timedelta(0)
    due = subscription.digest.next_after(last + period - slack, desk.zone)
    if desk.now < due or _has_waiting(desk.conn, subscription):
        return
    pages = desk.watched(subscription)
    looks = failed = 0
    for page in pages:
        seen = history.coverage(desk.conn, page.key, last, desk.now)
        looks, failed = looks + seen.looks, failed + seen.looks - seen.good
    if not looks:
        return  # nobody looked: that is trouble, and no quiet
    payload = {
        "pages": [_page(page) for page in pages],
        "since": instant(last),
        "looks": looks,
        "failed": failed,
    }
    yield Announcement(subscription, "quiet", payload, (instant(last),))


_SLACK: Final = timedelta(hours=12)
"""A digest may be told late; a week later is the same day of the week all the same."""


def _has_waiting(conn: Connection, subscription: Subscription) -> bool:
    found = sa.select(tellings.c.seq).where(
        tellings.c.subscription == subscription.id, tellings.c.message.is_(None)
    )
    return conn.execute(found.limit(1)).first() is not None


def _blind(desk: _Desk, subscription: Subscription, since: datetime) -> Iterator[Announcement]:
    """Readers of a page that nobody could read for long hear of it, and when it is over."""
    told = desk.told_blind[subscription.id]
    # Where nobody looked the page is not to blame, and the next look may well succeed.
    for page in desk.watched(subscription):
        last = desk.good_looks.get(page.id)
        if last is None:
            continue
        payload = {"page": _page(page), "since": instant(last), "until": None}
        long = min(desk.now - last, desk.now - since) >= BLIND_AFTER
        if long and f"page:{page.key}" in desk.in_trouble:
            yield Announcement(subscription, "blind", payload, (page.key, instant(last)))
            continue
        if long:
            continue
        before = told.get(page.id)
        if before is not None:
            over = {**payload, "since": before, "until": instant(last)}
            yield Announcement(subscription, "blind", over, (page.key, before, "over"))


# --- trouble ----------------------------------------------------------------------------------


def _incidents(desk: _Desk, subscription: Subscription, since: datetime) -> Iterator[Announcement]:
    names = {page.key: page.name for page in desk.pages}
    for incident in incidents.recent(desk.conn, desk.now):
        kind, _, name = incident.subject.partition(":")
        if kind in incidents.ABOUT_PAGES and name not in names:
            continue  # retired: nobody looks any more
        told = _told_causes(desk, subscription, incident.id)
        news = incidents.due_news(incident, since, desk.now, told)
        if news is None or (news.what == "opened" and _is_settled(incident, since)):
            continue
        payload = incidents.payload_of(news, incidents.subject_name(incident.subject, names))
        if incident.subject == MAIL and subscription.channel != "email":
            payload["instead"] = True
        yield Announcement(subscription, "incident", payload, news.key)


MAIL: Final = "channel:e-post"


def _is_settled(incident: incidents.Incident, since: datetime) -> bool:
    return incident.ended_at is not None and incident.ended_at < since


def _told_causes(desk: _Desk, subscription: Subscription, incident: str) -> set[str]:
    found = desk.conn.execute(
        sa.select(messages.c.payload)
        .where(messages.c.subscription == subscription.id, messages.c.kind == "incident")
        .order_by(messages.c.created_at.desc())
        .limit(200)
    ).scalars()
    return {payload["cause"] for payload in found if payload["incident"] == incident}


def _notes(desk: _Desk, subscription: Subscription, since: datetime) -> Iterator[Announcement]:
    """What changed in us or in a page's markup: for operators, each once."""
    found = desk.conn.execute(
        sa.select(technical).where(
            technical.c.at >= max(since, desk.now - timedelta(days=7)),
            technical.c.code.in_(FOR_OPERATORS),
        )
    )
    pages = {page.key: page for page in desk.pages}
    for row in found:
        page = pages.get(row.page or "")
        payload = {
            "page": _page(page) if page else None,
            "code": row.code,
            "text": row.text,
            "at": instant(row.at),
        }
        yield Announcement(subscription, "note", payload, (row.seq,))


# --- charts -----------------------------------------------------------------------------------


def charts(conn: Connection, page_keys: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """How many initiatives each status has on these pages now, had a month ago (or at first), and
    over the last year (or since the first look)."""
    found = []
    for page in watch.all_pages(conn):
        new = status_counts(conn, page.key, now) if page.key in page_keys else None
        if new is None:
            continue
        ends = sa.select(sa.func.min(snapshots.c.at), sa.func.max(snapshots.c.at))
        first, last = conn.execute(ends.where(snapshots.c.page == page.key)).one()
        since = max(now - CHART_BACK, first)
        old = status_counts(conn, page.key, since) if since < last else None
        headings = _headings(conn, page.key)
        statuses = [*new, *(status for status in old or () if status not in new)]
        began = max(now - CURVE_BACK, first)
        curves = _curves(conn, page.key, began, now) if began < last else {}
        rows = [
            {
                "status": status,
                "heading": headings.get(status),
                "old": None if old is None else old.get(status, 0),
                "new": new.get(status, 0),
                "curve": curves.get(status),
            }
            for status in statuses
        ]
        found.append(
            {
                "page": page.name,
                "rows": rows,
                "since": instant(since),
                "began": instant(began),
                "until": instant(now),
            }
        )
    return found


def _curves(
    conn: Connection, page_key: str, since: datetime, until: datetime
) -> dict[str | None, list[int]]:
    """Initiatives by status at CURVE_POINTS moments, evenly spaced, the first and last included."""
    steps: list[tuple[datetime, str | None, int]] = []
    for number, sign in ((spans.c.first_snapshot, 1), (spans.c.end_snapshot, -1)):
        rows = conn.execute(
            sa.select(snapshots.c.at, spans.c.status, sa.func.count().label("number"))
            .join(
                snapshots, sa.and_(snapshots.c.page == spans.c.page, snapshots.c.number == number)
            )
            .where(spans.c.page == page_key, snapshots.c.at <= until)
            .group_by(snapshots.c.at, spans.c.status)
        )
        steps += [(row.at, row.status, sign * row.number) for row in rows]
    steps.sort(key=lambda step: step[0])
    curves: dict[str | None, list[int]] = {status: [] for _, status, _ in steps}
    standing = dict.fromkeys(curves, 0)
    done = 0
    for point in range(CURVE_POINTS):
        moment = since + (until - since) * point / (CURVE_POINTS - 1)
        while done < len(steps) and steps[done][0] <= moment:
            _, status, change = steps[done]
            standing[status] += change
            done += 1
        for status, curve in curves.items():
            curve.append(standing[status])
    return curves


def _headings(conn: Connection, page_key: str) -> dict[str | None, str]:
    shown = history.show(conn, page_key)
    return {one.status: one.heading for one in shown.sections} if shown else {}


def status_counts(
    conn: Connection, page_key: str, moment: datetime
) -> dict[str | None, int] | None:
    """Initiatives by status, in page order, as of a moment; None before the first snapshot."""
    number = conn.scalar(
        sa.select(sa.func.max(snapshots.c.number)).where(
            snapshots.c.page == page_key, snapshots.c.at <= moment
        )
    )
    if number is None:
        return None
    rows = conn.execute(
        sa.select(spans.c.status, sa.func.count().label("number"))
        .where(
            spans.c.page == page_key,
            spans.c.first_snapshot <= number,
            sa.or_(spans.c.end_snapshot.is_(None), spans.c.end_snapshot > number),
        )
        .group_by(spans.c.status)
        .order_by(sa.func.min(spans.c.position))
    )
    return {row.status: row.number for row in rows}
