"""The real worker through the year: ticks when something is due, dies when the plan says so."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from cli.collector import seldom
from monitor.errors import VisionsvaktError
from monitor.fetch import Fetcher
from notifications.channels import Channel, Delivery, Receipt
from pipeline import canary
from pipeline.visit import World
from scheduler import Listener, Worker
from settings import Settings, fetch_rules, load
from snapshots import watch
from snapshots.database import Database
from snapshots.holders import this_holder
from snapshots.schema import deliveries, tellings
from tests.year.plan import DAY, HOUR, SECOND_HOURS, START, STILL_HOURS, Plan
from tests.year.town import ARCHIVE, CHAT, HOOK, SECRET, SITE, Town

TICK = timedelta(seconds=5)
LONGEST_STEP = 12 * HOUR
STUCK = timedelta(minutes=2)
CANARY_EVERY = 10 * DAY
"""In service it sings every day, and at each start."""


_WAITING = sa.select(deliveries.c.next_attempt, deliveries.c.lease_until).where(
    deliveries.c.state == "waiting"
)
_UNTOLD = sa.select(tellings.c.subscription, tellings.c.ready_at, tellings.c.held_until).where(
    tellings.c.message.is_(None)
)


class Killed(BaseException):
    """The process is no more: nothing catches this."""


@dataclass
class Clock:
    """True time, kept on disk so that whoever comes next goes on from there; what the machine's
    clock shows may be wrong."""

    plan: Plan
    file: Path
    true: datetime = START

    def __call__(self) -> datetime:
        return self.true + self.plan.offset(self.true)

    def sleep(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)

    def to(self, moment: datetime) -> None:
        self.true = max(self.true, moment)
        self.file.write_text(self.true.isoformat())

    def resume(self) -> None:
        with suppress(FileNotFoundError, ValueError):
            self.true = datetime.fromisoformat(self.file.read_text())


@dataclass
class Fate:
    """Counts the crossings of doors (a write begun, a write committed, a page asked for, a message
    sent …) and ends the process at the armed one. From then on no door opens."""

    armed: int = 0
    dead: bool = False
    crossings: int = 0
    last: str = ""

    def door(self, name: str) -> None:
        if self.dead:
            raise Killed(name)
        self.crossings += 1
        if self.armed:
            self.armed -= 1
            if not self.armed:
                self.dead, self.last = True, name
                raise Killed(name)


class MortalDatabase(Database):
    """The real store, whose writes are doors: before, in the middle, and after the commit."""

    def __init__(self, real: Database, fate: Fate) -> None:
        super().__init__(real.engine, real.created)
        self._fate = fate

    def write(self, *, durable: bool = True) -> AbstractContextManager[sa.Connection]:
        return self._mortal_write(durable)

    @contextmanager
    def _mortal_write(self, durable: bool) -> Iterator[sa.Connection]:
        self._fate.door("before a write")
        with super().write(durable=durable) as conn:
            yield conn
            self._fate.door("before a commit")
        self._fate.door("after a commit")


@dataclass
class MortalFetcher:
    """The real fetcher, whose requests are doors."""

    real: Fetcher
    fate: Fate

    def fetch(self, *args: Any) -> Any:
        return self._through("a look", self.real.fetch, *args)

    def robots(self, url: str) -> Any:
        return self._through("robots.txt", self.real.robots, url)

    def post(self, *args: Any) -> Any:
        return self._through("a post", self.real.post, *args)

    def close(self) -> None:
        self.real.close()

    def _through(self, name: str, what: Callable[..., Any], *args: Any) -> Any:
        self.fate.door(f"before {name}")
        answer = what(*args)
        self.fate.door(f"after {name}")
        return answer


@dataclass
class MortalChannel:
    """A real channel, whose sending is a door."""

    real: Channel
    fate: Fate

    def send(self, delivery: Delivery) -> Receipt:
        self.fate.door("before a message")
        receipt = self.real.send(delivery)
        self.fate.door("after a message")
        return receipt

    def close(self) -> None:
        self.real.close()


class Inline(Executor):
    """Does what it is given at once: the worker's looks one after the other, and the lanes."""

    def __init__(self, *about: object, **more: object) -> None:
        """Takes what an executor of threads takes."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


@dataclass
class Life:
    """One year of one installation in a folder. `run` goes on where the folder's clock stands."""

    plan: Plan
    folder: Path
    trouble: list[str] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)
    ticks: int = 0
    rehearsals: int = 0
    _sung: datetime = START - CANARY_EVERY

    def run(self) -> None:
        with _one_thing_at_a_time():
            self._run()

    def _run(self) -> None:
        random.seed(f"life {self.plan.seed}")
        os.environ["YEAR_HOOK_SECRET"] = SECRET
        self.clock = Clock(self.plan, self.folder / "clock")
        self.clock.resume()
        self._kills = [kill for kill in self.plan.kills if kill.at > self.clock.true]
        with Town(self.plan, lambda: self.clock.true, self.folder / "town.log") as town:
            os.environ["YEAR_CHAT_URL"] = f"http://{HOOK}:{town.port}{CHAT}"
            self.settings = self._configure(town)
            self.store = StoreFaults(self.plan, Path(self.folder / "visionsvakt.db"))
            with self.store:
                while self.clock.true < self.plan.end:
                    self._live(town)

    def _configure(self, town: Town) -> Settings:
        path = self.folder / "visionsvakt.toml"
        path.write_text(
            _CONFIGURATION.format(
                plan=self.plan,
                town=town,
                site=SITE,
                archive=ARCHIVE,
                hook=HOOK,
                second=SECOND_HOURS,
                still=STILL_HOURS,
            )
        )
        return load(path)

    def _live(self, town: Town) -> None:
        """One process's life: to the end of the year, or until it is killed."""
        fate = Fate()
        worker: Worker | None = None
        fetcher: Fetcher | None = None
        down = timedelta(minutes=5)
        try:
            worker, fetcher = self._start(town, fate)
            with worker.employed():
                while self.clock.true < self.plan.end:
                    self.store.set(self.clock.true)
                    if self._kills and self._kills[0].at <= self.clock.true:
                        kill = self._kills.pop(0)
                        fate.armed, down = kill.point, kill.down
                    began, troubles = self.clock(), len(self.trouble)
                    worker.tick()
                    self.ticks += 1
                    if worker._stopping.is_set():
                        raise AssertionError(f"the worker stopped: {self.trouble[-1:]}")
                    stuck = worker.last_tick is None or worker.last_tick < began
                    stuck = stuck or len(self.trouble) > troubles
                    self.clock.to(self._next(worker, STUCK if stuck else TICK))
        except Killed:
            self.deaths.append(f"{self.clock.true:%Y-%m-%d %H:%M} {fate.last}")
            town.note("killed", door=fate.last)
            self.clock.to(self.clock.true + down)
        except VisionsvaktError as error:  # it would not start: the next try is in five minutes
            self.trouble.append(str(error))
            self.clock.to(self.clock.true + down)
            self.store.set(self.clock.true)
        finally:
            if fetcher is not None:
                fetcher.close()
            if worker is not None:
                worker.installation.database.close()

    def _start(self, town: Town, fate: Fate) -> tuple[Worker, Fetcher]:
        from snapshots.watch import HostGate
        from wiring import install, open_post_office

        # As in a container that was started again: of this machine, but not to be seen from here.
        holder = f"{this_holder().partition('-')[0]}-0/1/{len(self.deaths)}"
        self.store.set(self.clock.true)
        real = install(self.settings, clock=self.clock)
        installation = replace(real, database=MortalDatabase(real.database, fate))
        gate = HostGate(
            installation.database,
            pause_seconds=self.settings.fetch.pause_seconds,
            holder=holder,
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        fetcher = Fetcher(
            fetch_rules(self.settings.fetch), gate=gate, clock=self.clock, resolve=town.resolve
        )
        mortal: Any = MortalFetcher(fetcher, fate)
        world = World(mortal, self.clock)
        office = open_post_office(installation, world, holder=holder)
        channels: Mapping[str, Channel] = {
            name: MortalChannel(channel, fate) for name, channel in office.channels.items()
        }
        office = replace(office, channels=channels)
        listener = Listener(looked=self._looked, trouble=self.trouble.append)
        worker = Worker(installation, world, office, holder, listener)
        worker._pool = Inline()  # type: ignore[assignment]
        worker._upkeep.try_all = self._try_all
        return worker, fetcher

    def _try_all(self, database: Database, clock: Callable[[], datetime]) -> None:
        if not self._sung <= clock() < self._sung + CANARY_EVERY:
            self._sung = clock()
            self.rehearsals += 1
            canary.try_all(database, clock)

    def _looked(self, checked: Any) -> None:
        self.looks[checked.outcome] = self.looks.get(checked.outcome, 0) + 1

    def _next(self, worker: Worker, least: timedelta) -> datetime:
        """The true time at which something is due: a real worker ticks on until then in vain."""
        now, shown = self.clock.true, self.clock()
        moments = [shown + LONGEST_STEP]
        with worker.installation.database.read() as conn:
            moments += self._looks_due(conn, worker)
            moments += self._deliveries_due(conn, shown)
            moments += self._digests_due(conn)
        then = now + max(min(moments) - shown, least)
        marks = [*self.plan.boundaries(), *(kill.at for kill in self._kills[:1])]
        return min([then, *(mark for mark in marks if mark > now)]) + timedelta(
            seconds=random.random() * 5
        )

    def _looks_due(self, conn: sa.Connection, worker: Worker) -> Iterator[datetime]:
        """A page that rests after trouble with the store is not looked at, though it is due."""
        for page in watch.all_pages(conn):
            rest = worker._resting.get(page.key)
            if page.due_at is not None:
                yield max(page.due_at, rest.since + rest.pause) if rest else page.due_at

    def _deliveries_due(self, conn: sa.Connection, shown: datetime) -> list[datetime]:
        waiting = conn.execute(_WAITING)
        return [max(row.next_attempt or shown, row.lease_until or shown) for row in waiting]

    def _digests_due(self, conn: sa.Connection) -> list[datetime]:
        rows = conn.execute(_UNTOLD)
        by_id = {one.id: one for one in self.settings.subscriptions}
        found = []
        for row in rows:
            digest = by_id[row.subscription].digest
            told = digest.next_after(row.ready_at - timedelta(microseconds=1), self.settings.zone)
            found.append(max(told, row.held_until or told))
        return found


@contextmanager
def _one_thing_at_a_time() -> Iterator[None]:
    """Lanes one after the other, so that a seed reproduces; no real waiting for a lock. And what a
    new process would do over again to no other end is done once: queries stay compiled."""
    import pipeline.deliver
    from snapshots import database

    with (
        patch.object(pipeline.deliver, "ThreadPoolExecutor", Inline),
        patch.object(database, "BUSY_TIMEOUT_SECONDS", 0.001),
        patch.object(database, "_engine", lru_cache(maxsize=4)(database._engine)),
        seldom(),
    ):
        yield


class StoreFaults:
    """A disk that is full, a store that another program holds: by the true time."""

    def __init__(self, plan: Plan, file: Path) -> None:
        self._plan = plan
        self._file = file
        self._full = False
        self._limited: set[Any] = set()
        self._other: sqlite3.Connection | None = None

    def __enter__(self) -> StoreFaults:
        sa.event.listen(sa.pool.Pool, "checkout", self._checkout)
        return self

    def __exit__(self, *about: object) -> None:
        sa.event.remove(sa.pool.Pool, "checkout", self._checkout)
        self._let_go()

    def set(self, now: datetime) -> None:
        """Make the store as faulty as the plan says."""
        self._full = self._plan.fault("disk_full", now) is not None
        locked = self._plan.fault("locked", now) is not None
        if locked and self._other is None and self._file.exists():
            self._other = sqlite3.connect(self._file, isolation_level=None)
            self._other.execute("BEGIN IMMEDIATE")
        elif not locked:
            self._let_go()

    def _let_go(self) -> None:
        if self._other is not None:
            self._other.close()
            self._other = None

    def _checkout(self, driver: Any, record: Any, proxy: Any) -> None:
        if self._full and driver.execute("PRAGMA database_list").fetchone()[2]:  # none in memory
            (pages,) = driver.execute("PRAGMA page_count").fetchone()
            driver.execute(f"PRAGMA max_page_count={pages}").fetchone()
            self._limited.add(driver)
        elif driver in self._limited:
            driver.execute(f"PRAGMA max_page_count={2**32 - 2}").fetchone()
            self._limited.remove(driver)


_CONFIGURATION = """
[worker]
timezone = "Europe/Stockholm"

[fetch]
pause_seconds = 1
allow_private = ["127.0.0.1"]

[web]
listen = ""

[email]
host = "127.0.0.1"
port = {town.mail.port}
security = "none"
from = "Visionsvakt <visionsvakt@granvik.example>"

[[pages]]
id = "omsorg"
url = "http://{site}:{town.port}/omsorg"
profile = "granvik"
{plan.timetable}

[[pages]]
id = "trygg"
url = "http://{site}:{town.port}/trygg"
profile = "granvik"
every = "{second}h"

[[pages]]
id = "arkiv"
url = "http://{archive}:{town.port}/arkiv"
profile = "granvik"
every = "{still}h"

[[subscriptions]]
id = "genast"
channel = "email"
to = ["kim@granvik.example", "lo@granvik.example"]
digest = "immediate"

[[subscriptions]]
id = "samlat"
channel = "email"
to = ["alva@granvik.example"]
digest = "{plan.digest}"

[[subscriptions]]
id = "flyttar"
channel = "email"
to = ["noor@granvik.example"]
kinds = ["moved", "removed"]
pages = ["omsorg"]
digest = "daily 16:00"

[[subscriptions]]
id = "krok"
channel = "webhook"
url = "http://{hook}:{town.port}/hook"
secret_env = "YEAR_HOOK_SECRET"
digest = "immediate"

[[subscriptions]]
id = "chatt"
channel = "{plan.chat}"
url_env = "YEAR_CHAT_URL"
digest = "daily 08:00"

[[subscriptions]]
id = "driften"
about = "operation"
channel = "email"
to = ["drift@granvik.example"]

[profiles.granvik]
sections = [
  {{ heading = ["Pågår nu"], status = "ongoing" }},
  {{ heading = ["Under utveckling"], status = "developing" }},
  {{ heading = ["Tillsammans"], status = "partnership" }},
]
stop = ["Nyheter"]
"""
