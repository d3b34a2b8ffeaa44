"""check_page: visit; derive; tell. The main path, for one page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from monitor.errors import FetchError
from monitor.model import Outcome, Reason
from notifications.subscriptions import Subscription
from pipeline.afterwards import note_look
from pipeline.derive import Derived, derive, publish
from pipeline.tell import Cause, PageInfo, held, release_held, tell
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
    database: Database,
    page: Watched,
    world: World,
    subscriptions: Sequence[Subscription],
    plan: Callable[[Connection, FetchError | None], None] = lambda conn, failure: None,
) -> Checked:
    """Look at the page now: keep what came, fold it, and queue what is to be told.

    `plan` sets the page's next time, in the same transaction.
    """
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
        plan(conn, visited.failure)
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
    hold_until = _call_siblings(conn, page, now)
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
            hold_until=hold_until if cause == "look" else None,
        )


def page_info(page: Watched) -> PageInfo:
    """The page as messages name it."""
    return PageInfo(page.key, page.id, page.name, page.url, page.profile.language)


def change_documents(conn: Connection, page: Watched, ids: Sequence[str]) -> list[Document]:
    """The contract's JSON of these changes of a page, in the contract's order."""
    documents = [
        change_document(one.change, page.id, one.life)
        for one in record.stored_changes(conn, page.key, ids)
    ]
    return with_twins(conn, documents)


def with_twins(conn: Connection, documents: Sequence[Document]) -> list[Document]:
    """The same, and of what stands on its page twice to the letter, or did: the status it has at
    its other place. Who is told that it is new, or gone, must hear that, too."""
    twins = record.twins(conn, [one["id"] for one in documents])
    return [
        {**one, "twin": {"status": twins[one["id"]]}} if one["id"] in twins else one
        for one in documents
    ]


def _call_siblings(conn: Connection, page: Watched, now: datetime) -> datetime | None:
    """Have the sibling pages looked at now; until when the change may wait for them (None: alone).

    The first change of a page begins a round. Those that follow in it are told with it, and call
    nobody who has been looked at since.
    """
    siblings = watch.siblings(conn, page.key)
    waits = held(conn, watch.ids_of(conn, (page.key, *siblings)))
    since, until = waits if waits is not None and waits[1] > now else (now, now + HOLD)
    looked = facts.looked_since(conn, siblings, since)
    watch.make_due(conn, [key for key in siblings if key not in looked], now)
    return until if siblings else None


def _release_siblings(conn: Connection, page: Watched) -> None:
    """Once every page of the group was looked at since the first change that waits, none waits."""
    if held(conn) is None:  # nearly always: no need to know the group, which may be large
        return
    group = (page.key, *watch.siblings(conn, page.key))
    ids = watch.ids_of(conn, group)
    waits = held(conn, ids)
    if waits is not None and facts.looked_since(conn, group, waits[0]) == set(group):
        looked = facts.last_at(conn, page.key)
        if looked is not None:
            release_held(conn, ids, looked)
