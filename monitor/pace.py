"""When the next request may be made. Pure: times in, times out; who waits is the caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_CRAWL_DELAY_SECONDS = 300.0
"""A site may ask for slowness; beyond this it is a mistake, and would stop the watching."""

LONGEST_RETRY_AFTER_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class HostPace:
    """What is known of one host's patience.

    `last_end` is when our last request to it ended (None: never asked), `pause_seconds` the
    operator's pause, `crawl_delay_seconds` what robots.txt asks for, `not_before` what its last
    Retry-After came to.
    """

    last_end: datetime | None = None
    pause_seconds: float = 1.0
    crawl_delay_seconds: float | None = None
    not_before: datetime | None = None

    def next_allowed(self, now: datetime) -> datetime:
        """The first moment from `now` on at which this host may be asked again."""
        moments = [now]
        if self.last_end is not None:
            delay = min(self.crawl_delay_seconds or 0.0, LONGEST_CRAWL_DELAY_SECONDS)
            moments.append(self.last_end + timedelta(seconds=max(self.pause_seconds, delay)))
        if self.not_before is not None:
            moments.append(self.not_before)
        return max(moments)


def next_allowed(
    last_end: datetime,
    pause_seconds: float,
    crawl_delay_seconds: float | None = None,
    retry_after_seconds: float | None = None,
) -> datetime:
    """The first moment a host may be asked after a request that ended at `last_end`."""
    return HostPace(
        last_end,
        pause_seconds,
        crawl_delay_seconds,
        not_before(last_end, retry_after_seconds),
    ).next_allowed(last_end)


def not_before(answered_at: datetime, retry_after_seconds: float | None) -> datetime | None:
    """What a Retry-After of an answer comes to, held to a week at most; None without one."""
    if retry_after_seconds is None:
        return None
    seconds = min(max(retry_after_seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
    return answered_at + timedelta(seconds=seconds)


def pause_after(
    failures: int, base_seconds: float, jitter: float = 0.0, *, cap_seconds: float = 21_600.0
) -> timedelta:
    """How long to wait after so many failures in a row: doubling from `base_seconds` to a cap.

    `jitter` in [0, 1) is the caller's chance; it lengthens the pause by up to a quarter, so
    that what failed together does not come back together. The cap never shortens the base.
    """
    if failures <= 0:
        return timedelta(0)
    cap = max(cap_seconds, base_seconds)
    doubled = min(base_seconds * 2.0 ** min(failures - 1, 40), cap)
    return timedelta(seconds=doubled * (1.0 + jitter / 4.0))
