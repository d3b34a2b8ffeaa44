"""Politeness kept in memory, as the store keeps it in its database: to try fetching alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.errors import FetchError, TryLater
from monitor.pace import HostPace, not_before


class MemoryGate:
    """One turn at a time for each host, never before its pause or its Retry-After is over.

    `wait` lets time pass (a virtual clock's, or the real one's); a wait of more than
    `longest_wait_seconds` is not begun: TryLater(host_busy) says how long it would be.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        wait: Callable[[float], object],
        *,
        pause_seconds: float = 1.0,
        longest_wait_seconds: float = 60.0,
    ) -> None:
        self._clock = clock
        self._wait = wait
        self._pause_seconds = pause_seconds
        self._longest = timedelta(seconds=longest_wait_seconds)
        self._locks: dict[str, threading.Lock] = {}
        self._paces: dict[str, HostPace] = {}
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, host: str) -> Iterator[None]:
        with self._lock:
            lease = self._locks.setdefault(host, threading.Lock())
        with lease:
            now = self._clock()
            left = self.pace(host).next_allowed(now) - now
            if left > self._longest:
                raise TryLater(
                    "host_busy",
                    f"{host} vill vara i fred",
                    retry_after_seconds=left.total_seconds(),
                )
            while left > timedelta(0):
                self._wait(left.total_seconds())
                now = self._clock()
                left = self.pace(host).next_allowed(now) - now
            asked: float | None = None
            try:
                yield
            except FetchError as error:
                asked = error.retry_after_seconds
                raise
            finally:
                until = not_before(self._clock(), asked) or self.pace(host).not_before
                self._paces[host] = replace(
                    self.pace(host), last_end=self._clock(), not_before=until
                )

    def pace(self, host: str) -> HostPace:
        return self._paces.get(host) or HostPace(pause_seconds=self._pause_seconds)

    def wish(self, host: str, crawl_delay_seconds: float | None) -> None:
        """What the host's robots.txt asks for, from the next turn on."""
        self._paces[host] = replace(self.pace(host), crawl_delay_seconds=crawl_delay_seconds)
