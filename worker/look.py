"""One look at a page as an installation has it: `check_page`, and the page's next time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from monitor.errors import FetchError
from monitor.timetable import next_look
from pipeline.afterwards import next_after_failure
from pipeline.check import Checked, check_page
from pipeline.visit import World
from pipeline.watched import Watched
from snapshots import watch

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from wiring import Installation


def look_and_plan(
    installation: Installation,
    page: Watched,
    world: World,
    current: Callable[[], Installation] | None = None,
) -> Checked:
    """`check_page`, and the page's next time: by its timetable, sooner or later after failures.

    `current`: what holds when the look has ended, where the configuration may be read again
    meanwhile; a page that is gone from it has no next time.
    """

    def plan(conn: Connection, failure: FetchError | None) -> None:
        settings = (current() if current is not None else installation).settings
        mine = next((one for one in settings.pages if one.id == page.id), None)
        if mine is None:
            return
        now = installation.clock()
        planned = next_look(mine.timetable, now, settings.zone)
        failures = 0
        if failure is not None:
            failures = watch.page(conn, page.id).failures + 1
            chance = random.random()  # noqa: S311
            planned = next_after_failure(now, planned, failures, failure, jitter=chance)
        watch.schedule_next(conn, page.key, planned, failures)

    subscriptions = installation.settings.subscriptions
    return check_page(installation.database, page, world, subscriptions, plan)
