"""A simulated year of telling: each change once to each who wants it, at the hours they asked for.

The store, the digests and the outbox are real; the mail server, the webhook receiver and the chats
are lists, and each has bad days of its own. Seeded: a failing seed comes back the same.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.model import Reason
from notifications import outbox
from notifications.channels import Letterhead
from pipeline.deliver import PostOffice, deliver
from snapshots import facts, watch
from snapshots.database import Database
from snapshots.facts import NewCapture
from snapshots.schema import deliveries, messages, subscribers
from snapshots.watch import WatchedPage
from tests.support.readers import (
    DAY,
    HOUR,
    PAGES,
    READERS,
    Change,
    Life,
    Reader,
    Receiver,
    is_free,
)
from tests.support.telling import STOCKHOLM, Town

STEP = timedelta(minutes=30)
QUIET = {"weekly": timedelta(days=7), "monthly": timedelta(days=30)}


@dataclass
class Year:
    """The town under a clock that the test moves, and all that was ever to be told."""

    town: Town
    dice: random.Random
    life: Life
    receivers: Mapping[str, Receiver]
    office: PostOffice
    lively: float
    """How likely something changes in one step."""
    told: list[Change] = field(default_factory=list)
    doubted: Change | None = None
    looked: datetime | None = None

    def live(self) -> None:
        """What happens on the pages at this moment, of which the last is sometimes undone next."""
        if self.doubted is not None:
            back = self.life.undone(self.doubted, self.now)
            self.doubted = None
            if back is not None:
                self.tell(back)
        if self.dice.random() >= self.lively:
            return
        new = [one for _ in range(self.dice.randint(1, 3)) for one in self.life.changes(self.now)]
        for one in new:
            self.tell(one)
        self.doubted = new[-1] if self.dice.random() < 0.3 else None

    def tell(self, one: Change) -> None:
        self.told.append(one)
        held = self.now + timedelta(minutes=15) if self.dice.random() < 0.3 else None
        self.town.tell(one, hold_until=held)

    def look(self) -> None:
        """Once a day somebody looks at the pages (and can't read them: nothing comes of that)."""
        if self.looked is not None and self.now - self.looked < DAY:
            return
        self.looked = self.now
        with self.town.database.write() as conn:
            for page in PAGES:
                why = Reason("timeout", "svarar inte")
                facts.record(conn, NewCapture(page, self.now, failure=why))

    def deliver(self) -> None:
        for receiver in self.receivers.values():
            receiver.weather(self.now)
        deliver(self.town.database, self.office, lambda: self.now)

    def retry(self) -> None:
        """An operator takes up again what a receiver ended."""
        with self.town.database.write() as conn:
            outbox.retry(conn, None, self.now)

    @property
    def now(self) -> datetime:
        return self.town.now


def opened(database: Database, start: datetime, seed: int, lively: float) -> Year:
    dice = random.Random(seed)
    subscriptions = tuple(reader.subscription for reader in READERS)
    town = Town(database, subscriptions, now=start)
    mail, hook, chat = (Receiver(random.Random(f"{seed}{kind}")) for kind in ("m", "h", "c"))
    hook.ends_at_times = True
    kinds = {"email": mail, "webhook": hook, "teams": chat, "slack": chat, "mattermost": chat}
    letterhead = Letterhead(STOCKHOLM)
    office = PostOffice(subscriptions, kinds, letterhead, STOCKHOLM, dice.random)
    with database.write() as conn:
        conn.execute(subscribers.update().values(welcomed=True))
        url = "https://granvik.example/{}.html"
        pages = [WatchedPage(id, id, url.format(id), "granvik", "1h") for id in PAGES]
        watch.sync_pages(conn, pages, start)
    return Year(town, dice, Life(dice), {"m": mail, "h": hook, "c": chat}, office, lively)


def simulate(
    database: Database, start: datetime, days: int, step: timedelta, lively: float = 0.15
) -> None:
    year = opened(database, start, days, lively)
    end = start + timedelta(days=days)
    while year.now < end:
        year.look()
        year.live()
        if year.dice.random() > 0.02:  # now and then nobody is up at this hour
            year.deliver()
        if year.dice.random() < 0.05:
            year.retry()
        year.town.now += step
    for receiver in year.receivers.values():
        receiver.calm = True
    while year.now < end + 9 * DAY:  # a quiet week lets every digest come
        year.deliver()
        year.town.now += max(step, HOUR)
    year.retry()
    year.deliver()
    prove(year, step)


def prove(year: Year, step: timedelta) -> None:
    with year.town.database.read() as conn:
        rows = conn.execute(sa.select(messages)).all()
        sent = conn.execute(sa.select(deliveries.c.id, deliveries.c.state)).all()
    assert {row.state for row in sent} == {"sent"}
    receivers = year.receivers.values()
    came = sum((one.came for one in receivers), Counter[str]())
    lost = sum((one.lost for one in receivers), Counter[str]())
    assert came == Counter({row.id: 1 + lost[row.id] for row in sent}), "again only when lost"
    assert len(sent) == len(rows)
    for reader in READERS:
        mine = [row for row in rows if row.subscription == reader.id]
        digests = [row for row in mine if row.kind == "digest"]
        assert all(row.payload["entries"] for row in digests), "no empty digest"
        told_once(reader, year.told, digests, step)
        at_their_hours(reader, [row.created_at for row in mine], step)
        quiet_when_quiet(reader, year.told, mine, step)
    ended = sum(one.ended for one in receivers)
    quiet = sum(row.kind == "quiet" for row in rows)
    print(
        f"{len(year.told)} changes, {len(READERS)} subscriptions, {len(rows)} messages, {quiet} of "
        f"quiet, {lost.total()} came twice, {ended} ended by their receiver and taken up again"
    )


def told_once(
    reader: Reader, told: Sequence[Change], digests: Sequence[Any], step: timedelta
) -> None:
    when = dict(ids_told(digests))
    assert len(when) == sum(1 for _ in ids_told(digests)), "nothing twice"
    wanted = {one["id"]: one for one in told if reader.wants(one)}
    assert set(when) <= set(wanted), "nothing that was not asked for"
    missing = [one for one in wanted.values() if one["id"] not in when]
    if reader.subscription.settle_seconds:
        for run in runs(missing, list(wanted.values())):
            assert is_undone(run), "only what did not stand is left out"
    else:
        assert not missing
    stood: dict[tuple[object, datetime], datetime] = {}
    for name, moment in when.items():
        one = wanted[name]
        # What is to have stood for a while waits until the last of it has.
        key = (subject(one) if reader.subscription.settle_seconds else name, moment)
        showed = datetime.fromisoformat(one["before"])
        stood[key] = max(stood.get(key, showed), showed)
    for (what, moment), since in stood.items():
        assert moment - since <= reader.within + 4 * step, (reader.id, what, moment - since)


def ids_told(digests: Sequence[Any]) -> Iterator[tuple[str, datetime]]:
    for row in digests:
        for entry in row.payload["entries"]:
            for each in entry["changes"]:
                for one in each["ids"]:
                    yield one, row.created_at


def subject(one: Change) -> tuple[str, str]:
    return one["page"], one.get("initiative") or one["subject"]


def runs(missing: Sequence[Change], wanted: Sequence[Change]) -> Iterator[list[Change]]:
    """What was left out of one initiative's life on one page, in stretches without a gap."""
    left_out = {one["id"] for one in missing}
    for name in {subject(one) for one in missing}:
        run: list[Change] = []
        for one in (one for one in wanted if subject(one) == name):
            if one["id"] in left_out:
                run.append(one)
            elif run:
                yield run
                run = []
        if run:
            yield run


def is_undone(run: Sequence[Change]) -> bool:
    sides = ("text",) if run[0]["subject"] == "page" else ("title", "status", "description")
    return all(run[0][side]["old"] == run[-1][side]["new"] for side in sides)


def at_their_hours(reader: Reader, moments: Sequence[datetime], step: timedelta) -> None:
    """Messages of a time of day come at it (or soon after, where nobody was up), once a day, and
    on the days that were asked for."""
    digest = reader.subscription.digest
    if digest.at is None:
        return
    days = [moment.astimezone(STOCKHOLM).date() for moment in moments]
    assert len(days) == len(set(days))
    for moment, day in zip(moments, days, strict=True):
        due = datetime.combine(day, digest.at, STOCKHOLM).astimezone(UTC)
        assert due <= moment < due + 4 * step + HOUR, (reader.id, moment)
        if digest.rhythm == "workdays":
            assert not is_free(day), (reader.id, day)
        if digest.rhythm == "weekly":
            assert day.weekday() == digest.weekday


def quiet_when_quiet(
    reader: Reader, told: Sequence[Change], mine: Sequence[Any], step: timedelta
) -> None:
    """Who asked for it hears of every quiet period, and of none that was not quiet."""
    quiet = [row for row in mine if row.kind == "quiet"]
    if reader.subscription.when_quiet == "never":
        assert quiet == []
        return
    period = QUIET[reader.subscription.when_quiet]
    moments = sorted(row.created_at for row in mine)
    gaps = [after - before for before, after in pairwise(moments)]
    assert all(gap <= period + reader.within + 4 * step for gap in gaps)
    wanted = [datetime.fromisoformat(one["before"]) for one in told if reader.wants(one)]
    for row in quiet:
        since = datetime.fromisoformat(row.payload["since"])
        assert row.created_at - since > period - DAY
        assert not [one for one in wanted if since < one < row.created_at]


@pytest.mark.parametrize(
    ("start", "days", "step"),
    [
        ("2026-03-26", 4, STEP),
        ("2026-10-22", 4, STEP),
        ("2026-06-17", 4, HOUR),
        ("2026-12-22", 11, HOUR),
    ],
    ids=["spring night", "autumn night", "midsummer", "christmas"],
)
def test_each_change_is_told_once_around_the_odd_days(
    sqlite_store: Database, start: str, days: int, step: timedelta
) -> None:
    simulate(sqlite_store, datetime.fromisoformat(start).replace(tzinfo=UTC), days, step)


@pytest.mark.slow
def test_each_change_is_told_once_over_a_year(sqlite_store: Database) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    simulate(sqlite_store, start, 365, timedelta(hours=3), lively=0.05)
