"""What a rewording is about: amounts, years, dates, commitment, or a typo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.signals import SIGNALS, signals


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Vi satsar 2 miljoner kronor.", "Vi satsar 3 mkr.", ("amount",)),
        ("Vi satsar 2 miljoner kronor.", "Vi satsar 2 mkr.", ()),
        ("Avgiften är 1 200 kr.", "Avgiften är 1200 kronor.", ()),
        ("Vi har 20\u00a0000 lampor.", "Vi har 21\u00a0000 lampor.", ("amount",)),
        ("Tre skolor är med.", "Fyra skolor är med.", ("amount",)),
        ("Nedskräpningen minskar med 50 procent.", "Nedskräpningen minskar med 50 %.", ()),
        (
            "Uppvärmningen hålls under 1,5 grader.",
            "Uppvärmningen hålls under 2 grader.",
            ("amount",),
        ),
        ("För barn i åldern 6-12.", "För barn i åldern 6–15.", ("amount",)),
        ("Klart 2027.", "Klart 2029.", ("year",)),
        ("Planen gäller 2024–2026.", "Planen gäller 2024–2028.", ("year",)),
        ("Starten är 1 maj 2027.", "Starten är 15 maj 2027.", ("date",)),
        ("Starten är 1 maj 2027.", "Starten är 1 maj 2028.", ("year",)),
        ("Starten är 1 maj.", "Starten är den 1:a maj.", ()),
        ("Öppet från 2027-03-01.", "Öppet från 1 mars 2027.", ()),
        ("Bygget börjar hösten 2027.", "Bygget börjar våren 2027.", ("date",)),
        ("Träffen är kl. 18.00.", "Träffen är kl. 19.00.", ("date",)),
        ("Vi utreder en bro.", "Vi bygger en bro.", ("commitment",)),
        ("Vi ska rusta parken.", "Vi har rustat parken.", ("commitment",)),
        ("Vi kommer att bjuda in alla.", "Vi vill bjuda in alla.", ("commitment",)),
        ("Vi skall rusta parken.", "Vi ska rusta parken.", ()),
        ("Vi stänger inte badet.", "Vi stänger badet.", ("commitment",)),
        ("En trevlg plats i Granvik.", "En trevlig plats i Granvik.", ("typo",)),
        ("Våra cykel banor rustas upp.", "Våra cykelbanor rustas upp.", ("typo",)),
        ("Det är möjligt.", "Det är omöjligt.", ()),
        ("En katt i huset.", "En hund i huset.", ()),
        ("Parken får lekplats.", "Parken får lekplats och damm.", ()),
        ("Vi ska lägga 2 mkr 2027.", "Vi har lagt 3 mkr 2028.", ("amount", "year", "commitment")),
    ],
)
def test_a_rewording_is_called_what_it_is(old: str, new: str, expected: tuple[str, ...]) -> None:
    assert signals(old, new) == expected
    assert signals(new, old) == expected, "and so the other way round"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("We will build a bridge.", "We have built a bridge.", ("commitment",)),
        ("It costs SEK 2 million.", "It costs SEK 3 million.", ("amount",)),
        ("It opens on 1 May 2027.", "It opens on 3 May 2027.", ("date",)),
        ("The plan ends in 2027.", "The plan ends in 2029.", ("year",)),
        ("A nice placce.", "A nice place.", ("typo",)),
    ],
)
def test_english_is_read_too(old: str, new: str, expected: tuple[str, ...]) -> None:
    assert signals(old, new, "en") == expected


def test_words_of_commitment_count_by_which_they_are_not_by_how_often() -> None:
    assert signals("Vi ska bygga en bro.", "Vi ska bygga en bro. Den ska bli röd.") == ()


@given(st.text(max_size=200))
def test_a_text_against_itself_says_nothing(text: str) -> None:
    assert signals(text, text) == ()


@given(st.text(max_size=120), st.text(max_size=120))
def test_signals_are_known_ordered_and_the_same_both_ways(one: str, other: str) -> None:
    found = signals(one, other)
    assert [signal for signal in SIGNALS if signal in found] == list(found)
    assert signals(other, one) == found


@given(st.text(alphabet="ab 12kr.,-–% \u00a0maj", max_size=80))
def test_white_space_and_glyphs_are_no_signal(text: str) -> None:
    noisy = text.replace(" ", " \u00a0").replace("-", "–")
    assert signals(text, noisy) == ()
