"""visit: the world becomes facts. Fetch a page, keep the capture, whatever comes after.

killed before the fetch ends      nothing was seen: the page is still due
killed before the capture commits the look is lost, the page is still due; nothing was told
killed after it                   the capture is kept; derive goes on from its cursor
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.errors import FetchError
from monitor.fetch import Captured, Fetcher, Hop, NotModified, Validators
from monitor.guard import host_key
from monitor.model import Reason
from monitor.robots import RobotsText
from pipeline.watched import Watched
from snapshots import facts, watch
from snapshots.database import Database

SMALLEST_STEP = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class World:
    """The doors: everything that is not the same twice. Owned by the command, handed down."""

    fetcher: Fetcher
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Visited:
    """What became of one look: the capture's id and time, and what the page's host asked for."""

    capture: str
    at: datetime
    failure: FetchError | None = None
    moved_to: str | None = None


def visit(database: Database, page: Watched, world: World) -> Visited:
    """Look at the page now and keep what came. Never raises for what the page or the net does.

    Raises TryLater(closing) where this program itself ends: then nothing was seen.
    """
    with database.read() as conn:
        validators = watch.validators(conn, page.key)
    try:
        robots = _robots(database, page, world)
        fetched = world.fetcher.fetch(page.url, validators, robots)
    except FetchError as failure:
        if failure.code == "closing":
            raise
        return _keep_failure(database, page, world.clock(), failure)
    return _keep(database, page, world.clock(), fetched)


def _robots(database: Database, page: Watched, world: World) -> RobotsText:
    """What the page's host allows: as it is kept, else asked for now.

    Where nothing at all came back, nothing is kept: the cause may be on our side and mended by
    the next look.
    """
    host = host_key(page.url)
    with database.read() as conn:
        cached = watch.robots(conn, host)
    if cached is not None and world.clock() < cached.good_until:
        return cached
    robots = world.fetcher.robots(page.url)
    if robots.status is not None:
        with database.write() as conn:
            watch.remember_robots(conn, host, robots)
    return robots


def _keep(
    database: Database, page: Watched, now: datetime, fetched: Captured | NotModified
) -> Visited:
    body = fetched.body if isinstance(fetched, Captured) else None
    with database.write() as conn:
        watch.lock(conn, page.key)
        at = _later_than_the_last(conn, page, now)
        recorded = facts.record(
            conn,
            facts.NewCapture(
                page=page.key,
                at=at,
                body=body,
                again=body is None,
                content_type=None if isinstance(fetched, NotModified) else fetched.content_type,
                final_url=fetched.final_url,
                exchange=tuple(exchange_of(hop) for hop in fetched.hops),
            ),
        )
        watch.remember_validators(conn, page.key, fetched.validators)
        moved_to = fetched.moved_to
        if watch.remember_move(conn, page.key, moved_to) and moved_to:
            text = f"Sidan {page.id} har flyttat till {moved_to}. Ändra url i konfigurationen."
            facts.technical(conn, facts.Technical(at, "page_moved", text, page.key))
    return Visited(recorded.id, at, moved_to=moved_to)


def _keep_failure(database: Database, page: Watched, now: datetime, failure: FetchError) -> Visited:
    with database.write() as conn:
        watch.lock(conn, page.key)
        at = _later_than_the_last(conn, page, now)
        recorded = facts.record(
            conn,
            facts.NewCapture(
                page=page.key,
                at=at,
                failure=Reason(failure.code, failure.text),
                exchange=tuple(exchange_of(hop) for hop in failure.hops),
            ),
        )
        if failure.code == "cut_body":  # what the validators name was never had whole
            watch.remember_validators(conn, page.key, Validators())
    return Visited(recorded.id, at, failure=failure)


def _later_than_the_last(conn: Any, page: Watched, now: datetime) -> datetime:
    """A page's looks never run backwards, also where the clock does; a jump is on record."""
    last = facts.last_at(conn, page.key)
    if last is None or now > last:
        return now
    if last - now > timedelta(minutes=1):
        text = f"Klockan går {last - now} efter den senaste hämtningen av {page.id}. Ställ om den."
        facts.technical(conn, facts.Technical(last, "clock_behind", text, page.key))
    return last + SMALLEST_STEP


def exchange_of(hop: Hop) -> Mapping[str, Any]:
    """One hop as it is kept: what a WARC record needs, exactly as received."""
    return {
        "url": hop.url,
        "status": hop.status,
        "reason": hop.reason,
        "http_version": hop.http_version,
        "request_headers": _readable(hop.request_headers),
        "headers": _readable(hop.headers),
        "body": hop.body,
        "truncated": hop.truncated,
        "address": hop.address,
        "certificate_sha256": hop.certificate_sha256,
        "via_proxy": hop.via_proxy,
        "started_at": hop.started_at.isoformat(),
    }


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> list[list[str]]:
    """Latin-1 keeps every byte, and turns back into the same."""
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]
