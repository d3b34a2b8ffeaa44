"""What a tick of the worker does, and when it says that it works: real parts and a real store, and
a clock that the test sets."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.errors import FetchError
from scheduler import Listener, Worker
from settings import load
from snapshots import watch
from snapshots.holders import this_holder
from snapshots.schema import hosts, pages
from tests.support.hooks import SECRET, Hook
from tests.support.mail import MailHost
from tests.support.program import FIRST, SECOND, by_hook, by_mail, config, mail, page, table, until
from tests.support.web import Asked, Served, Site
from wiring import install, look_out, open_post_office

START = datetime(2026, 11, 23, 7, tzinfo=UTC)
TICK = timedelta(seconds=5)


class Granvik(Site):
    """The same page at every address; held back while `holds`."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.html = FIRST.html
        self.held = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def _page(self, asked: Asked) -> Served:
        if asked.path == "/robots.txt":
            return Served(b"", 404)
        self.held.set()
        self.go_on.wait(20)
        return Served(self.html)

    def looks(self, path: str = "/p") -> int:
        return len([one for one in self.log if one.path == path])


@dataclass
class Shift:
    """A worker in a folder, its clock, and what was heard of it."""

    folder: Path
    now: datetime = START
    said: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    worker: Worker = field(init=False)

    def tick(self, **later: float) -> None:
        """Let time pass, let it tick, and wait until all that it began is done."""
        self.now += timedelta(**later)
        self.worker.tick()
        until(lambda: self.worker.is_idle)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """The store has lost a table."""
        self._sql(f"ALTER TABLE {name} RENAME TO {name}_borta")
        yield
        self._sql(f"ALTER TABLE {name}_borta RENAME TO {name}")

    def _sql(self, said: str) -> None:
        conn = sqlite3.connect(self.folder / "visionsvakt.db", isolation_level=None)
        conn.execute("PRAGMA legacy_alter_table=ON")  # what refers to it goes on doing so
        conn.execute(said)
        conn.close()

    def configure(self, *tables: str) -> None:
        (self.folder / "visionsvakt.toml").write_text(config(*tables), encoding="utf-8")


@contextmanager
def shift(folder: Path, *tables: str) -> Iterator[Shift]:
    """A worker that is employed and has not ticked yet."""
    made = Shift(folder)
    made.configure(*tables)
    settings = load(folder / "visionsvakt.toml")
    with install(settings, clock=lambda: made.now) as installation:
        holder = this_holder()
        world = look_out(installation, holder=holder)
        office = open_post_office(installation, world, holder=holder)
        listener = Listener(
            looked=lambda checked: made.said.append(f"{checked.page.id} {checked.outcome}"),
            trouble=made.troubles.append,
        )
        made.worker = Worker(installation, world, office, holder, listener)
        with made.worker.employed():
            try:
                yield made
            finally:
                made.worker._drain()
                made.worker.close()


def holding(reached: threading.Event, go_on: threading.Event) -> Callable[[str, str], None]:
    """How a mail server takes a letter and says nothing of it until it may go on."""

    def hold(step: str, to: str) -> None:
        if step == "END":
            reached.set()
            go_on.wait(20)

    return hold


@contextmanager
def signing(
    site: Granvik, folder: Path, monkeypatch: pytest.MonkeyPatch, *answers: int
) -> Iterator[tuple[Shift, Hook]]:
    """A worker that gives a sign of life, and who waits for it."""
    with Hook(*answers) as hook:
        monkeypatch.setenv("LIVSTECKEN", hook.url("/ping"))
        alive = table("[worker]", ping_url_env="LIVSTECKEN")
        with shift(folder, page("granvik", site.url("/p")), alive) as work:
            yield work, hook


@pytest.fixture
def site() -> Iterator[Granvik]:
    with Granvik() as granvik:
        yield granvik
        granvik.go_on.set()


def test_it_is_ready_while_its_timetable_goes_and_says_what_stands(
    site: Granvik, tmp_path: Path
) -> None:
    with shift(tmp_path, page("granvik", site.url("/p"))) as work:
        assert work.worker.ready() == "tidtabellen går inte"
        work.tick()
        assert work.worker.ready() is None
        work.now += timedelta(seconds=59)
        assert work.worker.ready() is None
        work.now += timedelta(seconds=2)
        assert work.worker.ready() == "tidtabellen går inte"
        work.tick()
        assert work.worker.ready() is None
        work.worker.stop()
        assert work.worker.ready() == "stannar"


def test_a_tick_that_fails_is_heard_of_counts_for_none_and_gives_no_sign_of_life(
    site: Granvik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with signing(site, tmp_path, monkeypatch) as (work, hook):
        work.tick()
        assert len(hook.log) == 1
        with work.without("pages"):
            for _ in range(20):
                work.tick(seconds=5)
            assert len(work.troubles) == 20
            assert work.worker.ready() == "tidtabellen går inte"
            assert len(hook.log) == 1
        work.tick(seconds=5)
        assert work.worker.ready() is None
        assert len(hook.log) == 2
        for _ in range(11):
            work.tick(seconds=5)
        assert len(hook.log) == 2, "once a minute"
        work.tick(seconds=5)
        assert len(hook.log) == 3


def test_a_sign_of_life_that_fails_is_said_once_until_one_has_come_through(
    site: Granvik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with signing(site, tmp_path, monkeypatch, 500, 500, 200, 404) as (work, hook):
        for _ in range(5):
            work.tick(minutes=1)
    assert len(hook.log) == 5
    assert [one.rpartition(" ")[2] for one in work.troubles] == ["500", "404"]


def test_a_worker_whose_store_another_has_taken_over_begins_nothing_more(
    site: Granvik, tmp_path: Path
) -> None:
    with shift(tmp_path, page("granvik", site.url("/p"))) as work:
        work.tick()
        with work.worker.installation.database.write() as conn:
            watch.release_worker_lease(conn, this_holder())
            watch.take_worker_lease(conn, "ffffffff-1/1/4711", work.now, 86_400)
        looks = site.looks()
        work.tick(hours=2)
        assert site.looks() == looks
        assert ["har tagit över" in one for one in work.troubles] == [True]
        assert work.worker.ready() == "stannar"


def test_a_clock_that_is_set_back_leaves_it_the_worker_with_a_sign_of_life(
    site: Granvik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with signing(site, tmp_path, monkeypatch) as (work, hook):
        work.tick()
        work.tick(days=-1)
        assert work.worker.ready() is None
        assert len(hook.log) == 2
        with work.worker.installation.database.read() as conn:
            until_then = watch.worker_lease_until(conn, this_holder())
        assert until_then is not None
        assert work.now < until_then <= work.now + timedelta(seconds=30)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_planned_while_the_clock_was_a_year_ahead_is_looked_at_now(
    site: Granvik, tmp_path: Path, restarted: bool
) -> None:
    watched = page("granvik", site.url("/p")), page("hamnen", site.url("/h"))
    with shift(tmp_path, *watched) as work:
        work.tick(seconds=5)  # new ones are spread over a second for each
        work.tick(days=365)
        assert (site.looks("/p"), site.looks("/h")) == (2, 2)
        with work.worker.installation.database.write() as conn:
            conn.execute(hosts.update().values(free_at=work.now))  # as a pause leaves it
        if not restarted:
            work.tick(days=-365, seconds=10)
            assert (site.looks("/p"), site.looks("/h")) == (3, 3)
            work.tick(seconds=5)
            assert site.looks("/p") == 3
            work.tick(hours=1)
            assert site.looks("/p") == 4
    if restarted:
        with shift(tmp_path, *watched) as again:
            again.tick(seconds=10)
            assert (site.looks("/p"), site.looks("/h")) == (3, 3)
            assert again.said == ["granvik unchanged", "hamnen unchanged"]


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_put_off_while_the_clock_was_a_year_ahead_is_sent_now(
    site: Granvik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with Hook(500, 200) as hook:
        tables = page("granvik", site.url("/p")), by_hook(hook.url("/hook"))
        with shift(tmp_path, *tables) as work:
            work.tick()
            site.html = SECOND.html
            work.tick(days=365)
            assert len(hook.log) == 1
            if not restarted:
                work.tick(days=-365, seconds=10)
        if restarted:
            with shift(tmp_path, *tables) as again:
                again.tick(seconds=10)
        assert len(hook.ids) == 2
        assert len(set(hook.ids)) == 1


def test_a_site_that_asked_for_days_of_peace_gets_them_after_a_new_start_too(
    site: Granvik, tmp_path: Path
) -> None:
    with shift(tmp_path, page("granvik", site.url("/p"))) as work:
        work.tick()
        with work.worker.installation.database.write() as conn:
            later = work.now + timedelta(days=3)
            conn.execute(pages.update().values(due_at=later, failures=1))
            conn.execute(sa.update(hosts).values(free_at=later))
    with shift(tmp_path, page("granvik", site.url("/p"))) as again:
        again.tick(hours=2)
        assert again.said == []
        again.tick(days=3)
        assert again.said == ["granvik unchanged"]


def test_a_look_that_comes_to_nothing_here_rests_until_the_configuration_is_read_again(
    site: Granvik, tmp_path: Path
) -> None:
    with shift(tmp_path, page("granvik", site.url("/p"))) as work:

        def met() -> int:
            return len([one for one in work.troubles if one.startswith("granvik: ")])

        with work.without("captures"):
            for _ in range(11):
                work.tick(seconds=5)
            assert met() == 1, "a minute at first"
            work.tick(seconds=60)
            assert met() == 2
            work.tick(seconds=65)
            assert met() == 2, "and longer each time"
            work.worker.reload()
            work.tick(seconds=5)
            assert met() == 3
        assert not any("parameters: (" in one for one in work.troubles), "what it holds is not said"
        work.worker.reload()
        work.tick(seconds=5)
        assert work.said == ["granvik first"]


def test_a_look_under_way_ends_as_it_began_when_the_configuration_is_read_again(
    site: Granvik, tmp_path: Path
) -> None:
    with shift(tmp_path, page("granvik", site.url("/p"))) as work:
        before = work.worker.world.fetcher
        site.go_on.clear()
        work.worker.tick()
        assert site.held.wait(10)
        work.configure(page("granvik", site.url("/p"), every="1s"), page("ny", site.url("/ny")))
        work.worker.reload()
        work.now += TICK
        work.worker.tick()
        assert (work.worker.world.fetcher is before, work.worker.tick_seconds) == (False, 1)
        site.go_on.set()
        until(lambda: work.worker.is_idle)
        assert work.said[0] == "granvik first"
        work.tick(seconds=5)
        assert sorted(work.said) == ["granvik first", "granvik unchanged", "ny first"]
        with pytest.raises(FetchError):  # nothing goes through that door any more
            before.ping(site.url("/p"), 5)


def test_deliveries_that_cannot_be_kept_rest_longer_each_time(
    site: Granvik, tmp_path: Path
) -> None:
    readers = by_mail(about="operation"), mail(9)
    with shift(tmp_path, page("granvik", site.url("/p")), *readers) as work:
        work.tick()  # nobody takes the welcome: it waits
        with work.without("messages"):
            work.tick(seconds=80)
            assert len(work.troubles) == 1
            work.tick(seconds=5)
            assert len(work.troubles) == 1
            work.tick(seconds=7)
            assert len(work.troubles) == 2
            work.tick(seconds=12)
            assert len(work.troubles) == 2, "and longer each time"


def test_a_stop_lets_the_delivery_in_hand_end_and_leaves_the_others(
    site: Granvik, tmp_path: Path
) -> None:
    reached, go_on = threading.Event(), threading.Event()
    with MailHost(fault=holding(reached, go_on)) as post:
        to = [f"{name}@granvik.example" for name in ("alva", "kim", "lo")]
        readers = by_mail(*to, about="operation"), mail(post.port)
        with shift(tmp_path, page("granvik", site.url("/p")), *readers) as work:
            work.worker.tick()
            assert reached.wait(10)
            work.worker.stop()
            go_on.set()
            until(lambda: work.worker.is_idle)
            assert len(post.mails) == 1


def test_a_timetable_that_is_read_again_sets_the_pace_of_the_ticks(
    site: Granvik, tmp_path: Path
) -> None:
    with shift(tmp_path, page("granvik", site.url("/p"))) as work:
        running = threading.Thread(target=work.worker.run)
        running.start()
        try:
            until(lambda: work.said == ["granvik first"])
            work.configure(page("granvik", site.url("/p"), every="2s"))
            work.worker.reload()
            until(lambda: work.worker._job is not None and _pace(work.worker) == 2)
        finally:
            work.worker.stop()
            running.join(20)
        assert not running.is_alive()


def _pace(worker: Worker) -> float:
    """How often it ticks, in seconds, by the scheduler itself."""
    assert worker._job is not None
    return float(worker._job.trigger.interval.total_seconds())


def test_whoever_wants_to_know_at_once_does_not_wait_for_the_next_tick(
    site: Granvik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Hook() as hook:
        monkeypatch.setenv("HOOK_SECRET", SECRET)
        watched = page("granvik", site.url("/p")), by_hook(hook.url("/hook"))
        with shift(tmp_path, *watched) as work:
            work.tick()
            work.tick(minutes=59, seconds=50)
            site.html = SECOND.html
            work.tick(seconds=15)
            assert [one["type"] for one in hook.documents] == ["visionsvakt.digest"]


def test_a_delivery_that_hangs_holds_up_nobody_whom_another_configuration_names(
    site: Granvik, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    watched = page("granvik", site.url("/p"))
    reached, go_on = threading.Event(), threading.Event()
    with (
        MailHost(fault=holding(reached, go_on)) as mute,
        Hook() as hook,
        shift(tmp_path, watched, by_mail(about="operation"), mail(mute.port)) as work,
    ):
        work.worker.tick()
        assert reached.wait(10)
        until(lambda: work.said == ["granvik first"])
        work.configure(watched, by_hook(hook.url("/hook")))
        work.worker.reload()
        work.now += TICK
        work.worker.tick()
        site.html = SECOND.html
        work.now += timedelta(hours=1)
        work.worker.tick()
        until(lambda: bool(hook.log))
        assert not work.worker.is_idle, "the other still hangs"
        go_on.set()


def test_copies_go_where_the_configuration_that_was_read_again_says(
    site: Granvik, tmp_path: Path
) -> None:
    copies = tmp_path / "kopior"
    copies.mkdir()
    with shift(tmp_path, page("granvik", site.url("/p"))) as work:
        work.tick()
        assert list(copies.iterdir()) == []
        work.configure(page("granvik", site.url("/p")), table("[backup]", folder="kopior"))
        work.worker.reload()
        work.tick(seconds=5)
        assert [file.name for file in copies.iterdir()] == ["visionsvakt-20261123T070005Z.db"]


def test_a_configuration_that_was_refused_is_over_when_a_right_one_is_read_or_started_with(
    site: Granvik, tmp_path: Path
) -> None:
    from notifications import incidents

    def open_now(work: Shift) -> list[str]:
        with work.worker.installation.database.read() as conn:
            return [one.cause for one in incidents.open_incidents(conn)]

    with shift(tmp_path, page("granvik", site.url("/p"))) as work:
        work.tick()
        work.configure(page("granvik", site.url("/p"), evry="1s"))
        work.worker.reload()
        work.tick(seconds=5)
        assert open_now(work) == ["configuration"]
        work.configure(page("granvik", site.url("/p")))
        work.worker.reload()
        work.tick(seconds=5)
        assert open_now(work) == []
        work.configure(page("granvik", site.url("/p"), evry="1s"))
        work.worker.reload()
        work.tick(seconds=5)
        assert open_now(work) == ["configuration"]
    with shift(tmp_path, page("granvik", site.url("/p"))) as again:
        assert open_now(again) == []


def test_a_sign_of_life_whose_address_is_not_there_is_refused_when_read_again(
    site: Granvik, tmp_path: Path
) -> None:
    watched = page("granvik", site.url("/p"))
    with shift(tmp_path, watched) as work:
        work.tick()
        work.configure(watched, table("[worker]", ping_url_env="FINNS_INTE"))
        work.worker.reload()
        work.tick(seconds=5)
        (said,) = work.troubles
        assert "FINNS_INTE" in said
        assert "förra konfigurationen gäller" in said
        assert work.worker.installation.settings.worker.ping_url_env is None


def test_a_page_that_fails_is_asked_ever_more_seldom_until_its_timetable(tmp_path: Path) -> None:
    with shift(tmp_path, page("borta", "http://127.0.0.1:9/", every="1d")) as work:
        asked: list[datetime] = []
        while work.now < START + timedelta(hours=3):
            before = len(work.said)
            work.tick(minutes=2)
            asked += [work.now] * (len(work.said) - before)
    pauses = [(later - one) / timedelta(minutes=1) for one, later in pairwise(asked)]
    assert set(work.said) == {"borta failed"}
    assert all(one <= later for one, later in pairwise(pauses)), pauses
    assert 5 <= len(asked) <= 9, pauses  # 1, 2, 4, 8, 16, 32 minutes and some, and then a day


def test_one_host_is_asked_for_one_page_at_a_time_and_a_stop_leaves_the_others(
    site: Granvik, tmp_path: Path
) -> None:
    watched = [page(f"p{number}", site.url(f"/{number}")) for number in range(4)]
    with shift(tmp_path, *watched) as work:
        work.now += timedelta(seconds=5)  # new ones are spread over a second for each
        site.go_on.clear()
        work.worker.tick()
        assert site.held.wait(10)
        for _ in range(3):
            work.worker.tick()
        work.worker.stop()
        site.go_on.set()
        until(lambda: work.worker.is_idle)
        assert len(work.said) == 1
