"""An invented town's changes, and a post office on a store, a clock and loopback servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from monitor.model import KINDS
from notifications import outbox
from notifications.channels import Letterhead, Message
from notifications.digest import Entry, PageInfo, Telling, entry_document, gather
from notifications.email import MailServer
from notifications.subscriptions import Subscription, parse_digest
from pipeline.afterwards import note_gone
from pipeline.deliver import Delivered, PostOffice, deliver, post_office
from pipeline.tell import Cause, sync_subscribers, tell
from snapshots.database import Database

STOCKHOLM = ZoneInfo("Europe/Stockholm")
START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
CARE = PageInfo("p-care", "omsorg", "Omsorg i Granvik", "https://granvik.example/omsorg.html")
SAFE = PageInfo("p-safe", "trygg", "Tryggt i Granvik", "https://granvik.example/trygg.html")
SENDER = "Visionsvakt <visionsvakt@granvik.example>"

State = Mapping[str, Any]


def initiative(
    title: str = "Laddplatser vid torget",
    status: str = "developing",
    description: str = "Tio platser för elbilar.",
    links: Sequence[Mapping[str, Any]] = (),
) -> State:
    return {
        "title": title,
        "status": status,
        "description": description,
        "links": [dict(link) for link in links],
    }


def link(
    text: str, href: str | None = "https://granvik.example/mer", external: bool = False
) -> State:
    return {"text": text, "href": href, "external": external}


def change(
    old: State | None,
    new: State | None,
    *,
    of: str = "i-laddplatser",
    page: str = "omsorg",
    number: int = 2,
    at: datetime = START,
    restored: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """A contract change from one state of an initiative to another; None: not on the page."""
    kinds = ["restored" if restored else "added"] if old is None else ["removed"]
    if old is not None and new is not None:
        names = zip(KINDS[3:], ("status", "title", "description", "links"), strict=True)
        kinds = [kind for kind, name in names if old[name] != new[name]]
    sides = ("title", "status", "description", "links")
    both = {
        side: {
            "old": None if old is None else old[side],
            "new": None if new is None else new[side],
        }
        for side in sides
    }
    return {
        "subject": "initiative",
        "kinds": kinds,
        **both,
        "signals": [],
        "certainty": 1.0,
        "initiative": of,
        "id": f"c-{page}-{of}-{number}",
        "page": page,
        "old_snapshot": number - 1,
        "new_snapshot": number,
        "after": _stamp(at - timedelta(hours=1)),
        "before": _stamp(at),
        **more,
    }


def page_change(
    field: str, old: str, new: str, *, page: str = "omsorg", number: int = 2, at: datetime = START
) -> dict[str, Any]:
    return {
        "subject": "page",
        "kinds": ["reworded"],
        "field": field,
        "text": {"old": old, "new": new},
        "id": f"c-{page}-{field}-{number}-{old}",
        "page": page,
        "old_snapshot": number - 1,
        "new_snapshot": number,
        "after": _stamp(at - timedelta(hours=1)),
        "before": _stamp(at),
    }


def telling(told: Mapping[str, Any], cause: str = "look") -> Telling:
    return Telling(told, {"omsorg": CARE, "trygg": SAFE}[told["page"]], cause)


def gathered(*told: Mapping[str, Any]) -> tuple[Entry, ...]:
    return gather([telling(one) for one in told])


def message(entries: Sequence[Entry], **more: Any) -> Message:
    payload = {"entries": [entry_document(entry) for entry in entries], **more}
    return Message("m-1", "kommunikation", "digest", START, payload)


def by_mail(
    *to: str, id: str = "kommunikation", digest: str = "immediate", **more: Any
) -> Subscription:
    addresses = to or ("kim@granvik.example",)
    form = parse_digest(digest)
    return Subscription(id=id, channel="email", to=addresses, digest=form, **more)


def by_hook(url: str, id: str = "intranat", digest: str = "immediate", **more: Any) -> Subscription:
    return Subscription(id=id, channel="webhook", url=url, digest=parse_digest(digest), **more)


@dataclass
class Town:
    """A store, a clock that the test sets, and the subscriptions of the moment."""

    database: Database
    subscriptions: Sequence[Subscription]
    mail: MailServer | None = None
    poster: Any = None
    now: datetime = START
    secrets: Mapping[str, str] = field(default_factory=dict)
    spread: Callable[[], float] = lambda: 0.5

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """What a program does when it starts."""
        with self.database.write() as conn:
            sync_subscribers(conn, self.subscriptions, self.now)
            note_gone(conn, self.subscriptions, self.now)

    def tell(
        self, *changes: Mapping[str, Any], cause: Cause = "look", hold_until: datetime | None = None
    ) -> int:
        total = 0
        with self.database.write() as conn:
            for one in changes:
                total += tell(
                    conn,
                    {"omsorg": CARE, "trygg": SAFE}[one["page"]],
                    [one],
                    cause=cause,
                    subscriptions=self.subscriptions,
                    now=self.now,
                    hold_until=hold_until,
                )
        return total

    @property
    def office(self) -> PostOffice:
        made = post_office(
            self.subscriptions,
            zone=STOCKHOLM,
            mail=self.mail,
            poster=self.poster,
            secrets=lambda subscription, name: self.secrets[getattr(subscription, name)],
            letterhead=Letterhead(STOCKHOLM, "", self.mail.reply_to if self.mail else ""),
        )
        return PostOffice(
            made.subscriptions, made.channels, Letterhead(STOCKHOLM), STOCKHOLM, self.spread
        )

    def deliver(self, at: datetime | None = None) -> Delivered:
        self.now = at or self.now
        return deliver(self.database, self.office, lambda: self.now)

    def later(self, **span: float) -> Delivered:
        """Let time pass, then deliver."""
        return self.deliver(self.now + timedelta(**span))

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        with self.database.read() as conn:
            return outbox.listing(conn)

    def retry(self, *ids: str) -> int:
        with self.database.write() as conn:
            return outbox.retry(conn, ids or None, self.now)


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
