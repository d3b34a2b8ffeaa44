"""Work: which pages are watched and due, politeness towards their hosts, who is the worker.

Politeness is kept here, in the store, where every worker sees it: at most one request at a time to
a host, and a pause after each. A program killed in its turn holds the host until its lease ends.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from monitor.errors import FetchError, TryLater, UsageError
from monitor.guard import host_key
from monitor.pace import (
    LONGEST_CRAWL_DELAY_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
    next_allowed,
)
from monitor.robots import RobotsText
from snapshots.database import Database, insert_missing
from snapshots.facts import body_before
from snapshots.holders import CLOCKS_APART
from snapshots.schema import Moment, hosts, leases, pages

if TYPE_CHECKING:
    from monitor.fetch import Validators

_WORKER: Final = "worker"

# What each look asks the database is built once: building a query costs more than running it.
_PAGE: Final = sa.select(pages).where(pages.c.key == sa.bindparam("key"))
_EVERY: Final = sa.select(pages).order_by(pages.c.id)
_WATCHED: Final = _EVERY.where(pages.c.retired_at.is_(None))
_DUE: Final = (
    sa.select(pages)
    .where(pages.c.due_at <= sa.bindparam("now"), pages.c.retired_at.is_(None))
    .order_by(pages.c.due_at, pages.c.key)
    .limit(sa.bindparam("limit"))
)
_OTHERS_OF_GROUP: Final = (
    sa.select(pages.c.key)
    .where(
        pages.c.group
        == sa.select(pages.c.group).where(pages.c.key == sa.bindparam("key")).scalar_subquery(),
        pages.c.key != sa.bindparam("key"),
        pages.c.retired_at.is_(None),
    )
    .order_by(pages.c.key)
)
_LOCK: Final = sa.select(pages.c.key).where(pages.c.key == sa.bindparam("key")).with_for_update()
_MOVE: Final = (
    pages.update()
    .where(
        pages.c.key == sa.bindparam("this"),
        pages.c.moved_to.is_distinct_from(sa.bindparam("to", type_=sa.Text)),
    )
    .values(moved_to=sa.bindparam("to", type_=sa.Text))
)
_SCHEDULE: Final = (
    pages.update()
    .where(pages.c.key == sa.bindparam("this"), pages.c.retired_at.is_(None))
    .values(
        due_at=sa.bindparam("when"),
        failures=sa.bindparam("new_failures"),
        fence=pages.c.fence + 1,
    )
)
_HOST: Final = sa.select(hosts).where(hosts.c.host == sa.bindparam("host"))
_LOCK_HOST: Final = _HOST.with_for_update()
_HOLD: Final = (
    hosts.update()
    .where(hosts.c.host == sa.bindparam("this"))
    .values(
        free_at=sa.case(
            (hosts.c.free_at > sa.bindparam("until", type_=Moment), hosts.c.free_at),
            else_=sa.bindparam("until", type_=Moment),
        )
    )
)
_LEASE: Final = (
    hosts.update()
    .where(hosts.c.host == sa.bindparam("this"))
    .values(lease_by=sa.bindparam("by"), lease_until=sa.bindparam("until"))
)
_GIVE_BACK: Final = (
    hosts.update()
    .where(hosts.c.host == sa.bindparam("this"), hosts.c.lease_by == sa.bindparam("by"))
    .values(lease_by=None, lease_until=None)
)


# ------------------------------------------------------------------------------------------- pages


@dataclass(frozen=True, slots=True)
class WatchedPage:
    """A page as the configuration says it. `group`: host and profile; lives are joined in it."""

    id: str
    name: str
    url: str
    group: str
    timetable: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """A page as the store knows it. `key` is its first id, under which its history stands."""

    key: str
    id: str
    name: str
    url: str
    group: str
    added_at: datetime
    retired_at: datetime | None
    due_at: datetime | None
    failures: int
    moved_to: str | None


@dataclass(frozen=True, slots=True)
class Synced:
    """What a configuration changed, as page ids. `regrouped`: groups that pages left or entered
    with their history; their lives are to be joined anew. `outdated`: ids from before a renaming,
    with those the pages have now; those pages stay as they are."""

    added: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    regrouped: tuple[str, ...] = ()
    outdated: Mapping[str, str] = field(default_factory=dict)


def sync_pages(conn: Connection, wanted: Sequence[WatchedPage], now: datetime) -> Synced:
    """Make the watched pages those of the configuration. Nothing is written where they are.

    A page left out is retired: its history stays, it is looked at no more. New ones are due at
    once, spread over a second for each; but none is new that has its id from before a renaming: it
    would begin without its history.
    """
    there = {row.id: row for row in conn.execute(sa.select(pages))}
    by_key = {row.key: row for row in there.values()}
    keys = set(by_key)
    added: list[str] = []
    back: list[str] = []
    regrouped: set[str] = set()
    ids = {page.id for page in wanted}
    outdated = {
        page.id: row.id
        for page in wanted
        if page.id not in there and (row := by_key.get(page.id)) is not None
        if row.url == page.url and row.id not in ids
    }
    new = len(ids - there.keys() - outdated.keys())
    for page in wanted:
        if page.id in outdated:
            continue
        said = {
            "name": page.name,
            "url": page.url,
            "group": page.group,
            "timetable": page.timetable,
        }
        row = there.get(page.id)
        if row is None:
            key = _free(page.id, keys)
            keys.add(key)
            due = now + timedelta(seconds=(new - 1) * _fraction(key))
            values = {"key": key, "id": page.id, "added_at": now, "due_at": due}
            conn.execute(pages.insert(), {**values, **said, "failures": 0, "fence": 0})
            added.append(page.id)
            continue
        changed: dict[str, Any] = {
            name: value for name, value in said.items() if row._mapping[name] != value
        }
        if "url" in changed:
            changed |= {"moved_to": None, "failures": 0}
        if row.group != page.group:
            regrouped |= {row.group, page.group}
        if row.retired_at is not None:
            back.append(page.id)
        if row.retired_at is not None or "timetable" in changed or "url" in changed:
            changed |= {"retired_at": None, "due_at": now}
        if changed:
            conn.execute(pages.update().where(pages.c.key == row.key).values(changed))
    left_out = there.keys() - ids - set(outdated.values())
    retired = sorted(name for name in left_out if there[name].retired_at is None)
    if retired:
        query = pages.update().where(pages.c.id.in_(retired))
        conn.execute(query.values(retired_at=now, due_at=None))
    return Synced(tuple(added), tuple(retired), tuple(back), tuple(sorted(regrouped)), outdated)


def page(conn: Connection, page_id: str) -> PageRow:
    """The page of that id; UsageError where there is none."""
    row = conn.execute(sa.select(pages).where(pages.c.id == page_id)).first()
    if row is None:
        raise UsageError(f"{page_id}: ingen sådan sida. Se [[pages]] i konfigurationen.")
    return _page_row(row)


def all_pages(conn: Connection, *, retired: bool = False) -> tuple[PageRow, ...]:
    """Every watched page by id, on request also the retired ones."""
    return tuple(_page_row(row) for row in conn.execute(_EVERY if retired else _WATCHED))


def rename(conn: Connection, old: str, new: str) -> None:
    """Give a page another id; its key, and all that hangs on it, stays.

    Raises UsageError where `old` is not there or `new` is taken.
    """
    found = page(conn, old)
    if conn.execute(sa.select(pages.c.key).where(pages.c.id == new)).first():
        raise UsageError(f"{new}: det finns redan en sida med det id:t. Välj ett annat.")
    conn.execute(pages.update().where(pages.c.key == found.key).values(id=new))


def lock(conn: Connection, key: str) -> None:
    """Hold a page until the transaction ends: whoever decides on it comes one after the other.

    SQLite's BEGIN IMMEDIATE holds everything already.
    """
    if conn.dialect.name != "sqlite":
        conn.execute(_LOCK, {"key": key}).first()


def due(
    conn: Connection,
    now: datetime,
    limit: int,
    *,
    host: str | None = None,
    besides: Collection[str] = (),
) -> tuple[PageRow, ...]:
    """The pages to look at now, the longest overdue first; of one host, or `besides` some hosts."""
    query = _DUE
    if host is not None:
        query = _due_at(host)
    elif besides:
        query = query.where(*(sa.not_(_is_at(busy)) for busy in besides))
    rows = conn.execute(query, {"now": now, "limit": limit})
    return tuple(_page_row(row) for row in rows)


@lru_cache(maxsize=1024)
def _due_at(host: str) -> sa.Select[Any]:
    return _DUE.where(_is_at(host))


def _is_at(host: str) -> sa.ColumnElement[bool]:
    """A page's group begins with its host."""
    return pages.c.group.startswith(f"{host} ", autoescape=True)


def next_due(conn: Connection) -> datetime | None:
    """When a page is due next; None where none is watched."""
    query = sa.select(sa.func.min(pages.c.due_at)).where(pages.c.retired_at.is_(None))
    return conn.execute(query).scalar()


def schedule_next(conn: Connection, key: str, when: datetime, failures: int) -> None:
    """When to look at a page next, and how many looks in a row have failed."""
    conn.execute(_SCHEDULE, {"this": key, "when": when, "new_failures": failures})


def make_due(conn: Connection, keys: Iterable[str], now: datetime) -> None:
    """Look at these pages now (siblings of one that changed)."""
    query = pages.update().where(
        pages.c.key.in_(list(keys)), pages.c.retired_at.is_(None), pages.c.due_at > now
    )
    conn.execute(query.values(due_at=now))


def bring_forward(conn: Connection, latest: Mapping[str, datetime], now: datetime) -> None:
    """Make due what only a clock that was ahead can have planned: later than `latest` says of its
    key, or than a site may ask for after a failure. Their hosts' pauses are as late: they end too.
    """
    asked_for = now + timedelta(seconds=LONGEST_RETRY_AFTER_SECONDS)
    late = [
        page
        for page in all_pages(conn)
        if page.key in latest and page.due_at is not None
        if page.due_at > max(latest[page.key], asked_for if page.failures else now)
    ]
    if not late:
        return
    make_due(conn, [page.key for page in late], now)
    at = {host_key(page.url) for page in late if not page.failures}
    beyond = now + timedelta(seconds=LONGEST_CRAWL_DELAY_SECONDS)
    query = hosts.update().where(hosts.c.host.in_(at), hosts.c.free_at > beyond)
    conn.execute(query.values(free_at=None))


def siblings(conn: Connection, key: str) -> tuple[str, ...]:
    """The keys of the other watched pages of this page's group."""
    return tuple(conn.execute(_OTHERS_OF_GROUP, {"key": key}).scalars())


def ids_of(conn: Connection, keys: Iterable[str]) -> tuple[str, ...]:
    """What these pages are called now."""
    query = sa.select(pages.c.id).where(pages.c.key.in_(tuple(keys)))
    return tuple(conn.execute(query.order_by(pages.c.id)).scalars())


def validators(conn: Connection, key: str) -> Validators:
    """What to ask «changed since?» with; empty where nothing is known."""
    from monitor.fetch import Validators

    row = conn.execute(_PAGE, {"key": key}).first()
    if row is None:
        return Validators()
    return Validators(row.etag, row.last_modified, row.validated_url)


def remember_validators(conn: Connection, key: str, new: Validators) -> None:
    """Keep what the server gave with the page's last body (recorded before this is called)."""
    row = conn.execute(_PAGE, {"key": key}).one()
    known = (row.etag, row.last_modified, row.validated_url)
    last = body_before(conn, key, datetime.max.replace(tzinfo=row.added_at.tzinfo)) if new else None
    body = bytes.fromhex(last) if last else None
    if known != (new.etag, new.last_modified, new.url) or row.validated != body:
        values = {"etag": new.etag, "last_modified": new.last_modified, "validated_url": new.url}
        query = pages.update().where(pages.c.key == key)
        conn.execute(query.values(**values, validated=body))


def remember_move(conn: Connection, key: str, moved_to: str | None) -> bool:
    """Where the page says it lives from now on. Returns whether that is new."""
    return conn.execute(_MOVE, {"this": key, "to": moved_to}).rowcount > 0


def _page_row(row: Row[Any]) -> PageRow:
    return PageRow(
        row.key,
        row.id,
        row.name,
        row.url,
        row.group,
        row.added_at,
        row.retired_at,
        row.due_at,
        row.failures,
        row.moved_to,
    )


def _free(wanted: str, taken: set[str]) -> str:
    """A key for a new page: its id, unless a renamed page still carries its history there."""
    key, number = wanted, 1
    while key in taken:
        number += 1
        key = f"{wanted}~{number}"
    return key


def _fraction(text: str) -> float:
    """A number from 0 to below 1, always the same for the same text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


# ------------------------------------------------------------------------------------------- hosts


def robots(conn: Connection, host: str) -> RobotsText | None:
    """The robots.txt of a host as it was fetched last."""
    row = conn.execute(_HOST, {"host": host}).first()
    if row is None or row.robots_at is None:
        return None
    return RobotsText(host, row.robots_at, row.robots_status, row.robots_text or "")


def remember_robots(conn: Connection, host: str, found: RobotsText) -> None:
    """Keep a host's robots.txt; its wish for slowness counts from the next turn on."""
    insert_missing(conn, hosts, [{"host": host}])
    values = {"robots_at": found.fetched_at, "robots_status": found.status}
    query = hosts.update().where(hosts.c.host == host)
    conn.execute(query.values(**values, robots_text=found.text))


def hold_host(conn: Connection, host: str, until: datetime) -> None:
    """No request to this host before then (it said Retry-After)."""
    if conn.execute(_HOLD, {"this": host, "until": until}).rowcount == 0:
        insert_missing(conn, hosts, [{"host": host}])
        conn.execute(_HOLD, {"this": host, "until": until})


class HostGate:
    """One request at a time to a host, and its pause between, over threads and programs.

    Satisfies `monitor.fetch.Gate`. A turn's lease is `lease_seconds`: longer than any look; what
    a killed program held is free after it, or after the host's pause where `runs` (asked with the
    holder's name) sees that it is gone. Waits at most `patience_seconds`, then TryLater.
    """

    def __init__(
        self,
        database: Database,
        pause_seconds: float,
        holder: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        *,
        lease_seconds: float = 60.0,
        patience_seconds: float = 90.0,
        runs: Callable[[str], bool] = lambda holder: True,
    ) -> None:
        self._database = database
        self._pause_seconds = pause_seconds
        self._holder = holder
        self._clock = clock
        self._sleep = sleep
        self._lease = timedelta(seconds=lease_seconds)
        self._patience = timedelta(seconds=patience_seconds)
        self._runs = runs
        self._here: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def turn(self, host: str) -> AbstractContextManager[None]:
        """Enter when it is this host's turn. Raises TryLater(host_busy)."""
        return self._turn(host)

    @contextmanager
    def _turn(self, host: str) -> Iterator[None]:
        with self._guard:
            mine = self._here[host]
        with mine:
            name = f"{self._holder} {threading.get_ident()}"
            self._wait(host, name)
            asked: float | None = None
            try:
                yield
            except FetchError as error:
                asked = error.retry_after_seconds
                raise
            finally:
                self._leave(host, name, asked)

    def _wait(self, host: str, name: str) -> None:
        """A crash after this leaves a lease that ends by itself."""
        started = self._clock()
        while True:
            with self._database.write(durable=False) as conn:
                free_at = self._enter(conn, host, name)
            if free_at is None:
                return
            now = self._clock()
            if free_at - started > self._patience:
                raise TryLater(
                    "host_busy",
                    f"{host} ska lämnas i fred till {free_at:%Y-%m-%d %H:%M:%S} UTC.",
                    retry_after_seconds=(free_at - now).total_seconds(),
                )
            self._sleep(max((free_at - now).total_seconds(), 0.001))

    def _enter(self, conn: Connection, host: str, name: str) -> datetime | None:
        """Take the turn, or say when it may be free."""
        now = self._clock()
        row = conn.execute(_LOCK_HOST, {"host": host}).first()
        if row is None:
            insert_missing(conn, hosts, [{"host": host}])
            row = conn.execute(_LOCK_HOST, {"host": host}).one()
        waits = [row.free_at] if row.free_at is not None and row.free_at > now else []
        leased = row.lease_by not in (None, name)
        leased = leased and now < row.lease_until <= now + self._lease + CLOCKS_APART
        if leased and not self._runs(row.lease_by.rpartition(" ")[0]):
            leased = False
            if self._pause_seconds > 0:  # it may have asked this very moment
                free_at = now + timedelta(seconds=self._pause_seconds)
                freed = {"lease_by": None, "lease_until": None}
                conn.execute(hosts.update().where(hosts.c.host == host).values(freed))
                hold_host(conn, host, free_at)
                waits.append(free_at)
        if leased:
            waits.append(min(row.lease_until, now + timedelta(seconds=0.25)))
        if waits:
            until: datetime = max(waits)
            return until
        conn.execute(_LEASE, {"this": host, "by": name, "until": now + self._lease})
        return None

    def _leave(self, host: str, name: str, asked: float | None) -> None:
        """A crash before this costs the next one the rest of the lease, and no politeness."""
        now = self._clock()
        with self._database.write(durable=False) as conn:
            known = robots(conn, host)
            delay = known.crawl_delay if known is not None else None
            free_at = next_allowed(now, self._pause_seconds, delay, asked)
            conn.execute(_GIVE_BACK, {"this": host, "by": name})
            hold_host(conn, host, free_at)


# ------------------------------------------------------------------------------------------ worker


_TAKE: Final = (
    leases.update()
    .where(
        leases.c.name == _WORKER,
        sa.or_(leases.c.holder == sa.bindparam("by"), leases.c.until <= sa.bindparam("now")),
    )
    .values(holder=sa.bindparam("by"), until=sa.bindparam("to"))
)
_HOLDER: Final = sa.select(leases.c.holder).where(leases.c.name == _WORKER)


def take_worker_lease(
    conn: Connection, holder: str, now: datetime, for_seconds: float
) -> str | None:
    """Be the worker of this store, or go on being it. Returns None, or who is it instead."""
    taken = {"by": holder, "now": now, "to": now + timedelta(seconds=for_seconds)}
    if conn.execute(_TAKE, taken).rowcount:
        return None
    insert_missing(conn, leases, [{"name": _WORKER, "holder": holder, "until": taken["to"]}])
    other = str(conn.execute(_HOLDER).scalar_one())
    return None if other == holder else other


def worker_lease_until(conn: Connection, holder: str) -> datetime | None:
    """Until when this holder is the worker; None where it is not. A live one renews it."""
    query = sa.select(leases.c.until).where(leases.c.name == _WORKER, leases.c.holder == holder)
    until: datetime | None = conn.execute(query).scalar()
    return until


def release_worker_lease(conn: Connection, holder: str) -> None:
    """Stop being the worker."""
    conn.execute(leases.delete().where(leases.c.name == _WORKER, leases.c.holder == holder))


def worker(conn: Connection, now: datetime) -> str | None:
    """Who is the worker of this store now."""
    query = sa.select(leases.c.holder).where(leases.c.name == _WORKER, leases.c.until > now)
    return conn.execute(query).scalar()
