"""check_page: visit; derive; tell. The main path, for one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from monitor.errors import FetchError
from monitor.model import Outcome, Reason
from notifications.subscriptions import Subscription
from pipeline.announce import note_look
from pipeline.derive import Derived, derive, publish
from pipeline.tell import Cause, PageInfo, release_held, tell
from pipeline.visit import World, visit
from pipeline.watched import Watched
from presentation.documents import Document, change_document
from snapshots import derived as record
from snapshots import facts, watch
from snapshots.database import Database

HOLD: Final = timedelta(minutes=15)
"""So long an immediate digest waits for the sibling pages, which are looked at at once."""


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
        _release_siblings(conn, page)
        note_look(
            conn,
            page.key,
            page.id,
            visited.at,
            failure=visited.failure,
            quarantined=derived.reasons if derived.outcome == "quarantined" else (),
        )
    return Checked(
        page,
        _outcome(derived),
        derived.number,
        derived.changes,
        derived.reasons,
        visited.at,
        visited.failure,
    )


def _outcome(derived: Derived) -> Outcome:
    """How the look ended. One that found nothing new may have had to finish a killed one's work."""
    if derived.outcome in ("unchanged", None):
        if derived.first:
            return "first"
        return "changed" if derived.changes else "unchanged"
    return derived.outcome


def tell_changes(
    conn: Connection,
    page: Watched,
    derived: Derived,
    subscriptions: Sequence[Subscription],
    *,
    now: datetime,
    everything: bool = False,
) -> None:
    """Queue what a derivation found, for those who want it, in the derivation's own transaction.

    That is what our own looks found; `everything`: what imported captures show as well, as found
    late. From here on the ids are published: they are bound to what was observed and stay for ever.
    """
    for note in derived.notes:
        facts.technical(conn, facts.Technical(now, note.code, note.text, page.key))
    wanted = derived.changes if everything else derived.news
    if not wanted:
        return
    publish(conn, page, wanted, now)
    siblings = watch.siblings(conn, page.key)
    watch.make_due(conn, siblings, now)
    late = set(wanted) if everything else derived.late.intersection(wanted)
    news: dict[Cause, list[Document]] = {"look": [], "late": []}
    for document in change_documents(conn, page, wanted):
        news["late" if document["id"] in late else "look"].append(document)
    for cause, documents in news.items():
        tell(
            conn,
            page_info(page),
            documents,
            cause=cause,
            subscriptions=subscriptions,
            now=now,
            hold_until=now + HOLD if siblings and cause == "look" else None,
        )


def page_info(page: Watched) -> PageInfo:
    """The page as messages name it."""
    return PageInfo(page.key, page.id, page.name, page.url)


def change_documents(conn: Connection, page: Watched, ids: Sequence[str]) -> list[Document]:
    """The contract's JSON of these changes of a page, in the contract's order."""
    return [
        change_document(one.change, page.id, one.life)
        for one in record.stored_changes(conn, page.key, ids)
    ]


def _release_siblings(conn: Connection, page: Watched) -> None:
    """Once all pages of the group have been looked at since a change, it need not wait for them."""
    group = (page.key, *watch.siblings(conn, page.key))
    looked = [facts.last_at(conn, key) for key in group]
    done = [moment for moment in looked if moment is not None]
    if len(done) == len(group):
        release_held(conn, watch.ids_of(conn, group), min(done))
