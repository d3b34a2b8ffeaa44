"""Ids once told stay for ever: they are given back to the changes that mean the same."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.identity.published import Told, meaning_of, published_ids
from monitor.model import Initiative, Kind, Observation
from tests.support.initiatives import ODLING, item

START = datetime(2026, 3, 2, 10, tzinfo=UTC)


def _told(
    name: str,
    meaning: str,
    hour: float,
    kinds: tuple[Kind, ...] = (),
    place: int | None = None,
) -> Told:
    seen = None if place is None else Observation("k-1", place)
    return Told(name, meaning, START + timedelta(hours=hour), frozenset(kinds), seen)


def test_a_change_found_by_its_own_id_keeps_it_whatever_else_it_resembles() -> None:
    derived = [_told("c-1", "m-now-otherwise", 5)]
    anchored = [_told("c-1", "m", 1), _told("c-2", "m-now-otherwise", 5)]
    assert published_ids(derived, anchored) == {}


def test_the_same_event_found_between_other_looks_gets_its_told_id_back() -> None:
    assert published_ids([_told("c-new", "m", 3)], [_told("c-told", "m", 9)]) == {"c-new": "c-told"}


def test_what_means_something_else_gets_nobodys_id() -> None:
    derived = [_told("c-new", "m", 3, ("renamed",), place=1)]
    anchored = [_told("c-told", "n", 3, ("renamed",), place=2), _told("c-words", "n", 3)]
    assert published_ids(derived, anchored) == {}


def test_what_was_never_told_keeps_its_own_id() -> None:
    derived = [_told("c-1", "m", 1), _told("c-2", "m", 2), _told("c-3", "m", 3)]
    assert published_ids(derived, [_told("c-told", "m", 2)]) == {"c-2": "c-told"}
    assert published_ids(derived, []) == {}
    assert published_ids([], [_told("c-told", "m", 2)]) == {}


def test_an_id_that_a_change_of_its_own_carries_is_given_to_no_other() -> None:
    derived = [_told("c-told", "m", 1), _told("c-new", "m", 2)]
    assert published_ids(derived, [_told("c-told", "m", 2)]) == {}


def test_what_happened_several_times_keeps_its_order_when_older_looks_move_it_back() -> None:
    """Imported looks find each event earlier: the second time is never taken for the first."""
    anchored = [_told("c-first", "to-b", 9), _told("c-second", "to-b", 20)]
    derived = [_told("c-x", "to-b", 0), _told("c-y", "to-b", 10)]
    assert published_ids(derived, anchored) == {"c-x": "c-first", "c-y": "c-second"}


def test_of_several_times_the_one_nearest_in_time_was_told() -> None:
    derived = [_told(f"c-{hour}", "to-b", hour) for hour in (0, 10, 20, 30)]
    anchored = [_told("c-told", "to-b", 21), _told("c-last", "to-b", 29)]
    assert published_ids(derived, anchored) == {"c-20": "c-told", "c-30": "c-last"}


def test_an_edit_cut_in_two_by_an_imported_look_keeps_the_told_id_where_it_ended() -> None:
    """Renamed and reworded was told; it turns out that the name came first, the text later."""
    both: tuple[Kind, ...] = ("renamed", "reworded")
    anchored = [_told("c-told", "both", 5, both, place=7)]
    derived = [
        _told("c-name", "name", 2, ("renamed",), place=3),
        _told("c-text", "text", 5, ("reworded",), place=7),
    ]
    assert published_ids(derived, anchored) == {"c-text": "c-told"}


def test_a_change_that_says_more_than_was_told_is_news() -> None:
    anchored = [_told("c-told", "text", 5, ("reworded",), place=7)]
    derived = [_told("c-more", "both", 5, ("renamed", "reworded"), place=7)]
    assert published_ids(derived, anchored) == {}


def test_what_means_the_same_comes_before_what_stood_at_the_same_place() -> None:
    anchored = [_told("c-told", "both", 5, ("renamed", "reworded"), place=7)]
    derived = [
        _told("c-text", "text", 5, ("reworded",), place=7),
        _told("c-both", "both", 6, ("renamed", "reworded"), place=9),
    ]
    assert published_ids(derived, anchored) == {"c-both": "c-told"}


_hours = st.integers(0, 6)
_kinds = st.sampled_from([("renamed",), ("reworded",), ("renamed", "reworded")])
_many = st.lists(st.tuples(st.sampled_from("mno"), _hours, _kinds, st.integers(0, 3)), max_size=7)


@given(st.data(), _many, _many)
def test_no_order_matters_and_no_id_goes_to_two(
    data: st.DataObject,
    first: list[tuple[str, int, tuple[Kind, ...], int]],
    second: list[tuple[str, int, tuple[Kind, ...], int]],
) -> None:
    # A few are on both sides by their own ids: c-0 of the derived and c-0 of the told.
    derived = [_told(f"c-{n}", *one) for n, one in enumerate(first)]
    anchored = [_told(f"c-{n if n < 2 else n + 90}", *one) for n, one in enumerate(second)]
    renamed = published_ids(derived, anchored)
    again = published_ids(data.draw(st.permutations(derived)), data.draw(st.permutations(anchored)))
    assert again == renamed
    by_id, told = {one.id: one for one in derived}, {one.id: one for one in anchored}
    held = [renamed.get(one.id, one.id) for one in derived]
    assert len(set(held)) == len(held)
    for name, told_id in renamed.items():
        assert name not in told, "a told one keeps its own"
        mine, yours = by_id[name], told[told_id]
        alike = mine.seen == yours.seen and mine.kinds <= yours.kinds
        assert mine.meaning == yours.meaning or alike
    for meaning in "mno":
        free = [one for one in derived if one.meaning == meaning and one.id not in renamed]
        open_ids = {one.id for one in anchored if one.meaning == meaning} - set(held)
        assert not ({one.id for one in free} - told.keys() and open_ids), "both wait for each other"


@given(st.lists(_hours, max_size=4), st.lists(_hours, max_size=6))
def test_repeated_events_lie_as_near_what_was_told_as_they_can(
    found: list[int], told: list[int]
) -> None:
    derived = [_told(f"c-{n}", "m", hour) for n, hour in enumerate(found)]
    anchored = [_told(f"t-{n}", "m", hour) for n, hour in enumerate(told)]
    renamed = published_ids(derived, anchored)
    spent = sum(abs(found[int(a[2:])] - told[int(b[2:])]) for a, b in renamed.items())
    fewer, more = sorted((found, told), key=len)
    ways = itertools.permutations(more, len(fewer))
    assert spent == min(sum(abs(a - b) for a, b in zip(fewer, way, strict=True)) for way in ways)
    assert len(renamed) == len(fewer)


def test_thousands_of_equal_events_are_matched_at_once() -> None:
    derived = [_told(f"c-{hour}", "flap", hour) for hour in range(1500)]
    anchored = [_told(f"t-{hour}", "flap", hour + 0.25) for hour in range(0, 1500, 2)]
    renamed = published_ids(derived, anchored)
    assert renamed == {f"c-{hour}": f"t-{hour}" for hour in range(0, 1500, 2)}


# -- what a change means --------------------------------------------------------------------------

GARDEN = item("Stadsodling", ODLING, links=(("Läs mer", "https://granvik.example/odling"),))


def test_neither_glyphs_nor_the_order_of_kinds_are_meaning() -> None:
    other = item(
        "Stads\u00adodling",
        ODLING.replace(" ", "\u00a0"),
        links=(("Läs  mer", "https://granvik.example/odling"),),
    )
    one = meaning_of(("moved", "renamed"), item("Odling"), GARDEN)
    assert one == meaning_of(("renamed", "moved"), item("Odling"), other)


@pytest.mark.parametrize(
    "other",
    [
        item("Stadsodlingen", ODLING, links=(("Läs mer", "https://granvik.example/odling"),)),
        item("Stadsodling", ODLING[:-1], links=(("Läs mer", "https://granvik.example/odling"),)),
        item("Stadsodling", ODLING, links=(("Läs mer", "https://granvik.example/skog"),)),
        item("Stadsodling", ODLING, links=(("Mer", "https://granvik.example/odling"),)),
        item("Stadsodling", ODLING, "developing", (("Läs mer", "https://granvik.example/odling"),)),
        item("Stadsodling", ODLING),
    ],
)
def test_title_text_links_and_status_are_meaning(other: Initiative) -> None:
    assert meaning_of(("added",), None, GARDEN) != meaning_of(("added",), None, other)
    assert meaning_of(("removed",), GARDEN, None) != meaning_of(("removed",), other, None)


def test_what_came_and_what_left_do_not_mean_the_same() -> None:
    meanings = {
        meaning_of(("added",), None, GARDEN),
        meaning_of(("restored",), None, GARDEN),
        meaning_of(("removed",), GARDEN, None),
        meaning_of(("reworded",), None, None, ("title", "Visionen", "Vår vision")),
        meaning_of(("reworded",), None, None, ("intro", "Visionen", "Vår vision")),
        meaning_of(("reworded",), None, None, ("title", "Vår vision", "Visionen")),
    }
    assert len(meanings) == 6
