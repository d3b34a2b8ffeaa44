"""Matched pairs become differences; nothing else is ever compared; and the proof that it holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.diff import (
    Difference,
    WordsDifference,
    compare,
    compare_words,
    kinds_of,
    verify_replay,
)
from monitor.errors import DerivationError
from monitor.identity.match import match
from monitor.model import Initiative, PageWords
from tests.support.histories import make_history, many_histories
from tests.support.initiatives import DAGVATTEN, LASLYFT, ODLING, initiatives, item, noisy, pages

PAGE = [
    item("Stadsodling på Kvarntorget", ODLING),
    item("Läslyft på förskolan", LASLYFT),
    item("Dagvattendammar", DAGVATTEN, "developing"),
]


def _told(old: list[Initiative], new: list[Initiative]) -> tuple[Difference, ...]:
    return compare(old, new, match(old, new))


def test_each_kind_is_told_in_the_contracts_order() -> None:
    link = (("Mer", "https://granvik.example/a"),)
    old = item("Stadsodling", ODLING, "ongoing", link)
    new = item("Stadsodlingar", ODLING + " Välkommen!", "developing")
    assert kinds_of(old, new) == ("moved", "renamed", "reworded", "relinked")


def test_changes_come_by_new_position_and_what_left_comes_last_by_old_position() -> None:
    isbana = item("Isbana", "En konstfrusen bana öppnar i vinter.")
    new = [isbana, replace(PAGE[2], status="ongoing")]
    found = _told(PAGE, new)
    assert [one.kinds for one in found] == [("added",), ("moved",), ("removed",), ("removed",)]
    assert [one.old_index for one in found] == [None, 2, 0, 1]
    assert [one.new_index for one in found] == [0, 1, None, None]
    assert found[0].old is None
    assert found[2].new is None


def test_restored_stands_alone_and_brings_what_stood_last() -> None:
    back = replace(PAGE[0], status="partnership")
    matching = match(PAGE[1:], [*PAGE[1:], back], [PAGE[0]])
    found = compare(PAGE[1:], [*PAGE[1:], back], matching, [PAGE[0]])
    assert [(one.kinds, one.old, one.old_index) for one in found] == [(("restored",), PAGE[0], 0)]


def test_a_rewording_carries_its_signals_and_nothing_else_does() -> None:
    new = [replace(PAGE[0], description=ODLING.replace("Kommunen lånar", "Kommunen ska låna"))]
    assert _told(PAGE[:1], new)[0].signals == ("commitment",)
    assert _told(PAGE[:1], [replace(PAGE[0], title="Stadsodling")])[0].signals == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (item("Läs\u00adlyft", "Två  rader\n\nhär"), item("Läslyft", "Två rader här")),
        (item("«Läslyft»"), item("\u201dLäslyft\u201d")),
        (item("Läslyft", "6-12 år"), item("Läslyft", "6\u201312 år")),
        (item("A", links=(("Mer", None),)), item("A", links=(("Mer", "https://a.example/x"),))),
        (
            item("A", links=(("Ett", "https://a.example/1"), ("Två", "https://a.example/2"))),
            item("A", links=(("Två", "https://a.example/2"), ("Ett", "https://a.example/1"))),
        ),
        (
            item("A", links=(("Mer", "https://a.example/x.4.18c0ffee18c0ffee18c0ffee.html"),)),
            item(
                "A", links=(("Mer", "https://a.example/y.4.18c0ffee18c0ffee18c0ffee.html?sv.a=1"),)
            ),
        ),
    ],
)
def test_what_a_reader_does_not_see_is_no_change(old: Initiative, new: Initiative) -> None:
    assert kinds_of(old, new) == ()
    assert kinds_of(new, old) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (item("A", links=(("Mer", None),)), item("A", links=(("Läs", None),))),
        (item("A", links=(("Mer", None),)), item("A")),
        (
            item("A", links=(("Mer", "https://a.example/1"), ("Mer", "https://a.example/1"))),
            item("A", links=(("Mer", "https://a.example/1"), ("Mer", "https://a.example/2"))),
        ),
    ],
)
def test_links_differ_by_text_number_and_address(old: Initiative, new: Initiative) -> None:
    assert kinds_of(old, new) == ("relinked",)


def test_certainty_of_a_departure_falls_where_somebody_new_is_half_like_it() -> None:
    plain = _told(PAGE, PAGE[1:])
    assert plain[0].certainty >= 0.99


@given(st.data(), pages)
def test_order_and_noise_never_matter(data: st.DataObject, page: list[Initiative]) -> None:
    assert _told(page, page) == ()
    assert _told(page, data.draw(noisy(page))) == ()


@given(pages, pages, pages)
def test_the_replay_of_all_changes_gives_the_new_page(
    old: list[Initiative], new: list[Initiative], departed: list[Initiative]
) -> None:
    matching = match(old, new, departed)
    verify_replay(old, new, matching, compare(old, new, matching, departed))


@given(initiatives, initiatives)
def test_kinds_are_the_same_whichever_way_time_runs(one: Initiative, other: Initiative) -> None:
    assert kinds_of(one, other) == kinds_of(other, one)


def test_replay_holds_over_whole_histories() -> None:
    for seed, style in many_histories(8, first_seed=40):
        editions = make_history(seed, style, editions=3).editions
        for old, new in pairwise(editions):
            matching = match(old.initiatives, new.initiatives)
            found = compare(old.initiatives, new.initiatives, matching)
            verify_replay(old.initiatives, new.initiatives, matching, found)


def test_a_missing_an_invented_and_a_wrong_change_are_refused() -> None:
    new = [replace(PAGE[0], description=LASLYFT[:80]), PAGE[2], item("Isbana")]
    matching = match(PAGE, new)
    found = compare(PAGE, new, matching)
    assert len(found) == 3
    verify_replay(PAGE, new, matching, found)
    for index in range(3):
        with pytest.raises(DerivationError):
            verify_replay(PAGE, new, matching, found[:index] + found[index + 1 :])
    with pytest.raises(DerivationError):
        verify_replay(PAGE, new, matching, [*found, found[-1]])
    wrong = [replace(one, kinds=("renamed",)) if one.new == new[0] else one for one in found]
    with pytest.raises(DerivationError):
        verify_replay(PAGE, new, matching, wrong)


def test_the_pages_own_words_are_compared_beside_the_initiatives() -> None:
    old = PageWords("Ett tryggt Granvik", ("Vi vill att alla trivs.",), (("ongoing", "Vi gör"),))
    new = PageWords("Ett tryggt Granvik", ("Alla ska trivas.",), (("ongoing", "Det gör vi nu"),))
    assert compare_words(old, new) == (
        WordsDifference("intro", "Vi vill att alla trivs.", "Alla ska trivas."),
        WordsDifference("section", "Vi gör", "Det gör vi nu"),
    )
    assert compare_words(old, replace(old, title="Granvik")) == (
        WordsDifference("title", "Ett tryggt Granvik", "Granvik"),
    )


def test_sections_in_another_order_and_other_glyphs_are_no_change_of_words() -> None:
    old = PageWords("Vår «plan»", ("Ett - två",), (("ongoing", "Nu"), ("developing", "Sen")))
    new = PageWords('Vår "plan"', ("Ett – två",), (("developing", "Sen"), ("ongoing", " Nu")))
    assert compare_words(old, new) == ()


def test_a_section_that_comes_or_goes_has_words_on_one_side() -> None:
    old = PageWords("T", (), (("ongoing", "Nu"),))
    new = PageWords("T", (), (("ongoing", "Nu"), ("developing", "Sen")))
    assert compare_words(old, new) == (WordsDifference("section", None, "Sen"),)
    assert compare_words(new, old) == (WordsDifference("section", "Sen", None),)


def test_a_heading_that_comes_again_in_each_group_is_one_of_the_pages_words() -> None:
    old = PageWords("T", (), (("ongoing", "Nu"), ("developing", "Sen")))
    again = PageWords("T", (), (*old.headings, *old.headings))
    assert compare_words(old, again) == compare_words(again, old) == ()
