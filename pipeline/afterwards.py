"""After a look: the page's incident, and when it is looked at next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from monitor.errors import AskOperator, FetchError, Gone, TryLater
from monitor.model import Reason
from monitor.pace import pause_after
from notifications import incidents
from notifications.channels import addresses_of
from notifications.incidents import Trouble, mend_of
from notifications.subscriptions import Subscription
from snapshots import watch

FIRST_PAUSE_SECONDS: Final = 60.0
"""After the first failure of a page; doubled with each further one in a row."""
LONGEST_PAUSE: Final = timedelta(hours=1)
"""A page that failed is tried again at least this often, or as often as its timetable says."""


def note_look(
    conn: Connection,
    page_key: str,
    page_id: str,
    now: datetime,
    *,
    failure: FetchError | None,
    quarantined: Sequence[Reason] = (),
) -> None:
    """How one look at a page went, for incidents: in the transaction of the look."""
    subject = f"page:{page_key}"
    if failure is not None:
        trouble = Trouble(failure.code, f"{page_id}: {failure.text}", mend_of(failure.code))
        incidents.note(conn, subject, trouble, now, after=_after(failure))
    elif quarantined:
        text = "; ".join(reason.text for reason in quarantined)
        trouble = Trouble("quarantined", f"{page_id}: {text}", mend_of("quarantined"))
        incidents.note(conn, subject, trouble, now, after=1)
    else:
        incidents.over(conn, subject, now)


def note_gone(conn: Connection, subscriptions: Sequence[Subscription], now: datetime) -> None:
    """What left the configuration troubles nobody: a page, an address, a whole subscription."""
    about = incidents.ABOUT_PAGES | incidents.ABOUT_SUBSCRIPTIONS
    troubled = incidents.troubled(conn, about)
    if not troubled:
        return
    keys = [page.key for page in watch.all_pages(conn)]
    there = {f"{kind}:{key}" for kind in incidents.ABOUT_PAGES for key in keys}
    for one in subscriptions:
        there |= {incidents.about_channel(one.channel, one.id), incidents.about_digest(one.id)}
        there |= {incidents.about_address(address, one.id) for address in addresses_of(one)}
    for subject in troubled:
        if subject not in there:
            incidents.over(conn, subject, now)


def _after(failure: FetchError) -> int:
    return 2 if isinstance(failure, AskOperator | Gone) else incidents.OPENS_AFTER


def next_after_failure(
    now: datetime, planned: datetime, failures: int, failure: FetchError, *, jitter: float
) -> datetime:
    """Sooner than the timetable says at first, with growing pauses; never before Retry-After.

    `failures` in a row, this one counted; `jitter` in [0, 1) as in `pause_after`.
    """
    pause = pause_after(failures, base_seconds=FIRST_PAUSE_SECONDS, jitter=jitter)
    again = now + pause
    if not isinstance(failure, TryLater) or pause >= LONGEST_PAUSE:
        again = max(again, planned)
    asked = now + timedelta(seconds=failure.retry_after_seconds or 0)
    return max(again, asked)
