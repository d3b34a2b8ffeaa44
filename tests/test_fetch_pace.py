"""When a host may be asked again: pure arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.fetch import retry_after
from monitor.pace import HostPace, next_allowed, not_before, pause_after

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def seconds(moment: datetime) -> float:
    return (moment - NOW).total_seconds()


@pytest.mark.parametrize(
    ("crawl_delay", "after", "expected"),
    [
        (None, None, 1.0),
        (0.2, None, 1.0),
        (10.0, None, 10.0),
        (1e9, None, 300.0),
        (None, 0.0, 1.0),
        (None, 120.0, 120.0),
        (200.0, 120.0, 200.0),
        (None, 1e12, 7 * 86_400.0),
        (None, -5.0, 1.0),
    ],
)
def test_the_longest_of_pause_wish_and_order_decides(
    crawl_delay: float | None, after: float | None, expected: float
) -> None:
    assert seconds(next_allowed(NOW, 1.0, crawl_delay, after)) == expected


def test_a_host_never_asked_may_be_asked_now() -> None:
    assert HostPace().next_allowed(NOW) == NOW
    assert HostPace(last_end=NOW - timedelta(hours=1)).next_allowed(NOW) == NOW
    assert HostPace(not_before=NOW + timedelta(minutes=2)).next_allowed(NOW) > NOW
    assert not_before(NOW, None) is None


def test_pauses_after_failures_grow_to_a_cap_and_jitter_only_lengthens_them() -> None:
    pauses = [pause_after(n, 60.0) for n in range(1, 12)]
    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(hours=6)
    assert pause_after(0, 60.0) == timedelta(0)
    for failures in range(1, 60):
        plain = pause_after(failures, 60.0)
        assert plain <= pause_after(failures, 60.0, 0.999) < plain * 1.25


def test_the_cap_never_makes_a_slow_timetable_faster() -> None:
    assert pause_after(1, 86_400.0) == timedelta(days=1)
    assert pause_after(9, 86_400.0) == timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Mon, 23 Nov 2026 07:02:00 GMT", 120.0),
        ("Monday, 23-Nov-26 07:02:00 GMT", 120.0),
        ("Mon Nov 23 07:02:00 2026", 120.0),
        ("Mon, 23 Nov 2026 06:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 7 * 86_400.0),
        ("9" * 5000, 7 * 86_400.0),
        ("-5", None),
        ("1.5", None),
        ("snart", None),
        ("", None),
        ("٣", None),
        ("Mon, 99 Nov 2026 07:02:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(text: str, expected: float | None) -> None:
    assert retry_after([text], NOW) == expected


def test_without_retry_after_nothing_is_asked() -> None:
    assert retry_after([], NOW) is None
