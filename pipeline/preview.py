"""Looking ahead and back without telling: the digest a subscription would get, and who was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from pipeline.form import telling_of
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
    found = []
    for one in history.find_changes(conn, Wanted(since=since, until=until)):
        document = change_document(one.change, one.page, one.initiative)
        if one.page in pages and wants(subscription, document):
            cause = "late" if document.get("late") else "look"
            found.append(Telling(document, pages[one.page], cause))
    return found


def replay_since(
    conn: Connection, subscription: Subscription, since: datetime, now: datetime
) -> int:
    """Queue everything since then that the subscription wants and has not been told."""
    queued = 0
    for one in on_record(conn, subscription, since, None):
        queued += replay(conn, one.page, [one.change], subscription, now)
    return queued


def told_of(conn: Connection, changes: Sequence[str]) -> Mapping[str, list[Document]]:
    """For each change: to whom it was told, when, in which message, and how that went."""
    table = tellings.c
    claimed = conn.execute(
        sa.select(table.change, table.subscription, table.cause, messages.c.created_at)
        .join(messages, messages.c.id == table.message)
        .where(table.change.in_(changes))
        .order_by(table.seq)
    ).all()
    found: dict[str, list[Document]] = {change: [] for change in changes}
    for row in claimed:
        # A digest is several messages where addresses were added at different times.
        rows = conn.execute(
            sa.select(deliveries, messages.c.payload)
            .join(messages, messages.c.id == deliveries.c.message)
            .where(
                messages.c.subscription == row.subscription,
                messages.c.kind == "digest",
                messages.c.created_at == row.created_at,
            )
            .order_by(deliveries.c.id)
        )
        for one in rows:
            ids = {
                told
                for entry in one.payload["entries"]
                for change in entry["changes"]
                for told in change.get("ids", [change["id"]])
            }
            if row.change in ids:
                found[row.change].append(_told(one, row.cause))
    return found


def _told(row: Any, cause: str) -> Document:
    return {
        "subscription": row.subscription,
        "address": row.address,
        "message": row.message,
        "delivery": row.id,
        "cause": cause,
        "state": row.state,
        "sent_at": instant(row.sent_at),
    }
