"""Told once, kept until delivered: forming, leases, growing pauses, the dead and their return."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.errors import UsageError
from monitor.fetch import Fetcher
from notifications import incidents, outbox
from notifications.outbox import LONGEST, PAUSES_SECONDS, Trouble, pause
from pipeline.deliver import form
from pipeline.tell import release_held, replay
from snapshots import holders
from snapshots.database import Database
from snapshots.schema import attempts, deliveries, messages, tellings
from tests.support.hooks import Hook, poster
from tests.support.telling import (
    CARE,
    START,
    STOCKHOLM,
    Town,
    by_hook,
    by_mail,
    change,
    initiative,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PLANNED = initiative()
BUILT = initiative(status="ongoing")


@pytest.fixture
def door() -> Iterator[Fetcher]:
    with poster() as fetcher:
        yield fetcher


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook(200) as receiver:
        yield receiver


def formed(town: Town) -> int:
    with town.database.write() as conn:
        return form(conn, town.now, town.subscriptions, STOCKHOLM)


def count(town: Town, table: sa.Table) -> int:
    with town.database.read() as conn:
        return conn.scalar(sa.select(sa.func.count()).select_from(table)) or 0


# --- what is told, and when ---


def test_a_change_is_told_once_however_often_it_is_derived(store: Database) -> None:
    town = Town(store, [by_mail()])
    new = change(None, PLANNED)
    assert [town.tell(new), town.tell(new), town.tell(new, cause="late")] == [1, 0, 0]
    assert [formed(town), formed(town)] == [1, 0]
    assert town.tell(new) == 0


def test_what_was_told_is_put_right_once(store: Database) -> None:
    town = Town(store, [by_mail()])
    town.tell(change(None, PLANNED))
    right = change(PLANNED, BUILT)
    assert [town.tell(right, cause="correction") for _ in range(2)] == [1, 0]


def test_a_subscription_starts_with_what_changes_after_it_was_added(store: Database) -> None:
    town = Town(store, [by_mail()])
    old, new = change(None, PLANNED, at=START - MINUTE), change(PLANNED, BUILT, number=3)
    assert [town.tell(old), town.tell(new)] == [0, 1]


def test_what_is_found_late_counts_by_when_it_became_known(store: Database) -> None:
    town = Town(store, [by_mail()])
    assert town.tell(change(None, PLANNED, at=START - DAY), cause="late") == 1
    assert town.tell(change(PLANNED, BUILT, number=3, at=START - DAY, late=True)) == 1


def test_an_address_added_later_gets_what_changes_after_that(store: Database) -> None:
    town = Town(store, [by_mail("a@granvik.example", digest="daily 07:30")])
    town.tell(change(None, PLANNED))
    town.now += HOUR
    town.subscriptions = [by_mail("a@granvik.example", "b@granvik.example", digest="daily 07:30")]
    town.start()
    town.tell(change(None, PLANNED, of="i-2", at=town.now))
    town.now += DAY
    assert formed(town) == 2
    with store.read() as conn:
        rows = conn.execute(
            sa.select(deliveries.c.address, messages.c.payload).join(
                messages, messages.c.id == deliveries.c.message
            )
        ).all()
    assert {address: len(payload["entries"]) for address, payload in rows} == {
        "a@granvik.example": 2,
        "b@granvik.example": 1,
    }


def test_who_left_the_configuration_and_comes_back_starts_anew(store: Database) -> None:
    town = Town(store, [by_mail()])
    back, town.subscriptions = town.subscriptions, []
    town.start()
    town.now += DAY
    town.subscriptions = back
    town.start()
    assert town.tell(change(None, PLANNED, at=START + HOUR)) == 0
    assert town.tell(change(None, PLANNED, of="i-2", at=town.now)) == 1


def test_a_digest_waits_for_its_time_and_takes_all_that_is_ready(store: Database) -> None:
    town = Town(store, [by_mail(digest="daily 07:30")])
    town.tell(change(None, PLANNED))
    town.now += 3 * HOUR
    town.tell(change(None, PLANNED, of="i-2", at=town.now))
    assert formed(town) == 0
    town.now = datetime(2026, 11, 24, 6, 29, tzinfo=UTC)
    assert formed(town) == 0
    town.now += MINUTE
    assert formed(town) == 1
    with store.read() as conn:
        (payload,) = conn.execute(sa.select(messages.c.payload)).scalars()
    assert len(payload["entries"]) == 2


def test_a_digest_that_nobody_was_up_to_send_is_sent_when_somebody_is(store: Database) -> None:
    town = Town(store, [by_mail(digest="weekly mon 08:00")])
    town.tell(change(None, PLANNED, at=START + MINUTE))
    town.now += 20 * DAY
    assert formed(town) == 1


def test_there_is_no_empty_digest(store: Database) -> None:
    town = Town(store, [by_mail(digest="hourly")])
    for _ in range(30):
        town.now += HOUR
        assert formed(town) == 0


def test_a_bug_in_one_subscription_s_digest_holds_up_no_other(store: Database) -> None:
    town = Town(store, [by_mail(id="a"), by_mail(id="b", pages=("trygg",))])
    broken = change(None, PLANNED)
    del broken["links"]
    town.tell(broken)
    town.tell(change(PLANNED, BUILT, of="i-2", page="trygg"))
    assert formed(town) == 1
    with store.read() as conn:
        (incident,) = incidents.open_incidents(conn)
    assert incident.subject == "digest:a"


def test_immediate_waits_for_sibling_pages_and_daily_does_not_mind(store: Database) -> None:
    town = Town(store, [by_mail(), by_mail(id="daglig", digest="daily 09:00")])
    hold = START + 15 * MINUTE
    town.tell(change(None, PLANNED), hold_until=hold)
    town.now += 14 * MINUTE
    assert formed(town) == 0
    town.tell(change(None, PLANNED, page="trygg"), hold_until=hold)
    town.now += MINUTE
    assert formed(town) == 1
    with store.read() as conn:
        (payload,) = conn.execute(sa.select(messages.c.payload)).scalars()
    assert [entry["changes"][0]["pages"] for entry in payload["entries"]] == [["omsorg", "trygg"]]
    town.now = START + HOUR
    assert formed(town) == 1


def test_what_is_held_goes_at_once_when_the_siblings_have_been_looked_at(store: Database) -> None:
    town = Town(store, [by_mail()])
    town.tell(change(None, PLANNED), hold_until=START + 15 * MINUTE)
    with store.write() as conn:
        release_held(conn, ["omsorg", "trygg"], START)
    assert formed(town) == 1


def test_a_change_that_did_not_stand_is_never_told(store: Database) -> None:
    town = Town(store, [by_mail(settle_seconds=3600)])
    town.tell(change(PLANNED, BUILT))
    town.now += 30 * MINUTE
    town.tell(change(BUILT, PLANNED, number=3, at=town.now))
    town.now = START + 61 * MINUTE
    assert formed(town) == 0
    town.now = START + 91 * MINUTE
    assert formed(town) == 0
    assert count(town, messages) == 0
    with store.read() as conn:
        assert None not in set(conn.execute(sa.select(tellings.c.message)).scalars())


def test_a_change_that_stood_is_told_when_it_has(store: Database) -> None:
    town = Town(store, [by_mail(settle_seconds=3600)])
    town.tell(change(PLANNED, BUILT))
    town.now += 59 * MINUTE
    assert formed(town) == 0
    town.now += MINUTE
    assert formed(town) == 1


def test_the_past_can_be_told_to_a_new_subscription(store: Database) -> None:
    town = Town(store, [by_mail()])
    past = [change(None, PLANNED, at=START - 30 * DAY), change(PLANNED, BUILT, at=START - DAY)]
    with store.write() as conn:
        assert replay(conn, CARE, past, town.subscriptions[0], town.now) == 2
        assert replay(conn, CARE, past, town.subscriptions[0], town.now) == 0
    assert formed(town) == 1


# --- how it travels ---


def test_one_delivery_for_each_address(store: Database) -> None:
    town = Town(store, [by_mail("a@granvik.example", "b@granvik.example")])
    town.tell(change(None, PLANNED))
    formed(town)
    addresses = sorted(row["address"] for row in town.deliveries)
    assert addresses == ["a@granvik.example", "b@granvik.example"]
    assert {row["state"] for row in town.deliveries} == {"waiting"}


def test_a_delivery_keeps_its_id_over_every_retry(store: Database, door: Fetcher) -> None:
    with Hook(500, 500, 200) as hook:
        town = Town(store, [by_hook(hook.url())], poster=door)
        town.tell(change(None, PLANNED))
        results = [town.deliver(), town.later(minutes=1), town.later(minutes=2)]
        assert [(one.sent, one.waiting, one.failed) for one in results] == [
            (0, 1, 1),
            (0, 1, 1),
            (1, 0, 0),
        ]
        assert len(set(hook.ids)) == 1
        assert hook.log[0].body == hook.log[2].body
        assert [row["attempts"] for row in town.deliveries] == [3]
        assert count(town, attempts) == 3


def test_the_first_retry_comes_within_a_minute_and_then_they_grow() -> None:
    for low_or_high in (lambda: 0.0, lambda: 1.0):
        waits = [pause(n, Trouble("x"), low_or_high).total_seconds() for n in range(1, 12)]
        assert 0 < waits[0] <= 60
        assert waits == sorted(waits)
        assert waits[-1] <= 1.25 * PAUSES_SECONDS[-1]


def test_retry_after_is_honoured_but_not_for_ever() -> None:
    assert pause(1, Trouble("x", retry_after_seconds=600), lambda: 0.5) == 10 * MINUTE
    assert pause(1, Trouble("x", retry_after_seconds=1e9), lambda: 0.5) == DAY


def test_a_delivery_is_dead_only_after_five_days(sqlite_store: Database, door: Fetcher) -> None:
    with Hook(500) as hook:
        town = Town(sqlite_store, [by_hook(hook.url())], poster=door)
        town.tell(change(None, PLANNED))
        dead = 0
        while not dead:
            dead = town.later(hours=2).dead
            assert town.now < START + 6 * DAY
        assert town.now - START > LONGEST
        (row,) = town.deliveries
        assert (row["state"], row["next_attempt"]) == ("dead", None)
        assert "500" in row["error"]


def test_retry_makes_the_dead_due_again_under_the_same_id(
    sqlite_store: Database, door: Fetcher
) -> None:
    with Hook(500, 500, 200) as hook:
        town = Town(sqlite_store, [by_hook(hook.url())], poster=door)
        town.tell(change(None, PLANNED))
        town.deliver()
        assert town.later(days=6).dead == 1
        (dead,) = town.deliveries
        assert town.retry(dead["id"]) == 1
        assert town.deliveries[0]["state"] == "waiting"
        assert town.deliver().sent == 1
        assert len(set(hook.ids)) == 1
        assert town.retry() == 0
        with pytest.raises(UsageError, match="d-unknown"):
            town.retry("d-unknown")


def test_410_ends_the_subscription_until_retry_lifts_it(
    sqlite_store: Database, door: Fetcher
) -> None:
    with Hook(410, 200) as hook:
        town = Town(sqlite_store, [by_hook(hook.url())], poster=door)
        town.tell(change(None, PLANNED))
        assert town.deliver().dead == 1
        town.start()
        town.tell(change(PLANNED, BUILT, number=3))
        assert town.later(hours=1).sent == 0
        assert [row["state"] for row in town.deliveries] == ["dead", "dead"]
        assert len(hook.log) == 1
        assert town.retry() == 2
        assert town.deliver().sent == 2
        town.tell(change(BUILT, PLANNED, number=4))
        assert town.deliver().sent == 1, "what comes after that is sent as before"


def test_a_dead_channel_delays_no_other(sqlite_store: Database, door: Fetcher) -> None:
    with Hook(503) as broken, Hook(200) as sound:
        town = Town(
            sqlite_store, [by_hook(broken.url(), "a"), by_hook(sound.url(), "b")], poster=door
        )
        for number in range(3):
            town.tell(change(None, PLANNED, of=f"i-{number}"))
            formed(town)
        assert town.deliver().sent == 3
        assert len(sound.log) == 3
        assert len(broken.log) == 1, "the rest is put off while the channel is down"


def test_a_web_address_that_changed_gets_what_waited_for_the_old_one(
    sqlite_store: Database, door: Fetcher
) -> None:
    with Hook(500) as old, Hook(200) as new:
        town = Town(sqlite_store, [by_hook(old.url())], poster=door)
        town.tell(change(None, PLANNED))
        town.deliver()
        town.subscriptions = [by_hook(new.url())]
        town.start()
        assert town.later(minutes=1).sent == 1
        assert new.ids == old.ids


def test_what_waits_for_a_subscription_that_is_gone_is_dead_and_says_why(
    sqlite_store: Database, door: Fetcher, hook: Hook
) -> None:
    town = Town(sqlite_store, [by_hook(hook.url())], poster=door)
    town.tell(change(None, PLANNED))
    formed(town)
    town.subscriptions = []
    town.start()
    assert town.deliver().dead == 1
    assert "finns inte längre" in town.deliveries[0]["error"]
    assert not hook.log


def test_records_never_show_what_may_be_secret_in_an_address(sqlite_store: Database) -> None:
    town = Town(sqlite_store, [by_hook("https://granvik.example/krok?token=hemlig")])
    town.tell(change(None, PLANNED))
    formed(town)
    assert town.deliveries[0]["address"] == "https://granvik.example/krok"


# --- leases ---


def claimed(town: Town, holder: str) -> Any:
    with town.database.write() as conn:
        return outbox.claim(conn, [one.id for one in town.subscriptions], town.now, holder)


def test_what_one_program_has_in_hand_no_other_takes(store: Database) -> None:
    town = Town(store, [by_mail()])
    town.tell(change(None, PLANNED))
    formed(town)
    assert claimed(town, "one") is not None
    assert claimed(town, "other") is None


def test_a_lease_ends_after_a_minute_whoever_held_it(store: Database) -> None:
    town = Town(store, [by_mail()])
    town.tell(change(None, PLANNED))
    formed(town)
    first = claimed(town, "elsewhere")
    town.now += timedelta(seconds=60)
    again = claimed(town, "here")
    assert first["id"] == again["id"]


def test_a_lease_from_a_clock_that_was_ahead_holds_nobody_up(store: Database) -> None:
    town = Town(store, [by_mail()])
    town.tell(change(None, PLANNED))
    formed(town)
    town.now += 2 * DAY
    claimed(town, "elsewhere")
    town.now -= 2 * DAY
    assert claimed(town, "here") is not None


def test_what_a_machine_whose_clock_is_a_little_ahead_has_in_hand_is_left_to_it(
    store: Database,
) -> None:
    town = Town(store, [by_mail()])
    town.tell(change(None, PLANNED))
    formed(town)
    town.now += timedelta(seconds=30)
    claimed(town, "elsewhere")
    town.now -= timedelta(seconds=30)
    assert claimed(town, "here") is None


def test_the_lease_of_a_process_that_is_gone_ends_at_once(store: Database) -> None:
    town = Town(store, [by_mail()])
    town.tell(change(None, PLANNED))
    formed(town)
    code = "from snapshots.holders import this_holder; print(this_holder())"
    gone = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    claimed(town, gone)
    with store.write() as conn:
        assert outbox.free_the_dead(conn) == 1
    assert claimed(town, holders.this_holder()) is not None
    with store.write() as conn:
        assert outbox.free_the_dead(conn) == 0, "our own process runs"


def test_a_holder_elsewhere_is_never_judged_by_our_processes() -> None:
    assert holders.runs("another-boot/1/2")
    assert holders.runs("")
    space, _, _ = holders.this_holder().partition("/")
    assert not holders.runs(f"{space}/{os.getpid()}/1"), "the pid is somebody else's by now"
