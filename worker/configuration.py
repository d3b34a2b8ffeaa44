"""The configuration read again while the worker works: taken whole, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from monitor.errors import ConfigurationError
from notifications.incidents import Trouble, mend_of, note, over
from pipeline.visit import World
from settings import load, require_secrets
from wiring import Installation, look_out, open_post_office, reinstall

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipeline.deliver import PostOffice

SUBJECT: Final = "worker:konfigurationen"
"""The incident's, where the configuration was read again and can't be used."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a worker works with under one configuration. Close its `world.fetcher` when outworn."""

    installation: Installation
    world: World
    post_office: PostOffice


def read_again(installation: Installation, holder: str) -> Equipment:
    """The same store under the configuration as its file has it now.

    ConfigurationError where that one can't be used: then nothing has changed.
    """
    settings = load(installation.settings.path)
    require_secrets(settings)
    drafted = replace(installation, settings=settings)
    world = look_out(drafted, holder=holder)
    try:
        office = open_post_office(drafted, world, holder=holder)
        return Equipment(reinstall(installation, settings), world, office)
    except BaseException:
        world.fetcher.close()
        raise


def is_refused(conn: Connection, error: ConfigurationError, now: datetime) -> None:
    """Operators are to hear of it."""
    note(
        conn, SUBJECT, Trouble("configuration", str(error), mend_of("configuration")), now, after=1
    )


def holds(conn: Connection, now: datetime) -> None:
    """The configuration can be used: what was wrong with it, if anything, is over."""
    over(conn, SUBJECT, now)
