"""Reads for auditors: which captures an initiative's history rests on, and what stood in a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from snapshots import facts, history
from snapshots.database import some_at_once
from snapshots.history import Life, VersionSpan
from snapshots.schema import pages, snapshots, tracks


@dataclass(frozen=True, slots=True)
class Source:
    """A capture that a history rests on. `page` is an id; `source` is «look», «file» or «warc».

    `body` is the SHA-256 of the page's bytes (hex); None where they are not kept.
    """

    capture: str
    page: str
    at: datetime
    source: str
    url: str | None
    body: str | None


def sources(conn: Connection, life: Life) -> tuple[Source, ...]:
    """The captures in which each version of an initiative was first seen, or was gone; in order."""
    moments = {span.since for span in life.versions}
    moments |= {span.until for span in life.versions if span.until is not None}
    names = {span.page for span in life.versions}
    query = (
        sa.select(snapshots.c.capture, snapshots.c.page, pages.c.id)
        .join(pages, pages.c.key == snapshots.c.page)
        .where(pages.c.id.in_(names))
    )
    found = []
    for some in some_at_once(moments):
        for row in conn.execute(query.where(snapshots.c.at.in_(some))).all():
            capture = facts.capture(conn, row.capture, row.page)
            if capture is not None:
                found.append(
                    Source(
                        capture.id,
                        row.id,
                        capture.at,
                        capture.source,
                        capture.final_url,
                        capture.body,
                    )
                )
    return tuple(sorted(found, key=lambda one: (one.at, one.page)))


def versions_between(
    conn: Connection, page_keys: Sequence[str], since: datetime | None, until: datetime | None
) -> Iterator[tuple[str, VersionSpan]]:
    """(initiative, version) for everything that stood on these pages at some time from `since` to
    before `until` (None: without end), by page, then by when it came."""
    lives = sa.select(tracks.c.life).where(tracks.c.page.in_(page_keys)).distinct()
    names = set(conn.execute(sa.select(pages.c.id).where(pages.c.key.in_(page_keys))).scalars())
    found = []
    for name in sorted(conn.execute(lives).scalars()):
        life = history.life(conn, name)
        for span in life.versions if life is not None else ():
            ended = span.until is not None and since is not None and span.until <= since
            begun = until is None or span.since < until
            if span.page in names and begun and not ended:
                found.append((name, span))
    yield from sorted(found, key=lambda one: (one[1].page, one[1].since, one[0]))


def source_of(conn: Connection, capture: str, page_key: str) -> str:
    """Where a capture came from: «look», «file» (imported) or «warc» (out of a web archive)."""
    found = facts.capture(conn, capture, page_key)
    return "look" if found is None else found.source


def last_versions(life: Life) -> tuple[VersionSpan, ...]:
    """What an initiative says on the pages it stands on; where it stands on none, what it said on
    each page last."""
    standing = tuple(span for span in life.versions if span.until is None)
    if standing:
        return standing
    last = {span.page: span for span in life.versions}  # in order of time: the last one stays
    return tuple(last.values())
