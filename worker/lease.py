"""One worker to a store: the lease that says who it is, and how a killed worker's is taken over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.errors import StoreError, UsageError
from snapshots import holders, watch

if TYPE_CHECKING:
    from snapshots.database import Database

LEASE_SECONDS = 30.0


@dataclass(slots=True)
class Lease:
    """The right to be the worker of a store, under a holder's name."""

    database: Database
    holder: str
    clock: Callable[[], datetime]
    renewed_at: datetime | None = None

    @contextmanager
    def held(
        self, wait: Callable[[], bool], trouble: Callable[[str], None] = lambda text: None
    ) -> Iterator[None]:
        """Hold it until the end of the `with`. UsageError where another worker does.

        `wait` lets a while pass and says whether to give up; `trouble` hears where the store can't
        be told that it is free again.
        """
        mark = self._mark()
        try:
            self._take(mark, wait)
            try:
                yield
            finally:
                self._give_back(trouble)
        finally:
            if mark is not None:
                mark.close()

    def renew(self) -> str | None:
        """Go on being the worker; who is it instead, where that is so."""
        now = self.clock()
        with self.database.write(durable=False) as conn:
            other = watch.take_worker_lease(conn, self.holder, now, LEASE_SECONDS)
        if other is None:
            self.renewed_at = now
        return other

    def _mark(self) -> holders.Mark | None:
        file = self.database.path
        return None if file is None else holders.Mark(file.with_name(f"{file.name}-worker"))

    def _take(self, mark: holders.Mark | None, wait: Callable[[], bool]) -> None:
        """A killed worker's is taken over: at once where its process is seen to be gone, or where
        it was of this machine and no longer has the mark (in a container that was started again);
        else when it has run out, or was not renewed for as long, whatever the clocks say."""
        seen: datetime | None = None
        began = time.monotonic()
        is_marked = mark is not None and mark.is_held is True
        while (other := self.renew()) is not None:
            if not holders.runs(other) or (is_marked and holders.same_machine(other)):
                self._release(other)
                continue
            with self.database.read() as conn:
                until = watch.worker_lease_until(conn, other)
            if holders.is_here(other) or (seen is not None and until is not None and until != seen):
                raise UsageError(
                    f"{self.database.place}: {holders.name_of(other)} är redan igång "
                    "med den; stoppa den först, eller ge den här en egen database.url"
                )
            if until == seen and time.monotonic() - began > LEASE_SECONDS:
                self._release(other)
                continue
            seen = until
            if wait():
                raise UsageError("avbröts i väntan på en annan process lås")

    def _give_back(self, trouble: Callable[[str], None]) -> None:
        try:
            self._release(self.holder)
        except StoreError as error:
            trouble(str(error))

    def _release(self, holder: str) -> None:
        with self.database.write() as conn:
            watch.release_worker_lease(conn, holder)
