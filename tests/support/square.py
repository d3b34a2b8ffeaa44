"""Watched pages on a loopback site, looked at for real, with the post office of `telling`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.fetch import Fetcher
from monitor.model import Initiative
from notifications.email import MailServer
from notifications.subscriptions import Subscription
from pipeline.check import Checked, check_page
from pipeline.visit import World
from pipeline.watched import Watched
from snapshots import watch
from snapshots.database import Database
from snapshots.watch import WatchedPage
from tests.support import editions
from tests.support.hooks import poster
from tests.support.mail import Mail, MailHost
from tests.support.telling import SENDER, Town
from tests.support.web import Asked, Served, Site

ITEMS = (
    Initiative("Nattbussar till byarna", "Två turer varje natt.", status="ongoing"),
    Initiative("Skolskog", "En skog för varje skola.", status="ongoing"),
    Initiative("Laddplatser vid torget", "Tio platser för elbilar.", status="developing"),
    Initiative("Trygghetsvandringar", "Varje höst med polisen.", status="partnership"),
)


@dataclass
class Square:
    """One site, one mail server, one clock. Its pages show `items`, or answer `answer`."""

    town: Town
    site: Site
    host: MailHost
    pages: Sequence[Watched]
    fetcher: Fetcher
    items: Sequence[Initiative] = ITEMS
    answer: Served | None = None

    def look(self, **later: float) -> Checked:
        """Let time pass, then look at the pages; what came of the first."""
        self.town.now += timedelta(**later)
        world = World(self.fetcher, lambda: self.town.now)
        store, readers = self.town.database, self.town.subscriptions
        first, *_others = [check_page(store, page, world, readers) for page in self.pages]
        return first

    def post(self, **later: float) -> list[Mail]:
        """Let time pass, then deliver; the mails that came of it."""
        before = len(self.host.mails)
        self.town.later(**later)
        return self.host.mails[before:]

    def served(self, asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return Served(b"", 404)
        return self.answer or Served(editions.page(self.items))

    @property
    def now(self) -> datetime:
        return self.town.now


@contextmanager
def square(
    database: Database, *subscriptions: Subscription, more: Sequence[str] = ()
) -> Iterator[Square]:
    """A square whose pages (one, and as many more as have names) have not been looked at yet."""
    with MailHost() as host, poster() as fetcher:
        made: list[Square] = []
        with Site(lambda asked: made[0].served(asked)) as site:
            names = {"vision": "Granviks vision"} | {name.lower(): name for name in more}
            wanted = [
                WatchedPage(id, name, site.url(f"/{id}.html"), "granvik", "1h")
                for id, name in names.items()
            ]
            mail = MailServer("127.0.0.1", host.port, SENDER, security="none")
            town = Town(database, subscriptions, mail=mail, poster=fetcher)
            with database.write() as conn:
                watch.sync_pages(conn, wanted, town.now)
                keys = {page.id: page.key for page in watch.all_pages(conn)}
            pages = [
                Watched(keys[one.id], one.id, one.name, one.url, editions.PROFILE) for one in wanted
            ]
            made.append(Square(town, site, host, pages, fetcher))
            yield made[0]
