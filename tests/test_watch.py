"""What is due, who may ask a host when, and who is the worker."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from monitor.errors import TryLater, UsageError
from monitor.fetch import Validators
from monitor.robots import RobotsText
from snapshots import facts, watch
from snapshots.database import Database, open_database
from snapshots.facts import NewCapture
from snapshots.watch import HostGate, WatchedPage

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def watched(page_id: str, **values: str) -> WatchedPage:
    page = WatchedPage(
        page_id, page_id.title(), f"https://granvik.example/{page_id}", "granvik", "1h"
    )
    return replace(page, **values)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = NOW
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += timedelta(seconds=seconds)


# ------------------------------------------------------------------------------------------- pages


def test_the_configuration_says_which_pages_are_watched(store: Database) -> None:
    with store.write() as conn:
        assert watch.sync_pages(conn, [watched("a"), watched("b")], NOW).added == ("a", "b")
        assert watch.sync_pages(conn, [watched("a"), watched("b")], NOW) == watch.Synced()
        assert watch.sync_pages(conn, [watched("b", name="Bå")], NOW).retired == ("a",)
        assert [page.id for page in watch.all_pages(conn)] == ["b"]
        assert watch.page(conn, "b").name == "Bå"
        assert watch.page(conn, "a").retired_at == NOW
        assert watch.sync_pages(conn, [watched("a"), watched("b")], NOW + SECOND).back == ("a",)
        assert watch.page(conn, "a").retired_at is None
        assert watch.page(conn, "a").due_at == NOW + SECOND
        with pytest.raises(UsageError, match="c: ingen sådan sida"):
            watch.page(conn, "c")


def test_a_single_new_page_is_due_at_once_and_many_are_spread(store: Database) -> None:
    with store.write() as conn:
        watch.sync_pages(conn, [watched("alone")], NOW)
        assert [page.id for page in watch.due(conn, NOW, 10)] == ["alone"]
        many = [watched("alone"), *(watched(f"p{number}") for number in range(60))]
        watch.sync_pages(conn, many, NOW)
        moments = {page.due_at for page in watch.all_pages(conn)}
        assert len(moments) == 61
        assert max(moment for moment in moments if moment) < NOW + 60 * SECOND
        assert len(watch.due(conn, NOW + 60 * SECOND, 100)) == 61
        assert len(watch.due(conn, NOW + 60 * SECOND, 7)) == 7


def test_a_page_renamed_keeps_its_key_and_its_old_id_can_be_another_page(store: Database) -> None:
    with store.write() as conn:
        watch.sync_pages(conn, [watched("old"), watched("b")], NOW)
        watch.rename(conn, "old", "new")
        assert watch.page(conn, "new").key == "old"
        with pytest.raises(UsageError, match="det finns redan"):
            watch.rename(conn, "new", "b")
        with pytest.raises(UsageError, match="old: ingen sådan"):
            watch.rename(conn, "old", "x")
        watch.sync_pages(conn, [watched("old"), watched("new"), watched("b")], NOW)
        assert watch.page(conn, "old").key == "old~2"


def test_what_is_due_is_a_column_of_ours(store: Database) -> None:
    with store.write() as conn:
        watch.sync_pages(conn, [watched("a"), watched("b"), watched("c")], NOW)
        for key in "abc":
            watch.schedule_next(conn, key, NOW + 60 * SECOND, failures=3)
        assert watch.due(conn, NOW + 59 * SECOND, 9) == ()
        assert watch.next_due(conn) == NOW + 60 * SECOND
        assert watch.page(conn, "a").failures == 3
        assert watch.siblings(conn, "a") == ("b", "c")
        watch.make_due(conn, watch.siblings(conn, "a"), NOW)
        assert [page.id for page in watch.due(conn, NOW, 9)] == ["b", "c"]
        watch.sync_pages(conn, [watched("a"), watched("c", group="else")], NOW)
        assert [page.id for page in watch.due(conn, NOW, 9)] == ["c"]
        assert watch.siblings(conn, "a") == ()


def test_validators_stay_with_the_body_they_came_with(store: Database) -> None:
    given = Validators('"e1"', "Mon, 02 Mar 2026 06:00:00 GMT", "https://granvik.example/a")
    with store.write() as conn:
        watch.sync_pages(conn, [watched("a")], NOW)
        assert not watch.validators(conn, "a")
        facts.record(conn, NewCapture("a", NOW, b"seen"))
        watch.remember_validators(conn, "a", given)
        assert watch.validators(conn, "a") == given
        facts.record(conn, NewCapture("a", NOW + SECOND, b"imported later", source="file"))
        facts.record(conn, NewCapture("a", NOW + 2 * SECOND, again=True))
        first, _, last = facts.looks(conn, "a")
        assert last.body == first.body
        watch.remember_validators(conn, "a", Validators())
        assert not watch.validators(conn, "a")


def test_a_move_is_news_once(store: Database) -> None:
    with store.write() as conn:
        watch.sync_pages(conn, [watched("a")], NOW)
        assert not watch.remember_move(conn, "a", None)
        assert watch.remember_move(conn, "a", "https://granvik.example/ny")
        assert not watch.remember_move(conn, "a", "https://granvik.example/ny")
        assert watch.page(conn, "a").moved_to == "https://granvik.example/ny"


# ------------------------------------------------------------------------------------------- hosts


def test_a_host_is_asked_one_at_a_time_and_never_sooner_than_its_pause(store: Database) -> None:
    clock = Clock()
    gate = HostGate(store, 2.0, "me", clock, clock.sleep)
    inside = 0
    turns: list[datetime] = []

    def ask() -> None:
        nonlocal inside
        with gate.turn("granvik.example"):
            inside += 1
            assert inside == 1
            turns.append(clock())
            clock.sleep(0.5)
            inside -= 1

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turns) == 5
    assert all(after - before >= 2.5 * SECOND for before, after in pairwise(turns))


def test_two_programs_share_a_hosts_patience(store: Database, store_url: str) -> None:
    clock = Clock()
    other_store = open_database(store_url)
    mine = HostGate(store, 1.0, "mine", clock, clock.sleep)
    other = HostGate(other_store, 1.0, "other", clock, clock.sleep, patience_seconds=0.1)
    with (
        mine.turn("granvik.example"),
        pytest.raises(TryLater) as caught,
        other.turn("granvik.example"),
    ):
        pass
    assert caught.value.code == "host_busy"
    with other.turn("elsewhere.example"):
        pass
    other_store.close()


def test_the_lease_of_a_killed_program_ends_by_itself(store: Database) -> None:
    clock = Clock()
    killed = HostGate(store, 1.0, "killed", clock, clock.sleep)
    killed._wait("granvik.example", "killed 1")
    patient = HostGate(store, 1.0, "next", clock, clock.sleep)
    with patient.turn("granvik.example"):
        assert clock() - NOW >= 60 * SECOND
    assert clock() - NOW < 62 * SECOND


def test_a_turn_taken_by_a_clock_that_was_ahead_holds_nobody_up(store: Database) -> None:
    clock = Clock()
    clock.now = NOW + timedelta(hours=14)
    HostGate(store, 1.0, "killed", clock, clock.sleep)._wait("granvik.example", "killed 1")
    clock.now = NOW
    with HostGate(store, 1.0, "next", clock, clock.sleep).turn("granvik.example"):
        assert clock() == NOW
    # Two machines' clocks may be a little apart.
    clock.now = NOW + 30 * SECOND
    HostGate(store, 1.0, "killed", clock, clock.sleep)._wait("elsewhere.example", "killed 1")
    clock.now = NOW
    with HostGate(store, 1.0, "next", clock, clock.sleep).turn("elsewhere.example"):
        assert clock() - NOW >= 90 * SECOND


def test_retry_after_and_crawl_delay_hold_the_host(store: Database) -> None:
    clock = Clock()
    gate = HostGate(store, 1.0, "me", clock, clock.sleep)

    def refused() -> None:
        with gate.turn("granvik.example"):
            raise TryLater("http_status", "503", retry_after_seconds=30)

    with pytest.raises(TryLater):
        refused()
    with gate.turn("granvik.example"):
        assert clock() - NOW >= 30 * SECOND
    slow = RobotsText("granvik.example", NOW, 200, "User-agent: *\nCrawl-delay: 7\n")
    with store.write() as conn:
        watch.remember_robots(conn, "granvik.example", slow)
        assert watch.robots(conn, "granvik.example") == slow
        assert watch.robots(conn, "elsewhere.example") is None
    with gate.turn("granvik.example"):
        ended = clock()
    with gate.turn("granvik.example"):
        assert clock() - ended >= 7 * SECOND


def test_what_a_clock_that_was_ahead_planned_is_due_and_its_host_may_be_asked(
    store: Database,
) -> None:
    ahead = NOW + timedelta(days=300)
    elsewhere = replace(watched("c"), url="https://bjorkvik.example/c")
    with store.write() as conn:
        watch.sync_pages(conn, [watched("a"), watched("b"), elsewhere], NOW)
        watch.schedule_next(conn, "a", ahead, 0)
        watch.schedule_next(conn, "b", NOW + timedelta(minutes=50), 0)
        watch.schedule_next(conn, "c", NOW + timedelta(days=2), 3)  # its site asked for that
        watch.hold_host(conn, "granvik.example", ahead)
        watch.hold_host(conn, "bjorkvik.example", NOW + timedelta(days=2))
        watch.bring_forward(conn, dict.fromkeys("abc", NOW + timedelta(hours=1)), NOW)
        assert [page.id for page in watch.due(conn, NOW, 9)] == ["a"]
    clock = Clock()
    gate = HostGate(store, 1.0, "me", clock, clock.sleep)
    with gate.turn("granvik.example"):
        assert clock() == NOW
    with pytest.raises(TryLater), gate.turn("bjorkvik.example"):
        pass


def test_a_host_that_asks_for_hours_is_not_waited_for(store: Database) -> None:
    clock = Clock()
    gate = HostGate(store, 1.0, "me", clock, clock.sleep)
    with store.write() as conn:
        watch.hold_host(conn, "granvik.example", NOW + 3600 * SECOND)
        watch.hold_host(conn, "granvik.example", NOW + 60 * SECOND)
    with pytest.raises(TryLater, match="ska lämnas i fred") as caught, gate.turn("granvik.example"):
        pass
    assert caught.value.retry_after_seconds == 3600
    assert clock() == NOW


# ------------------------------------------------------------------------------------------ worker


def test_a_second_worker_is_refused_until_the_first_is_gone(store: Database) -> None:
    with store.write() as conn:
        assert watch.take_worker_lease(conn, "first", NOW, 30) is None
        assert watch.take_worker_lease(conn, "second", NOW + 29 * SECOND, 30) == "first"
        assert watch.take_worker_lease(conn, "first", NOW + 29 * SECOND, 30) is None
        assert watch.worker(conn, NOW + 58 * SECOND) == "first"
        assert watch.take_worker_lease(conn, "second", NOW + 59 * SECOND, 30) is None
        watch.release_worker_lease(conn, "first")
        assert watch.worker(conn, NOW + 60 * SECOND) == "second"
        watch.release_worker_lease(conn, "second")
        assert watch.worker(conn, NOW + 60 * SECOND) is None
        assert watch.take_worker_lease(conn, "third", NOW, 30) is None


def test_due_pages_of_one_host_or_besides_some(store: Database) -> None:
    def at(host: str) -> WatchedPage:
        return WatchedPage(host, host, f"https://{host}/p", f"{host} granvik", "")

    hosts = ("a_b.example", "axb.example", "c.example")
    later = NOW + 60 * SECOND
    with store.write() as conn:
        watch.sync_pages(conn, [at(host) for host in hosts], NOW)
        assert [one.id for one in watch.due(conn, later, 9, host="a_b.example")] == ["a_b.example"]
        others = {one.id for one in watch.due(conn, later, 9, besides=["a_b.example"])}
        assert others == {"axb.example", "c.example"}
