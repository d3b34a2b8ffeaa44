"""What counts as the same text, and what is shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.text import heading_key, same, same_key, tidy


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("å ä ö", unicodedata.normalize("NFD", "å ä ö")),
        ("ett två", "ett\u00a0två"),
        ("ett två", "ett \n\t två "),
        ("ett två", "ett\u2009två"),
        ("tillsammans", "till\u00adsammans"),
        ("tillsammans", "till\u200bsammans\ufeff"),
        ("”citat”", '"citat"'),
        ("»citat«", '"citat"'),
        ("det’s", "det's"),
        ("2024–2026", "2024-2026"),
        ("a — b", "a - b"),
        ("vänta…", "vänta..."),
    ],
)
def test_glyphs_and_white_space_are_no_difference(left: str, right: str) -> None:
    assert same(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("å", "a"),
        ("ö", "o"),
        ("Bro", "bro"),
        ("10", "11"),
        ("en bro", "enbro"),
        ("bro.", "bro"),
        ("e", "é"),
    ],
)
def test_letters_digits_case_and_words_are_differences(left: str, right: str) -> None:
    assert not same(left, right)


def test_a_headings_case_is_no_difference() -> None:
    assert heading_key("DET HÄR\u00a0Gör vi") == heading_key("det här gör  vi")


def test_what_is_shown_is_the_original() -> None:
    assert tidy("  ett\u00a0två –\n ”tre”\u00ad ") == "ett\u00a0två – ”tre”\u00ad"


@given(st.text(max_size=60))
def test_keys_are_stable_and_tidying_changes_no_key(text: str) -> None:
    assert same_key(same_key(text)) == same_key(text)
    assert same_key(tidy(text)) == same_key(text)
    assert tidy(tidy(text)) == tidy(text)
