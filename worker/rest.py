"""What comes to nothing here and can plan no next time is left alone, longer each time in a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor.pace import pause_after


@dataclass(frozen=True, slots=True)
class Rest:
    """So many times in a row it came to nothing; left alone from `since`, for `pause`."""

    times: int
    since: datetime
    pause: timedelta

    def is_over(self, now: datetime) -> bool:
        """Also where the clock was set back in between."""
        return not self.since <= now < self.since + self.pause


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the first rest is; each is double the one before, up to the longest."""

    first_seconds: float
    longest: timedelta

    def rest(self, earlier: Rest | None, now: datetime) -> Rest:
        """The rest after one more time that came to nothing."""
        times = earlier.times + 1 if earlier else 1
        pause = pause_after(times, base_seconds=self.first_seconds, jitter=0.5)
        return Rest(times, now, min(pause, self.longest))


LOOKS: Final = Patience(60.0, timedelta(hours=1))
"""Of a page: so that its site is not asked again at each tick."""
DELIVERIES: Final = Patience(10.0, timedelta(minutes=2))
"""Of deliveries that could not even be begun, or not be kept."""
