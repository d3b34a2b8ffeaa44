"""A simulated year of telling: each change once to each who wants it, at the hours they asked for.

The store, the digests and the outbox are real; the mail server is a list, and its bad days are on a
schedule. Seeded: a failing seed comes back the same.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from notifications.channels import ChannelDown, Delivery, Letterhead, Receipt
from notifications.subscriptions import Subscription, is_workday, wants
from pipeline.deliver import PostOffice, deliver
from snapshots.database import Database
from snapshots.schema import deliveries, messages, subscribers
from tests.support.telling import STOCKHOLM, Town, by_mail, change, initiative

STEP = timedelta(minutes=30)
STATUSES = ("developing", "ongoing", "partnership")


@dataclass
class Postbox:
    """A mail server that keeps what it gets, and is away at times."""

    away: bool = False
    came: list[Delivery] = field(default_factory=list)

    def send(self, delivery: Delivery) -> Receipt:
        if self.away:
            raise ChannelDown("away")
        self.came.append(delivery)
        return Receipt("kept")

    def close(self) -> None:
        pass


@dataclass
class Life:
    """An invented page that changes at random."""

    dice: random.Random
    number: int = 1
    shown: dict[str, Any] = field(default_factory=dict)

    def change(self, at: datetime) -> dict[str, Any]:
        self.number += 1
        known = list(self.shown)
        name = self.dice.choice(known) if known and self.dice.random() < 0.7 else ""
        if not name:
            name = f"i-{self.number}"
            self.shown[name] = initiative(f"Insats {self.number}")
            return change(None, self.shown[name], of=name, number=self.number, at=at)
        old = self.shown[name]
        if self.dice.random() < 0.2:
            return change(self.shown.pop(name), None, of=name, number=self.number, at=at)
        others = [status for status in STATUSES if status != old["status"]]
        new = {**old, "status": self.dice.choice(others)}
        self.shown[name] = new
        return change(old, new, of=name, number=self.number, at=at)


SUBSCRIPTIONS = (
    by_mail(id="genast"),
    by_mail(id="timme", digest="hourly"),
    by_mail(id="dag", digest="daily 07:30"),
    by_mail(id="natt", digest="daily 02:30"),
    by_mail(id="vardag", digest="workdays 07:30"),
    by_mail(id="vecka", digest="weekly mon 08:00", kinds=("moved", "removed")),
    by_mail(id="lugn", digest="daily 12:00", settle_seconds=6 * 3600),
)


def simulate(
    database: Database, start: datetime, days: int, seed: int, step: timedelta = STEP
) -> None:
    dice = random.Random(seed)
    life, box = Life(dice), Postbox()
    town = Town(database, SUBSCRIPTIONS, now=start)
    office = PostOffice(SUBSCRIPTIONS, {"email": box}, Letterhead(STOCKHOLM), STOCKHOLM)
    with database.write() as conn:
        conn.execute(subscribers.update().values(welcomed=True))
    told: list[dict[str, Any]] = []
    away_until = start
    end = start + timedelta(days=days)
    while town.now < end + timedelta(days=9):  # a quiet week lets every digest come
        if town.now < end and dice.random() < 0.04:
            for _ in range(dice.randint(1, 3)):
                told.append(life.change(town.now))
                town.tell(told[-1])
        if dice.random() < 0.002:
            away_until = town.now + timedelta(hours=dice.randint(1, 48))
        box.away = town.now < away_until
        if dice.random() > 0.02:  # now and then nobody is up at this hour
            deliver(database, office, lambda: town.now)
        town.now += step
    town.now += timedelta(days=3)
    box.away = False
    deliver(database, office, lambda: town.now)
    prove(database, box, told, step)


def prove(
    database: Database, box: Postbox, told: Sequence[dict[str, Any]], step: timedelta
) -> None:
    with database.read() as conn:
        rows = conn.execute(sa.select(messages)).all()
        states = set(conn.execute(sa.select(deliveries.c.state)).scalars())
    assert states == {"sent"}
    assert len({delivery.id for delivery in box.came}) == len(box.came) == len(rows)
    for subscription in SUBSCRIPTIONS:
        mine = [row for row in rows if row.subscription == subscription.id]
        assert all(row.payload["entries"] for row in mine), "no empty digest"
        ids = Counter(
            one
            for row in mine
            for entry in row.payload["entries"]
            for each in entry["changes"]
            for one in each["ids"]
        )
        assert all(times == 1 for times in ids.values())
        wanted = {one["id"] for one in told if wants(subscription, one)}
        if subscription.settle_seconds:
            assert set(ids) <= wanted
        else:
            assert set(ids) == wanted
        at_their_hours(subscription, [row.created_at for row in mine], step)


def at_their_hours(
    subscription: Subscription, moments: Sequence[datetime], step: timedelta
) -> None:
    """Digests of a time of day come at it (or later, where nobody was up), once a day."""
    at = subscription.digest.at
    if at is None:
        return
    days = [moment.astimezone(STOCKHOLM).date() for moment in moments]
    assert len(days) == len(set(days))
    late = 0
    allowed = 90 if step == STEP else 240
    for moment in moments:
        local = moment.astimezone(STOCKHOLM)
        assert local.time() >= at
        late += local.hour * 60 + local.minute > at.hour * 60 + at.minute + allowed
        if subscription.digest.rhythm == "workdays" and local.hour < 12:
            assert is_workday(local.date()), local
    assert late <= len(moments) // 10


@pytest.mark.parametrize(
    ("start", "days"),
    [("2026-03-26", 5), ("2026-10-22", 5), ("2026-06-17", 4), ("2026-12-22", 11)],
    ids=["spring night", "autumn night", "midsummer", "christmas"],
)
def test_each_change_is_told_once_around_the_odd_days(
    sqlite_store: Database, start: str, days: int
) -> None:
    simulate(sqlite_store, datetime.fromisoformat(start).replace(tzinfo=UTC), days, seed=days)


@pytest.mark.slow
def test_each_change_is_told_once_over_a_year(sqlite_store: Database) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    simulate(sqlite_store, start, 365, seed=11, step=timedelta(hours=2))
