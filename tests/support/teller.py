"""A program that tells and delivers until killed: `python -m tests.support.teller URL TO N STEP`.

It makes change after change due, N in all over every run, and delivers each: by mail where TO is a
port, as a signed webhook where it is an address. With STEP it stops for ever at a step of its own,
so that a test can kill it exactly there.
"""

from __future__ import annotations

import smtplib
import sys
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from notifications import outbox
from notifications.channels import Letterhead
from notifications.email import EmailChannel, MailServer
from notifications.webhook import Endpoint, WebhookChannel
from pipeline import deliver as delivering
from pipeline.deliver import PostOffice, deliver
from pipeline.tell import sync_subscribers, tell
from snapshots.database import Database, open_database
from snapshots.schema import tellings
from tests.support.hooks import SECRET, poster
from tests.support.telling import CARE, SENDER, by_hook, by_mail, change, initiative

TO = ("kim@granvik.example", "eva@granvik.example")
STOCKHOLM = ZoneInfo("Europe/Stockholm")
OWN_STEPS = ("told", "committed", "formed", "claimed", "body", "sent", "settling", "marked")

LONGEST_COMMAND = 512


def now() -> datetime:
    return datetime.now(UTC)


def hold(step: str, wanted: str) -> None:
    """Say where we are; stay there for ever where that is wanted."""
    if step == wanted:
        print(step, flush=True)
        time.sleep(600)


def office_for(to: str) -> PostOffice:
    """A post office with one subscription, by mail or by webhook."""
    letterhead = Letterhead(STOCKHOLM)
    if to.isdecimal():
        server = MailServer("127.0.0.1", int(to), SENDER, security="none")
        mail = EmailChannel(server, letterhead)
        return PostOffice((by_mail(*TO),), {"email": mail}, letterhead, STOCKHOLM)
    hook = by_hook(to)
    channel = WebhookChannel({hook.id: Endpoint(to, (SECRET,))}, poster())
    return PostOffice((hook,), {"webhook": channel}, letterhead, STOCKHOLM)


def run(database: Database, to: str, number: int, held_at: str) -> None:
    office = office_for(to)
    (subscription,) = office.subscriptions
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
    claim, settle, send = outbox.claim, outbox.settle_sent, delivering._sent
    write = smtplib.SMTP.send
    begun: list[object] = []

    def claiming(*args, **more):  # type: ignore[no-untyped-def]
        hold("marked" if any(begun) else "formed", held_at)
        found = claim(*args, **more)
        begun.append(found)
        return found

    def sending(*args):  # type: ignore[no-untyped-def]
        hold("claimed", held_at)
        receipt = send(*args)
        hold("sent", held_at)
        return receipt

    def settling(*args, **more):  # type: ignore[no-untyped-def]
        settle(*args, **more)
        hold("settling", held_at)

    def writing(client, text):  # type: ignore[no-untyped-def]
        if len(text) > LONGEST_COMMAND:  # a mail's text: half of it is under way
            write(client, text[: len(text) // 2])
            hold("body", held_at)
            text = text[len(text) // 2 :]
        write(client, text)

    outbox.claim, outbox.settle_sent, delivering._sent = claiming, settling, sending
    smtplib.SMTP.send = writing  # type: ignore[method-assign]


if __name__ == "__main__":
    url, to, number, *rest = sys.argv[1:]
    run(open_database(url), to, int(number), rest[0] if rest else "")
