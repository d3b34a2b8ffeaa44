"""A page that stands still against its own rhythm, and one of which less and less is read: noticed,
told to operators once, and over by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.model import Figures, Initiative
from monitor.stillness import STILL_WITHOUT_RHYTHM, shrinking, still
from notifications import incidents
from pipeline.upkeep import Upkeep
from snapshots import watch
from snapshots.database import Database
from tests.support.editions import START
from tests.support.mail import Mail
from tests.support.square import ITEMS, Square, square
from tests.support.telling import by_mail
from tests.support.web import Served

DAY = timedelta(days=1)


def every(days: float, times: int, since: datetime = START) -> list[datetime]:
    return [since + days * DAY * number for number in range(times)]


def read(*counts: int, unclaimed: int = 0, each: int = 100) -> Figures:
    """A reading with so many initiatives in each section."""
    names = ("ongoing", "developing", "partnership")
    whole = tuple(zip(names, counts, strict=False))
    return Figures(whole, sum(counts) * each, unclaimed)


# --- stillness ---


def test_a_page_is_still_after_many_times_its_longest_pause() -> None:
    changes = [*every(20, 9), START + 190 * DAY]  # once it paused for 30 days
    last = changes[-1]
    assert still(changes, last + 119 * DAY) is None
    found = still(changes, last + 121 * DAY)
    assert found is not None
    assert (found.pause, found.longest) == (121 * DAY, 30 * DAY)


def test_a_lively_page_may_rest_for_two_months() -> None:
    changes = every(1, 100)
    assert still(changes, changes[-1] + 59 * DAY) is None
    assert still(changes, changes[-1] + 60 * DAY) is not None


def test_a_page_without_a_rhythm_is_still_only_after_most_of_a_year() -> None:
    for changes in (every(1, 1), every(3, 5)):
        assert still(changes, changes[-1] + STILL_WITHOUT_RHYTHM - DAY) is None
        assert still(changes, changes[-1] + STILL_WITHOUT_RHYTHM) is not None
    found = still(every(1, 1), START + 300 * DAY)
    assert found is not None
    assert found.longest is None


def test_a_page_that_was_never_read_is_not_still() -> None:
    assert still([], START) is None


def test_what_nobody_saw_counts_for_nothing() -> None:
    """The page may have changed since we saw it last: a failing page is no still one."""
    changes = every(1, 100)
    assert still(changes, changes[-1]) is None


def test_its_own_long_pause_is_its_rhythm_from_then_on() -> None:
    changes = [*every(1, 100), START + 200 * DAY]
    assert still(changes, changes[-1] + 390 * DAY) is None


@pytest.mark.parametrize("seed", range(20))
def test_pages_that_live_by_chance_are_never_called_still(seed: int) -> None:
    """Five years of changes at random (exponential pauses, 3 to 40 days in the mean)."""
    dice = random.Random(seed)
    mean = dice.choice((3, 10, 20, 40))
    changes = [START]
    while changes[-1] < START + 5 * 365 * DAY:
        pause = dice.expovariate(1 / mean) * DAY
        assert still(changes, changes[-1] + pause) is None, (mean, pause)
        changes.append(changes[-1] + pause)


# --- less and less ---


def steps(*of_one: int, others: int = 20) -> list[Figures]:
    return [read(count, others) for count in of_one]


def test_a_section_that_loses_one_after_the_other_is_noticed() -> None:
    assert shrinking(steps(12, 11, 10, 8, 7)) is None
    found = shrinking(steps(12, 11, 10, 8, 7, 6))
    assert found is not None
    assert (found.what, found.status, found.before, found.now) == ("initiatives", "ongoing", 12, 6)


def test_other_changes_between_the_steps_hide_nothing() -> None:
    assert shrinking(steps(9, 12, 12, 11, 11, 10, 8, 8, 8, 7, 6)) is not None


@pytest.mark.parametrize(
    "past",
    [
        [],
        [read()],
        [read(12, 20), read(4, 20)],  # at once: the quality gate's
        steps(4, 3, 2, 1, 0),  # a small section is soon empty
        steps(12, 11, 10, 8, 7, 8, 6),  # one came back, or a new one came
        [read(12 - n, 20 + n) for n in range(9)],  # they moved to another section
        steps(30, 29, 28, 27, 26, 25),
        steps(12, 12, 10, 8, 8, 5),  # in three steps an editor may clear up
    ],
)
def test_ordinary_life_is_not_less_and_less(past: Sequence[Figures]) -> None:
    assert shrinking(past) is None


def test_text_that_no_initiative_claims_any_more_is_noticed() -> None:
    def written(*unclaimed: int) -> list[Figures]:
        return [read(20, unclaimed=one) for one in unclaimed]

    assert shrinking(written(0, 60, 120, 180)) is None
    assert shrinking(written(500, 500, 505, 500)) is None
    found = shrinking(written(0, 90, 180, 270, 330))
    assert found is not None
    assert (found.what, found.before, found.now) == ("text", 0, 330)


def test_it_is_over_when_what_was_gone_is_read_again() -> None:
    assert shrinking([*steps(12, 11, 10, 8, 7, 6), read(11, 20)]) is None


# --- told ---


OPERATOR = by_mail("drift@granvik.example", id="driften", about="operation")
READER = by_mail("kim@granvik.example")


def minded(place: Square, upkeep: Upkeep) -> list[Mail]:
    """The daily round, and the mails that came of it."""
    upkeep.run(place.town.database, lambda: place.now)
    return place.post(minutes=1)


def without_a_canary() -> Upkeep:
    return Upkeep(try_all=lambda database, clock: None)


def test_operators_hear_once_of_a_still_page_and_when_it_moves_again(
    sqlite_store: Database,
) -> None:
    with square(sqlite_store, OPERATOR, READER) as place:
        place.look()
        for number in range(9):
            place.items = [replace(ITEMS[0], title=f"Nattbussar {number}"), *ITEMS[1:]]
            place.look(days=5)
        place.post()
        upkeep = without_a_canary()
        place.look(days=59)
        assert minded(place, upkeep) == []
        place.look(days=2)
        (mail,) = minded(place, upkeep)
        assert mail.to == ("drift@granvik.example",)
        assert mail.subject == (
            "Driftstörning: Granviks vision: inget har ändrats på 61 dagar; det längsta uppehållet"
            " förut var 5 dagar"
        )
        assert "är det rätt adress" in mail.text
        assert "Granviks vision" in mail.text
        for _ in range(4):
            place.look(days=20)
            assert minded(place, upkeep) == []
        place.items = ITEMS
        place.look(days=1)
        mails = minded(place, upkeep)
        assert [mail.subject.split(":")[0] for mail in mails if "drift@" in mail.to[0]] == [
            "Driftstörningen är över"
        ]


def test_a_page_nobody_can_read_is_not_called_still(sqlite_store: Database) -> None:
    with square(sqlite_store, OPERATOR) as place:
        place.look()
        place.post()
        place.answer = Served(b"borta", 404)
        place.look(days=300)
        assert not [mail for mail in minded(place, without_a_canary()) if "ändrats" in mail.text]


def test_operators_hear_of_a_section_of_which_less_and_less_is_read(
    sqlite_store: Database,
) -> None:
    many = [Initiative(f"Cykelväg {n} till byn", f"Väg {n}.", status="ongoing") for n in range(12)]
    with square(sqlite_store, OPERATOR) as place:
        upkeep = without_a_canary()
        place.items = [*many, *ITEMS[2:]]
        place.look()
        place.post()
        told = []
        for left in (11, 10, 8, 7, 6, 6):
            place.items = [*many[:left], *ITEMS[2:]]
            assert place.look(days=3).outcome in ("changed", "unchanged")
            told += minded(place, upkeep)
        (mail,) = told
        assert "allt färre insatser med status ongoing läses: 6 mot 12 förut" in mail.subject
        assert "rätta profilen" in mail.text
        place.items = [*many, *ITEMS[2:]]
        place.look(days=3)
        (mail,) = minded(place, upkeep)
        assert mail.subject.startswith("Driftstörningen är över")


def test_a_page_that_is_no_longer_watched_is_forgotten(sqlite_store: Database) -> None:
    with square(sqlite_store, OPERATOR) as place:
        place.look()
        place.post()
        place.look(days=300)
        assert len(minded(place, without_a_canary())) == 1
        with sqlite_store.write() as conn:
            watch.sync_pages(conn, [], place.now)
        assert minded(place, without_a_canary()) == []
        with sqlite_store.read() as conn:
            assert incidents.open_incidents(conn) == ()
