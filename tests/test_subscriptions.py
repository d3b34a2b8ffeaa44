"""Who wants what, and when: filters as people mean them, digests at local times that never skip."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from notifications.subscriptions import (
    Subscription,
    is_workday,
    parse_digest,
    parse_move,
    wants,
)

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def change(kinds: list[str], **more: Any) -> dict[str, Any]:
    """A change of the initiative «Laddplatser» on the page «omsorg», as the contract writes it."""
    both = {"old": "Laddplatser", "new": "Laddplatser"}
    document: dict[str, Any] = {
        "subject": "initiative",
        "kinds": kinds,
        "title": both,
        "status": {"old": "developing", "new": "ongoing"},
        "description": {"old": "", "new": "Tio platser vid torget"},
        "links": {"old": [], "new": [{"text": "Granviks el", "href": None, "external": False}]},
        "signals": [],
        "page": "omsorg",
    }
    return document | more


def wanting(**filters: Any) -> Subscription:
    return Subscription(id="k", channel="email", **filters)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


@pytest.mark.parametrize(
    ("subscription", "told", "wanted"),
    [
        (wanting(), change(["reworded"]), True),
        (wanting(about="operation"), change(["added"]), False),
        (wanting(pages=("trygg",)), change(["added"]), False),
        (wanting(pages=("trygg",)), change(["added"], pages=["omsorg", "trygg"]), True),
        (wanting(kinds=("removed",)), change(["moved", "renamed"]), False),
        (wanting(kinds=("renamed",)), change(["moved", "renamed"]), True),
        (wanting(statuses=("ongoing",)), change(["moved"]), True),
        (wanting(statuses=("partnership",)), change(["moved"]), False),
        (wanting(words=("laddPLATSER",)), change(["added"]), True),
        (wanting(words=("torget",)), change(["added"]), True),
        (wanting(words=("granviks el",)), change(["added"]), True),
        (wanting(words=("skola",)), change(["added"]), False),
        (wanting(moves=(parse_move("developing>ongoing"),)), change(["moved"]), True),
        (wanting(moves=(parse_move("*>ongoing"),)), change(["moved"]), True),
        (wanting(moves=(parse_move("ongoing>developing"),)), change(["moved"]), False),
        (wanting(moves=(parse_move("developing>ongoing"),)), change(["added"]), False),
        (
            wanting(kinds=("added", "moved"), moves=(parse_move("ongoing>developing"),)),
            change(["added"]),
            True,
        ),
        (wanting(signals=("amount",)), change(["reworded"], signals=["amount"]), True),
        (wanting(signals=("amount",)), change(["reworded"], signals=["typo"]), False),
        (wanting(kinds=("added",), signals=("amount",)), change(["added"]), True),
    ],
)
def test_filters_narrow_what_is_told(
    subscription: Subscription, told: dict[str, Any], wanted: bool
) -> None:
    assert wants(subscription, told) is wanted


def test_a_page_s_own_words_pass_a_filter_on_kinds_but_none_on_statuses() -> None:
    told = {
        "subject": "page",
        "kinds": ["reworded"],
        "field": "intro",
        "text": {"old": "Vi bygger", "new": "Vi bygger tryggt"},
        "page": "omsorg",
    }
    assert wants(wanting(kinds=("reworded",), words=("tryggt",)), told)
    assert not wants(wanting(statuses=("ongoing",)), told)


@pytest.mark.parametrize(
    ("form", "moment", "told"),
    [
        ("daily 07:30", "2026-11-23T07:29:59", "2026-11-23T07:30"),
        ("daily 07:30", "2026-11-23T07:30", "2026-11-24T07:30"),
        ("hourly", "2026-11-23T07:30", "2026-11-23T08:00"),
        ("hourly", "2026-11-23T08:00", "2026-11-23T09:00"),
        ("weekly mon 08:00", "2026-11-23T08:00", "2026-11-30T08:00"),
        ("weekly sun 08:00", "2026-11-23T08:00", "2026-11-29T08:00"),
        ("workdays 07:30", "2026-11-20T08:00", "2026-11-23T07:30"),  # over a weekend
        ("workdays 07:30", "2026-12-23T08:00", "2026-12-28T07:30"),  # julafton to annandagen
        ("workdays 07:30", "2026-12-30T08:00", "2027-01-04T07:30"),  # nyårsafton, nyårsdagen
        ("workdays 07:30", "2026-06-18T08:00", "2026-06-22T07:30"),  # midsommarafton
        ("workdays 07:30", "2026-04-02T08:00", "2026-04-07T07:30"),  # påsk
    ],
)
def test_a_digest_is_told_at_the_next_local_time(form: str, moment: str, told: str) -> None:
    found = parse_digest(form).next_after(local(moment).astimezone(UTC), STOCKHOLM)
    assert found == local(told)
    assert found.tzinfo is UTC


def test_on_dst_nights_a_daily_digest_is_told_once_and_never_skipped() -> None:
    spring, autumn = local("2026-03-28T12:00"), local("2026-10-24T12:00")
    daily = parse_digest("daily 02:30")
    first = daily.next_after(spring, STOCKHOLM)
    assert first == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 on the wall: 02:30 is not
    assert daily.next_after(first, STOCKHOLM) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    first = daily.next_after(autumn, STOCKHOLM)
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert daily.next_after(first, STOCKHOLM) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "moment", "told"),
    [
        ("weekly sun 02:30", "2026-03-23T08:00", "2026-03-29T01:30"),  # 02:30 is no time that day
        ("weekly sun 02:30", "2026-03-29T12:00", "2026-04-05T00:30"),
        ("weekly sun 02:30", "2026-10-19T08:00", "2026-10-25T00:30"),  # the first of two
        ("weekly sun 02:30", "2026-10-25T00:45", "2026-11-01T01:30"),
        ("weekly sun 08:00", "2026-03-23T08:00", "2026-03-29T06:00"),
        ("weekly sun 08:00", "2026-10-19T08:00", "2026-10-25T07:00"),
        ("weekly mon 08:00", "2026-03-23T08:00", "2026-03-30T06:00"),  # 167 hours later
        ("weekly mon 08:00", "2026-10-19T08:00", "2026-10-26T07:00"),  # 169
    ],
)
def test_a_weekly_digest_keeps_its_local_time_over_both_dst_nights(
    form: str, moment: str, told: str
) -> None:
    found = parse_digest(form).next_after(datetime.fromisoformat(f"{moment}Z"), STOCKHOLM)
    assert found == datetime.fromisoformat(f"{told}Z")


def test_a_daily_digest_comes_once_on_each_local_day_of_a_year() -> None:
    moment, days = local("2026-01-01T00:00").astimezone(UTC), []
    while moment < local("2027-01-01T00:00"):
        moment = parse_digest("daily 02:30").next_after(moment, STOCKHOLM)
        days.append(moment.astimezone(STOCKHOLM).date())
    assert days == [date(2026, 1, 1) + timedelta(days=number) for number in range(366)]


def test_an_hourly_digest_comes_every_hour_through_both_dst_nights() -> None:
    for start in ("2026-03-28T22:00", "2026-10-24T22:00"):
        moment = local(start).astimezone(UTC)
        for _ in range(8):
            after = parse_digest("hourly").next_after(moment, STOCKHOLM)
            assert after - moment == timedelta(hours=1)
            moment = after


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2026-06-19", False),
        ("2027-06-25", False),
        ("2026-06-26", True),
        ("2026-12-24", False),
        ("2026-12-31", False),
        ("2026-05-14", False),
        ("2026-05-15", True),
        ("2026-06-06", False),
    ],
)
def test_holidays_and_the_three_eves_are_no_workdays(day: str, worked: bool) -> None:
    assert is_workday(date.fromisoformat(day)) is worked
