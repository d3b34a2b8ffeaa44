"""A program that tells and delivers until killed: `python -m tests.support.teller URL PORT N STEP`.

It makes change after change due, N in all over every run, and delivers each by mail. With STEP it
stops for ever at a step of its own, so that a test can kill it exactly there.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from notifications import outbox
from notifications.channels import Letterhead
from notifications.email import EmailChannel, MailServer
from pipeline.deliver import PostOffice, deliver
from pipeline.tell import sync_subscribers, tell
from snapshots.database import Database, open_database
from snapshots.schema import tellings
from tests.support.telling import CARE, SENDER, by_mail, change, initiative

TO = ("kim@granvik.example", "eva@granvik.example")
STOCKHOLM = ZoneInfo("Europe/Stockholm")
OWN_STEPS = ("told", "committed", "formed", "claimed", "sent", "settling", "marked")


def now() -> datetime:
    return datetime.now(UTC)


def hold(step: str, wanted: str) -> None:
    """Say where we are; stay there for ever where that is wanted."""
    if step == wanted:
        print(step, flush=True)
        time.sleep(600)


def run(database: Database, port: int, number: int, held_at: str) -> None:
    subscription = by_mail(*TO)
    server = MailServer("127.0.0.1", port, SENDER, security="none")
    letterhead = Letterhead(STOCKHOLM)
    office = PostOffice(
        (subscription,), {"email": EmailChannel(server, letterhead)}, letterhead, STOCKHOLM
    )
    _watch_steps(held_at)
    with database.write() as conn:
        sync_subscribers(conn, [subscription], now())
    while True:
        with database.write() as conn:
            told = conn.scalar(sa.select(sa.func.count()).select_from(tellings)) or 0
            if told < number:
                new = change(None, initiative(f"Insats {told}"), of=f"i-{told}", at=now())
                tell(conn, CARE, [new], cause="look", subscriptions=[subscription], now=now())
            hold("told", held_at)
        hold("committed", held_at)
        done = deliver(database, office, now)
        if told >= number and not done.waiting:
            return


def _watch_steps(held_at: str) -> None:
    """Holds at the steps inside `deliver`, between its transactions."""
    channel = EmailChannel
    claim, settle, send = outbox.claim, outbox.settle_sent, channel.send
    begun: list[object] = []

    def claiming(*args, **more):  # type: ignore[no-untyped-def]
        hold("marked" if any(begun) else "formed", held_at)
        found = claim(*args, **more)
        begun.append(found)
        return found

    def sending(self, delivery):  # type: ignore[no-untyped-def]
        hold("claimed", held_at)
        receipt = send(self, delivery)
        hold("sent", held_at)
        return receipt

    def settling(*args, **more):  # type: ignore[no-untyped-def]
        settle(*args, **more)
        hold("settling", held_at)

    outbox.claim, outbox.settle_sent = claiming, settling
    channel.send = sending  # type: ignore[method-assign]


if __name__ == "__main__":
    url, port, number, *rest = sys.argv[1:]
    opened = open_database(url)
    run(opened, int(port), int(number), rest[0] if rest else "")
