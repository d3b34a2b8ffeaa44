"""A few watched pages on a store, as the commands work them, without a network between.

watch = Watch(store, ["omsorg", "trygg"])
watch.look("omsorg", items)      # a look, derived and told as `check` does it
watch.bring("omsorg", …)         # an import
watch.told                       # every telling, in order
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from monitor.model import Initiative, Profile, Reason
from notifications.subscriptions import Subscription
from pipeline import decide
from pipeline.check import tell_changes
from pipeline.decide import Desk, Settled, Signed
from pipeline.derive import Derived, derive, join_lives
from pipeline.form import form
from pipeline.imports import Edition, Imported, import_editions
from pipeline.rebuild import Rebuilt, rebuild
from pipeline.tell import sync_subscribers
from pipeline.watched import Watched
from presentation.documents import recorded_document
from snapshots import facts, history, schema, watch
from snapshots.database import Database
from snapshots.facts import NewCapture
from snapshots.watch import WatchedPage
from tests.support.editions import PROFILE, START
from tests.support.editions import page as html
from tests.support.telling import by_mail

HOUR = timedelta(hours=1)
DERIVED = [name for name, kind in schema.KIND_OF.items() if kind == "derived"]
VERSIONS = schema.item_versions


@dataclass
class Watch:
    """Pages of one host and profile, a clock that each look moves on, and who is told."""

    store: Database
    ids: Sequence[str] = ("omsorg",)
    subscriptions: Sequence[Subscription] = (by_mail(),)
    now: datetime = START
    host: str = "granvik.example"
    profile: Profile = PROFILE
    pages: dict[str, Watched] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.configure()

    def configure(self, ids: Sequence[str] | None = None, **said: Any) -> None:
        """Start with this configuration: other pages, another host, another profile."""
        self.ids = self.ids if ids is None else ids
        for name, value in said.items():
            setattr(self, name, value)
        group = f"{self.host} {self.profile.name}"
        wanted = [
            WatchedPage(id, id.title(), f"https://{self.host}/{id}", group, "1h") for id in self.ids
        ]
        with self.store.write() as conn:
            for regrouped in watch.sync_pages(conn, wanted, self.now).regrouped:
                join_lives(conn, regrouped)
            sync_subscribers(conn, self.subscriptions, self.now)
            self.pages = {
                one.id: Watched(
                    watch.page(conn, one.id).key, one.id, one.name, one.url, self.profile
                )
                for one in wanted
            }

    # -- what the commands do ----------------------------------------------------------------------

    def look(
        self,
        page: str,
        what: Sequence[Initiative] | bytes | None = None,
        *,
        failure: str = "",
        after: timedelta = HOUR,
        nonce: str = "",
    ) -> Derived:
        """A look, as `check`: initiatives or bytes that came, a failure, else a 304."""
        self.now += after
        self.capture(page, what, failure=failure, nonce=nonce)
        return self.derived(page)

    def capture(
        self,
        page: str,
        what: Sequence[Initiative] | bytes | None = None,
        *,
        failure: str = "",
        nonce: str = "",
    ) -> str:
        """The first half of a look: killed before the other one."""
        body = what if what is None or isinstance(what, bytes) else html(what, nonce=nonce)
        new = NewCapture(
            self.pages[page].key,
            self.now,
            body,
            again=body is None and not failure,
            failure=Reason(failure, failure) if failure else None,
            content_type="text/html; charset=utf-8" if body else None,
            final_url=self.pages[page].url,
        )
        with self.store.write() as conn:
            return facts.record(conn, new).id

    def derived(self, page: str) -> Derived:
        """The other half."""
        with self.store.write() as conn:
            result = derive(conn, self.pages[page])
            tell_changes(conn, self.pages[page], result, self.subscriptions, now=self.now)
        return result

    def bring(
        self,
        page: str,
        editions: Iterable[tuple[datetime, Sequence[Initiative] | bytes]],
        *,
        notify: bool = False,
    ) -> Imported:
        """`import`, one file after the other as they are given."""
        watched = self.pages[page]

        def tell(conn: Connection, result: Derived) -> None:
            tell_changes(conn, watched, result, self.subscriptions, now=self.now, everything=notify)

        arriving = [
            Edition(at, what if isinstance(what, bytes) else html(what), "text/html", None, "file")
            for at, what in editions
        ]
        return import_editions(self.store, watched, arriving, tell=tell)

    def rebuild(self) -> Rebuilt:
        return rebuild(self.store, self.pages.values(), self.now)

    def decide(self, what: Callable[..., Settled], *about: Any) -> Settled:
        """One of the functions of `pipeline.decide`, signed."""
        signed = Signed("Kim", "prov", self.now)
        return what(self.desk, *about, signed)

    def retry(self, page: str) -> Derived:
        return decide.retry(self.desk, self.pages[page], self.now)

    def send(self) -> int:
        """Let digests claim what waits to be told; returns how many messages that makes."""
        with self.store.write() as conn:
            return form(conn, self.now, self.subscriptions, ZoneInfo("Europe/Stockholm"))

    # -- what came of it ---------------------------------------------------------------------------

    @property
    def desk(self) -> Desk:
        by_key = {page.key: page for page in self.pages.values()}
        return Desk(self.store, by_key, self.subscriptions)

    @property
    def changes(self) -> list[dict[str, Any]]:
        """`changes --json`."""
        with self.store.read() as conn:
            return [recorded_document(one) for one in history.changes(conn)]

    def change(self, kind: str, title: str = "") -> dict[str, Any]:
        """The one change of that kind (about something of that title)."""
        (found,) = [
            one
            for one in self.changes
            if kind in one["kinds"]
            and (not title or title in (one["title"]["old"], one["title"]["new"]))
        ]
        return found

    @property
    def told(self) -> list[Any]:
        """Every telling, in order."""
        with self.store.read() as conn:
            return list(conn.execute(sa.select(schema.tellings).order_by(schema.tellings.c.seq)))

    @property
    def said(self) -> list[tuple[str, tuple[str, ...], str]]:
        """(why, kinds or «withdrawn», title) of every telling, in order."""
        found = []
        for row in self.told:
            change = row.payload["change"]
            both = change.get("title") or change["text"]
            kinds = ("withdrawn",) if change.get("withdrawn") else tuple(change["kinds"])
            found.append((row.cause, kinds, both["new"] or both["old"]))
        return found

    def standing(self, page: str) -> list[tuple[Initiative, str]]:
        """What stands on the page, with its initiative id."""
        with self.store.read() as conn:
            shown = history.show(conn, self.pages[page].key)
        return [(one.initiative, one.id) for one in shown.initiatives] if shown else []

    def lives(self, page: str) -> dict[str, str]:
        """Title -> initiative id, as the page stands."""
        return {initiative.title: life for initiative, life in self.standing(page)}

    @property
    def waiting(self) -> list[str]:
        with self.store.read() as conn:
            return [one.capture for one in history.quarantined(conn)]

    def number(self, page: str) -> int:
        with self.store.read() as conn:
            shown = history.show(conn, self.pages[page].key)
        return shown.number if shown else 0

    def everything_derived(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every derived table. Versions are named by their words' key: the number
        that stands for them says nothing."""
        found = {}
        with self.store.read() as conn:
            key = {row.id: row.key for row in conn.execute(sa.select(VERSIONS))}
            for name in DERIVED:
                table = schema.metadata.tables[name]
                columns = [column for column in table.c if (name, column.name) != _SAYS_NOTHING]
                rows = [
                    tuple(
                        key.get(value, value) if column.name.endswith("version") else value
                        for column, value in zip(columns, row, strict=True)
                    )
                    for row in conn.execute(sa.select(*columns))
                ]
                found[name] = sorted(rows, key=repr)
        return found


_SAYS_NOTHING = ("item_versions", "id")
