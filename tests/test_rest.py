"""What comes to nothing is left alone, longer each time in a row, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from worker.rest import DELIVERIES, Patience

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_each_rest_is_longer_than_the_one_before_up_to_the_longest() -> None:
    patience = Patience(10.0, timedelta(minutes=2))
    rests = [patience.rest(None, NOON)]
    for _ in range(6):
        rests.append(patience.rest(rests[-1], NOON))
    pauses = [one.pause for one in rests]
    assert pauses[:4] == sorted(set(pauses[:4]))
    assert pauses[-1] == pauses[-2] == timedelta(minutes=2)


def test_a_rest_is_over_in_time_and_where_the_clock_was_set_back() -> None:
    rest = DELIVERIES.rest(None, NOON)
    assert not rest.is_over(NOON)
    assert not rest.is_over(NOON + rest.pause / 2)
    assert rest.is_over(NOON + rest.pause)
    assert rest.is_over(NOON - timedelta(seconds=1))
