"""When a page is to be looked at again: every so often, or at the times of a cron line. Pure.

A cron line has five fields (minute, hour, day of month, month, day of week) with `*`, lists,
ranges, steps and English three-letter names; days of the week count from Sunday as 0, also 7.
As cron does, a day matches when either day field does, where both are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeAlias

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minut", 0, 59, []),
    ("timme", 0, 23, []),
    ("dag", 1, 31, []),
    ("månad", 1, 12, _MONTHS),
    ("veckodag", 0, 7, _DAYS),
)
_TERM = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many seconds, counted from the look before."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Cron:
    """The times of a cron line, in local time. Weekdays are ISO's less one: 0 is Monday."""

    line: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def on(self, day: date) -> bool:
        """Whether some time of this day matches."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.weekday() in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday


Timetable: TypeAlias = Every | Cron


def parse_cron(line: str) -> Cron:
    """The cron line as sets; ValueError says (in Swedish) which field is wrong and how."""
    fields = line.lower().split()
    if len(fields) != 5:
        raise ValueError(
            f"fem fält väntas (minut timme dag månad veckodag), här står {len(fields)}"
        )
    minutes, hours, days, months, weekdays = (
        frozenset(_values(field, *rule)) for field, rule in zip(fields, _FIELDS, strict=True)
    )
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    cron = Cron(
        line, minutes, hours, days, months, frozenset((d - 1) % 7 for d in weekdays), either
    )
    if not any(cron.on(date(2000, 1, 1) + timedelta(days=n)) for n in range(366 * 4)):
        raise ValueError("den dagen finns inte i någon månad")
    return cron


def next_look(timetable: Timetable, after: datetime, zone: tzinfo) -> datetime:
    """The first time strictly after `after` (aware), in UTC.

    A local time that a DST night skips comes an hour later by the clock; one that it repeats counts
    once, unless every hour is asked for.
    """
    if isinstance(timetable, Every):
        return after.astimezone(UTC) + timedelta(seconds=timetable.seconds)
    return next(moment for moment in _moments(timetable, after, zone) if moment > after)


def _moments(cron: Cron, after: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Matching moments in UTC from the hour before `after` on; some come twice.

    Where every hour matches, both readings of a local time do: that covers the hour that autumn
    repeats, and on any other night names a moment that matches anyway.
    """
    start = after.astimezone(zone)
    day = start.date()
    first_hour = start.hour - 1
    folds = (0, 1) if len(cron.hours) == 24 else (0,)
    while True:
        if cron.on(day):
            for hour in sorted(h for h in cron.hours if h >= first_hour):
                for fold in folds:
                    for minute in sorted(cron.minutes):
                        local = datetime.combine(day, time(hour, minute, fold=fold), zone)
                        yield local.astimezone(UTC)
        day += timedelta(days=1)
        first_hour = 0


def _values(field: str, name: str, low: int, high: int, names: list[str]) -> Iterator[int]:
    for term in field.split(","):
        found = _TERM.fullmatch(term)
        if found is None:
            raise ValueError(f"«{term}» ({name}) går inte att läsa")
        if found[1] == "*":
            first, last = low, high
        else:
            first = _number(found[2], name, low, high, names)
            last = _number(found[3], name, low, high, names) if found[3] else first
            if found[4] and not found[3]:
                last = high
        if last < first:
            raise ValueError(f"«{term}» ({name}) går baklänges")
        step = int(found[4] or 1)
        if step == 0:
            raise ValueError(f"«{term}» ({name}) har steget noll")
        yield from range(first, last + 1, step)


def _number(text: str, name: str, low: int, high: int, names: list[str]) -> int:
    if text in names:
        return names.index(text) + (low if names is _MONTHS else 0)
    if not (text.isascii() and text.isdigit()):
        hint = f"; namnen är {', '.join(names)}" if names else ""
        raise ValueError(f"«{text}» är ingen {name}{hint}")
    if not low <= int(text) <= high:
        raise ValueError(f"«{text}» ({name}) ligger utanför {low}-{high}")
    return int(text)


def planned_looks(timetable: Timetable, since: datetime, until: datetime, zone: tzinfo) -> int:
    """How many looks the timetable has from `since` on to before `until`.

    «Every so often» counts from `since`; a cron line's times are what they are.
    """
    if until <= since:
        return 0
    if isinstance(timetable, Every):
        return -(-int((until - since).total_seconds()) // timetable.seconds)
    count = 0
    moment = next_look(timetable, since - timedelta(microseconds=1), zone)
    while moment < until:
        count += 1
        moment = next_look(timetable, moment, zone)
    return count
