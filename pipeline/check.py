"""check_page: visit; derive; tell. The main path, for one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from monitor.errors import FetchError
from monitor.model import Outcome, Reason
from notifications.subscriptions import Subscription
from pipeline.derive import Derived, derive, publish
from pipeline.tell import PageInfo, tell
from pipeline.visit import World, visit
from pipeline.watched import Watched
from snapshots import facts, history, watch
from snapshots.database import Database

Cause = Literal["look", "correction", "replay"]


@dataclass(frozen=True, slots=True)
class Checked:
    """How one look ended. `changes` are ids, in the contract's order."""

    page: Watched
    outcome: Outcome
    snapshot: int | None
    changes: tuple[str, ...]
    reasons: tuple[Reason, ...]
    captured_at: datetime
    failure: FetchError | None = None


def check_page(
    database: Database, page: Watched, world: World, subscriptions: Sequence[Subscription]
) -> Checked:
    """Look at the page now: keep what came, fold it, and queue what is to be told."""
    visited = visit(database, page, world)
    with database.write() as conn:
        watch.lock(conn, page.key)
        derived = derive(conn, page)
        tell_changes(conn, page, derived, subscriptions, now=visited.at)
    return Checked(
        page,
        derived.outcome or "unchanged",
        derived.number,
        derived.changes,
        derived.reasons,
        visited.at,
        visited.failure,
    )


def tell_changes(
    conn: Connection,
    page: Watched,
    derived: Derived,
    subscriptions: Sequence[Subscription],
    *,
    now: datetime,
    cause: Cause = "look",
) -> None:
    """Queue what a derivation found, for those who want it, in the derivation's own transaction.

    From here on the ids are published: they are bound to what was observed and stay for ever.
    """
    for note in derived.notes:
        facts.technical(conn, facts.Technical(now, note.code, note.text, page.key))
    if not derived.changes:
        return
    publish(conn, page, derived.changes, now)
    told = history.changes_by_id(conn, derived.changes)
    tell(
        conn,
        PageInfo(page.key, page.id, page.name, page.url),
        told,
        cause=cause,
        subscriptions=subscriptions,
        now=now,
    )
    siblings = watch.siblings(conn, page.key)
    watch.make_due(conn, siblings, now)
