"""The canary: an invented page goes through visit, derive, tell and render, and must give what it
is known to give. Where it does not, something is wrong with us, and not with the pages.

It has a web site of its own on loopback and a store of its own in memory, and sends nothing: all it
leaves behind is an incident, where it has to.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from monitor.errors import VisionsvaktError
from monitor.fetch import Fetcher, FetchRules, OpenGate
from monitor.profile import BORAS
from notifications import incidents
from notifications.channels import Delivery, Letterhead, Message, one_line
from notifications.email import MailServer, compose
from notifications.incidents import Trouble, mend_of
from notifications.subscriptions import Subscription
from notifications.webhook import body_of
from pipeline import town
from pipeline.check import check_page
from pipeline.form import form
from pipeline.tell import sync_subscribers
from pipeline.visit import World
from pipeline.watched import Watched, group_of
from snapshots import watch
from snapshots.database import Database, database_in_memory
from snapshots.schema import deliveries, messages
from snapshots.watch import WatchedPage

SUBJECT: Final = "worker:självprovet"
TIMEOUT_SECONDS: Final = 10.0
"""For each look at the invented page."""
_ZONE: Final = ZoneInfo("Europe/Stockholm")
_READER: Final = Subscription("lasare", "email", to=("lasare@granvik.example",))
_POST: Final = MailServer("granvik.example", 25, "Visionsvakt <vakt@granvik.example>")


class CanaryError(VisionsvaktError):
    """The invented page gave something else than it is known to give."""


def try_all(database: Database, clock: Callable[[], datetime]) -> None:
    """Rehearse, and keep in `database` how that went: an incident opens or ends.

    Raises CanaryError where it did not go well, StoreError where that can't be kept.
    """
    text = trouble(clock)
    with database.write() as conn:
        if text is None:
            incidents.over(conn, SUBJECT, clock())
        else:
            known = Trouble("canary", text, mend_of("canary"))
            incidents.note(conn, SUBJECT, known, clock(), after=1)
    if text is not None:
        raise CanaryError(text)


def trouble(clock: Callable[[], datetime]) -> str | None:
    """Rehearse: None where all came as it is known to, else what went wrong. Keeps nothing."""
    try:
        rehearse(clock)
    except Exception as error:  # whatever it is, it is what we wanted to know
        return f"Självprovet misslyckades: {_said(error)}"
    return None


def rehearse(clock: Callable[[], datetime], editions: Sequence[str] = town.editions()[:2]) -> None:
    """Look at two editions of the invented page and render what its reader is told of them.

    Raises CanaryError where that is not what is known of the town, and whatever goes wrong before.
    """
    first, second = editions
    with _site(first) as site, database_in_memory() as store:
        page = _watched(store, site.url, clock())
        with Fetcher(_RULES, gate=OpenGate(), clock=clock) as fetcher:
            world = World(fetcher, clock)
            _expect("first", check_page(store, page, world, [_READER]).outcome)
            site.html = second
            checked = check_page(store, page, world, [_READER])
        _expect("changed", checked.outcome)
        delivery = _formed(store, checked.captured_at)
    _judge_webhook(json.loads(body_of(delivery.message)))
    _judge_mail(compose(delivery, _POST, Letterhead(_ZONE)))


def _said(error: Exception) -> str:
    if isinstance(error, VisionsvaktError):
        return str(error)
    return f"{type(error).__name__}: {one_line(str(error))}"


def _expect(known: object, found: object) -> None:
    if found != known:
        raise CanaryError(f"den påhittade sidan gav «{found}», väntat var «{known}»")


# --- what is told -----------------------------------------------------------------------------


def _judge_webhook(document: Mapping[str, Any]) -> None:
    """The changes as machines get them are the known ones, each once."""
    found = [
        (tuple(change["kinds"]), change["title"]["old"], change["title"]["new"])
        for change in document["data"]["changes"]
    ]
    _expect(sorted(town.SECOND_CHANGES, key=str), sorted(found, key=str))


def _judge_mail(mail: EmailMessage) -> None:
    """People are told of each in both parts of the letter."""
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        text = " ".join(part.get_content().split()) if part is not None else ""
        missing = [new for _, _, new in town.SECOND_CHANGES if new not in text]
        if missing:
            raise CanaryError(f"brevet ({kind}) nämner inte «{missing[0]}»")


def _formed(store: Database, now: datetime) -> Delivery:
    """The one delivery of the one message that is due."""
    with store.write() as conn:
        form(conn, now, [_READER], _ZONE)
    with store.read() as conn:
        rows = conn.execute(
            sa.select(
                deliveries.c.id, deliveries.c.message, messages.c.kind, messages.c.payload
            ).join(messages, messages.c.id == deliveries.c.message)
        ).all()
    _expect(1, len(rows))
    (row,) = rows
    message = Message(row.message, _READER.id, row.kind, now, row.payload)
    return Delivery(row.id, _READER.channel, _READER.to[0], message, _READER)


# --- the invented page ------------------------------------------------------------------------

_RULES: Final = FetchRules(timeout_seconds=TIMEOUT_SECONDS, allow_private=("127.0.0.1",))


def _watched(store: Database, url: str, now: datetime) -> Watched:
    """The page as a configuration would have it, and its reader, in a new store."""
    wanted = WatchedPage("granvik", "Granvik 2040", url, group_of(url, BORAS), "1h")
    with store.write() as conn:
        watch.sync_pages(conn, [wanted], now)
        sync_subscribers(conn, [_READER], now)
        key = watch.page(conn, wanted.id).key
    return Watched(key, wanted.id, wanted.name, url, BORAS)


class _Site(HTTPServer):
    """Granvik's web site on any free loopback port: the page, and nothing else."""

    def __init__(self, html: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.html = html

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{town.ADDRESS}"


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT_SECONDS
    server: _Site

    def do_GET(self) -> None:
        if self.path != town.ADDRESS:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.html.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants to know."""


@contextmanager
def _site(html: str) -> Iterator[_Site]:
    with _Site(html) as site:
        serving = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield site
        finally:
            site.shutdown()
            serving.join()


__all__ = ["SUBJECT", "CanaryError", "rehearse", "trouble", "try_all"]
