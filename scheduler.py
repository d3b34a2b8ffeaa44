"""The worker on one machine: one short tick looks for what is due, and threads do it.

Our rows decide what is due; APScheduler only says «look now». A tick that comes late or twice costs
time and nothing else. On a stop, nothing new begins, what is in flight is finished where it can be
within `DRAIN_SECONDS`, and what can't is taken up by the next start: the store is whole at every point.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.errors import StoreError, UsageError, VisionsvaktError
from monitor.pace import Backoff
from monitor.timetable import next_look
from pipeline.check import Checked, check_page
from pipeline.visit import World
from pipeline.watched import Watched
from wiring import Installation

if TYPE_CHECKING:
    from pipeline.deliver import Delivered, PostOffice

TICK_SECONDS = 5.0
LEASE_SECONDS = 60.0
DRAIN_SECONDS = 8.0
LOOKS_AT_ONCE = 8


def holder_name() -> str:
    """Who holds a lease: machine, process and start, never the same twice."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}:{os.urandom(4).hex()}"


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears what the worker does: logs, the demonstration's screen."""

    looked: Callable[[Checked], None] = lambda checked: None
    delivered: Callable[[Delivered], None] = lambda delivered: None
    trouble: Callable[[str], None] = lambda text: None


@dataclass(slots=True)
class Worker:
    """Looks at what is due and delivers what waits, until it is told to stop."""

    installation: Installation
    world: World
    post_office: PostOffice
    holder: str
    listener: Listener = Listener()
    tick_seconds: float = TICK_SECONDS
    last_tick: datetime | None = None
    _in_flight: dict[str, Future[None]] = field(default_factory=dict)
    _delivering: Future[None] | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(LOOKS_AT_ONCE, thread_name_prefix="look")
    )

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. UsageError where another worker has this store."""
        self._take_lease(first=True)
        try:
            asyncio.run(self._work())
        finally:
            self._drain()
            self._give_lease_back()

    def stop(self) -> None:
        """Begin nothing more. May be called from any thread, twice too."""
        self._stopping.set()

    def ready(self) -> str | None:
        """None where the worker can do its work; else what is wrong."""
        if self._stopping.is_set():
            return "stannar"
        age = self.installation.clock() - self.last_tick if self.last_tick else None
        if age is None or age > timedelta(seconds=max(60.0, 3 * self.tick_seconds)):
            return "tidtabellen går inte"
        return self.installation.database.trouble()

    async def _work(self) -> None:
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()

        def stop() -> None:
            self.stop()
            stopped.set()

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop)
        scheduler = AsyncIOScheduler(timezone=UTC)
        scheduler.add_job(
            self._tick,
            "interval",
            seconds=self.tick_seconds,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            misfire_grace_time=None,
            max_instances=1,
        )
        scheduler.start()
        while not stopped.is_set() and not self._stopping.is_set():
            try:
                await asyncio.wait_for(stopped.wait(), timeout=0.2)
            except TimeoutError:
                continue
        scheduler.shutdown(wait=False)

    async def _tick(self) -> None:
        await asyncio.to_thread(self.tick)

    def tick(self) -> None:
        """Begin what is due now. Trouble with the store is heard of and waits for the next tick."""
        if self._stopping.is_set():
            return
        try:
            self._take_lease(first=False)
            self._begin_looks()
            self._begin_delivery()
        except UsageError:
            self.stop()
            raise
        except StoreError as error:
            self.listener.trouble(str(error))
        self.last_tick = self.installation.clock()

    def _begin_looks(self) -> None:
        from snapshots import watch

        for host in [host for host, look in self._in_flight.items() if look.done()]:
            del self._in_flight[host]
        with self.installation.database.read() as conn:
            due = watch.due(conn, self.installation.clock(), LOOKS_AT_ONCE * 8)
        pages = self.installation.by_key
        for row in due:
            page = pages.get(row.key)
            if page is None or page.host in self._in_flight or len(self._in_flight) >= LOOKS_AT_ONCE:
                continue
            self._in_flight[page.host] = self._pool.submit(self._look, page)

    def _look(self, page: Watched) -> None:
        try:
            checked = look_and_plan(self.installation, page, self.world)
        except VisionsvaktError as error:
            self.listener.trouble(f"{page.id}: {error}")
            return
        self.listener.looked(checked)

    def _begin_delivery(self) -> None:
        if self._delivering is None or self._delivering.done():
            self._delivering = self._pool.submit(self._deliver)

    def _deliver(self) -> None:
        from pipeline.deliver import deliver

        try:
            delivered = deliver(
                self.installation.database, self.post_office, self.installation.clock
            )
        except VisionsvaktError as error:
            self.listener.trouble(str(error))
            return
        if delivered.sent or delivered.dead:
            self.listener.delivered(delivered)

    def _take_lease(self, *, first: bool) -> None:
        from snapshots import watch

        with self.installation.database.write() as conn:
            other = watch.take_worker_lease(
                conn, self.holder, self.installation.clock(), LEASE_SECONDS
            )
        if other is not None:
            mend = "Stoppa den, eller vänta en minut om den dog."
            raise UsageError(f"En annan process ({other}) arbetar redan med det här lagret. {mend}")

    def _give_lease_back(self) -> None:
        from snapshots import watch

        try:
            with self.installation.database.write() as conn:
                watch.release_worker_lease(conn, self.holder)
        except StoreError as error:
            self.listener.trouble(str(error))

    def _drain(self) -> None:
        """Wait for what is in flight, but not for ever."""
        self.stop()
        flying = [*self._in_flight.values(), *([self._delivering] if self._delivering else [])]
        wait(flying, timeout=DRAIN_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)


def look_and_plan(installation: Installation, page: Watched, world: World) -> Checked:
    """`check_page`, and the page's next time: by its timetable, later after failures."""
    from snapshots import watch

    checked = check_page(
        installation.database, page, world, installation.settings.subscriptions
    )
    settings = next(item for item in installation.settings.pages if item.id == page.id)
    now = installation.clock()
    planned = next_look(settings.timetable, now, installation.settings.zone)
    with installation.database.write() as conn:
        failures = watch.page(conn, page.id).failures + 1 if checked.failure else 0
        if checked.failure is not None:
            pause = Backoff().pause_after(failures, jitter=world.jitter())
            asked = timedelta(seconds=checked.failure.retry_after_seconds or 0)
            planned = max(planned, now + asked) if asked else min(planned, now + pause)
        watch.schedule_next(conn, page.key, planned, failures)
    return checked
