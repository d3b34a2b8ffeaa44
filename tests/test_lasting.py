"""How long something took is said no finer than anybody wants to know."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from presentation.language import language
from presentation.terminal import between

ZONE = ZoneInfo("Europe/Stockholm")


@pytest.mark.parametrize(
    ("minutes", "swedish", "english"),
    [
        (1, "1 minut", "1 minute"),
        (61.4, "61 minuter", "61 minutes"),
        (119, "119 minuter", "119 minutes"),
        (120, "2 timmar", "2 hours"),
        (450, "7 timmar 30 minuter", "7 hours 30 minutes"),
        (181, "3 timmar 1 minut", "3 hours 1 minute"),
        (48 * 60, "2 dygn", "2 days"),
        (451_298, "313 dygn 10 timmar", "313 days 10 hours"),
        (24 * 60 * 3 + 61, "3 dygn 1 timme", "3 days 1 hour"),
        (24 * 60 * 3 - 1, "3 dygn", "3 days"),
    ],
)
def test_a_length_of_time_in_words(minutes: float, swedish: str, english: str) -> None:
    assert language("sv").lasting(minutes) == swedish
    assert language("en").lasting(minutes) == english


def test_two_looks_in_one_minute_are_that_minute() -> None:
    words = language("sv")
    after, before = "2026-11-19T23:30:01Z", "2026-11-19T23:30:40Z"
    assert between(after, before, ZONE, words) == "2026-11-20 00:30"
    later = "2026-11-19T23:31:00Z"
    assert between(after, later, ZONE, words) == "mellan 2026-11-20 00:30 och 2026-11-20 00:31"
    assert between(None, before, ZONE, words) == "senast 2026-11-20 00:30"
