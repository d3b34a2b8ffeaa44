from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.timetable import Every, next_look, parse_cron

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM).astimezone(UTC)


def looks(line: str, start: str, count: int) -> list[str]:
    """The next `count` local times of a cron line after a local time."""
    moment, found = at(start), []
    for _ in range(count):
        moment = next_look(parse_cron(line), moment, STOCKHOLM)
        found.append(moment.astimezone(STOCKHOLM).isoformat(timespec="minutes"))
    return found


def test_every_counts_from_the_look_before() -> None:
    assert next_look(Every(900), at("2026-11-20T08:00"), STOCKHOLM) == at("2026-11-20T08:15")


@pytest.mark.parametrize(
    ("line", "start", "expected"),
    [
        ("0 6-18 * * mon-fri", "2026-11-20T18:00", ["2026-11-23T06:00", "2026-11-23T07:00"]),
        ("0 6 * * 1-5", "2026-11-20T06:00", ["2026-11-23T06:00", "2026-11-24T06:00"]),
        ("*/20 * * * *", "2026-11-20T23:45", ["2026-11-21T00:00", "2026-11-21T00:20"]),
        ("30 7 1 * *", "2026-12-01T07:30", ["2027-01-01T07:30"]),
        ("0 7 1 * mon", "2026-11-30T06:00", ["2026-11-30T07:00", "2026-12-01T07:00"]),
        ("0 7 29 feb *", "2026-11-30T06:00", ["2028-02-29T07:00"]),
        ("5,35 8-9/1 * * sun", "2026-11-20T06:00", ["2026-11-22T08:05", "2026-11-22T08:35"]),
        ("0 12 * * 7", "2026-11-20T06:00", ["2026-11-22T12:00"]),
    ],
)
def test_a_cron_line_gives_its_local_times(line: str, start: str, expected: list[str]) -> None:
    assert [text[:16] for text in looks(line, start, len(expected))] == expected


def test_a_time_that_spring_skips_comes_an_hour_later_by_the_clock() -> None:
    assert looks("30 2 * * *", "2026-03-28T12:00", 2) == [
        "2026-03-29T03:30+02:00",
        "2026-03-30T02:30+02:00",
    ]


def test_a_time_that_autumn_repeats_counts_once() -> None:
    assert looks("30 2 * * *", "2026-10-24T12:00", 2) == [
        "2026-10-25T02:30+02:00",
        "2026-10-26T02:30+01:00",
    ]


def test_every_hour_means_every_hour_on_both_nights() -> None:
    assert looks("0 * * * *", "2026-10-25T01:00", 4) == [
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T03:00+01:00",
        "2026-10-25T04:00+01:00",
    ]
    assert looks("0 * * * *", "2026-03-29T01:00", 2) == [
        "2026-03-29T03:00+02:00",
        "2026-03-29T04:00+02:00",
    ]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("0 6 * *", "fem fält"),
        ("60 * * * *", "0-59"),
        ("0 6 * * måndag", "veckodag"),
        ("0 18-6 * * *", "baklänges"),
        ("*/0 * * * *", "noll"),
        ("0 0 30 feb *", "finns inte"),
        ("0 0 ? * *", "går inte att läsa"),
        ("", "fem fält"),
    ],
)
def test_a_cron_line_that_is_wrong_says_which_field(line: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_cron(line)
