"""What is joined to what: the one place where settings become parts. Read it as a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from monitor.errors import ConfigurationError, UsageError
from pipeline.visit import World
from pipeline.watched import Watched, group_of
from settings import PageSettings, Settings, fetch_rules, secret

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from notifications.channels import Letterhead
    from notifications.email import MailServer
    from pipeline.deliver import PostOffice
    from snapshots.database import Database
    from snapshots.watch import WatchedPage

VERSION = "0.1.0"


def now() -> datetime:
    """The clock of everything that is not given another."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Installation:
    """A configuration with its store open. Close it, or use it in a `with`."""

    settings: Settings
    database: Database
    pages: Mapping[str, Watched]
    """The configured pages by id, in the configuration's order."""
    clock: Callable[[], datetime] = now
    is_new: bool = False
    """Whether the store held nothing when it was opened: a new history begins."""
    outdated: Mapping[str, str] = field(default_factory=dict)
    """Configured ids from before `pages rename`, with what the pages are called now. One can ask
    about those pages, but not look at them: who is told what goes by the configured ids."""

    def __enter__(self) -> Installation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.database.close()

    def page(self, page_id: str) -> Watched:
        """The page of that id; UsageError names those there are."""
        if page_id in self.outdated:
            raise self._outdated(page_id)
        if page_id not in self.pages:
            known = ", ".join(self.pages) or "inga"
            raise UsageError(
                f"{page_id}: ingen sådan sida i {self.settings.path}. Sidor där: {known}."
            )
        return self.pages[page_id]

    def refuse_outdated(self) -> None:
        """ConfigurationError where a page stands under its id from before a renaming."""
        for old in self.outdated:
            raise self._outdated(old)

    def _outdated(self, old: str) -> ConfigurationError:
        new = self.outdated[old]
        return ConfigurationError(
            f"{self.settings.path}: [[pages]] {old}: sidan heter {new} sedan den bytte id."
            f" Skriv det, eller byt tillbaka med «visionsvakt pages rename {new} {old}»."
        )

    def remembered(self, page_id: str) -> str:
        """The key of a page that is configured, or was: a page left out keeps its history."""
        known = None if page_id in self.pages else self.keys(retired=True).get(page_id)
        return known or self.page(page_id).key

    def keys(self, *, retired: bool) -> dict[str, str]:
        """Every page's id and key: the configured ones in their order, then those under another id
        since a renaming, and on request those that no longer are configured."""
        from snapshots import watch

        with self.database.read() as conn:
            known = {row.id: row.key for row in watch.all_pages(conn, retired=retired)}
        return {name: page.key for name, page in self.pages.items()} | known

    @property
    def by_key(self) -> dict[str, Watched]:
        """The pages by the key that carries their history."""
        return {page.key: page for page in self.pages.values()}


def install(
    settings: Settings, *, clock: Callable[[], datetime] = now, migrate: bool = True
) -> Installation:
    """Open the store (made and migrated where needed) and tell it what is watched, and for whom.

    Without `migrate`, StoreError for a store that is not of this version.
    """
    from pipeline.beginning import begin_history
    from snapshots.database import open_database

    database = open_database(settings.database_url, migrate=migrate)
    try:
        moment = clock()
        with database.write() as conn:
            pages, outdated = _tell_the_store(conn, settings, moment)
            is_new = begin_history(conn, database.place, moment)
    except BaseException:
        database.close()
        raise
    return Installation(settings, database, pages, clock, is_new, outdated)


def reinstall(installation: Installation, settings: Settings) -> Installation:
    """The same open store under another configuration, from now on. ConfigurationError where that
    one names another store."""
    if settings.database_url != installation.settings.database_url:
        raise ConfigurationError(
            f"{settings.path}: database.url: är en annan än när arbetaren startade; starta om den"
        )
    with installation.database.write() as conn:
        pages, outdated = _tell_the_store(conn, settings, installation.clock())
        again = replace(installation, settings=settings, pages=pages, outdated=outdated)
        again.refuse_outdated()
    return again


def _tell_the_store(
    conn: Connection, settings: Settings, moment: datetime
) -> tuple[dict[str, Watched], Mapping[str, str]]:
    """What is watched, and for whom; returns the pages under the keys of their history, and which
    ids are outdated."""
    from pipeline.afterwards import note_gone
    from pipeline.tell import sync_subscribers
    from snapshots import watch

    wanted = [_watched_page(page) for page in settings.pages]
    synced = watch.sync_pages(conn, wanted, moment)
    if synced.regrouped:
        from pipeline.derive import join_lives

        for group in synced.regrouped:
            join_lives(conn, group)
    sync_subscribers(conn, settings.subscriptions, moment)
    note_gone(conn, settings.subscriptions, moment)
    found = {
        page.id: _watched(page, watch.page(conn, page.id).key)
        for page in settings.pages
        if page.id not in synced.outdated
    }
    return found, synced.outdated


def look_out(installation: Installation, *, holder: str) -> World:
    """The door to the network, polite by the pauses kept in the store. Close `world.fetcher`.

    ConfigurationError where a page would be looked at under an outdated id.
    """
    installation.refuse_outdated()
    from monitor.fetch import Fetcher
    from snapshots.holders import runs
    from snapshots.watch import HostGate

    fetch = installation.settings.fetch
    gate = HostGate(
        installation.database,
        pause_seconds=fetch.pause_seconds,
        holder=holder,
        clock=installation.clock,
        lease_seconds=max(60.0, fetch.timeout_seconds + 30.0),
        runs=runs,
    )
    fetcher = Fetcher(fetch_rules(fetch, VERSION), gate=gate, clock=installation.clock)
    return World(fetcher, installation.clock)


def open_post_office(installation: Installation, world: World, *, holder: str) -> PostOffice:
    """The channels of every configured subscription. Asks the environment for their secrets."""
    from pipeline.deliver import post_office

    settings = installation.settings
    return post_office(
        settings.subscriptions,
        zone=settings.zone,
        mail=mail_server(settings) if settings.email else None,
        poster=world.fetcher,
        secrets=lambda one, name: secret(settings, one, name),
        letterhead=letterhead(settings),
    )


def letterhead(settings: Settings) -> Letterhead:
    """What all messages share, be they sent, previewed or read in a feed."""
    from notifications.channels import Letterhead

    reply_to = settings.email.reply_to if settings.email else ""
    return Letterhead(settings.zone, settings.web.public_url, reply_to)


def mail_server(settings: Settings) -> MailServer:
    """The configured mail server, with its password. ConfigurationError where there is none."""
    from notifications.email import MailServer

    email = settings.email
    if email is None:
        raise ConfigurationError(f"{settings.path}: email: tabellen saknas; lägg till den")
    return MailServer(
        host=email.host,
        port=email.port,
        sender=email.sender,
        security=email.security,
        username=email.username,
        password=secret(settings, email, "password_env") if email.password_env else "",
        reply_to=email.reply_to,
        ca_file=str(settings.fetch.ca_file or ""),
    )


def _watched_page(page: PageSettings) -> WatchedPage:
    from snapshots.watch import WatchedPage

    return WatchedPage(
        id=page.id,
        name=page.name,
        url=page.url,
        group=group_of(page.url, page.profile),
        timetable=repr(page.timetable),
    )


def _watched(page: PageSettings, key: str) -> Watched:
    return Watched(key, page.id, page.name, page.url, page.profile)
