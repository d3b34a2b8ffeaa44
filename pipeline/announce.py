"""Messages that are no digests: welcomes, first snapshots, quiet weeks, blind pages, incidents.

`plan` only reads and says what is to be told now; `announce` writes it as messages. Each has a key
that makes its id, so that it is told once however often it is planned, and whenever we are killed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit
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
        found = self.conn.execute(_TOLD_BLIND)
        blind: dict[str, dict[str, str]] = defaultdict(dict)
        for subscription, payload in found:
            for page in payload.get("pages") or [{**payload["page"], "since": payload["since"]}]:
                if payload["until"]:
                    blind[subscription].pop(page["id"], None)
                else:
                    blind[subscription][page["id"]] = str(page["since"])
        return blind

    @cached_property
    def in_trouble(self) -> Mapping[str, datetime]:
        """The subjects of the incidents that are going on, and when they opened."""
        going_on = (one for one in self.recent_incidents if one.ended_at is None)
        return {one.subject: one.opened_at for one in going_on}

    @cached_property
    def recent_incidents(self) -> tuple[incidents.Incident, ...]:
        """Those that there may be news of."""
        return incidents.recent(self.conn, self.now)

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


_INCIDENTS_REMEMBERED: Final = 1000

# Planned every minute, all year: what it asks is built once.
_SUBSCRIBERS: Final = sa.select(subscribers)
_TOLD_BLIND: Final = (
    sa.select(messages.c.subscription, messages.c.payload)
    .where(messages.c.kind == "blind")
    .order_by(messages.c.created_at, messages.c.id)
)
_THERE: Final = sa.select(messages.c.id).where(
    messages.c.id.in_(sa.bindparam("ids", expanding=True))
)
_TOLD_OF_INCIDENTS: Final = (
    sa.select(messages.c.payload)
    .where(messages.c.subscription == sa.bindparam("subscription"), messages.c.kind == "incident")
    .order_by(messages.c.created_at.desc())
    .limit(_INCIDENTS_REMEMBERED)
)
_TOLD_FIRST: Final = sa.select(messages.c.id, messages.c.payload).where(
    messages.c.subscription == sa.bindparam("subscription"), messages.c.kind == "first"
)
_NOTES: Final = sa.select(technical).where(
    technical.c.at >= sa.bindparam("since"), technical.c.code.in_(sorted(FOR_OPERATORS))
)


def plan(
    conn: Connection, subscriptions: Sequence[Subscription], now: datetime, zone: ZoneInfo
) -> tuple[Announcement, ...]:
    """What is to be told now and has not been yet."""
    found = conn.execute(_SUBSCRIBERS)
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
    return set(conn.execute(_THERE, {"ids": wanted}).scalars())


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
        payload: dict[str, Any] = {"pages": [_page(page) for page in pages]}
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
    """The pages that were read for the first time, in one message: many begin on one day."""
    told = _told_first(desk, subscription)
    new = []
    for page in desk.watched(subscription):
        if page.key in told:
            continue
        at = desk.conn.scalar(_FIRST_AT, {"page": page.key})
        if at is not None and at >= since:
            new.append(page)
    if new:
        shown = [{**_page_with_counts(desk.conn, page), "key": page.key} for page in new]
        keys = tuple(page.key for page in new)
        yield Announcement(subscription, "first", {"pages": shown}, keys)


_FIRST_AT: Final = (
    sa.select(snapshots.c.at)
    .where(snapshots.c.page == sa.bindparam("page"))
    .order_by(snapshots.c.number)
    .limit(1)
)


def _told_first(desk: _Desk, subscription: Subscription) -> set[str]:
    """The keys of the pages whose first snapshot it has been told."""
    found = desk.conn.execute(_TOLD_FIRST, {"subscription": subscription.id}).all()
    told = {page["key"] for row in found for page in row.payload.get("pages", ())}
    ids = {row.id for row in found}  # earlier versions told one page at a time
    return told | {
        page.key
        for page in desk.pages
        if ids and message_id(subscription, "first", (page.key,)) in ids
    }


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
    """Readers of pages that nobody could read for long hear of it, and when it is over: at the
    hours they asked for, and all pages at once."""
    told = desk.told_blind[subscription.id]
    blind, over = [], []
    for page in desk.watched(subscription):
        last = desk.good_looks.get(page.id)
        if last is None:
            continue
        before = told.get(page.id)
        if min(desk.now - last, desk.now - since) < BLIND_AFTER:
            if before is not None:
                back = history.first_good_look(
                    desk.conn, page.key, datetime.fromisoformat(before), last
                )
                if subscription.digest.next_after(back, desk.zone) <= desk.now:
                    over.append({**_page(page), "since": before, "until": instant(back)})
            continue
        # Where nobody looked the page is not to blame, and the next look may well succeed.
        trouble = desk.in_trouble.get(f"page:{page.key}")
        if trouble is None or before == instant(last):
            continue
        known = max(last + BLIND_AFTER, since + BLIND_AFTER, trouble)
        if subscription.digest.next_after(known, desk.zone) <= desk.now:
            blind.append({**_page(page), "since": instant(last)})
    for pages, until in ((blind, None), (over, max((one["until"] for one in over), default=None))):
        if pages:
            key = [part for page in pages for part in (page["id"], page["since"])]
            payload = {"pages": pages, "until": until}
            yield Announcement(subscription, "blind", payload, (*key, "over" if until else ""))


# --- trouble ----------------------------------------------------------------------------------


def _incidents(desk: _Desk, subscription: Subscription, since: datetime) -> Iterator[Announcement]:
    pages = {page.key: page for page in desk.pages}
    names = {key: page.name for key, page in pages.items()}
    recent = desk.recent_incidents
    told = _told_news(desk, subscription) if recent else _ToldNews()
    together: dict[tuple[object, ...], list[incidents.News]] = {}
    for incident in recent:
        kind, _, name = incident.subject.partition(":")
        page = pages.get(name) if kind in incidents.ABOUT_PAGES else None
        if kind in incidents.ABOUT_PAGES and page is None:
            continue  # retired: nobody looks any more
        news = incidents.due_news(incident, since, desk.now, told.causes[incident.id])
        if news is None or (news.what == "opened" and _is_settled(incident, since)):
            continue
        if news.key in told.keys:
            continue
        alone = kind != "page" or subscription.channel == "webhook"
        site = urlsplit(page.url).netloc if page and not alone else incident.id
        together.setdefault((news.what, incident.cause, site), []).append(news)
    for alike in together.values():
        several = sorted(alike, key=lambda one: names.get(_name_in(one.incident.subject), ""))
        payload = incidents.payload_of(several, names)
        subjects = [_name_in(one.incident.subject) for one in several]
        payload["pages"] = [_page(pages[name]) for name in subjects if name in pages]
        if several[0].incident.subject == incidents.MAIL and subscription.channel != "email":
            payload["instead"] = True
        key = tuple(part for one in several for part in one.key)
        yield Announcement(subscription, "incident", payload, key)


def _name_in(subject: str) -> str:
    return subject.partition(":")[2]


def _is_settled(incident: incidents.Incident, since: datetime) -> bool:
    return incident.ended_at is not None and incident.ended_at < since


@dataclass(frozen=True)
class _ToldNews:
    """What a subscription has been told of incidents: with which causes each, and which news."""

    causes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    keys: set[tuple[object, ...]] = field(default_factory=set)


def _told_news(desk: _Desk, subscription: Subscription) -> _ToldNews:
    found = desk.conn.execute(_TOLD_OF_INCIDENTS, {"subscription": subscription.id}).scalars()
    told = _ToldNews()
    for payload in found:
        for incident in payload.get("incidents", [payload["incident"]]):
            told.causes[incident].add(payload["cause"])
        told.keys.update(tuple(key) for key in payload.get("told", ()))
    return told


def _notes(desk: _Desk, subscription: Subscription, since: datetime) -> Iterator[Announcement]:
    """What changed in us or in a page's markup: for operators, each once."""
    news = {"since": max(since, desk.now - timedelta(days=7))}
    found = desk.conn.execute(_NOTES, news)
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


_OF_PAGE: Final = snapshots.c.page == sa.bindparam("page")
_FIRST_AND_LAST: Final = sa.select(sa.func.min(snapshots.c.at), sa.func.max(snapshots.c.at)).where(
    _OF_PAGE
)
_NUMBER_AT: Final = sa.select(sa.func.max(snapshots.c.number)).where(
    _OF_PAGE, snapshots.c.at <= sa.bindparam("moment")
)
_STOOD: Final = (
    sa.select(spans.c.status, sa.func.count().label("number"))
    .where(
        spans.c.page == sa.bindparam("page"),
        spans.c.first_snapshot <= sa.bindparam("number"),
        sa.or_(spans.c.end_snapshot.is_(None), spans.c.end_snapshot > sa.bindparam("number")),
    )
    .group_by(spans.c.status)
    .order_by(sa.func.min(spans.c.position))
)
_CAME, _LEFT = (
    sa.select(snapshots.c.at, spans.c.status, sa.func.count().label("number"))
    .join(snapshots, sa.and_(snapshots.c.page == spans.c.page, snapshots.c.number == end))
    .where(spans.c.page == sa.bindparam("page"), snapshots.c.at <= sa.bindparam("until"))
    .group_by(snapshots.c.at, spans.c.status)
    for end in (spans.c.first_snapshot, spans.c.end_snapshot)
)


def charts(conn: Connection, page_keys: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """How many initiatives each status has on these pages now, had a month ago (or at first), and
    over the last year (or since the first look)."""
    found = []
    for page in watch.all_pages(conn):
        new = status_counts(conn, page.key, now) if page.key in page_keys else None
        if new is None:
            continue
        first, last = conn.execute(_FIRST_AND_LAST, {"page": page.key}).one()
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
    for query, sign in ((_CAME, 1), (_LEFT, -1)):
        rows = conn.execute(query, {"page": page_key, "until": until})
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
    number = conn.scalar(_NUMBER_AT, {"page": page_key, "moment": moment})
    if number is None:
        return None
    rows = conn.execute(_STOOD, {"page": page_key, "number": number})
    return {row.status: row.number for row in rows}
