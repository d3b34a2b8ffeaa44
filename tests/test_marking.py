"""The changed words of a rewording, marked in groups that read well."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.text import same_key
from presentation.marking import Piece, mark


def _line(old: str, new: str) -> str:
    form = {"same": "{}", "gone": "[-{}-]", "new": "[+{}+]"}
    return "".join(form[piece.kind].format(piece.text) for piece in mark(old, new))


def test_changed_words_are_marked_and_the_rest_is_left() -> None:
    assert (
        _line("Vi ska utreda en ny bro under 2026.", "Vi har byggt en ny bro under 2027.")
        == "Vi [-ska utreda-][+har byggt+] en ny bro under [-2026-][+2027+]."
    )


def test_small_words_between_changes_go_along_with_them() -> None:
    assert (
        _line(
            "Banan går från torget i norr till hamnen.",
            "Banan går från skolan i öster till hamnen.",
        )
        == "Banan går från [-torget i norr-][+skolan i öster+] till hamnen."
    )


def test_paragraphs_that_come_and_go_are_marked_whole() -> None:
    assert (
        _line("Första stycket.\n\nSista stycket.", "Första stycket.\n\nNytt.\n\nSista stycket.")
        == "Första stycket.\n\n[+Nytt.\n\n+]Sista stycket."
    )


def test_a_text_rewritten_from_the_ground_is_gone_and_new_as_wholes() -> None:
    pieces = mark("Kommunen sår ängar.", "Biblioteket öppnar tidigare på lördagar i vinter!")
    assert [piece.kind for piece in pieces] == ["gone", "new"]


def test_white_space_and_glyphs_are_the_same() -> None:
    assert mark("En «plan»  nu", "En \u201dplan\u201d nu") == (
        Piece("same", "En \u201dplan\u201d nu"),
    )
    assert mark("", "") == ()


def test_an_empty_text_is_all_new_or_all_gone() -> None:
    assert mark("", "Nytt.") == (Piece("new", "Nytt."),)
    assert mark("Gammalt.", "") == (Piece("gone", "Gammalt."),)


_text = st.lists(
    st.sampled_from(["Vi", "ska", "en", "bro", "2027", ".", "\n\n", "\n", "torg", ","]), max_size=25
).map(" ".join)


@given(_text, _text)
def test_without_what_is_gone_it_is_the_new_text_and_without_what_is_new_the_old(
    old: str, new: str
) -> None:
    pieces = mark(old, new)
    told_new = "".join(piece.text for piece in pieces if piece.kind != "gone")
    told_old = "".join(piece.text for piece in pieces if piece.kind != "new")
    assert same_key(told_new) == same_key(new)
    assert same_key(told_old).replace(" ", "") == same_key(old).replace(" ", "")
    assert all(piece.text for piece in pieces)
    assert all(one.kind != other.kind for one, other in pairwise(pieces))
