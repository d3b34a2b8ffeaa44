"""The worker on one machine: one short tick looks for what is due, and threads do it.

Our rows decide what is due; APScheduler only says «look now». A tick that comes late or twice costs
time and nothing else. On a stop, nothing new begins, what is in flight is finished where it can be
within `DRAIN_SECONDS`, and what can't is taken up by the next start: the store is whole at every
point.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from monitor.errors import ConfigurationError, StoreError, VisionsvaktError
from monitor.timetable import Every, next_look
from notifications import outbox
from pipeline.check import Checked
from pipeline.upkeep import BackupPlan, Upkeep
from pipeline.visit import World
from pipeline.watched import Watched
from settings import Settings
from snapshots import holders, watch
from wiring import Installation
from worker import configuration, rest, sign
from worker.lease import Lease
from worker.look import look_and_plan
from worker.rest import Rest

if TYPE_CHECKING:
    from apscheduler.job import Job

    from pipeline.deliver import Delivered, PostOffice

TICK_SECONDS = 5.0
RENEW_SECONDS = 10.0
DRAIN_SECONDS = 5.0
CLOSE_SECONDS = 2.0
LEAVE_SECONDS = 8.5
"""After so long the process leaves, whatever it still waits for (a locked database)."""
LOOKS_AT_ONCE = 8
PLANNED_LATE_AT_LEAST = timedelta(hours=1)
"""A plan so much too late is the work of a clock that was wrong, and not of many new pages."""


def tick_seconds(settings: Settings) -> float:
    """As often as the quickest page asks for, where that is more often than usual."""
    asked = [page.timetable.seconds for page in settings.pages if isinstance(page.timetable, Every)]
    return min([TICK_SECONDS, *asked])


def _backup_plan(settings: Settings) -> BackupPlan:
    backup = settings.backup
    return BackupPlan(backup.folder, timedelta(seconds=backup.every_seconds), backup.keep)


def _said(error: Exception) -> str:
    """What to say of it: our own errors speak for themselves, others are bugs and say so."""
    if isinstance(error, VisionsvaktError):
        return str(error)
    return f"oväntat fel ({type(error).__name__}: {' '.join(str(error).split())})"


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears what the worker does: logs, the demonstration's screen."""

    looked: Callable[[Checked], None] = lambda checked: None
    delivered: Callable[[Delivered], None] = lambda delivered: None
    trouble: Callable[[str], None] = lambda text: None
    stopping: Callable[[], None] = lambda: None
    """It was told to stop, and begins nothing more. Called once, perhaps by a signal's handler."""
    configured: Callable[[Settings], None] = lambda settings: None
    """The configuration was read again, and holds from now on."""


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
    overtaken: bool = False
    """Another became the worker of this store, and this one stopped for that."""
    _asked_to_reload: threading.Event = field(default_factory=threading.Event)
    _refused: str = ""
    """What was wrong with the configuration that was read last; "" where nothing was."""
    _outworn: list[tuple[World, list[Future[None]]]] = field(default_factory=list)
    """Doors of an earlier configuration, and what still goes through them."""
    _pinging: Future[None] | None = None
    _pinged_at: datetime | None = None
    _sign: sign.Sign = field(default_factory=sign.Sign)
    _in_flight: dict[str, Future[None]] = field(default_factory=dict)
    _resting: dict[str, Rest] = field(default_factory=dict)
    _delivery_rests: Rest | None = None
    _delivering: Future[None] | None = None
    _keeping: Future[None] | None = None
    _upkeep: Upkeep = field(init=False)
    _lease: Lease = field(init=False)
    _dispatching: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _woken: asyncio.Event | None = None
    _ticking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _job: Job | None = None
    _extra_tick: asyncio.Task[None] | None = None
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(LOOKS_AT_ONCE + 3, thread_name_prefix="look")
    )

    def __post_init__(self) -> None:
        installation = self.installation
        self._upkeep = Upkeep(_backup_plan(installation.settings))
        self._lease = Lease(installation.database, self.holder, installation.clock)

    @contextmanager
    def employed(self) -> Iterator[None]:
        """Be the worker of this store until the end of the `with`. UsageError where another is."""

        def wait_a_while() -> bool:
            return self._stopping.wait(self.tick_seconds)

        with self._lease.held(wait_a_while, self.listener.trouble):
            self._configuration_holds()
            yield

    def run(self) -> None:
        """Work until SIGTERM or SIGINT, within `employed`."""
        try:
            asyncio.run(self._work())
        finally:
            self._drain()

    def stop(self) -> None:
        """Begin nothing more. May be called from any thread, twice too."""
        if not self._stopping.is_set():
            self._stopping.set()
            self.listener.stopping()
        if self._loop is not None and self._woken is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._woken.set)

    def reload(self) -> None:
        """Read the configuration again, before anything else begins. May be called from any
        thread."""
        self._asked_to_reload.set()
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._tick_now)

    def close(self) -> None:
        """Close every door that it holds open."""
        for world in (self.world, *(one for one, _ in self._outworn)):
            world.fetcher.close()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight any more."""
        return all(look.done() for look in self._flying())

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

        self._woken = asyncio.Event()
        self._ticking = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self.stop)
            self._loop.add_signal_handler(signal.SIGHUP, self.reload)
        # A tick that is left out while the one before still works is no news to anybody.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler = AsyncIOScheduler(timezone=UTC)
        self._job = scheduler.add_job(
            self._tick,
            "interval",
            seconds=self.tick_seconds,
            next_run_time=datetime.now(UTC),
            coalesce=True,
            misfire_grace_time=None,
            max_instances=1,
        )
        scheduler.start()
        if not self._stopping.is_set():
            await self._woken.wait()
        scheduler.pause()
        async with self._ticking:  # shutdown would cancel a tick in the middle of its work
            scheduler.shutdown(wait=False)

    def _tick_now(self) -> None:
        self._extra_tick = asyncio.ensure_future(self._tick())

    async def _tick(self) -> None:
        async with self._ticking:
            await asyncio.to_thread(self.tick)

    def tick(self) -> None:
        """Begin what is due now. Trouble with the store is heard of and waits for the next tick."""
        if self._stopping.is_set():
            return
        from pipeline.deliver import is_called_for  # late: `check` begins without what sends

        now = self.installation.clock()
        try:
            if self._is_time(self._lease.renewed_at, RENEW_SECONDS, now):
                other = self._lease.renew()
                if other is not None:
                    self.listener.trouble(f"{holders.name_of(other)} har tagit över; stannar")
                    self.overtaken = True
                    self.stop()
                    return
            if self._asked_to_reload.is_set():
                self._reload()
            self._close_outworn()
            if self.last_tick is None or now < self.last_tick:
                self._plan_by_this_clock(now)
            self._begin_looks()
            rests = self._delivery_rests
            if (rests is None or rests.is_over(now)) and is_called_for(
                self.installation.database, self.post_office, now
            ):
                self._begin_delivery()
            self._begin_upkeep()
        except Exception as error:  # a tick that fails is followed by the next
            self.listener.trouble(_said(error))
            return
        self.last_tick = self.installation.clock()
        self._begin_ping()

    @staticmethod
    def _is_time(last: datetime | None, every_seconds: float, now: datetime) -> bool:
        """Whether so long has passed; also where the clock was set back in between."""
        return last is None or abs(now - last) >= timedelta(seconds=every_seconds)

    def _begin_looks(self) -> None:
        for host in [host for host, looks in self._in_flight.items() if looks.done()]:
            del self._in_flight[host]
        for page in self._due(besides=self._in_flight):
            if page.host not in self._in_flight and len(self._in_flight) < LOOKS_AT_ONCE:
                self._in_flight[page.host] = self._pool.submit(self._look_at_host, page)

    def _plan_by_this_clock(self, now: datetime) -> None:
        """What was planned while the clock was ahead would wait until it is that late."""
        settings, pages = self.installation.settings, self.installation.pages
        latest = {
            pages[page.id].key: max(
                next_look(page.timetable, now, settings.zone), now + PLANNED_LATE_AT_LEAST
            )
            for page in settings.pages
            if page.id in pages
        }
        with self.installation.database.write() as conn:
            watch.bring_forward(conn, latest, now)
            outbox.bring_forward(conn, now)

    def _due(self, host: str | None = None, besides: Collection[str] = ()) -> list[Watched]:
        """The pages to look at now, the longest overdue first."""
        installation, now = self.installation, self.installation.clock()
        with installation.database.read() as conn:
            rows = watch.due(conn, now, LOOKS_AT_ONCE * 8, host=host, besides=besides)
        pages = installation.by_key
        due = (pages[row.key] for row in rows if row.key in pages)
        return [page for page in due if self._is_rested(page, now)]

    def _look_at_host(self, page: Watched) -> None:
        """A look, and then the others that are due at that host, one after the other."""
        while True:
            self._look(page)
            if self._stopping.is_set():
                return
            try:
                due = self._due(page.host)
            except StoreError:  # the next tick says so
                return
            if not due:
                return
            page = due[0]

    def _look(self, page: Watched) -> None:
        with self._dispatching:
            installation, world = self.installation, self.world
        if page.id not in installation.pages:  # no longer watched
            return
        try:
            checked = look_and_plan(installation, page, world, lambda: self.installation)
        except Exception as error:  # one page's trouble must not stop the others
            self._rest(page)
            self.listener.trouble(f"{page.id}: {_said(error)}")
            return
        self._resting.pop(page.key, None)
        self.listener.looked(checked)
        if checked.changes:  # whoever wants to know at once does not wait for the next tick
            self._begin_delivery()

    def _rest(self, page: Watched) -> None:
        """A look that ended in an error of ours or the store's planned no next one."""
        earlier = self._resting.get(page.key)
        self._resting[page.key] = rest.LOOKS.rest(earlier, self.installation.clock())

    def _is_rested(self, page: Watched, now: datetime) -> bool:
        rests = self._resting.get(page.key)
        return rests is None or rests.is_over(now)

    def _begin_delivery(self) -> None:
        with self._dispatching:
            if self._stopping.is_set():
                return
            if self._delivering is None or self._delivering.done():
                self._delivering = self._pool.submit(self._deliver)

    def _deliver(self) -> None:
        from pipeline.deliver import deliver

        try:
            delivered = deliver(
                self.installation.database,
                self.post_office,
                self.installation.clock,
                keep_going=lambda: not self._stopping.is_set(),
            )
        except Exception as error:  # a later tick tries again
            now = self.installation.clock()
            self._delivery_rests = rest.DELIVERIES.rest(self._delivery_rests, now)
            self.listener.trouble(_said(error))
            return
        self._delivery_rests = None
        if delivered.sent or delivered.dead:
            self.listener.delivered(delivered)

    def _begin_upkeep(self) -> None:
        is_free = self._keeping is None or self._keeping.done()
        if is_free and self._upkeep.is_due(self.installation.clock()):
            self._keeping = self._pool.submit(self._keep)

    def _keep(self) -> None:
        """Copies and the daily round, beside the looks."""
        try:
            self._upkeep.run(
                self.installation.database,
                self.installation.clock,
                keep_going=lambda: not self._stopping.is_set(),
            )
        except Exception as error:  # it says itself when it is to be tried again
            self.listener.trouble(_said(error))

    # --- another configuration ------------------------------------------------------------------

    def _reload(self) -> None:
        """Read the configuration again. One that is wrong changes nothing and is said once."""
        try:
            taken = configuration.read_again(self.installation, self.holder)
        except ConfigurationError as error:
            self._asked_to_reload.clear()
            if str(error) != self._refused:
                self._refused = str(error)
                self.listener.trouble(f"{error}. Den förra konfigurationen gäller än.")
            with self.installation.database.write() as conn:
                configuration.is_refused(conn, error, self.installation.clock())
            self.post_office.agenda.planned_at = None  # operators hear of it with the next tick
            return
        self._work_with(taken)
        self._asked_to_reload.clear()
        self._configuration_holds()
        self.listener.configured(taken.installation.settings)

    def _work_with(self, taken: configuration.Equipment) -> None:
        """Begin nothing more with what was worked with; what is under way ends as it began."""
        settings = taken.installation.settings
        with self._dispatching:
            self._outworn.append((self.world, self._flying()))
            self.installation, self.world = taken.installation, taken.world
            self.post_office = taken.post_office
            self._delivering = None  # one that hangs on a server of before holds up nobody
        self._upkeep.plan = _backup_plan(settings)
        self._resting.clear()
        self._delivery_rests = None
        self.tick_seconds = tick_seconds(settings)
        if self._loop is not None and self._job is not None:
            every = {"trigger": "interval", "seconds": self.tick_seconds}
            self._loop.call_soon_threadsafe(partial(self._job.reschedule, **every))

    def _configuration_holds(self) -> None:
        self._refused = ""
        with self.installation.database.write() as conn:
            configuration.holds(conn, self.installation.clock())

    def _close_outworn(self) -> None:
        """Let go of the doors that nothing goes through any more."""
        for world, through in [one for one in self._outworn if all(f.done() for f in one[1])]:
            world.fetcher.close()
            self._outworn.remove((world, through))

    # --- the sign of life -----------------------------------------------------------------------

    def _begin_ping(self) -> None:
        """Tell whoever waits for it that the worker works: at most once a minute."""
        settings, now = self.installation.settings, self.installation.clock()
        is_free = self._pinging is None or self._pinging.done()
        if (
            settings.worker.ping_url_env
            and is_free
            and self._is_time(self._pinged_at, sign.EVERY_SECONDS, now)
        ):
            self._pinged_at = now
            self._pinging = self._pool.submit(self._ping, settings, self.world)

    def _ping(self, settings: Settings, world: World) -> None:
        said = self._sign.give(settings, world)
        if said is not None:
            self.listener.trouble(said)

    # --- the end --------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Wait for what is in flight, but not for ever."""
        self.stop()
        if wait(self._flying(), timeout=DRAIN_SECONDS).not_done:
            self.close()  # ends the looks that hang, as failures of their own kind
            wait(self._flying(), timeout=CLOSE_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _flying(self) -> list[Future[None]]:
        beside = (self._delivering, self._keeping, self._pinging)
        others = [one for one in beside if one is not None]
        before = [one for _, through in self._outworn for one in through]
        return [*self._in_flight.values(), *others, *before]
