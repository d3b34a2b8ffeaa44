"""Times on the command line: with offset, without (then in the worker's zone), or a bare date."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from monitor.errors import UsageError


def moment(text: str, zone: tzinfo, option: str, *, end_of_day: bool = False) -> datetime:
    """The time in UTC. A bare date is its start, or (`end_of_day`) the start of the next day.

    UsageError names the option and the forms that work.
    """
    try:
        day = _bare_date(text)
        if day is not None:
            day += timedelta(days=end_of_day)
            return datetime.combine(day, time(), zone).astimezone(UTC)
        found = datetime.fromisoformat(text.upper())
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: «{text}» är ingen tid; skriv 2026-11-23, 2026-11-23T08:00 eller "
            "2026-11-23T07:00:00Z"
        ) from None


def inclusive(text: str, zone: tzinfo, option: str) -> datetime:
    """The last moment that `--as-of` means: a bare date is its whole day."""
    found = moment(text, zone, option, end_of_day=True)
    return found if _bare_date(text) is None else found - timedelta(microseconds=1)


def _bare_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
