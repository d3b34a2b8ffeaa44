"""A watched page on a loopback site, looked at for real, with the post office of `telling`."""

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
    """One page, one mail server, one clock. The page shows `items`, or answers `answer`."""

    town: Town
    site: Site
    host: MailHost
    page: Watched
    fetcher: Fetcher
    items: Sequence[Initiative] = ITEMS
    answer: Served | None = None

    def look(self, **later: float) -> Checked:
        """Let time pass, then look at the page."""
        self.town.now += timedelta(**later)
        world = World(self.fetcher, lambda: self.town.now)
        return check_page(self.town.database, self.page, world, self.town.subscriptions)

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
def square(database: Database, *subscriptions: Subscription) -> Iterator[Square]:
    """A square whose page has not been looked at yet."""
    with MailHost() as host, poster() as fetcher:
        made: list[Square] = []
        with Site(lambda asked: made[0].served(asked)) as site:
            url = site.url("/vision.html")
            wanted = WatchedPage("vision", "Granviks vision", url, "granvik", "1h")
            mail = MailServer("127.0.0.1", host.port, SENDER, security="none")
            town = Town(database, subscriptions, mail=mail, poster=fetcher)
            with database.write() as conn:
                watch.sync_pages(conn, [wanted], town.now)
                key = watch.page(conn, "vision").key
            page = Watched(key, "vision", "Granviks vision", url, editions.PROFILE)
            made.append(Square(town, site, host, page, fetcher))
            yield made[0]
