"""Looking ahead and back without telling: the digest a subscription would get, and who was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from notifications.channels import Letterhead, Message, addresses_of
from notifications.digest import (
    Entry,
    PageInfo,
    Telling,
    contract_changes,
    entry_document,
    gather,
)
from notifications.render import Letter, letter
from notifications.subscriptions import Subscription, wants
from notifications.view import view_of
from pipeline.announce import charts
from pipeline.check import with_twins
from pipeline.form import NOT_TOLD, telling_of
from pipeline.tell import replay
from presentation.documents import Document, change_document, instant
from snapshots import history, watch
from snapshots.history import Wanted
from snapshots.schema import deliveries, messages, tellings


@dataclass(frozen=True, slots=True)
class Preview:
    """The digest a subscription would get. `letter` is None where there is nothing to tell."""

    subscription: str
    entries: tuple[Entry, ...]
    letter: Letter | None

    @property
    def document(self) -> Document:
        """`preview --json`."""
        return {
            "subscription": self.subscription,
            "subject": self.letter.subject if self.letter else None,
            "changes": contract_changes(self.entries),
            "text": self.letter.text if self.letter else "",
        }


def preview(
    conn: Connection,
    subscription: Subscription,
    letterhead: Letterhead,
    now: datetime,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Preview:
    """What its next digest would tell: what waits for it, or the changes on record of a period."""
    if since is None and until is None:
        table = tellings.c
        rows = conn.execute(
            sa.select(tellings)
            .where(table.subscription == subscription.id, table.message.is_(None))
            .order_by(table.seq)
        )
        told = [telling_of(row) for row in rows]
    else:
        told = on_record(conn, subscription, since, until)
    entries = gather(told, drop_returned=subscription.settle_seconds > 0)
    if not entries:
        return Preview(subscription.id, (), None)
    keys = list(dict.fromkeys(one.page.key for one in told))
    payload = {
        "entries": [entry_document(entry) for entry in entries],
        "charts": charts(conn, keys, now),
    }
    message = Message("m-preview", subscription.id, "digest", now, payload)
    address = addresses_of(subscription)[0]
    shown = letter(view_of(message, subscription, letterhead, address))
    return Preview(subscription.id, entries, shown)


def on_record(
    conn: Connection,
    subscription: Subscription,
    since: datetime | None,
    until: datetime | None,
) -> list[Telling]:
    """The changes of a period that the subscription wants, as it would be told them."""
    pages = {
        page.id: PageInfo(page.key, page.id, page.name, page.url) for page in watch.all_pages(conn)
    }
    changes = history.find_changes(conn, Wanted(since=since, until=until))
    documents = [change_document(one.change, one.page, one.initiative) for one in changes]
    return [
        Telling(document, pages[document["page"]], "late" if document.get("late") else "look")
        for document in with_twins(conn, documents)
        if document["page"] in pages and wants(subscription, document)
    ]


def replay_since(
    conn: Connection, subscription: Subscription, since: datetime, now: datetime
) -> int:
    """Queue everything since then that the subscription wants and has not been told."""
    queued = 0
    for one in on_record(conn, subscription, since, None):
        queued += replay(conn, one.page, [one.change], subscription, now)
    return queued


def told_of(conn: Connection, changes: Sequence[str]) -> list[Document]:
    """To whom each of these changes was told, when, in which message, and how that went.

    One entry for each delivery, oldest first; one without message or address where the change
    still waits for its digest. What never stood long enough to be told to somebody is not here.
    """
    found: list[Document] = []
    table, message = tellings.c, messages.c
    claimed = conn.execute(
        sa.select(table.change, table.subscription, table.cause, table.message, message.created_at)
        .outerjoin(messages, message.id == table.message)
        .where(table.change.in_(changes), sa.func.coalesce(table.message, "") != NOT_TOLD)
        .order_by(table.seq)
    ).all()
    digests: dict[tuple[str, datetime], list[tuple[set[str], Any]]] = {}
    for row in claimed:
        if row.message is None:
            found.append(_told(row, None))
            continue
        claim = (row.subscription, row.created_at)
        if claim not in digests:
            digests[claim] = _sent_at_once(conn, *claim)
        found += [_told(row, delivery) for ids, delivery in digests[claim] if row.change in ids]
    return found


def _sent_at_once(
    conn: Connection, subscription: str, moment: datetime
) -> list[tuple[set[str], Any]]:
    """Deliveries of one digest, each with the changes in it: it is several messages where addresses
    were added at different times."""
    rows = conn.execute(
        sa.select(deliveries, messages.c.payload)
        .join(messages, messages.c.id == deliveries.c.message)
        .where(
            messages.c.subscription == subscription,
            messages.c.kind == "digest",
            messages.c.created_at == moment,
        )
        .order_by(deliveries.c.address, deliveries.c.id)
    )
    return [
        (
            {
                told
                for entry in row.payload["entries"]
                for change in entry["changes"]
                for told in change.get("ids", [change["id"]])
            },
            row,
        )
        for row in rows
    ]


def _told(telling: Any, delivery: Any) -> Document:
    return {
        "change": telling.change,
        "subscription": telling.subscription,
        "cause": telling.cause,
        "state": delivery.state if delivery else "waiting",
        "channel": delivery.channel if delivery else None,
        "address": delivery.address if delivery else None,
        "message": delivery.message if delivery else None,
        "delivery": delivery.id if delivery else None,
        "sent_at": instant(delivery.sent_at) if delivery else None,
    }
