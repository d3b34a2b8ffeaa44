"""A week of looks at a site with faults, under a virtual clock: its request log is the proof.

With politeness kept in memory, and kept in a store as the worker keeps it.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from monitor.errors import FetchError
from monitor.fetch import Captured, Fetched, Fetcher, FetchRules, Gate, Validators
from monitor.guard import host_key
from monitor.pace import pause_after
from monitor.robots import RobotsText
from snapshots import watch
from snapshots.database import open_database
from tests.support.gate import MemoryGate
from tests.support.web import HTML, Asked, Authority, Names, Proxy, Served, Site

START = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
EVERY = timedelta(hours=1)
PAUSE_SECONDS = 1.0
CRAWL_DELAY = 3.0
HOST = "www.granvik.example"

Remember: TypeAlias = Callable[[str, RobotsText], None]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._lock = threading.Lock()

    def seconds(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self._seconds)

    def wait(self, seconds: float) -> None:
        with self._lock:
            self._seconds += seconds

    def reach(self, moment: datetime) -> None:
        with self._lock:
            self._seconds = max(self._seconds, (moment - START).total_seconds())


class FaultySite:
    """Pages that change, move, and fail in every polite way; and it remembers what it asked."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._random = random.Random(seed)
        self.leave_alone_until: list[tuple[float, float]] = []
        """(asked at, not before), in seconds from the start: every Retry-After given."""
        self.wishes: list[tuple[float, float]] = [(0.0, PAUSE_SECONDS)]
        """(asked at, seconds between requests) as our robots.txt last had it."""
        self.given: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Served:
        self._clock.wait(self._random.uniform(0.01, 2.0))
        if asked.path == "/robots.txt":
            return self._robots()
        kind = self._random.choices(
            ["page", "same", "moved", "busy", "often", "broken", "empty", "cut", "gone"],
            [50, 20, 5, 5, 5, 5, 3, 4, 3],
        )[0]
        self.given[kind] += 1
        if kind == "same" and "if-none-match" in asked.headers:
            return Served(status=304, headers=[("ETag", '"e"')])
        if kind == "moved" and not asked.path.startswith("/ny"):
            return Served(status=301, headers=[("Location", "/ny" + asked.path)])
        if kind in ("busy", "often"):
            return self._leave_alone(503 if kind == "busy" else 429)
        if kind == "broken":
            return Served(b"fel", 500)
        if kind == "gone":
            return Served(b"borta", 404)
        if kind == "empty":
            return Served(b"")
        if kind == "cut":
            return Served(b"<h1>Gran", headers=[HTML, ("Content-Length", "99")], close=True)
        return Served(b"<h1>Granvik</h1>" + asked.path.encode(), headers=[HTML, ("ETag", '"e"')])

    def _robots(self) -> Served:
        self.given["robots"] += 1
        now = self._clock.seconds()
        if self._random.random() < 0.2:
            self.wishes.append((now, PAUSE_SECONDS))
            return self._leave_alone(503)
        self.wishes.append((now, CRAWL_DELAY))
        text = f"User-agent: *\nDisallow: /hemligt\nCrawl-delay: {CRAWL_DELAY}\n"
        return Served(text.encode(), headers=[("Content-Type", "text/plain")])

    def _leave_alone(self, status: int) -> Served:
        now = self._clock.seconds()
        seconds = self._random.randrange(10, 7200)
        self.leave_alone_until.append((now, now + seconds))
        if self._random.random() < 0.5:
            return Served(b"", status, [HTML, ("Retry-After", str(seconds))])
        # A date names whole seconds: this one lies up to a second after what is asked for.
        moment = self._clock.now() + timedelta(seconds=seconds + 1)
        return Served(b"", status, [HTML, ("Retry-After", format_datetime(moment, usegmt=True))])


class Worker:
    """The least a caller does: a timetable, robots for a day, turns, pauses after failures."""

    def __init__(self, fetcher: Fetcher, remember: Remember, clock: Clock, seed: int) -> None:
        self._fetcher = fetcher
        self._remember = remember
        self._clock = clock
        self._random = random.Random(seed)
        self._robots: dict[str, RobotsText] = {}
        self._validators: dict[str, Validators] = {}
        self.outcomes: Counter[str] = Counter()

    def week(self, urls: list[str]) -> None:
        due = [(START + timedelta(minutes=7 * n), url, 0) for n, url in enumerate(urls)]
        heapq.heapify(due)
        while due and due[0][0] < START + WEEK:
            moment, url, failures = heapq.heappop(due)
            self._clock.reach(moment)
            try:
                outcome = self._look(url)
            except FetchError as error:
                self.outcomes[error.code] += 1
                failures += 1
                wait = pause_after(failures, 300.0, self._random.random(), cap_seconds=3600.0)
                after = timedelta(seconds=error.retry_after_seconds or 0.0)
                heapq.heappush(due, (self._clock.now() + max(wait, after), url, failures))
            else:
                self.outcomes[type(outcome).__name__] += 1
                heapq.heappush(due, (moment + EVERY, url, 0))

    def _look(self, url: str) -> Fetched:
        host = host_key(url)
        robots = self._robots.get(host)
        if robots is None or self._clock.now() >= robots.good_until:
            robots = self._robots[host] = self._fetcher.robots(url)
            self._remember(host, robots)
        outcome = self._fetcher.fetch(url, self._validators.get(url), robots)
        self._validators[url] = outcome.validators
        if isinstance(outcome, Captured):
            assert outcome.body.startswith(b"<h1>Granvik</h1>")
        return outcome


@contextlib.contextmanager
def politeness(kind: str, folder: Path, clock: Clock) -> Iterator[tuple[Gate, Remember]]:
    """A gate, and how it learns what a robots.txt asks for."""
    if kind == "memory":
        gate = MemoryGate(clock.now, clock.wait, pause_seconds=PAUSE_SECONDS)
        yield gate, lambda host, robots: gate.wish(host, robots.crawl_delay)
        return

    database = open_database(f"sqlite:///{folder / 'vecka.db'}")

    def remember(host: str, robots: RobotsText) -> None:
        with database.write() as conn:
            watch.remember_robots(conn, host, robots)

    try:
        yield watch.HostGate(database, PAUSE_SECONDS, "prov", clock.now, clock.wait), remember
    finally:
        database.close()


@contextlib.contextmanager
def way_out(by_proxy: bool, site: Site, clock: Clock, gate: Gate) -> Iterator[Fetcher]:
    """A fetcher that reaches the site directly, or by a proxy with a CA of its own."""
    with contextlib.ExitStack() as stack:
        rules = FetchRules(timeout_seconds=5.0, allow_private=("127.0.0.1",))
        if by_proxy:
            town = stack.enter_context(Authority())
            proxy = stack.enter_context(Proxy(site.port, authority=town))
            rules = FetchRules(
                timeout_seconds=5.0,
                proxy=f"http://127.0.0.1:{proxy.port}",
                ca_file=town.pem_file,
            )
        names = Names({HOST: ["127.0.0.1"]})
        yield stack.enter_context(Fetcher(rules, gate=gate, clock=clock.now, resolve=names))


@pytest.mark.parametrize("by_proxy", [False, True], ids=["directly", "by a proxy"])
@pytest.mark.parametrize("kept_in", ["memory", "store"])
def test_a_week_is_polite(kept_in: str, by_proxy: bool, tmp_path: Path) -> None:
    seed = 1 + by_proxy
    clock = Clock()
    faults = FaultySite(clock, seed)
    with (
        politeness(kept_in, tmp_path, clock) as (gate, remember),
        Site(faults, clock=clock.seconds) as site,
        way_out(by_proxy, site, clock, gate) as fetcher,
    ):
        start = f"https://{HOST}" if by_proxy else f"http://{HOST}:{site.port}"
        worker = Worker(fetcher, remember, clock, seed)
        worker.week([f"{start}/sida/{n}" for n in range(4)] + [f"{start}/hemligt/a"])
        visits = list(site.visits)
        most_at_once = site.most_at_once

    assert len(visits) > 400
    assert set(faults.given) > {"page", "same", "moved", "busy", "often", "cut", "robots"}
    assert worker.outcomes["Captured"] > 200
    assert worker.outcomes["NotModified"] > 30
    assert worker.outcomes["robots"] > 20

    assert most_at_once == 1
    in_order = sorted(visits, key=lambda visit: visit.asked.began_at)
    for before, after in itertools.pairwise(in_order):
        # What a robots.txt asks for counts from the turn after its own.
        wish = [seconds for at, seconds in faults.wishes if at <= before.asked.began_at][-1]
        assert after.asked.began_at - before.ended_at >= wish - 1e-6, (before, after)
    for told_at, until in faults.leave_alone_until:
        early = [v for v in in_order if told_at < v.asked.began_at < until - 1e-6]
        assert not early, early[:3]
    assert not [v for v in in_order if v.asked.path.startswith("/hemligt")]
    asked_robots = [v.asked.began_at for v in in_order if v.asked.path == "/robots.txt"]
    for earlier, later in itertools.pairwise([*asked_robots, WEEK.total_seconds()]):
        assert later - earlier < timedelta(hours=26).total_seconds()
    assert worker.outcomes["robots_unreachable"] > 0


def test_programs_and_threads_that_want_the_same_host_take_turns(tmp_path: Path) -> None:
    """Two programs on one store, four threads each, and a redirect that leads to the same host."""
    pause = 0.02
    rules = FetchRules(timeout_seconds=5.0, allow_private=("127.0.0.1",))
    address = f"sqlite:///{tmp_path / 'turer.db'}"
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(Site(lambda asked: Served(b"<h1>Granvik</h1>")))
        leading = Served(status=302, headers=[("Location", site.url())])
        other = stack.enter_context(Site(lambda asked: leading))
        programs = []
        for holder in ("ett", "två"):
            database = open_database(address)
            stack.callback(database.close)
            gate = watch.HostGate(database, pause, holder, now)
            programs.append(stack.enter_context(Fetcher(rules, gate=gate, clock=now)))
        pool = stack.enter_context(ThreadPoolExecutor(8))
        looks = [
            pool.submit(programs[n % 2].fetch, (site if n % 3 else other).url()) for n in range(24)
        ]
        for look in looks:
            look.result(timeout=30)
        for each in (site, other):
            assert each.most_at_once == 1
            visits = sorted(each.visits, key=lambda visit: visit.asked.began_at)
            for before, after in itertools.pairwise(visits):
                assert after.asked.began_at - before.ended_at >= pause
        assert (len(site.log), len(other.log)) == (24, 8)


def now() -> datetime:
    return datetime.now(UTC)
