"""What the store answers: now and then, one life, changes, what waits, how often we looked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.identity.lives import join
from monitor.model import Initiative, Observation, Reason
from monitor.step import State
from snapshots import derived, facts, history, watch
from snapshots.database import Database
from snapshots.facts import Anchor, NewCapture
from snapshots.history import Wanted
from snapshots.search import search, stem
from snapshots.watch import WatchedPage
from tests.support.editions import ERROR_PAGE, START, looks_at, page
from tests.test_store_fold import fold

HOUR = timedelta(hours=1)

SLINGA = Initiative("Bygga en slinga", "Slingan ska bli 2 km.", status="developing")
KÖK = Initiative("Ett kök för alla", "Vi lagar mat.", status="ongoing")
NÄT = Initiative("Nätverket för sjön", "Vi mäter sikten.", status="partnership")
TORG = Initiative("Torget får träd", "Vi planterar 40 träd.", status="ongoing")
BOK = Initiative("Bokbussen rullar", "Den stannar i tre byar.", status="ongoing")


def seen(
    hours: float, body: bytes | None = None, key: str = "granvik", **values: object
) -> NewCapture:
    return NewCapture(key, START + hours * HOUR, body, content_type="text/html", **values)  # type: ignore[arg-type]


def looked(store: Database, *new: NewCapture) -> None:
    """Keep these looks, fold them, join the lives."""
    with store.write() as conn:
        keys = sorted({one.page for one in new})
        wanted = [
            WatchedPage(key, key.title(), f"https://{key}.example/", "granvik", "1h")
            for key in keys
        ]
        watch.sync_pages(conn, wanted, START)
        for one in new:
            facts.record(conn, one)
        for key in keys:
            fold(conn, key)
        derived.set_lives(conn, join(derived.track_summaries(conn, "granvik"), {}))


def editions() -> list[NewCapture]:
    """Five editions: as it began; moved and reworded; nothing; one left; it came back."""
    moved = replace(SLINGA, status="ongoing", description="Slingan ska bli 3 km.")
    return [
        seen(0, page([SLINGA, KÖK, NÄT, TORG, BOK])),
        seen(1, page([moved, KÖK, NÄT, TORG, BOK])),
        seen(2, again=True),
        seen(3, page([KÖK, NÄT, TORG, BOK])),
        seen(4, failure=Reason("timeout", "Inget svar.")),
        seen(5, page([moved, KÖK, NÄT, TORG, BOK])),
    ]


def test_a_page_is_shown_as_it_stood_at_any_moment(store: Database) -> None:
    looked(store, *editions())
    with store.read() as conn:
        assert history.show(conn, "granvik", START - HOUR) is None
        assert history.show(conn, "nowhere") is None
        first = history.show(conn, "granvik", START)
        assert first is not None
        assert (first.page, first.number, first.captured_at) == ("granvik", 1, START)
        assert first.title == "Granviks vision"
        assert [section.status for section in first.sections] == [
            "ongoing",
            "developing",
            "partnership",
        ]
        assert [one.initiative.title for one in first.sections[1].initiatives] == [SLINGA.title]
        assert (first.last, first.next, first.gap_minutes) == (START, START + HOUR, 60)

        between = history.show(conn, "granvik", START + 2.5 * HOUR)
        assert between is not None
        assert (between.number, between.captured_at) == (2, START + HOUR)
        assert (between.last, between.next) == (START + 2 * HOUR, START + 3 * HOUR)
        assert between.sections[0].initiatives[0].initiative.description == "Slingan ska bli 3 km."

        while_gone = history.show(conn, "granvik", START + 4.5 * HOUR)
        assert while_gone is not None
        assert (while_gone.number, while_gone.gap_minutes) == (3, 120)
        assert SLINGA.title not in [one.initiative.title for one in while_gone.initiatives]

        now = history.show(conn, "granvik")
        assert now is not None
        assert (now.number, now.last, now.next, now.gap_minutes) == (
            4,
            START + 5 * HOUR,
            None,
            None,
        )


def test_one_life_over_status_moves_and_absence(store: Database) -> None:
    looked(store, *editions())
    with store.read() as conn:
        (name,) = history.lives_named(conn, "  bygga EN slinga ")
        assert history.lives_named(conn, name) == (name,)
        assert history.lives_named(conn, "Någon helt annan") == ()
        assert history.life(conn, "i-nobody") is None
        life = history.life(conn, name)
    assert life is not None
    assert (life.title, life.status, life.present) == (SLINGA.title, "ongoing", True)
    assert life.pages == ("granvik",)
    assert [
        (span.status, span.from_after, span.since, span.to_after, span.until)
        for span in life.statuses
    ] == [
        ("developing", None, START, START, START + HOUR),
        ("ongoing", START, START + HOUR, START + 2 * HOUR, START + 3 * HOUR),
        ("ongoing", START + 3 * HOUR, START + 5 * HOUR, None, None),
    ]
    assert [one.change.kinds for one in life.changes] == [
        ("moved", "reworded"),
        ("removed",),
        ("restored",),
    ]
    assert len(life.versions) == 3


def test_changes_by_every_filter(store: Database) -> None:
    looked(store, *editions())
    with store.read() as conn:
        whole = history.changes(conn)
        assert [one.change.before for one in whole] == [START + hours * HOUR for hours in (1, 3, 5)]
        assert history.changes_by_id(conn, [whole[1].change.id]) == (whole[1],)
        assert history.changes(conn, pages=["granvik"]) == whole
        assert history.changes(conn, pages=["sjoby"]) == ()
        assert history.changes(conn, since=START + HOUR, until=START + 3 * HOUR) == whole[:1]
        assert history.changes(conn, kinds=["removed", "reworded"]) == whole[:2]
        assert history.changes(conn, kinds=["relinked"]) == ()
        assert history.find_changes(conn, Wanted(statuses=["developing"])) == whole[:1]
        assert history.find_changes(conn, Wanted(signals=["amount"])) in ((), whole[:1])
        assert history.find_changes(conn, Wanted(words=["SLINGA", "nej"])) == whole
        assert history.find_changes(conn, Wanted(words=["köket"])) == ()
        assert history.find_changes(conn, Wanted(initiative=whole[0].initiative)) == whole
        assert history.find_changes(conn, Wanted(initiative="i-nobody")) == ()


def test_an_initiative_on_two_pages_is_one_life(store: Database) -> None:
    both = [SLINGA, KÖK, NÄT, TORG]
    looked(
        store,
        seen(0, page(both)),
        seen(0.5, page(both, "Sjöbys vision"), "sjoby"),
        seen(1, page([SLINGA, KÖK, NÄT])),
    )
    with store.read() as conn:
        (name,) = history.lives_named(conn, TORG.title)
        life = history.life(conn, name)
        assert life is not None
        assert (life.present, life.pages) == (True, ("sjoby",))
        assert {span.page for span in life.statuses} == {"granvik", "sjoby"}


def test_several_initiatives_may_have_had_a_title(store: Database) -> None:
    twin = replace(KÖK, description="Ett helt annat kök, i skolan.", status="partnership")
    looked(store, seen(0, page([SLINGA, KÖK, TORG, twin])))
    with store.read() as conn:
        assert len(history.lives_named(conn, KÖK.title)) == 2


def test_an_id_published_once_is_found_for_ever(store: Database) -> None:
    looked(store, *editions())
    with store.write() as conn:
        (name,) = history.lives_named(conn, KÖK.title)
        row = derived.tracks_of_life(conn, name)[0]
        anchor = Anchor("i-old", "initiative", "granvik", row.observations[0][1], START)
        facts.anchor(conn, [anchor, replace(anchor, id="i-lost", seen=Observation("k-x", 1))])
        assert history.lives_named(conn, "i-old") == (name,)
        assert history.lives_named(conn, "i-lost") == ()


def test_what_waits_is_listed_until_it_is_settled(store: Database) -> None:
    good = page([SLINGA, KÖK, NÄT, TORG, BOK])
    looked(store, seen(0, good), seen(1, ERROR_PAGE), seen(2, again=True), seen(3, good))
    with store.read() as conn:
        (one,) = history.quarantined(conn)
        assert (one.page, one.at) == ("granvik", START + HOUR)
        assert one.reasons
        assert history.quarantined(conn, "granvik") == (one,)
        assert history.quarantined(conn, "sjoby") == ()
        shown = history.show(conn, "granvik", START + 2 * HOUR)
        assert shown is not None
        assert (shown.last, shown.next) == (START, START + 3 * HOUR)


def test_coverage_counts_looks_and_the_longest_blind_gap(store: Database) -> None:
    good = page([SLINGA, KÖK, NÄT, TORG, BOK])
    looked(
        store,
        seen(0, good),
        seen(1, again=True),
        seen(2, failure=Reason("timeout", "Inget svar.")),
        seen(3, ERROR_PAGE),
        seen(4, again=True),
        seen(5, page([SLINGA, KÖK, NÄT, TORG, BOK], nonce="x")),
        seen(6, good),
    )
    with store.write() as conn:
        for _ in range(2):
            found = history.coverage(conn, "granvik", None, START + 6.5 * HOUR)
            assert (found.looks, found.good, found.failed, found.quarantined) == (7, 4, 1, 2)
            assert found.longest_gap_minutes == 240
            assert (found.gap_from, found.gap_to) == (START + HOUR, START + 5 * HOUR)
            assert found.since == START
            part = history.coverage(conn, "granvik", START + 3 * HOUR, START + 6 * HOUR)
            assert (part.looks, part.good, part.longest_gap_minutes) == (3, 1, 120)
            assert history.coverage(conn, "granvik", None, START).looks == 0
            facts.pack(conn, (START + 100 * HOUR).date())
        assert history.last_good_looks(conn) == {"granvik": START + 6 * HOUR}


def test_search_finds_every_version_of_a_swedish_word(store: Database) -> None:
    looked(store, *editions())
    with store.read() as conn:
        (moved,) = {one.id for one in search(conn, "slingan")}
        assert history.lives_named(conn, SLINGA.title) == (moved,)
        (one,) = search(conn, "slinga 2")
        assert one.initiative.description == "Slingan ska bli 2 km."
        assert (one.page, one.since, one.until) == ("granvik", START, START + HOUR)
        assert {one.initiative.title for one in search(conn, "TRÄDEN")} == {TORG.title}
        assert search(conn, "trad") == ()
        assert search(conn, "slinga bokbuss") == ()
        assert search(conn, " ?* ") == ()
        assert search(conn, "\" OR NEAR( ' ; DROP") == ()
        assert len(search(conn, "vi", limit=1)) <= 1


def test_search_of_a_word_that_stands_everywhere_ranks_the_latest_versions(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked(store, *editions())
    with store.read() as conn:
        monkeypatch.setattr("snapshots.search._MOST_RANKED", 1)
        (latest,) = search(conn, "slingan")
        assert latest.initiative.description == "Slingan ska bli 3 km."


def test_search_works_without_an_index(sqlite_store: Database) -> None:
    looked(sqlite_store, *editions())
    with sqlite_store.write() as conn:
        with_index = search(conn, "slingan")
        conn.exec_driver_sql("DROP TRIGGER item_search_came")
        conn.exec_driver_sql("DROP TABLE item_search")
        assert {one.id for one in search(conn, "slingan")} == {one.id for one in with_index}
        assert search(conn, "träden slinga") == ()


@pytest.mark.parametrize("seed", [21, 22])
def test_as_of_any_look_is_what_the_fold_held_then(store: Database, seed: int) -> None:
    new = looks_at(seed)
    looked(store, *new)
    with store.write() as conn:
        facts.pack(conn, (new[len(new) // 2].at).date())
        derived.drop(conn)
        state = State()
        expected = {}
        for look, came in zip(facts.looks(conn, "granvik"), fold(conn, "granvik"), strict=True):
            state = came.state
            released_later = came.outcome == "quarantined"
            if state.number and not released_later:
                expected[look.at] = state
        late = {
            change.before
            for change in (one.change for one in history.changes(conn))
            if change.late and change.before
        }
        for at, held in expected.items():
            shown = history.show(conn, "granvik", at)
            assert shown is not None
            titles = [one.initiative.title for one in shown.initiatives]
            if not any(moment <= at for moment in late) or at > max(late):
                assert titles == [track.initiative.title for track in held.present]
                assert shown.last == held.last_good


@pytest.mark.parametrize(
    ("word", "rest"),
    [
        ("skolorna", "skol"),
        ("cyklar", "cykl"),
        ("slingan", "sling"),
        ("träden", "träd"),
        ("ö", "ö"),
    ],
)
def test_an_ending_is_taken_off_a_word(word: str, rest: str) -> None:
    assert stem(word) == rest
