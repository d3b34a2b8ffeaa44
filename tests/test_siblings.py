"""One initiative on several pages: one life, one telling with the pages named, ids that stay."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.diff import kinds_of
from monitor.errors import UsageError
from monitor.fetch import Fetcher, FetchRules, OpenGate
from monitor.identity.lives import join
from monitor.model import Initiative
from monitor.text import same_key
from notifications.digest import Entry, entry_from
from pipeline import decide
from pipeline.check import HOLD, Checked, check_page
from pipeline.visit import World
from snapshots import derived, facts, schema
from snapshots.database import Database
from snapshots.watch import due, schedule_next
from tests.support import program
from tests.support.editions import PROFILE
from tests.support.editions import page as html
from tests.support.histories import Style, make_history
from tests.support.telling import by_mail
from tests.support.watching import HOUR, Watch
from tests.support.web import HTML, Asked, Served, Site

PAGES = ("omsorg", "trygg", "ung", "plats")
MINUTE = timedelta(minutes=1)
TOWN = Style(size=64, events=(1, 4), twin_share=0.0, link_share=0.0)
BENCH = Initiative("Bänkar i hamnen", "Vi ställer ut tre bänkar längs kajen.", (), "ongoing")
CHOIR = Initiative("Körsång på lasarettet", "Kören sjunger varje fredag.", (), "ongoing")
OTHERS = tuple(make_history(51, Style(size=20), 1).editions[0].initiatives)


@dataclass
class Town:
    """Four pages on a loopback site, and the real look at each."""

    watch: Watch
    site: Site
    shown: dict[str, bytes]
    world: World
    messages: set[str] = field(default_factory=set)

    def publish(self, *pages: str, items: tuple[Initiative, ...]) -> None:
        for page in pages:
            self.shown[page] = html(items)

    def check(self, *pages: str) -> list[Checked]:
        """A look at each, a minute apart; the next one an hour later, unless it is called."""
        return [self._look(page) for page in pages]

    def round(self, *order: str) -> None:
        """A look at every page, and at those that are called by what the others show."""
        self.check(*(order or PAGES))
        for _ in range(3):
            self.check(*sorted(self.due))
        assert not self.due

    def _look(self, page: str) -> Checked:
        self.watch.now += MINUTE
        watched = replace(self.watch.pages[page], url=self.site.url(f"/{page}"))
        store, people = self.watch.store, self.watch.subscriptions
        done = check_page(store, watched, self.world, people)
        with store.write() as conn:
            schedule_next(conn, watched.key, self.watch.now + HOUR, 0)
        return done

    def send(self) -> list[Entry]:
        """The entries of the messages that are new now."""
        self.watch.send()
        with self.watch.store.read() as conn:
            rows = conn.execute(sa.select(schema.messages).order_by(schema.messages.c.created_at))
            new = [row for row in rows if row.id not in self.messages]
        self.messages |= {row.id for row in new}
        return [entry_from(one) for row in new for one in row.payload["entries"]]

    @property
    def due(self) -> set[str]:
        with self.watch.store.read() as conn:
            return {row.id for row in due(conn, self.watch.now, 10)}


@pytest.fixture
def town(sqlite_store: Database) -> Iterator[Town]:
    watch = Watch(sqlite_store, PAGES, host="127.0.0.1")
    shown: dict[str, bytes] = {}

    def answer(asked: Asked) -> Served:
        body = shown.get(asked.path.strip("/"))
        return Served(status=404) if body is None else Served(body, headers=(HTML,))

    def clock() -> datetime:
        return watch.now

    rules = FetchRules(allow_private=("127.0.0.1",))
    with Site(answer) as site, Fetcher(rules, gate=OpenGate(), clock=clock) as fetcher:
        yield Town(watch, site, shown, World(fetcher, clock))


# ---------------------------------------------------------------------------------- thirty editions


def pages_of(who: int) -> tuple[str, ...]:
    """On which pages one stands: on one, two, three or all four, for good."""
    return tuple(page for bit, page in enumerate(PAGES) if (who % 15 + 1) >> bit & 1)


def said(item: Initiative) -> tuple[str, str]:
    return same_key(item.title), same_key(item.description)


Told = tuple[frozenset[str], str | None, str | None, tuple[str, ...]]


def truth(
    old: Mapping[int, Initiative], new: Mapping[int, Initiative], gone: set[int]
) -> Counter[Told]:
    """What a reader should be told of, once each: (kinds, old title, new title, pages)."""
    found: Counter[Told] = Counter()
    for who, item in new.items():
        if who not in old:
            kind = "restored" if who in gone else "added"
            found[frozenset({kind}), None, same_key(item.title), pages_of(who)] += 1
        elif kinds := kinds_of(old[who], item):
            was, now = same_key(old[who].title), same_key(item.title)
            found[frozenset(kinds), was, now, pages_of(who)] += 1
    for who, item in old.items():
        if who not in new:
            found[frozenset({"removed"}), same_key(item.title), None, pages_of(who)] += 1
    return found


def _titles(entry: Entry) -> tuple[str | None, str | None]:
    old, new = (title and same_key(title) for title in entry.change["title"].values())
    return old, new


def told(entries: list[Entry]) -> Counter[Told]:
    return Counter(
        (
            frozenset(entry.change["kinds"]),
            *_titles(entry),
            tuple(page for page in PAGES if page in {one.id for one in entry.pages}),
        )
        for entry in entries
    )


def test_four_pages_over_thirty_editions_are_told_once_each_and_keep_their_ids(town: Town) -> None:
    watch = town.watch
    editions = make_history(60, TOWN, 30).editions
    before: dict[int, Initiative] = {}
    gone: set[int] = set()
    lives: dict[int, str] = {}
    ids: dict[str, str] = {}
    for number, edition in enumerate(editions):
        bare = (replace(item, links=()) for item in edition.initiatives)
        now = dict(zip(edition.who, bare, strict=True))
        for page in PAGES:
            here = tuple(item for who, item in now.items() if page in pages_of(who))
            town.publish(page, items=here)
        watch.now += HOUR
        order = PAGES[number % 4 :] + PAGES[: number % 4]
        first = town.check(order[0])[0]
        assert first.outcome in ("first", "unchanged", "changed")
        if first.outcome == "changed":
            assert town.send() == []  # it waits for the others, which are due at once
            assert town.due >= set(order[1:])
        town.round(*order[1:])
        entries = town.send()
        if number:
            assert told(entries) == truth(before, now, gone), number
        gone |= before.keys() - now.keys()
        before = now
        for page in PAGES:  # one life, whatever its texts and pages
            known = {said(item): life for item, life in watch.standing(page)}
            for who, item in now.items():
                if page in pages_of(who):
                    life = known[said(item)]
                    assert lives.setdefault(who, life) == life, number
        found = {one["id"]: one["initiative"] for one in watch.changes}
        assert ids.items() <= found.items()
        ids = found
        if number % 7 == 6:
            _decide_and_undo(town)
    assert len(set(lives.values())) == len(lives)
    assert len(ids) > 80
    told_before, rows = watch.told, watch.everything_derived()
    assert watch.rebuild().delta == {}
    assert watch.everything_derived() == rows
    assert watch.told == told_before
    assert town.send() == []


def _decide_and_undo(town: Town) -> None:
    """A person parts what is one, and takes it back: nothing is left of it."""
    watch = town.watch
    before, rows = watch.changes, watch.everything_derived()
    wrong = [one for one in before if "reworded" in one["kinds"]][-1]
    settled = watch.decide(decide.different, wrong["id"])
    assert wrong["id"] not in {one["id"] for one in watch.changes}
    corrected = town.send()
    assert {entry.group for entry in corrected} == {"corrections"}
    assert any(entry.change.get("withdrawn") for entry in corrected)
    watch.decide(decide.undo, settled.number)
    assert watch.changes == before
    for name, found in watch.everything_derived().items():
        if name not in ("item_versions", "tracks"):  # what was named once is remembered
            assert found == rows[name], name
    again = town.send()
    assert {entry.group for entry in again} == {"corrections"}
    assert wrong["id"] in {entry.change["id"] for entry in again}


# -------------------------------------------------------------------------------------- the waiting


def begin(town: Town, items: Callable[[str], tuple[Initiative, ...]]) -> None:
    for page in PAGES:
        town.publish(page, items=(*items(page), *OTHERS))
    town.round()
    assert town.send() == []


def test_an_immediate_digest_waits_for_the_siblings_and_fifteen_minutes_at_most(
    town: Town,
) -> None:
    begin(town, lambda page: (BENCH,))
    edited = replace(BENCH, title="Bänkar i hela hamnen")
    town.publish(*PAGES, items=(edited, *OTHERS))
    town.check("omsorg", "trygg")
    changed = town.watch.now
    assert town.send() == []
    with town.watch.store.read() as conn:
        held = conn.execute(sa.select(schema.tellings.c.held_until)).scalars().all()
    assert [until - HOLD for until in held] == [changed - MINUTE] * 2  # both for the first
    town.watch.now = held[0] - MINUTE
    assert town.send() == []
    town.watch.now = held[0] + MINUTE  # the others hang: it waits no longer
    (entry,) = town.send()
    assert [page.id for page in entry.pages] == ["omsorg", "trygg"]
    town.round("ung", "plats")
    (entry,) = town.send()
    assert [page.id for page in entry.pages] == ["ung", "plats"]


def test_siblings_that_show_nothing_new_or_fail_hold_up_nobody(town: Town) -> None:
    begin(town, lambda page: (BENCH,) if page == "omsorg" else ())
    town.publish("omsorg", items=OTHERS)
    del town.shown["ung"]
    town.check("omsorg")
    assert town.send() == []
    town.check("trygg", "ung", "plats")
    (entry,) = town.send()
    assert (entry.group, [page.id for page in entry.pages]) == ("removed", ["omsorg"])


def test_a_digest_of_the_day_does_not_wait(town: Town) -> None:
    town.watch.configure(subscriptions=(by_mail(digest="daily 07:30"),))
    begin(town, lambda page: (BENCH,))
    town.publish("omsorg", items=(replace(BENCH, title="Bänkar vid kajen"), *OTHERS))
    town.check("omsorg")
    (row,) = town.watch.told
    assert row.held_until is None


# ------------------------------------------------------------------------------- from page to page


def test_what_leaves_one_page_and_enters_another_is_told_as_that(town: Town) -> None:
    begin(town, lambda page: (BENCH,) if page == "omsorg" else ())
    town.publish("omsorg", items=OTHERS)
    town.publish("ung", items=(BENCH, *OTHERS))
    town.round()
    (entry,) = town.send()
    assert entry.group == "crossed"
    assert [change["kinds"] for change in entry.changes] == [["removed"], ["added"]]
    assert [page.id for page in entry.pages] == ["omsorg", "ung"]
    assert len({change["initiative"] for change in entry.changes}) == 1


def test_what_stands_on_two_pages_and_leaves_one_has_not_crossed_over(town: Town) -> None:
    begin(town, lambda page: (BENCH,) if page in ("omsorg", "trygg") else ())
    town.publish("omsorg", items=OTHERS)
    town.round()
    (entry,) = town.send()
    assert (entry.group, [page.id for page in entry.pages]) == ("removed", ["omsorg"])


def test_what_left_last_month_and_enters_another_page_now_is_the_same_life(town: Town) -> None:
    begin(town, lambda page: (BENCH,) if page == "omsorg" else ())
    town.publish("omsorg", items=OTHERS)
    town.round()
    (left,) = town.send()
    town.watch.now += timedelta(days=30)
    town.publish("ung", items=(BENCH, CHOIR, *OTHERS))
    town.round()
    came = {entry.title: entry for entry in town.send()}
    assert came[BENCH.title].change["initiative"] == left.change["initiative"]
    assert came[CHOIR.title].change["initiative"] != left.change["initiative"]


def test_an_edit_that_reaches_the_pages_at_different_times_is_one_life(town: Town) -> None:
    begin(town, lambda page: (BENCH,))
    edited = replace(BENCH, title="Sittplatser vid kajen")
    life = town.watch.lives("omsorg")[BENCH.title]
    entries: list[Entry] = []
    for page in PAGES:
        town.publish(page, items=(edited, *OTHERS))
        town.watch.now += timedelta(days=3)
        town.round()
        entries += town.send()
    assert [[page.id for page in entry.pages] for entry in entries] == [[page] for page in PAGES]
    assert {entry.change["initiative"] for entry in entries} == {life}


def test_a_page_of_another_profile_shares_nothing(sqlite_store: Database) -> None:
    watch = Watch(sqlite_store, ("omsorg", "trygg"))
    watch.look("omsorg", [BENCH, *OTHERS])
    watch.look("trygg", [BENCH, *OTHERS])
    assert watch.lives("omsorg") == watch.lives("trygg")
    other = Watch(sqlite_store, ("grannen",), host="sjoby.example", now=watch.now)
    other.look("grannen", [BENCH, *OTHERS])
    assert not set(other.lives("grannen").values()) & set(watch.lives("omsorg").values())


def test_a_page_that_moves_to_another_host_shares_its_lives_no_longer(tmp_path: Path) -> None:
    def pages(host: str) -> str:
        omsorg = program.page("omsorg", "https://granvik.example/omsorg", profile="granvik")
        trygg = program.page("trygg", f"https://{host}/trygg", profile="granvik")
        return program.config(omsorg, trygg, profile)

    def lives() -> list[set[str]]:
        with contextlib.closing(sqlite3.connect(home.store)) as conn:
            query = "SELECT life FROM tracks WHERE page = ?"
            return [{life for (life,) in conn.execute(query, [page])} for page in PAGES[:2]]

    profile = program.table("[profiles.granvik]", language="sv") + "\n".join(
        f'[[profiles.granvik.sections]]\nheading = ["{rule.heading[0]}"]\nstatus = "{rule.status}"'
        for rule in PROFILE.sections
    )
    home = program.Home(tmp_path, pages("granvik.example"), inside=True)
    (tmp_path / "20260101T070000Z.html").write_bytes(html(OTHERS))
    for page in PAGES[:2]:
        home.json("import", page, "20260101T070000Z.html")
    omsorg, trygg = lives()
    assert omsorg == trygg
    home.write(pages("flyttad.example"))
    home.json("show", "omsorg")
    omsorg, trygg = lives()
    assert omsorg
    assert omsorg.isdisjoint(trygg)
    home.write(pages("granvik.example"))
    home.json("show", "omsorg")
    omsorg, trygg = lives()
    assert omsorg == trygg


def test_any_order_of_pages_gives_the_same_lives(tmp_path: Any) -> None:
    from snapshots.database import open_database

    pages = {
        name: [edition.initiatives for edition in make_history(70, Style(size=20), 6).editions]
        for name in PAGES[:3]
    }
    found = []
    for number, order in enumerate((PAGES[:3], PAGES[2::-1])):
        store = open_database(f"sqlite:///{tmp_path}/{number}.db")
        watch = Watch(store, PAGES[:3])
        start = watch.now
        for name in order:
            shift = PAGES.index(name) * MINUTE
            watch.bring(name, [(start + n * HOUR + shift, x) for n, x in enumerate(pages[name])])
        found.append((watch.changes, {name: watch.lives(name) for name in PAGES[:3]}))
        store.close()
    assert found[0] == found[1]
    assert found[0][1]["omsorg"] == found[0][1]["ung"]


def _decide_something(watch: Watch, dice: random.Random) -> Iterator[int]:
    """One that changed is two, and two that stand on two pages are one, where that can be said."""
    edits = [one["id"] for one in watch.changes if {"renamed", "reworded"} & set(one["kinds"])]
    if edits:
        yield watch.decide(decide.different, dice.choice(edits)).number
    mine, yours = (list(watch.lives(page).values()) for page in dice.sample(PAGES, 2))
    for _ in range(4):
        with contextlib.suppress(UsageError):
            pair = dice.choice(mine), dice.choice(yours)
            yield watch.decide(decide.same, pair).number
            break


@pytest.mark.parametrize("seed", range(2))
def test_what_is_joined_anew_after_a_look_is_as_if_all_had_been_joined(
    store: Database, seed: int
) -> None:
    dice = random.Random(seed)
    watch = Watch(store, PAGES)
    spare = list(make_history(90 + seed, Style(size=24, link_share=0.0), 1).editions[0].initiatives)
    shown: dict[str, list[Initiative]] = {page: dice.sample(spare, 7) for page in PAGES}
    settled: list[int] = []
    for step in range(16):
        page = PAGES[step] if step < len(PAGES) else dice.choice(PAGES)
        here = shown[page]
        for _ in range(dice.randrange(3)):
            at, other = dice.randrange(len(here)), dice.choice(spare)
            if dice.random() < 0.5 and other not in here:
                here[at] = other  # one leaves, one enters that may stand elsewhere
            else:
                here[at] = replace(here[at], description=dice.choice(spare).description)
        watch.look(page, here)
        if step % 5 == 4:
            settled += _decide_something(watch, dice)
        elif step % 5 == 2 and settled:
            watch.decide(decide.undo, settled.pop(0))
        elif step == 13:
            watch.configure(host="flyttad.example")
        with store.read() as conn:
            tracks = derived.track_summaries(conn, watch.pages[page].group)
            anchors = {one.seen: one.id for one in facts.anchors(conn, kind="initiative")}
            same, different = facts.decided_pairs(conn)
            stored = {row.track: row.life for row in conn.execute(sa.select(schema.tracks))}
        assert stored == join(tracks, anchors, same, different), step
    assert len(set(stored.values())) < len(stored)
    assert settled
